#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/json/json_path.h"
#include "types/text.h"

// Functions of property bags.
namespace rivulet::functions {

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

// An array of the members: bags of one each, or pairs of name and value.
std::optional<Json> members(std::string_view bag, bool are_pairs) {
  if (!is_bag(bag)) return std::nullopt;
  Json out{"["};
  for_each_member(bag, [&](std::string_view key, std::string_view value) {
    if (out.text.size() > 1) out.text += ',';
    out.text += are_pairs ? '[' : '{';
    out.text += key;
    out.text += are_pairs ? ',' : ':';
    out.text += value;
    out.text += are_pairs ? ']' : '}';
    return true;
  });
  out.text += ']';
  return out;
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

// What is to be removed of a value: members and elements by their place in it.
struct Removal {
  bool is_all = false;
  std::map<std::string, Removal, std::less<>> members;
  std::map<int64_t, Removal> elements;
};

void append_without(std::string& out, std::string_view value, const Removal& removal) {
  JsonKind kind = json_kind(value);
  if (kind == JsonKind::kArray && !removal.elements.empty()) {
    out += '[';
    int64_t i = 0;
    for_each_element(value, [&](std::string_view element) {
      if (i > 0) out += ',';
      auto found = removal.elements.find(i++);
      // An element cannot be removed, only what is in it.
      if (found == removal.elements.end()) {
        out += element;
      } else {
        append_without(out, element, found->second);
      }
      return true;
    });
    out += ']';
  } else if (kind == JsonKind::kObject && !removal.members.empty()) {
    out += '{';
    for_each_member(value, [&](std::string_view key, std::string_view member) {
      auto found = removal.members.find(json_text(key));
      if (found != removal.members.end() && found->second.is_all) return true;
      if (out.back() != '{') out += ',';
      out += key;
      out += ':';
      if (found == removal.members.end()) {
        out += member;
      } else {
        append_without(out, member, found->second);
      }
      return true;
    });
    out += '}';
  } else {
    out += value;
  }
}

std::optional<Json> remove_keys(std::string_view bag, std::string_view keys) {
  if (!is_bag(bag)) return std::nullopt;
  Removal removal;
  for_each_element(keys, [&](std::string_view key) {
    const JsonPath path = path_of(json_text(key));
    // Nothing is deeper.
    if (path.size() > static_cast<size_t>(kMaxJsonDepth)) return true;
    Removal* at = &removal;
    for (const JsonStep& step : path) {
      at = step.is_index ? &at->elements[step.index] : &at->members[step.key];
    }
    at->is_all = true;
    return true;
  });
  Json out;
  append_without(out.text, bag, removal);
  return out;
}

// The value under the steps of a path from `first` on, where there is nothing yet.
std::string made(const JsonPath& path, size_t first, std::string_view value) {
  std::string out, closing;
  for (size_t i = first; i < path.size(); ++i) {
    if (!path[i].is_index) {
      out += '{';
      append_json_string(out, path[i].key);
      out += ':';
      closing += '}';
    } else {
      out += '[';
      closing += ']';
      // There is no element before it.
      if (path[i].index != 0) return out.append(closing.rbegin(), closing.rend());
    }
  }
  out += value;
  return out.append(closing.rbegin(), closing.rend());
}

// An element is added at the end of its array only.
std::string with(std::string_view bag, const JsonPath& path, std::string_view value) {
  const char* end = bag.data() + bag.size();
  const char* at = bag.data();
  size_t depth = 0;
  while (depth < path.size()) {
    const char* next = find_json_step(at, end, path[depth]);
    if (next == nullptr) break;
    at = next;
    ++depth;
  }
  const char* at_end = skip_json_value(at, end);
  std::string out(bag.data(), at);
  if (depth == path.size()) {
    out += value;
  } else if (const JsonStep& step = path[depth]; *at != (step.is_index ? '[' : '{')) {
    out += made(path, depth, value);
  } else {
    bool is_empty = at_end - at == 2;
    out.append(at, at_end - 1);
    if (step.is_index) {
      if (step.index !=
          static_cast<int64_t>(json_elements(std::string_view(at, at_end - at)).size()))
        return std::string(bag);
      if (!is_empty) out += ',';
    } else {
      if (!is_empty) out += ',';
      append_json_string(out, step.key);
      out += ':';
    }
    out += made(path, depth + 1, value);
    out += at_end[-1];
  }
  out.append(at_end, end);
  return out;
}

std::optional<Json> set_key(std::string_view bag, std::string_view key,
                            std::optional<std::string_view> value) {
  if (!is_bag(bag)) return std::nullopt;
  const JsonPath path = path_of(key);
  if (path.size() > static_cast<size_t>(kMaxJsonDepth)) return std::nullopt;
  return Json{with(bag, path, value.value_or("null"))};
}

// Keys that are no strings are left out; values beyond the keys too.
std::optional<Json> zip(std::string_view keys, std::optional<std::string_view> values) {
  if (json_kind(keys) != JsonKind::kArray) return std::nullopt;
  const auto elements = values ? json_elements(*values) : std::vector<std::string_view>();
  JsonObject out;
  std::unordered_set<std::string> seen;
  size_t i = 0;
  for_each_element(keys, [&](std::string_view key) {
    if (json_kind(key) == JsonKind::kString) {
      std::string name = json_text(key);
      if (!seen.contains(name)) {
        out.add(name, i < elements.size() ? elements[i] : std::string_view());
        seen.insert(std::move(name));
      }
    }
    ++i;
    return true;
  });
  return out.finish();
}

void add_paths(JsonArray& out, std::unordered_set<std::string>& seen, std::string_view value,
               const std::string& path, int depth) {
  check_json_depth(depth);
  const JsonKind kind = json_kind(value);
  if (!path.empty() && seen.insert(path).second) out.add_string(path);
  if (kind == JsonKind::kObject) {
    for_each_member(value, [&](std::string_view key, std::string_view member) {
      add_paths(out, seen, member, path + "['" + json_text(key) + "']", depth + 1);
      return true;
    });
  } else if (kind == JsonKind::kArray) {
    for_each_element(value, [&](std::string_view element) {
      add_paths(out, seen, element, path + "[0]", depth + 1);
      return true;
    });
  }
}
Json tree_path(std::string_view value) {
  JsonArray out;
  std::unordered_set<std::string> seen;
  add_paths(out, seen, value, "", 0);
  return out.finish();
}

// The dynamic as JSON text with its keys in order.
void append_sorted(std::string& out, std::string_view value, int depth) {
  check_json_depth(depth);
  if (json_kind(value) == JsonKind::kObject) {
    auto members = json_members(value);
    std::sort(members.begin(), members.end(),
              [](const JsonMember& a, const JsonMember& b) { return a.quoted_key < b.quoted_key; });
    out += '{';
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += ',';
      out += members[i].quoted_key;
      out += ':';
      append_sorted(out, members[i].value, depth + 1);
    }
    out += '}';
  } else if (json_kind(value) == JsonKind::kArray) {
    out += '[';
    bool is_first = true;
    for_each_element(value, [&](std::string_view element) {
      if (!is_first) out += ',';
      is_first = false;
      append_sorted(out, element, depth + 1);
      return true;
    });
    out += ']';
  } else {
    out += value;
  }
}
std::string to_json(std::optional<std::string_view> value) {
  std::string out;
  append_sorted(out, value.value_or("null"), 0);
  return out;
}

// Whether the value at a path of a JSON text is there, as a dynamic.
std::optional<Json> extract_json(std::string_view path_text, std::string_view json) {
  const auto path = parse_json_path(path_text);
  if (!path) return std::nullopt;
  std::string compact;
  if (read_json(compact, json, JsonSpelling::kNormalized)) return std::nullopt;
  return json_result(json_at(compact, *path));
}
std::optional<Json> extract_dynamic(std::string_view path_text, std::string_view value) {
  const auto path = parse_json_path(path_text);
  return path ? json_result(json_at(value, *path)) : std::nullopt;
}

constexpr Udf kFunctions[] = {
    udf<has_key>("k_bag_has_key"),
    udf<keys>("k_bag_keys"),
    udf<members>("k_bag_members"),
    udf<merge>("k_bag_merge"),
    udf<remove_keys>("k_bag_remove_keys"),
    udf<set_key>("k_bag_set_key"),
    udf<zip>("k_bag_zip"),
    udf<tree_path>("k_treepath"),
    udf<to_json>("k_dynamic_to_json"),
    udf<extract_json>("k_extract_json"),
    udf<extract_dynamic>("k_extract_dynamic"),
};

}  // namespace

std::span<const Udf> bag_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
