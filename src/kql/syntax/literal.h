#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "kql/sql/expr.h"
#include "types/text_scanner.h"

// The values that literals of KQL stand for.
namespace rivulet::kql {

inline bool is_blank(char c) {
  return text::is_blank(c) || c == '\f' || c == '\v';
}
// How many bytes the white space at the start of the text has, 0 when there is none. Beside ASCII's these are the spaces
// of Unicode, of any width, and the byte order mark.
size_t blank_length(std::string_view text);
// The bool that the word is a literal of: true, True, TRUE and their opposites.
std::optional<bool> bool_word(std::string_view word);
// A datetime literal's inside that is a time of day, such as 8:00 or "8:00:00 AM".
std::optional<Ticks> parse_time_of_day(std::string_view text);
using text::is_digit;
inline bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The type of "datetime(…)" and its like, synonyms included; nothing for another name.
std::optional<ScalarType> typed_literal_type(std::string_view name);

// The value of a typed literal's inside: literal_from_text(kDateTime, "2020-01-01 10:00"), "null" and
// quoted text included. Nothing when it is no such value.
std::optional<Literal> literal_from_text(ScalarType type, std::string_view text);

// The whole number that a text spells: as parse_long(), and with a point or an exponent where the value is whole.
std::optional<int64_t> parse_whole(std::string_view text);

// One escape sequence; `at` points behind the backslash and is moved past the sequence. False when it is
// none that KQL knows.
bool append_escape(std::string& out, std::string_view text, size_t& at);

// Offset of the ')' that ends a literal whose inside starts at `at`, passing over strings and nested
// brackets; npos when there is none.
size_t find_closing(std::string_view text, size_t at);

}  // namespace rivulet::kql
