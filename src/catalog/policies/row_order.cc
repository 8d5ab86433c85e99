#include "catalog/policies/row_order.h"

#include <algorithm>
#include <optional>
#include "catalog/policies/policy_json.h"
#include "common/error.h"
#include "types/json.h"

namespace rivulet::catalog {

RowOrderPolicy RowOrderPolicy::parse(std::string_view text) {
  RowOrderPolicy policy;
  std::string json = stored_json(text);
  for_each_element(json_member(json, "RowOrder"), [&](std::string_view item) {
    std::string rule = json_text(item);
    size_t blank = rule.rfind(' ');
    if (blank == std::string::npos) return true;
    policy.columns.push_back({rule.substr(0, blank), rule.substr(blank + 1) == "desc"});
    return true;
  });
  return policy;
}

std::string normalize_row_order(std::string_view text) {
  std::string policy = parse_policy(text);
  auto order = json_strings(json_member(policy, "RowOrder"));
  bool is_order = order && std::ranges::all_of(*order, [](const std::string& item) {
                    return item.ends_with(" asc") || item.ends_with(" desc");
                  });
  if (!is_order)
    throw bad_request("The row order policy must be {\"RowOrder\":[\"column asc\", …]}");
  return policy;
}

}  // namespace rivulet::catalog
