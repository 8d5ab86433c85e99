#include "catalog/policies/retention.h"

#include "catalog/policies/policy_json.h"
#include "types/text.h"

namespace rivulet::catalog {

RetentionPolicy RetentionPolicy::parse(std::string_view text) {
  auto period = text_member(stored_json(text), "SoftDeletePeriod");
  return {period ? parse_timespan(*period) : std::nullopt};
}

std::string normalize_retention(std::string_view text) {
  // A period of zero means that nothing is kept, which would have to act while ingesting.
  constexpr double kLongestSeconds =
      10'675'199.0 * 24 * 3600;  // whole days that a timespan can tell
  static constexpr Member kMembers[] = {
      {"SoftDeletePeriod", Member::Kind::kTimeSpan, "\"36500.00:00:00\"", 1, kLongestSeconds},
      {"Recoverability", Member::Kind::kEnabledOrDisabled, "\"Enabled\""}};
  return normalize_members(text, kMembers);
}

}  // namespace rivulet::catalog
