#include "catalog/policies/merge.h"

#include "types/json.h"

namespace rivulet::catalog {

MergePolicy MergePolicy::parse(std::string_view text) {
  MergePolicy policy;
  std::string merge = stored_json(text);
  std::string_view allowed = json_member(merge, "AllowMerge");
  if (json_kind(allowed) == JsonKind::kBool) policy.is_allowed = allowed == "true";
  set_limit(policy.max_rows, merge, "RowCountUpperBoundForMerge");
  set_limit(policy.max_bytes, merge, "OriginalSizeMBUpperBoundForMerge", 1 << 20);
  set_limit(policy.max_extents, merge, "MaxExtentsToMerge");
  auto hours = number_member(merge, "MaxRangeInHours");
  if (hours && *hours > 0 && *hours < 24.0 * 365'000) {
    policy.max_range = static_cast<Ticks>(*hours * static_cast<double>(kTicksPerHour));
  }
  return policy;
}

}  // namespace rivulet::catalog
