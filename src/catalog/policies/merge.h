#pragma once

#include <cstdint>
#include <string_view>

#include "catalog/policies/policy_json.h"
#include "catalog/policies/policy_kind.h"
#include "common/clock.h"

namespace rivulet::catalog {

// Which extents are merged.
struct MergePolicy {
  bool is_allowed = true;                  // AllowMerge
  uint64_t max_rows = 16'000'000;          // RowCountUpperBoundForMerge
  uint64_t max_bytes = uint64_t{1} << 30;  // OriginalSizeMBUpperBoundForMerge
  // Of the file. Of the policy in force (merge_policy()): the sharding policy's ShardEngineMaxExtentSizeInMb;
  // no limit where there is none.
  uint64_t max_file_bytes = UINT64_MAX;
  uint64_t max_extents = 100;      // MaxExtentsToMerge
  Ticks max_range = kTicksPerDay;  // MaxRangeInHours: creation times of a merged extent

  // Of the text as it is stored.
  static MergePolicy parse(std::string_view text);
};

inline constexpr PolicyKind kMergePolicy{"merge", "ExtentsMergePolicy", true, true,
                                         false,   normalize_any};

}  // namespace rivulet::catalog
