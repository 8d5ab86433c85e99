#include "catalog/policies/extent_tags_retention.h"

#include "catalog/policies/policy_json.h"
#include "common/error.h"
#include "types/json.h"
#include "types/shortened.h"
#include "types/text.h"

namespace rivulet::catalog {

ExtentTagsRetentionPolicy ExtentTagsRetentionPolicy::parse(std::string_view text) {
  ExtentTagsRetentionPolicy policy;
  std::string json = stored_json(text);
  for_each_element(json, [&policy](std::string_view rule) {
    auto prefix = text_member(rule, "TagPrefix");
    auto period = text_member(rule, "RetentionPeriod");
    auto ticks = period ? parse_timespan(*period) : std::nullopt;
    if (prefix && ticks) policy.rules.push_back({*prefix, *ticks});
    return true;
  });
  return policy;
}

std::string normalize_extent_tags_retention(std::string_view text) {
  static constexpr Member kMembers[] = {
      {"TagPrefix", Member::Kind::kTagPrefix, ""},
      {"RetentionPeriod", Member::Kind::kTimeSpan, "", 0, 3650.0 * 24 * 3600 * 1000}};
  std::string rules = parse_policy(text);
  if (json_kind(rules) != JsonKind::kArray) {
    throw bad_request("The policy must be a JSON array of objects: " + shortened(text));
  }
  std::string normal = "[";
  for_each_element(rules, [&](std::string_view rule) {
    if (normal.size() > 1) normal += ',';
    normal += normalize_object(rule, kMembers);
    return true;
  });
  return normal + "]";
}

}  // namespace rivulet::catalog
