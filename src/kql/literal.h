#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kql/expr.h"
#include "types/text_scanner.h"

// The values that literals of KQL stand for.
namespace rivulet::kql {

inline bool is_blank(char c) {
  return text::is_blank(c) || c == '\f' || c == '\v';
}
using text::is_digit;
inline bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The type of "datetime(…)" and its like, synonyms included; nothing for another name.
std::optional<ScalarType> typed_literal_type(std::string_view name);

// The value of a typed literal's inside: literal_from_text(kDateTime, "2020-01-01 10:00"), "null" and
// quoted text included. Nothing when it is no such value.
std::optional<Literal> literal_from_text(ScalarType type, std::string_view text);

// One escape sequence; `at` points behind the backslash and is moved past the sequence. False when it is
// none that KQL knows.
bool append_escape(std::string& out, std::string_view text, size_t& at);

// Offset of the ')' that ends a literal whose inside starts at `at`, passing over strings and nested
// brackets; npos when there is none.
size_t find_closing(std::string_view text, size_t at);

}  // namespace rivulet::kql
