#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Characters (code points) of UTF-8 text. Invalid bytes count as one character each.
namespace rivulet::functions {

inline bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

inline int64_t count_characters(std::string_view text) {
  int64_t count = 0;
  for (const char c : text) count += is_continuation(c) ? 0 : 1;
  return count;
}

// The byte where character number `index` begins, from byte `from`; the text's size when there are fewer.
inline size_t character_offset(std::string_view text, int64_t index, size_t from = 0) {
  size_t at = from;
  while (index > 0 && at < text.size()) {
    ++at;
    while (at < text.size() && is_continuation(text[at])) ++at;
    --index;
  }
  return at;
}

std::vector<uint32_t> to_code_points(std::string_view text);
// Nothing for what is no code point.
void append_code_point(std::string& out, uint32_t code_point);
// Text with U+FFFD in place of every invalid byte.
std::string to_valid_utf8(std::string_view text);

}  // namespace rivulet::functions
