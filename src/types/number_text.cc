// The text forms of bool, int, long, real and decimal.
#include <charconv>
#include <cmath>
#include <limits>

#include <fast_float/fast_float.h>

#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet {
namespace {

template <typename T>
std::optional<T> parse_integer(std::string_view text) {
  text = text::trim(text);
  bool has_plus = !text.empty() && text.front() == '+';
  if (has_plus) text.remove_prefix(1);
  bool is_negative = !has_plus && !text.empty() && text.front() == '-';
  std::string_view digits = is_negative ? text.substr(1) : text;
  T value = 0;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
    // Hexadecimal digits are the bits of the value: 0xffffffffffffffff is -1.
    std::make_unsigned_t<T> bits = 0;
    auto [end, error] = std::from_chars(digits.data() + 2, digits.data() + digits.size(), bits, 16);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return static_cast<T>(is_negative ? 0 - bits : bits);
  }
  if (has_plus && !text.empty() && text.front() == '-') return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr Decimal power_of_ten(int exponent) {
  Decimal power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}
constexpr Decimal kDecimalOne = power_of_ten(kDecimalScale);
constexpr Decimal kDecimalLimit = power_of_ten(38);  // DECIMAL(38, 18)

}  // namespace

std::optional<bool> parse_bool(std::string_view text) {
  text = text::trim(text);
  if (text::equals_ignoring_case(text, "true")) return true;
  if (text::equals_ignoring_case(text, "false")) return false;
  if (auto number = parse_long(text)) return *number != 0;
  if (auto number = parse_real(text); number && !std::isnan(*number)) return *number != 0;
  return std::nullopt;
}

std::optional<int32_t> parse_int(std::string_view text) {
  return parse_integer<int32_t>(text);
}
std::optional<int64_t> parse_long(std::string_view text) {
  return parse_integer<int64_t>(text);
}

std::optional<double> parse_real(std::string_view text) {
  text = text::trim(text);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  auto [end, error] = fast_float::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty() || text.back() == ')') return std::nullopt;
  // Too large is infinity and too small is zero, as in .NET.
  if (error != std::errc() && error != std::errc::result_out_of_range) return std::nullopt;
  return value;
}

void append_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  // "d.dddde±xx": the shortest digits, to be laid out anew.
  char text[32];
  char* end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific).ptr;
  const char* next = text;
  if (*next == '-') {
    out += '-';
    ++next;
  }
  char digits[24] = {};
  int count = 0;
  for (; *next != 'e'; ++next) {
    if (*next != '.') digits[count++] = *next;
  }
  ++next;
  if (*next == '+') ++next;
  int exponent = 0;
  std::from_chars(next, end, exponent);

  if (exponent >= 15 || exponent < -4) {
    out += digits[0];
    if (count > 1) {
      out += '.';
      out.append(digits + 1, static_cast<size_t>(count) - 1);
    }
    out += 'E';
    out += exponent < 0 ? '-' : '+';
    if (std::abs(exponent) < 10) out += '0';
    char exponent_digits[4];
    out.append(exponent_digits,
               std::to_chars(exponent_digits, exponent_digits + 4, std::abs(exponent)).ptr);
  } else if (exponent < 0) {
    out += "0.";
    out.append(static_cast<size_t>(-exponent) - 1, '0');
    out.append(digits, static_cast<size_t>(count));
  } else {
    int whole = exponent + 1;
    for (int i = 0; i < whole; ++i) out += i < count ? digits[i] : '0';
    out += '.';
    if (count > whole) {
      out.append(digits + whole, static_cast<size_t>(count - whole));
    } else {
      out += '0';
    }
  }
}

std::optional<Decimal> parse_decimal(std::string_view text) {
  text = text::trim(text);
  text::Scanner scan(text);
  bool is_negative = scan.skip_if('-');
  if (!is_negative) scan.skip_if('+');
  // All digits as one number, and where the point stands; digits past the 39th only move the point.
  Decimal value = 0;
  int dropped = 0, fraction_digits = 0;
  bool has_digits = false, is_past_point = false;
  for (;; scan.skip(1)) {
    if (scan.at_digit()) {
      has_digits = true;
      if (value < kDecimalLimit / 10) {
        value = value * 10 + (scan.peek() - '0');
        if (is_past_point) ++fraction_digits;
      } else if (!is_past_point) {
        ++dropped;
      }
    } else if (scan.peek() == '.' && !is_past_point) {
      is_past_point = true;
    } else {
      break;
    }
  }
  if (!has_digits) return std::nullopt;
  int exponent = 0;
  if (scan.peek() == 'e' || scan.peek() == 'E') {
    scan.skip(1);
    bool is_small = scan.skip_if('-');
    if (!is_small) scan.skip_if('+');
    int digits = 0;
    exponent = scan.take_number(digits);
    if (digits == 0 || exponent > 1'000'000) return std::nullopt;
    if (is_small) exponent = -exponent;
  }
  if (!scan.at_end()) return std::nullopt;
  if (value == 0) return Decimal{0};
  int shift = exponent + dropped - fraction_digits + kDecimalScale;
  for (; shift > 0; --shift) {
    if (value >= kDecimalLimit / 10) return std::nullopt;
    value *= 10;
  }
  if (shift < 0) {
    if (shift < -39) return Decimal{0};
    for (; shift < -1; ++shift) value /= 10;
    value = (value + 5) / 10;
  }
  return is_negative ? -value : value;
}

void append_decimal(std::string& out, Decimal value) {
  if (value < 0) {
    out += '-';
    value = -value;
  }
  char digits[48];
  char* end = digits + sizeof(digits);
  auto whole = value / kDecimalOne;
  auto fraction = static_cast<uint64_t>(value % kDecimalOne);
  char* next = end;
  do {
    *--next = static_cast<char>('0' + static_cast<int>(whole % 10));
    whole /= 10;
  } while (whole != 0);
  out.append(next, end);
  if (fraction == 0) return;
  out += '.';
  int count = kDecimalScale;
  for (; fraction % 10 == 0; fraction /= 10) --count;
  for (int i = count - 1; i >= 0; --i, fraction /= 10)
    digits[i] = static_cast<char>('0' + fraction % 10);
  out.append(digits, static_cast<size_t>(count));
}

}  // namespace rivulet
