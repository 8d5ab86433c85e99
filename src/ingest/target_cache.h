#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "catalog/catalog.h"
#include "ingest/ingest.h"

namespace rivulet::ingest {

// Where rows go, by name, and how.
struct TargetName {
  std::string_view database;
  std::string_view table;
  Format format;
  std::string_view mapping_name;  // empty: identity
  // Those of a streaming request: the table's policy must allow it. Those of a data connection need no policy.
  bool needs_streaming_policy = true;
};

// What few rows for a table ask of the catalog, made ready, so that a small request neither seeks its table
// among very many nor parses its mapping again. An entry is good for one catalog: after a change it is
// checked again, and its mapping made anew when the table or the mapping is another. Holds a bounded
// number of entries. Thread-safe.
class TargetCache {
 public:
  // The mapping for the named table in this catalog. Throws what says that the database, the table or the
  // mapping is not there or streaming ingestion not enabled, and what compile_mapping() throws.
  std::shared_ptr<const Mapping> get(const std::shared_ptr<const catalog::Catalog>& catalog,
                                     const TargetName& name);

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kMaxEntriesOfShard = 1024;

  struct Entry {
    std::string key;  // the name
    uint64_t generation = 0;
    std::shared_ptr<const catalog::Table> table;
    bool is_streaming_enabled = false;
    std::string mapping_text;
    std::shared_ptr<const Mapping> mapping;
  };
  struct Shard {
    std::mutex mutex;
    std::shared_ptr<const catalog::Catalog> catalog;
    uint64_t generation = 0;  // of that catalog; entries of others are checked again
    std::unordered_map<uint64_t, Entry> entries;  // by hash of the key
  };
  std::array<Shard, kShards> shards_;
};

}  // namespace rivulet::ingest
