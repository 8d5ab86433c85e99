#include "ingest/target_cache.h"

#include <xxhash.h>

#include "catalog/policies/effective.h"
#include "common/error.h"
#include "ingest/mappings/mapping.h"

namespace rivulet::ingest {
namespace {

struct Found {
  std::shared_ptr<const catalog::Table> table;
  bool is_streaming_enabled = false;
  std::string mapping_text;
};

void check_policy(const TargetName& name, bool is_streaming_enabled) {
  if (name.needs_streaming_policy && !is_streaming_enabled) throw streaming_not_enabled(name.table);
}

Found find(const catalog::Catalog& catalog, const TargetName& name) {
  auto database = catalog.find_database(name.database);
  if (database == nullptr) throw database_not_found(name.database);
  Found found;
  found.table = database->find_table(name.table);
  if (found.table == nullptr) throw table_not_found(name.table, name.database);
  found.is_streaming_enabled = is_streaming_enabled(catalog, *found.table);
  check_policy(name, found.is_streaming_enabled);
  if (!name.mapping_name.empty()) {
    std::string_view kind = mapping_kind(name.format);
    found.mapping_text = find_mapping(*found.table, *database, kind, name.mapping_name).text;
  }
  return found;
}

void append_part(std::string& key, std::string_view part) {
  auto size = static_cast<uint32_t>(part.size());
  key.append(reinterpret_cast<const char*>(&size), sizeof(size));
  key.append(part);
}

}  // namespace

std::shared_ptr<const Mapping> TargetCache::get(
    const std::shared_ptr<const catalog::Catalog>& catalog, const TargetName& name) {
  thread_local std::string key;
  key.assign(1, static_cast<char>(name.format));
  append_part(key, name.database);
  append_part(key, name.table);
  append_part(key, name.mapping_name);
  uint64_t hash = XXH3_64bits(key.data(), key.size());
  Shard& shard = shards_[hash % kShards];
  Entry known;
  {
    std::lock_guard lock(shard.mutex);
    if (shard.catalog != catalog) {
      shard.catalog = catalog;
      ++shard.generation;
    }
    auto entry = shard.entries.find(hash);
    if (entry != shard.entries.end() && entry->second.key == key) {
      if (entry->second.generation == shard.generation) {
        check_policy(name, entry->second.is_streaming_enabled);
        return entry->second.mapping;
      }
      known = entry->second;
    }
  }
  Found found = find(*catalog, name);
  std::shared_ptr<const Mapping> mapping = std::move(known.mapping);
  if (known.table != found.table || known.mapping_text != found.mapping_text) {
    mapping = compile_mapping(name.format, found.mapping_text, *found.table);
  }
  std::lock_guard lock(shard.mutex);
  // Another thread may have seen a newer catalog meanwhile.
  if (shard.catalog != catalog) return mapping;
  if (shard.entries.size() >= kMaxEntriesOfShard) shard.entries.clear();
  shard.entries[hash] = {key,
                         shard.generation,
                         std::move(found.table),
                         found.is_streaming_enabled,
                         std::move(found.mapping_text),
                         mapping};
  return mapping;
}

}  // namespace rivulet::ingest
