#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "functions/udf.h"
#include "types/json.h"

// The JSON text of dynamic values as native functions read and write it: types/json.h reads it, and the functions of
// its names here count what they read as work (native_call.h).
namespace rivulet::functions {

// What a step over an element or a member is counted as beside its text (count_work).
constexpr size_t kJsonStepWork = 32;

template <typename Visit>
void for_each_element(std::string_view array, Visit&& visit) {
  rivulet::for_each_element(array, [&](std::string_view element) {
    count_work(kJsonStepWork + element.size());
    return visit(element);
  });
}
template <typename Visit>
void for_each_member(std::string_view object, Visit&& visit) {
  rivulet::for_each_member(object, [&](std::string_view quoted_key, std::string_view value) {
    count_work(kJsonStepWork + quoted_key.size() + value.size());
    return visit(quoted_key, value);
  });
}
std::vector<std::string_view> json_elements(std::string_view array);
std::vector<JsonMember> json_members(std::string_view object);
std::string_view json_member(std::string_view object, std::string_view key);
std::string_view json_element(std::string_view array, int64_t index);
std::optional<std::vector<std::string>> json_strings(std::string_view array);
inline const char* skip_json_value(const char* begin, const char* end) {
  const char* after = rivulet::skip_json_value(begin, end);
  count_work(kJsonStepWork + (after - begin));
  return after;
}

// Elements of an array that a function may make, as in Kusto.
constexpr int64_t kMaxArrayLength = 1'048'576;
// A string or dynamic value that a function makes is never longer: what would be ends the query.
constexpr size_t kMaxTextBytes = size_t{64} << 20;
inline void check_text_size(size_t bytes) {
  if (bytes > kMaxTextBytes)
    throw std::length_error("a string or dynamic value is longer than 64 MiB");
}
// For functions that walk over a value: functions nest what they are given, so that it may be deeper than what was
// read.
inline void check_json_depth(int depth) {
  if (depth > kMaxJsonDepth) throw std::length_error("a dynamic nests deeper than 512");
}

// A value as a result: the null dynamic for a missing or null slice.
std::optional<Json> json_result(std::string_view value);

// Writes an array element by element. Each is counted as work; one that is too long is refused.
class JsonArray {
 public:
  JsonArray() : text_("[") {}
  std::string& next() {
    count_work(kJsonStepWork);
    check_text_size(text_.size());
    if (text_.size() > 1) text_ += ',';
    return text_;
  }
  void add(std::string_view value) {
    count_work(value.size());
    next() += value.empty() ? std::string_view("null") : value;
  }
  void add_double(std::optional<double> value) {
    if (value) {
      append_json_double(next(), *value);
    } else {
      next() += "null";
    }
  }
  void add_long(int64_t value) { append_json_long(next(), value); }
  void add_string(std::string_view text);
  void add_bool(bool value) { next() += value ? "true" : "false"; }
  Json finish() {
    text_ += ']';
    return {std::move(text_)};
  }

 private:
  std::string text_;
};

// Writes an object member by member, likewise; the caller keeps keys distinct.
class JsonObject {
 public:
  JsonObject() : text_("{") {}
  std::string& next(std::string_view key);
  void add_quoted(std::string_view quoted_key, std::string_view value) {
    count_work(kJsonStepWork + quoted_key.size() + value.size());
    check_text_size(text_.size());
    if (text_.size() > 1) text_ += ',';
    text_ += quoted_key;
    text_ += ':';
    text_ += value.empty() ? std::string_view("null") : value;
  }
  void add(std::string_view key, std::string_view value) {
    next(key) += value.empty() ? std::string_view("null") : value;
  }
  void add_string(std::string_view key, std::string_view text);
  void add_double(std::string_view key, double value) { append_json_double(next(key), value); }
  void add_long(std::string_view key, int64_t value) { append_json_long(next(key), value); }
  Json finish() {
    text_ += '}';
    return {std::move(text_)};
  }

 private:
  std::string text_;
};

// Two values are the same: by value for numbers (1 and 1.0), else by text.
bool json_equal(std::string_view a, std::string_view b);

}  // namespace rivulet::functions
