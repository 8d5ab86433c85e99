#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"

// What policies say, of those that the store itself obeys.
namespace rivulet::catalog {

// The JSON text of the table's policy: its own, its database's or the cluster's. Empty when there is none.
std::string effective_policy(const Catalog& catalog, const Table& table, std::string_view name);

// Rows are removed when they are this old; nothing: never.
std::optional<Ticks> soft_delete_period(const Catalog& catalog, const Table& table);

// The auto_delete policy of a table.
struct AutoDeletePolicy {
  Ticks expiry = 0;           // ExpiryDate: the table goes after it
  bool deletes_rows = false;  // DeleteIfNotEmpty

  bool operator==(const AutoDeletePolicy&) const = default;
};
// Nothing when the text is empty.
std::optional<AutoDeletePolicy> auto_delete_policy(std::string_view json);
std::optional<AutoDeletePolicy> auto_delete_policy(const Table& table);

struct MergePolicy {
  bool is_allowed = true;                  // AllowMerge
  uint64_t max_rows = 16'000'000;          // RowCountUpperBoundForMerge
  uint64_t max_bytes = uint64_t{1} << 30;  // OriginalSizeMBUpperBoundForMerge
  // Of the file. The sharding policy's ShardEngineMaxExtentSizeInMb; no limit where there is none.
  uint64_t max_file_bytes = UINT64_MAX;
  uint64_t max_extents = 100;      // MaxExtentsToMerge
  Ticks max_range = kTicksPerDay;  // MaxRangeInHours: creation times of a merged extent
};
// `max_bytes` is also within the sharding policy's ShardEngineMaxOriginalSizeInMb, where there is one.
MergePolicy merge_policy(const Catalog& catalog, const Table& table);

// Rows of an extent that an ingestion or a seal makes, as the sharding policy says (ShardEngineMaxRowCount); UINT64_MAX: no limit.
uint64_t max_ingested_rows(const Catalog& catalog, const Table& table);

// The extent_tags_retention policy: tags that begin so go when their extent is this old.
struct TagRetention {
  std::string prefix;
  Ticks period = 0;

  bool operator==(const TagRetention&) const = default;
};
std::vector<TagRetention> tag_retention(const Catalog& catalog, const Table& table);

struct SortColumn {
  uint32_t column_id = 0;
  bool is_descending = false;
};
// The roworder policy, {"RowOrder":["a asc","b desc"]}; columns that the table has no more are left out.
std::vector<SortColumn> row_order(const Table& table);

}  // namespace rivulet::catalog
