#include "functions/json/json_path.h"

#include <charconv>

#include "functions/json/json.h"

namespace rivulet::functions {

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

const char* find_json_step(const char* value, const char* end, const JsonStep& step) {
  if (value == end || *value != (step.is_index ? '[' : '{')) return nullptr;
  const char* p = value + 1;
  if (step.is_index) {
    for (int64_t i = 0; p < end && *p != ']'; ++i) {
      if (i == step.index) return p;
      p = skip_json_value(p, end);
      if (p < end && *p == ',') ++p;
    }
    return nullptr;
  }
  while (p < end && *p == '"') {
    const char* key_end = skip_json_value(p, end);
    if (key_end >= end || *key_end != ':') return nullptr;
    if (json_key_is(std::string_view(p, key_end - p), step.key)) return key_end + 1;
    p = skip_json_value(key_end + 1, end);
    if (p < end && *p == ',') ++p;
  }
  return nullptr;
}

std::string_view json_at(std::string_view value, const JsonPath& path) {
  const char* end = value.data() + value.size();
  const char* at = value.data();
  for (const JsonStep& step : path) {
    if (step.is_index && step.index < 0) {
      // Counts from the end.
      const std::string_view element =
          json_element(std::string_view(at, skip_json_value(at, end) - at), step.index);
      at = element.empty() ? nullptr : element.data();
    } else {
      at = find_json_step(at, end, step);
    }
    if (at == nullptr) return {};
  }
  return path.empty() ? value : std::string_view(at, skip_json_value(at, end) - at);
}

}  // namespace rivulet::functions
