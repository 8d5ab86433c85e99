#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "common/binary.h"
#include "common/clock.h"
#include "rowstore/chunk_view.h"
#include "store/store.h"

// The payload of a log record: one transaction. docs/log-format.md.
namespace rivulet::store {

void encode_transaction_start(std::string& out, Ticks time);
void encode_change(std::string& out, const catalog::Change& change);
void encode_clear(std::string& out, catalog::TableId table);
void encode_key(std::string& out, const IdempotencyKey& key);
void encode_offsets(std::string& out, std::span<const SourceOffset> offsets);
void encode_append(std::string& out, const Append& append);
void encode_replace(std::string& out, const Replace& replace);

// Reads the items of a transaction one after the other; throws std::runtime_error on damage.
class TransactionReader {
 public:
  explicit TransactionReader(std::string_view payload);

  Ticks time() const { return time_; }

  enum class Kind : uint8_t {
    kEnd = 0,
    kChange = 1,
    kClear = 2,
    kAppend = 3,
    kReplace = 4,
    kKey = 5,
    kOffsets = 6
  };
  struct Item {
    Kind kind = Kind::kEnd;
    catalog::TableId table = 0;  // kClear, kAppend and kReplace
    std::string_view bytes;      // kChange: the change; kAppend: the batch
    // kReplace
    Sequence up_to = 0;
    std::vector<Guid> removed;
    std::vector<std::string_view> added;
    IdempotencyKey key;                 // kKey
    std::vector<SourceOffset> offsets;  // kOffsets: of one connection and topic
  };
  Item next();

 private:
  ByteReader reader_;
  Ticks time_ = 0;
};

}  // namespace rivulet::store
