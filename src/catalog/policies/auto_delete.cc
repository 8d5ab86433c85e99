#include "catalog/policies/auto_delete.h"

#include "catalog/policies/policy_json.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::catalog {

std::optional<AutoDeletePolicy> AutoDeletePolicy::parse(std::string_view text) {
  std::string json = stored_json(text);
  auto date = text_member(json, "ExpiryDate");
  auto expiry = date ? parse_datetime(*date) : std::nullopt;
  if (!expiry) return std::nullopt;
  return AutoDeletePolicy{*expiry, json_member(json, "DeleteIfNotEmpty") == "true"};
}

std::string normalize_auto_delete(std::string_view text) {
  static constexpr Member kMembers[] = {{"ExpiryDate", Member::Kind::kDateTime, ""},
                                        {"DeleteIfNotEmpty", Member::Kind::kBool, "false"}};
  return normalize_members(text, kMembers);
}

}  // namespace rivulet::catalog
