// JSON, CSV and UTF-8: text as it stands inside other text, and whole cells.
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <simdjson.h>

#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Bytes of the UTF-8 sequence at the front, or 0 when it is invalid.
size_t utf8_sequence(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto is_continuation = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return is_continuation(1) ? 2 : 0;
  if ((lead & 0xf0) == 0xe0) {
    if (!is_continuation(1) || !is_continuation(2)) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;   // overlong
    if (lead == 0xed && byte(1) >= 0xa0) return 0;  // surrogate
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!is_continuation(1) || !is_continuation(2) || !is_continuation(3)) return 0;
    if (lead == 0xf0 && byte(1) < 0x90) return 0;
    if (lead == 0xf4 && byte(1) >= 0x90) return 0;
    return 4;
  }
  return 0;
}

// For each byte inside a JSON string literal: 0 plain, 'u' for \u00xx, 'x' for the start of a sequence of
// several bytes, else the letter after the backslash.
constexpr std::array<char, 256> kJsonEscapes = [] {
  std::array<char, 256> escapes{};
  for (size_t i = 0; i < 0x20; ++i) escapes[i] = 'u';
  for (size_t i = 0x80; i < 0x100; ++i) escapes[i] = 'x';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

// The four hexadecimal digits at the front; nothing when there are fewer.
std::optional<uint32_t> four_hex_digits(std::string_view text) {
  uint32_t value = 0;
  if (text.size() < 4) return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + 4, value, 16);
  return end == text.data() + 4 && error == std::errc() ? std::optional(value) : std::nullopt;
}

template <typename T>
void append_integer(std::string& out, T value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text);
}

void append_valid_utf8(std::string& out, std::string_view text) {
  if (is_valid_utf8(text)) {
    out += text;
    return;
  }
  while (!text.empty()) {
    size_t size = utf8_sequence(text);
    if (size == 0) {
      out += kReplacement;
      size = 1;
    } else {
      out.append(text.data(), size);
    }
    text.remove_prefix(size);
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  size_t plain_from = 0;
  size_t i = 0;
  while (i < text.size()) {
    char escape = kJsonEscapes[static_cast<unsigned char>(text[i])];
    if (escape == 0) {
      ++i;
      continue;
    }
    if (escape == 'x') {
      if (size_t size = utf8_sequence(text.substr(i)); size != 0) {
        i += size;
        continue;
      }
    }
    out.append(text.data() + plain_from, i - plain_from);
    if (escape == 'x') {
      out += kReplacement;
    } else if (escape == 'u') {
      constexpr char kDigits[] = "0123456789abcdef";
      out += "\\u00";
      out += kDigits[static_cast<unsigned char>(text[i]) >> 4];
      out += kDigits[text[i] & 15];
    } else {
      out += '\\';
      out += escape;
    }
    plain_from = ++i;
  }
  out.append(text.data() + plain_from, text.size() - plain_from);
  out += '"';
}

void append_utf8(std::string& out, uint32_t code) {
  auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

bool append_json_string_content(std::string& out, std::string_view inside) {
  for (;;) {
    size_t plain = std::min(inside.find('\\'), inside.size());
    out += inside.substr(0, plain);
    inside.remove_prefix(plain);
    if (inside.empty()) return true;
    if (inside.size() < 2) return false;
    char escape = inside[1];
    inside.remove_prefix(2);
    switch (escape) {
      case '"':
      case '\\':
      case '/':
        out += escape;
        break;
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u': {
        std::optional<uint32_t> code = four_hex_digits(inside);
        if (!code) return false;
        inside.remove_prefix(4);
        if (*code >= 0xd800 && *code < 0xdc00 && inside.starts_with("\\u")) {
          std::optional<uint32_t> low = four_hex_digits(inside.substr(2));
          if (low && *low >= 0xdc00 && *low < 0xe000) {
            code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
            inside.remove_prefix(6);
          }
        }
        append_utf8(out, *code >= 0xd800 && *code < 0xe000 ? 0xfffd : *code);
        break;
      }
      default:
        return false;
    }
  }
}

void append_csv_field(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_cell_text(std::string& out, const ColumnView& column, size_t row) {
  if (column.is_null(row)) return;
  switch (column.type) {
    case ScalarType::kBool:
      out += column.cell<uint8_t>(row) != 0 ? "true" : "false";
      break;
    case ScalarType::kInt:
      append_integer(out, column.cell<int32_t>(row));
      break;
    case ScalarType::kLong:
      append_integer(out, column.cell<int64_t>(row));
      break;
    case ScalarType::kReal:
      append_real(out, column.cell<double>(row));
      break;
    case ScalarType::kDecimal:
      append_decimal(out, column.cell<Decimal>(row));
      break;
    case ScalarType::kDateTime:
      append_datetime(out, column.cell<int64_t>(row));
      break;
    case ScalarType::kTimeSpan:
      append_timespan(out, column.cell<int64_t>(row));
      break;
    case ScalarType::kGuid:
      out += to_string(column.cell<GuidCell>(row).guid());
      break;
    case ScalarType::kString:
      out += column.text(row);
      break;
    case ScalarType::kDynamic: {
      std::string_view json = column.text(row);
      if (json.size() >= 2 && json.front() == '"') {
        append_json_string_content(out, json.substr(1, json.size() - 2));
      } else if (json != "null") {
        out += json;
      }
      break;
    }
  }
}

void append_cell_json(std::string& out, const ColumnView& column, size_t row) {
  if (column.is_null(row)) {
    out += column.type == ScalarType::kString ? "\"\"" : "null";
    return;
  }
  switch (column.type) {
    case ScalarType::kString:
      append_json_string(out, column.text(row));
      return;
    case ScalarType::kDynamic:
      out += column.text(row).empty() ? "null" : column.text(row);
      return;
    case ScalarType::kReal:
      if (std::isfinite(column.cell<double>(row))) break;
      [[fallthrough]];
    case ScalarType::kDecimal:
    case ScalarType::kTimeSpan:
    case ScalarType::kGuid:
      out += '"';
      append_cell_text(out, column, row);
      out += '"';
      return;
    case ScalarType::kDateTime:
      out += '"';
      append_datetime(out, column.cell<int64_t>(row), /*trim=*/true);
      out += '"';
      return;
    default:
      break;
  }
  append_cell_text(out, column, row);
}

}  // namespace rivulet
