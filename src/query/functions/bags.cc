#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "query/functions/families.h"
#include "query/functions/json.h"
#include "query/functions/json_path.h"
#include "types/text.h"

// Functions of property bags.
namespace rivulet::query {

namespace {

bool is_bag(std::string_view value) {
  return json_kind(value) == JsonKind::kObject;
}

// A key that begins with '$' is a path, any other the name of a member.
JsonPath path_of(std::string_view key) {
  if (auto path = parse_json_path(key); path && !path->empty()) return *std::move(path);
  JsonStep step;
  step.key = key;
  return {step};
}

std::optional<bool> has_key(std::string_view bag, std::string_view key) {
  if (!is_bag(bag)) return std::nullopt;
  return !json_at(bag, path_of(key)).empty();
}

std::optional<Json> keys(std::string_view bag) {
  if (!is_bag(bag)) return std::nullopt;
  JsonArray out;
  for_each_member(bag, [&](std::string_view key, std::string_view) {
    out.add(key);
    return true;
  });
  return out.finish();
}

// Of a key in several bags, the leftmost value.
std::optional<Json> merge(Rest<std::string_view> bags) {
  JsonObject out;
  std::unordered_set<std::string_view> seen;
  bool any = false;
  for (const auto& bag : bags) {
    if (!bag) continue;
    if (!is_bag(*bag)) return std::nullopt;
    any = true;
    for_each_member(*bag, [&](std::string_view key, std::string_view value) {
      if (seen.insert(key).second) out.add_quoted(key, value);
      return true;
    });
  }
  if (!any) return std::nullopt;
  return out.finish();
}

std::string without(std::string_view bag, const JsonPath& path, size_t depth) {
  const JsonStep& step = path[depth];
  const bool is_last = depth + 1 == path.size();
  if (step.is_index) {
    if (json_kind(bag) != JsonKind::kArray || is_last) return std::string(bag);
    JsonArray out;
    int64_t i = 0;
    for_each_element(bag, [&](std::string_view element) {
      out.add(i++ == step.index ? without(element, path, depth + 1) : std::string(element));
      return true;
    });
    return out.finish().text;
  }
  if (!is_bag(bag)) return std::string(bag);
  JsonObject out;
  for_each_member(bag, [&](std::string_view key, std::string_view value) {
    if (!json_key_is(key, step.key)) {
      out.add_quoted(key, value);
    } else if (!is_last) {
      out.add_quoted(key, without(value, path, depth + 1));
    }
    return true;
  });
  return out.finish().text;
}

std::optional<Json> remove_keys(std::string_view bag, std::string_view keys) {
  if (!is_bag(bag)) return std::nullopt;
  std::string out(bag);
  for_each_element(keys, [&](std::string_view key) {
    out = without(out, path_of(json_text(key)), 0);
    return true;
  });
  return Json{out};
}

std::string with(std::string_view bag, const JsonPath& path, size_t depth, std::string_view value) {
  if (depth == path.size()) return std::string(value);
  const JsonStep& step = path[depth];
  if (step.is_index) {
    JsonArray out;
    int64_t i = 0;
    for_each_element(bag, [&](std::string_view element) {
      out.add(i++ == step.index ? with(element, path, depth + 1, value) : std::string(element));
      return true;
    });
    if (step.index == i) out.add(with({}, path, depth + 1, value));
    return out.finish().text;
  }
  JsonObject out;
  bool found = false;
  for_each_member(bag, [&](std::string_view key, std::string_view member) {
    if (!found && json_key_is(key, step.key)) {
      found = true;
      out.add_quoted(key, with(member, path, depth + 1, value));
    } else {
      out.add_quoted(key, member);
    }
    return true;
  });
  if (!found) out.add(step.key, with({}, path, depth + 1, value));
  return out.finish().text;
}

std::optional<Json> set_key(std::string_view bag, std::string_view key,
                            std::optional<std::string_view> value) {
  if (!is_bag(bag)) return std::nullopt;
  const JsonPath path = path_of(key);
  if (path.size() > static_cast<size_t>(kMaxJsonDepth)) return std::nullopt;
  return Json{with(bag, path, 0, value.value_or("null"))};
}

// Keys that are no strings are left out; values beyond the keys too.
std::optional<Json> zip(std::string_view keys, std::optional<std::string_view> values) {
  if (json_kind(keys) != JsonKind::kArray) return std::nullopt;
  const auto elements = values ? json_elements(*values) : std::vector<std::string_view>();
  JsonObject out;
  std::unordered_set<std::string_view> seen;
  size_t i = 0;
  for_each_element(keys, [&](std::string_view key) {
    if (json_kind(key) == JsonKind::kString && seen.insert(key).second) {
      out.add_quoted(key, i < elements.size() ? elements[i] : std::string_view());
    }
    ++i;
    return true;
  });
  return out.finish();
}

void add_paths(JsonArray& out, std::unordered_set<std::string>& seen, std::string_view value,
               const std::string& path) {
  const JsonKind kind = json_kind(value);
  if (!path.empty() && seen.insert(path).second) out.add_string(path);
  if (kind == JsonKind::kObject) {
    for_each_member(value, [&](std::string_view key, std::string_view member) {
      add_paths(out, seen, member, path + "['" + json_text(key) + "']");
      return true;
    });
  } else if (kind == JsonKind::kArray) {
    for_each_element(value, [&](std::string_view element) {
      add_paths(out, seen, element, path + "[0]");
      return true;
    });
  }
}
Json tree_path(std::string_view value) {
  JsonArray out;
  std::unordered_set<std::string> seen;
  add_paths(out, seen, value, "");
  return out.finish();
}

// The dynamic as JSON text with its keys in order.
void append_sorted(std::string& out, std::string_view value) {
  if (json_kind(value) == JsonKind::kObject) {
    auto members = json_members(value);
    std::sort(members.begin(), members.end(),
              [](const JsonMember& a, const JsonMember& b) { return a.quoted_key < b.quoted_key; });
    out += '{';
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += ',';
      out += members[i].quoted_key;
      out += ':';
      append_sorted(out, members[i].value);
    }
    out += '}';
  } else if (json_kind(value) == JsonKind::kArray) {
    out += '[';
    bool is_first = true;
    for_each_element(value, [&](std::string_view element) {
      if (!is_first) out += ',';
      is_first = false;
      append_sorted(out, element);
      return true;
    });
    out += ']';
  } else {
    out += value;
  }
}
std::string to_json(std::optional<std::string_view> value) {
  std::string out;
  append_sorted(out, value.value_or("null"));
  return out;
}

// Whether the value at a path of a JSON text is there, as a dynamic.
std::optional<Json> extract_json(std::string_view path_text, std::string_view json) {
  const auto path = parse_json_path(path_text);
  if (!path) return std::nullopt;
  std::string compact;
  if (!append_compact_json(compact, json)) return std::nullopt;
  return json_result(json_at(compact, *path));
}
std::optional<Json> extract_dynamic(std::string_view path_text, std::string_view value) {
  const auto path = parse_json_path(path_text);
  return path ? json_result(json_at(value, *path)) : std::nullopt;
}

constexpr Udf kFunctions[] = {
    udf<has_key>("k_bag_has_key"),       udf<keys>("k_bag_keys"),
    udf<merge>("k_bag_merge"),           udf<remove_keys>("k_bag_remove_keys"),
    udf<set_key>("k_bag_set_key"),       udf<zip>("k_bag_zip"),
    udf<tree_path>("k_treepath"),        udf<to_json>("k_dynamic_to_json"),
    udf<extract_json>("k_extract_json"), udf<extract_dynamic>("k_extract_dynamic"),
};

}  // namespace

std::span<const Udf> bag_functions() {
  return kFunctions;
}

}  // namespace rivulet::query
