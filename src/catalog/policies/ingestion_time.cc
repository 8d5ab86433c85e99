#include "catalog/policies/ingestion_time.h"

#include "catalog/policies/policy_json.h"
#include "common/error.h"

namespace rivulet::catalog {

std::string normalize_ingestion_time(std::string_view text) {
  static constexpr Member kMembers[] = {{"IsEnabled", Member::Kind::kBool, ""}};
  std::string normal = normalize_members(text, kMembers);
  if (normal != "{\"IsEnabled\":true}") {
    throw not_supported("turning the ingestiontime policy off");
  }
  return normal;
}

}  // namespace rivulet::catalog
