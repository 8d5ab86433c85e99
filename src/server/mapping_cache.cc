#include "server/mapping_cache.h"

#include <functional>

namespace rivulet::server {

std::shared_ptr<const ingest::Mapping> MappingCache::get(
    const std::shared_ptr<const catalog::Table>& table, ingest::Format format,
    std::string_view text) {
  constexpr uint64_t kFormats = 16;
  uint64_t key = (table->id * kFormats + static_cast<uint64_t>(format)) ^
                 (text.empty() ? 0 : std::hash<std::string_view>()(text));
  Shard& shard = shards_[(key / kFormats) % kShards];
  {
    std::lock_guard lock(shard.mutex);
    auto found = shard.entries.find(key);
    if (found != shard.entries.end() && found->second.table == table &&
        found->second.text == text) {
      return found->second.mapping;
    }
  }
  auto mapping = ingest::compile_mapping(format, text, *table);
  std::lock_guard lock(shard.mutex);
  if (shard.entries.size() >= kEntriesPerShard) shard.entries.clear();
  shard.entries[key] = {table, std::string(text), mapping};
  return mapping;
}

}  // namespace rivulet::server
