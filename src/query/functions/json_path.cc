#include "query/functions/json_path.h"

#include <charconv>

#include "query/functions/json.h"

namespace rivulet::query {

std::optional<JsonPath> parse_json_path(std::string_view text) {
  if (text.empty() || text.front() != '$') return std::nullopt;
  JsonPath path;
  size_t at = 1;
  while (at < text.size()) {
    JsonStep step;
    if (text[at] == '.') {
      const size_t begin = ++at;
      while (at < text.size() && text[at] != '.' && text[at] != '[') ++at;
      if (at == begin) return std::nullopt;
      step.key = text.substr(begin, at - begin);
      if (step.key == "*") return std::nullopt;
    } else if (text[at] == '[') {
      ++at;
      if (at < text.size() && (text[at] == '\'' || text[at] == '"')) {
        const char quote = text[at++];
        const size_t end = text.find(quote, at);
        if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ']')
          return std::nullopt;
        step.key = text.substr(at, end - at);
        at = end + 2;
      } else {
        const size_t end = text.find(']', at);
        if (end == std::string_view::npos) return std::nullopt;
        const char* stop = text.data() + end;
        const auto [parsed, error] = std::from_chars(text.data() + at, stop, step.index);
        if (error != std::errc() || parsed != stop) return std::nullopt;
        step.is_index = true;
        at = end + 1;
      }
    } else {
      return std::nullopt;
    }
    path.push_back(std::move(step));
  }
  return path;
}

std::string_view json_at(std::string_view value, const JsonPath& path) {
  for (const JsonStep& step : path) {
    value = step.is_index ? json_element(value, step.index) : json_member(value, step.key);
    if (value.empty()) break;
  }
  return value;
}

}  // namespace rivulet::query
