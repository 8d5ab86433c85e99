#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "catalog/catalog.h"
#include "ingest/ingest.h"

namespace rivulet::server {

// Ingestion mappings made ready for a format and a version of a table, so that a small request does not
// make its own. Holds a bounded number. Thread-safe.
class MappingCache {
 public:
  // As ingest::compile_mapping. `text` is empty for the identity.
  std::shared_ptr<const ingest::Mapping> get(const std::shared_ptr<const catalog::Table>& table,
                                             ingest::Format format, std::string_view text);

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kEntriesPerShard = 1024;

  struct Entry {
    std::shared_ptr<const catalog::Table> table;  // the version that it is ready for
    std::string text;
    std::shared_ptr<const ingest::Mapping> mapping;
  };
  struct Shard {
    std::mutex mutex;
    // By table, format and a hash of the text: what differs in the rest is compared.
    std::unordered_map<uint64_t, Entry> entries;
  };
  std::array<Shard, kShards> shards_;
};

}  // namespace rivulet::server
