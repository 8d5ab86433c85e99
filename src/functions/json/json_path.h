#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The paths that name a place inside a dynamic value: "$.a.b[0]['c d']".
namespace rivulet::functions {

struct JsonStep {
  std::string key;    // of a member
  int64_t index = 0;  // of an element
  bool is_index = false;
};
using JsonPath = std::vector<JsonStep>;

// Nothing when `text` is no path; wildcards and filters are none.
std::optional<JsonPath> parse_json_path(std::string_view text);

// Where the value that a step leads to begins, within the value that begins at `value`; null when there is none, as
// for a negative index. What is behind it is not read.
const char* find_json_step(const char* value, const char* end, const JsonStep& step);

// The value at the path, empty where there is none.
std::string_view json_at(std::string_view value, const JsonPath& path);

}  // namespace rivulet::functions
