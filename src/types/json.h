#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "types/json_reader.h"

// JSON as the rest of the program uses it: a text that was checked where it came in, compact (no blanks between
// tokens), nested no deeper than kMaxJsonDepth, with names that have escapes only where they must, so that equal names
// are equal texts, and with one value for each name of an object: a name that comes twice stays where it came first, with
// its last value, as parsers of JSON have it. So a mapping, a path, bag_keys() and whoever parses an answer see the same.
//
// Values are read in place, without a tree: a value is the slice of text that spells it. Malformed text is read as
// far as it goes and never beyond its end.
namespace rivulet {

enum class JsonSpelling {
  kAsWritten,  // order, numbers and escapes as they are
  kNormalized,  // whole numbers of 64 bits as they are, others as doubles; escapes only where they must be
};
// Appends a text as such JSON; nothing where it is none. kNormalized takes line breaks and tabs in strings. Invalid
// UTF-8 becomes U+FFFD.
std::optional<JsonFault> read_json(std::string& out, std::string_view text,
                                   JsonSpelling spelling = JsonSpelling::kAsWritten);
// Appends a value that a reader has passed (of a string, with its quotes).
void append_json_value(std::string& out, const JsonValue& value);

// The same as a text of its own; nothing where it is no JSON.
std::optional<std::string> read_json(std::string_view text);

// Standard JSON from what .NET's reader takes and Kusto's clients send: comments, a comma before a closing bracket,
// strings in single quotes, and \' in strings. What is wrong stays wrong, and mostly where it was.
std::string standard_json(std::string_view text);

enum class JsonKind { kNull, kBool, kLong, kReal, kString, kArray, kObject };

// Of a missing (empty) slice: kNull.
JsonKind json_kind(std::string_view value);
// Any number.
bool is_json_number(std::string_view value);

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

// The texts of an array of strings; nothing for all else.
std::optional<std::vector<std::string>> json_strings(std::string_view array);

// The text of a quoted string token; other values as they stand, null as an empty text.
std::string json_text(std::string_view value);
bool json_key_is(std::string_view quoted_key, std::string_view key);

// The number of a number token, and of a string that spells NaN or an infinity; nothing for all else.
std::optional<double> json_double(std::string_view value);
std::optional<int64_t> json_long(std::string_view value);

void append_json_double(std::string& out, double value);
void append_json_long(std::string& out, int64_t value);

}  // namespace rivulet
