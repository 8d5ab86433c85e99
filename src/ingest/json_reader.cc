#include "ingest/json_reader.h"

#include <emmintrin.h>

#include <bit>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "common/error.h"
#include "types/text_scanner.h"

namespace rivulet::ingest {
namespace {

bool is_hex_digit(char c) {
  return text::is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The first byte that ends a run of plain text in a string: a quote, a backslash or a control character.
const char* end_of_plain_text(const char* at, const char* end) {
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1f);
  for (; end - at >= 16; at += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i is_control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
    __m128i found = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)), is_control);
    auto mask = static_cast<uint32_t>(_mm_movemask_epi8(found));
    if (mask != 0) return at + std::countr_zero(mask);
  }
  while (at != end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) > 0x1f) ++at;
  return at;
}

}  // namespace

inline void JsonReader::skip_blanks() {
  if (at_ == end_ || static_cast<unsigned char>(*at_) > ' ') return;
  const char* start = at_;
  while (at_ != end_ && text::is_blank(*at_)) ++at_;
  passed_blanks_ |= at_ != start;
}

bool JsonReader::at_end() {
  skip_blanks();
  return at_ == end_;
}

char JsonReader::peek() {
  skip_blanks();
  return at_ == end_ ? '\0' : *at_;
}

bool JsonReader::take(char c) {
  skip_blanks();
  if (at_ == end_ || *at_ != c) return false;
  ++at_;
  return true;
}

void JsonReader::expect(char c) {
  if (!take(c)) fail(fmt::format("'{}' was expected", c));
}

JsonValue JsonReader::value() {
  JsonValue result;
  skip_blanks();
  const char* start = at_;
  switch (at_ == end_ ? '\0' : *at_) {
    case '"':
      result.kind = JsonValue::Kind::kString;
      result.text = string(result.is_plain);
      return result;
    case '{':
    case '[': {
      result.kind = *at_ == '{' ? JsonValue::Kind::kObject : JsonValue::Kind::kArray;
      bool passed_before = passed_blanks_;
      passed_blanks_ = false;
      skip_value();
      result.is_plain = !passed_blanks_;
      passed_blanks_ |= passed_before;
      break;
    }
    case 't':
    case 'f':
      result.kind = JsonValue::Kind::kBool;
      skip_value();
      break;
    case 'n':
      result.kind = JsonValue::Kind::kNull;
      skip_value();
      break;
    default:
      result.kind = JsonValue::Kind::kNumber;
      skip_value();
  }
  result.text = {start, static_cast<size_t>(at_ - start)};
  return result;
}

void JsonReader::skip_value() {
  skip_blanks();
  switch (at_ == end_ ? '\0' : *at_) {
    case '{':
      skip_container('}', true);
      break;
    case '[':
      skip_container(']', false);
      break;
    case '"': {
      bool ignored = true;
      string(ignored);
      break;
    }
    case 't':
      word("true");
      break;
    case 'f':
      word("false");
      break;
    case 'n':
      word("null");
      break;
    default:
      number();
  }
}

void JsonReader::skip_container(char close, bool has_names) {
  enter(*at_);
  if (!take(close)) {
    do {
      if (has_names) {
        bool ignored = true;
        property_name(ignored);
      }
      skip_value();
    } while (take(','));
    expect(close);
  }
  leave();
}

std::string_view JsonReader::property_name(bool& is_plain) {
  skip_blanks();
  if (at_ == end_ || *at_ != '"') fail("a property name in double quotes was expected");
  std::string_view name = string(is_plain);
  expect(':');
  return name;
}

void JsonReader::enter(char open) {
  expect(open);
  if (++depth_ > kMaxDepth) fail("the nesting is too deep");
}

std::string_view JsonReader::string(bool& is_plain) {
  const char* start = ++at_;
  for (;;) {
    at_ = end_of_plain_text(at_, end_);
    if (at_ == end_) fail("a string does not end");
    if (*at_ == '"') break;
    if (*at_ != '\\') fail("a control character stands in a string");
    is_plain = false;
    escape();
  }
  return {start, static_cast<size_t>(at_++ - start)};
}

void JsonReader::escape() {
  if (end_ - at_ < 2) fail("a string does not end");
  switch (at_[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      at_ += 2;
      return;
    case 'u':
      if (end_ - at_ >= 6 && is_hex_digit(at_[2]) && is_hex_digit(at_[3]) && is_hex_digit(at_[4]) &&
          is_hex_digit(at_[5])) {
        at_ += 6;
        return;
      }
      break;
    default:
      break;
  }
  fail("an escape in a string is not valid");
}

void JsonReader::number() {
  auto digits = [this] {
    const char* start = at_;
    while (at_ != end_ && text::is_digit(*at_)) ++at_;
    return at_ - start;
  };
  const char* start = at_;
  if (at_ != end_ && *at_ == '-') ++at_;
  bool has_leading_zero = at_ != end_ && *at_ == '0';
  auto whole = digits();
  bool is_valid = whole == 1 || (whole > 1 && !has_leading_zero);
  if (is_valid && at_ != end_ && *at_ == '.') {
    ++at_;
    is_valid = digits() > 0;
  }
  if (is_valid && at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    is_valid = digits() > 0;
  }
  if (is_valid) return;
  if (at_ == start) fail(at_ == end_ ? "the input ends too early" : "a value was expected");
  fail("a number is not valid");
}

void JsonReader::word(std::string_view expected) {
  if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, expected.size()) !=
      expected) {
    fail("a value was expected");
  }
  at_ += expected.size();
}

void JsonReader::fail(std::string_view why) const {
  throw bad_request("BadRequest_UnexpectedCharacterInInputStream",
                    fmt::format("Invalid JSON in record {}, at byte {} of the input: {}.", record_,
                                origin_ + static_cast<size_t>(at_ - begin_), why));
}

}  // namespace rivulet::ingest
