#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/binary.h"
#include "store/store.h"

namespace rivulet::store {

// The offsets of data connections, by connection, topic and partition. Not thread-safe.
class SourceOffsets {
 public:
  // What is there for a partition; `expected` and `next` are not looked at.
  std::optional<int64_t> find(const SourceOffset& partition) const;
  // Makes it `next`.
  void set(const SourceOffset& offset);
  void set_all(const SourceOffsets& offsets);
  void drop(const Guid& connection);
  void clear();

  // In order, `expected` unset: those of one connection, or all.
  std::vector<SourceOffset> of(const Guid& connection) const;
  std::vector<SourceOffset> all() const;

 private:
  struct Partition {
    Guid connection;
    std::string topic;
    int32_t partition = 0;

    auto operator<=>(const Partition&) const = default;
  };
  using Iterator = std::map<Partition, int64_t>::const_iterator;

  std::pair<Iterator, Iterator> range(const Guid& connection) const;
  static std::vector<SourceOffset> listed(Iterator first, Iterator end);

  std::map<Partition, int64_t> offsets_;
};

// As bytes (docs/log-format.md): connection and topic, then the partitions of it that stand together, the count
// of which is returned. At least one offset.
size_t encode_source_offsets(std::string& out, std::span<const SourceOffset> offsets);
// What one call encoded. Throws std::runtime_error on damage.
std::vector<SourceOffset> decode_source_offsets(ByteReader& reader);

}  // namespace rivulet::store
