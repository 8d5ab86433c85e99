#include "catalog/policies/policy_json.h"

#include <algorithm>
#include <map>
#include <vector>

#include "common/error.h"
#include "types/json.h"
#include "types/shortened.h"
#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet::catalog {

using text::equals_ignoring_case;

std::string parse_policy(std::string_view text) {
  std::string json;
  if (auto fault = read_json(json, standard_json(text))) {
    throw bad_request("The policy is not valid JSON: " + std::string(fault->why) + ", at byte " +
                      std::to_string(fault->offset) + " of: " + shortened(text));
  }
  return json;
}

namespace {

// The JSON text of the member's value; throws bad_request.
std::string member_json(const Member& member, std::string_view value) {
  std::string json;
  auto fail = [&](std::string_view what) {
    throw bad_request("Policy member '" + std::string(member.name) + "' must be " +
                      std::string(what) + ", and is " + shortened(value));
  };
  bool is_text = json_kind(value) == JsonKind::kString;
  std::string text = is_text ? json_text(value) : "";
  switch (member.kind) {
    case Member::Kind::kBool:
      if (json_kind(value) != JsonKind::kBool) fail("true or false");
      return std::string(value);
    case Member::Kind::kNumber:
      if (value == "null" && member.otherwise == "null") return "null";
      if (!is_json_number(value)) fail("a number");
      if (auto number = json_double(value);
          !number || *number < member.min || *number > member.max) {
        fail("between " + std::to_string(static_cast<int64_t>(member.min)) + " and " +
             std::to_string(static_cast<int64_t>(member.max)));
      }
      return std::string(value);
    case Member::Kind::kTimeSpan: {
      auto ticks = is_text ? parse_timespan(text) : std::nullopt;
      if (!ticks) fail("a timespan, such as \"7.00:00:00\"");
      auto seconds = static_cast<double>(*ticks) / kTicksPerSecond;
      if (seconds < member.min || seconds > member.max) {
        std::string least;
        std::string most;
        append_timespan(least, static_cast<int64_t>(member.min * kTicksPerSecond));
        append_timespan(most, static_cast<int64_t>(member.max * kTicksPerSecond));
        fail("between " + least + " and " + most);
      }
      json = "\"";
      append_timespan(json, *ticks);
      return json + "\"";
    }
    case Member::Kind::kDateTime: {
      auto ticks = is_text ? parse_datetime(text) : std::nullopt;
      if (!ticks) fail("a datetime");
      json = "\"";
      append_datetime(json, *ticks);
      return json + "\"";
    }
    case Member::Kind::kEnabledOrDisabled:
      if (equals_ignoring_case(text, "enabled")) return "\"Enabled\"";
      if (equals_ignoring_case(text, "disabled")) return "\"Disabled\"";
      fail("\"Enabled\" or \"Disabled\"");
      break;
    case Member::Kind::kTagPrefix:
      // As Kusto has it: a colon at the end, and no other.
      if (text.size() < 2 || text.find(':') != text.size() - 1) {
        fail("a text that ends in its only colon, such as \"drop-by:\"");
      }
      return std::string(value);
  }
  return json;
}

}  // namespace

std::string normalize_object(std::string_view json, std::span<const Member> members) {
  if (json_kind(json) != JsonKind::kObject)
    throw bad_request("The policy must be a JSON object, and is " + shortened(json));
  std::vector<std::string_view> values(members.size());
  for_each_member(json, [&](std::string_view quoted_name, std::string_view value) {
    std::string name = json_text(quoted_name);
    auto known = std::ranges::find_if(
        members, [&](const Member& member) { return equals_ignoring_case(member.name, name); });
    if (known == members.end()) {
      std::string names;
      for (const Member& member : members) {
        names += (names.empty() ? "" : ", ") + std::string(member.name);
      }
      throw bad_request("The policy has no member '" + shortened(name) + "'; it has: " + names);
    }
    values[static_cast<size_t>(known - members.begin())] = value;
    return true;
  });
  std::string normal = "{";
  for (size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    std::string value(member.otherwise);
    if (!values[i].empty()) value = member_json(member, values[i]);
    if (value.empty()) {
      throw bad_request("Policy member '" + std::string(member.name) + "' must be given");
    }
    if (normal.size() > 1) normal += ',';
    append_json_string(normal, member.name);
    normal += ':';
    normal += value;
  }
  return normal + "}";
}

std::string normalize_members(std::string_view text, std::span<const Member> members) {
  return normalize_object(parse_policy(text), members);
}

std::string normalize_any(std::string_view json) {
  std::string policy = parse_policy(json);
  JsonKind kind = json_kind(policy);
  if (kind != JsonKind::kObject && kind != JsonKind::kArray) {
    throw bad_request("The policy must be a JSON object or array: " + shortened(json));
  }
  return policy;
}

std::string merge_json(std::string_view base, std::string_view changes) {
  std::string changed = parse_policy(changes);
  if (base.empty() || json_kind(changed) != JsonKind::kObject) return changed;
  std::string before = parse_policy(base);
  if (json_kind(before) != JsonKind::kObject) return changed;
  // By the name of a member in lower case: its name as it stands, and its value.
  std::map<std::string, JsonMember> values;
  std::vector<std::string> order;
  for (std::string_view object : {std::string_view(before), std::string_view(changed)}) {
    for_each_member(object, [&](std::string_view quoted_name, std::string_view value) {
      std::string name = json_text(quoted_name);
      std::ranges::transform(name, name.begin(), text::to_lower);
      auto [known, is_new] = values.try_emplace(name, JsonMember{quoted_name, value});
      known->second.value = value;
      if (is_new) order.push_back(std::move(name));
      return true;
    });
  }
  std::string merged = "{";
  for (const std::string& name : order) {
    if (merged.size() > 1) merged += ',';
    merged += values[name].quoted_key;
    merged += ':';
    merged += values[name].value;
  }
  return merged + "}";
}

std::string stored_json(std::string_view text) {
  return read_json(text).value_or("");
}

std::optional<std::string> text_member(std::string_view json, std::string_view name) {
  std::string_view value = json_member(json, name);
  return json_kind(value) == JsonKind::kString ? std::optional(json_text(value)) : std::nullopt;
}

std::optional<double> number_member(std::string_view json, std::string_view name) {
  std::string_view value = json_member(json, name);
  return is_json_number(value) ? json_double(value) : std::nullopt;
}

void set_limit(uint64_t& limit, std::string_view json, std::string_view name, double factor) {
  auto value = number_member(json, name);
  if (!value) return;
  limit =
      *value <= 0 || *value * factor >= 1e18 ? UINT64_MAX : static_cast<uint64_t>(*value * factor);
}

}  // namespace rivulet::catalog
