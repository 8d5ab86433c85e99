#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"

// The policies that hold for a table: its own, else its database's, else the cluster's.
namespace rivulet::catalog {

// The JSON text. Empty when there is none.
std::string effective_policy(const Catalog& catalog, const Table& table, std::string_view name);

// Whether rows may be streamed into it.
bool is_streaming_enabled(const Catalog& catalog, const Table& table);

// Rows are removed when they are this old; nothing: never.
std::optional<Ticks> soft_delete_period(const Catalog& catalog, const Table& table);

// Nothing when the table has none.
std::optional<AutoDeletePolicy> auto_delete_policy(const Table& table);

// `max_bytes` is also within the sharding policy's ShardEngineMaxOriginalSizeInMb, where there is one.
MergePolicy merge_policy(const Catalog& catalog, const Table& table);

// Rows of an extent that an ingestion or a seal makes, as the sharding policy says; UINT64_MAX: no limit.
uint64_t max_ingested_rows(const Catalog& catalog, const Table& table);

std::vector<TagRetention> tag_retention(const Catalog& catalog, const Table& table);

struct SortColumn {
  uint32_t column_id = 0;
  bool is_descending = false;
};
// Columns that the table has no more are left out.
std::vector<SortColumn> row_order(const Table& table);

}  // namespace rivulet::catalog
