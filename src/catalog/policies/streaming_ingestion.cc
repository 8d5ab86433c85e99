#include "catalog/policies/streaming_ingestion.h"

#include "catalog/policies/policy_json.h"
#include "types/json.h"

namespace rivulet::catalog {

std::optional<StreamingIngestionPolicy> StreamingIngestionPolicy::parse(std::string_view text) {
  std::optional<std::string> json = read_json(text);
  if (!json) return std::nullopt;
  return StreamingIngestionPolicy{json_member(*json, "IsEnabled") == "true"};
}

std::string normalize_streaming_ingestion(std::string_view text) {
  static constexpr Member kMembers[] = {{"IsEnabled", Member::Kind::kBool, ""},
                                        {"HintAllocatedRate", Member::Kind::kNumber, "null"}};
  return normalize_members(text, kMembers);
}

}  // namespace rivulet::catalog
