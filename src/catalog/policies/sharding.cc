#include "catalog/policies/sharding.h"

#include "catalog/policies/policy_json.h"

namespace rivulet::catalog {

ShardingPolicy ShardingPolicy::parse(std::string_view text) {
  ShardingPolicy policy;
  std::string json = stored_json(text);
  set_limit(policy.max_rows, json, "ShardEngineMaxRowCount");
  set_limit(policy.max_file_bytes, json, "ShardEngineMaxExtentSizeInMb", 1 << 20);
  set_limit(policy.max_original_bytes, json, "ShardEngineMaxOriginalSizeInMb", 1 << 20);
  return policy;
}

std::string normalize_sharding(std::string_view text) {
  // An extent is made of chunks of 2,048 rows.
  static constexpr Member kMembers[] = {
      {"ShardEngineMaxRowCount", Member::Kind::kNumber, "1048576", 2048, 1e9},
      {"ShardEngineMaxExtentSizeInMb", Member::Kind::kNumber, "8192", 1, 1e9},
      {"ShardEngineMaxOriginalSizeInMb", Member::Kind::kNumber, "3072", 1, 1e9}};
  return normalize_members(text, kMembers);
}

}  // namespace rivulet::catalog
