#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ingest/ingest.h"

namespace rivulet::ingest {

// Mappings made ready, so that a small request does not parse its mapping again. An entry is good for one
// version of its table: after a schema change, which makes a new catalog::Table, the next request makes
// it anew. Holds a bounded number of entries. Thread-safe.
class MappingCache {
 public:
  // As compile_mapping(), and throws what it throws.
  std::shared_ptr<const Mapping> get(const std::shared_ptr<const catalog::Table>& table,
                                     Format format, std::string_view mapping_text);

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kMaxEntriesOfShard = 1024;

  struct Entry {
    std::shared_ptr<const catalog::Table> table;
    Format format;
    std::string mapping_text;
    std::shared_ptr<const Mapping> mapping;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<uint64_t, Entry> entries;  // by hash of table id, format and mapping text
  };
  std::array<Shard, kShards> shards_;
};

}  // namespace rivulet::ingest
