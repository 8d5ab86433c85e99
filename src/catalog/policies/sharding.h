#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "catalog/policies/policy_kind.h"

namespace rivulet::catalog {

// How large an extent gets, at most. UINT64_MAX: no limit.
struct ShardingPolicy {
  uint64_t max_rows = UINT64_MAX;            // ShardEngineMaxRowCount
  uint64_t max_file_bytes = UINT64_MAX;      // ShardEngineMaxExtentSizeInMb
  uint64_t max_original_bytes = UINT64_MAX;  // ShardEngineMaxOriginalSizeInMb

  // Of the text as it is stored.
  static ShardingPolicy parse(std::string_view text);
};

std::string normalize_sharding(std::string_view text);
inline constexpr PolicyKind kShardingPolicy{"sharding", "ExtentsShardingPolicy", true, true,
                                            true,       normalize_sharding};

}  // namespace rivulet::catalog
