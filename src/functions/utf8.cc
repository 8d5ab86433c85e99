#include "functions/utf8.h"

#include <unicode/utf8.h>

#include "types/text.h"

namespace rivulet::functions {

std::vector<uint32_t> to_code_points(std::string_view text) {
  std::vector<uint32_t> code_points;
  code_points.reserve(text.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT_OR_FFFD(bytes, i, size, c);
    code_points.push_back(static_cast<uint32_t>(c));
  }
  return code_points;
}

void append_code_point(std::string& out, uint32_t code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) return;
  append_utf8(out, code_point);
}

std::string to_valid_utf8(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string out;
  for (const uint32_t c : to_code_points(text)) append_code_point(out, c);
  return out;
}

}  // namespace rivulet::functions
