#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/functions/udf.h"

// Reading and writing the JSON text of dynamic values in place, without a tree: a value is the slice of
// text that spells it. Slices are compact (no blanks between tokens), as every dynamic in a query is.
// Malformed text is read as far as it goes and never beyond its end.
namespace rivulet::query {

// Nesting beyond this is no JSON.
constexpr int kMaxJsonDepth = 256;
// Elements of an array that a function may make, as in Kusto.
constexpr int64_t kMaxArrayLength = 1'048'576;

enum class JsonKind { kNull, kBool, kLong, kReal, kString, kArray, kObject };

// Of a missing (empty) slice: kNull.
JsonKind json_kind(std::string_view value);

// The value's end, starting at its first byte.
const char* skip_json_value(const char* begin, const char* end);

// Calls visit(std::string_view element) for each element until it returns false; nothing for what is
// no array.
template <typename Visit>
void for_each_element(std::string_view array, Visit&& visit) {
  if (array.empty() || array.front() != '[') return;
  const char* p = array.data() + 1;
  const char* end = array.data() + array.size();
  while (p < end && *p != ']') {
    const char* next = skip_json_value(p, end);
    if (next == p || !visit(std::string_view(p, next - p))) return;
    p = next;
    if (p < end && *p == ',') ++p;
  }
}

// Calls visit(std::string_view quoted_key, std::string_view value) likewise.
template <typename Visit>
void for_each_member(std::string_view object, Visit&& visit) {
  if (object.empty() || object.front() != '{') return;
  const char* p = object.data() + 1;
  const char* end = object.data() + object.size();
  while (p < end && *p == '"') {
    const char* key_end = skip_json_value(p, end);
    if (key_end >= end || *key_end != ':') return;
    const char* value = key_end + 1;
    const char* next = skip_json_value(value, end);
    if (next == value ||
        !visit(std::string_view(p, key_end - p), std::string_view(value, next - value)))
      return;
    p = next;
    if (p < end && *p == ',') ++p;
  }
}

std::vector<std::string_view> json_elements(std::string_view array);
struct JsonMember {
  std::string_view quoted_key;
  std::string_view value;
};
std::vector<JsonMember> json_members(std::string_view object);

// Empty where there is none. `index` counts from the end when negative.
std::string_view json_member(std::string_view object, std::string_view key);
std::string_view json_element(std::string_view array, int64_t index);

// The text of a quoted string token; other values as they stand.
std::string json_text(std::string_view value);
bool json_key_is(std::string_view quoted_key, std::string_view key);

// The number of a number token, of true and false when `bools`, and of a string that spells NaN or an infinity;
// nothing for all else.
std::optional<double> json_double(std::string_view value);
std::optional<int64_t> json_long(std::string_view value);

void append_json_double(std::string& out, double value);
void append_json_long(std::string& out, int64_t value);

// Strict JSON with blanks, to compact JSON: whole numbers of 64 bits as they are, others as doubles.
// False when `text` is no JSON.
bool append_compact_json(std::string& out, std::string_view text);

// A value as a result: the null dynamic for a missing or null slice.
std::optional<Json> json_result(std::string_view value);

// Writes an array element by element.
class JsonArray {
 public:
  JsonArray() : text_("[") {}
  std::string& next() {
    if (text_.size() > 1) text_ += ',';
    return text_;
  }
  void add(std::string_view value) { next() += value.empty() ? std::string_view("null") : value; }
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

// Writes an object member by member; the caller keeps keys distinct.
class JsonObject {
 public:
  JsonObject() : text_("{") {}
  std::string& next(std::string_view key);
  void add_quoted(std::string_view quoted_key, std::string_view value) {
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

}  // namespace rivulet::query
