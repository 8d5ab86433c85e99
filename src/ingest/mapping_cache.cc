#include "ingest/mapping_cache.h"

#include <xxhash.h>

#include "ingest/mapping.h"

namespace rivulet::ingest {

std::shared_ptr<const Mapping> MappingCache::get(const std::shared_ptr<const catalog::Table>& table,
                                                 Format format, std::string_view mapping_text) {
  uint64_t seed = table->id << 4 | static_cast<uint64_t>(format);
  uint64_t hash = XXH3_64bits_withSeed(mapping_text.data(), mapping_text.size(), seed);
  Shard& shard = shards_[hash % kShards];
  {
    std::lock_guard lock(shard.mutex);
    auto found = shard.entries.find(hash);
    if (found != shard.entries.end()) {
      const Entry& entry = found->second;
      if (entry.table == table && entry.format == format && entry.mapping_text == mapping_text) {
        return entry.mapping;
      }
    }
  }
  auto mapping = compile_mapping(format, mapping_text, *table);
  std::lock_guard lock(shard.mutex);
  if (shard.entries.size() >= kMaxEntriesOfShard) shard.entries.clear();
  shard.entries[hash] = {table, format, std::string(mapping_text), mapping};
  return mapping;
}

}  // namespace rivulet::ingest
