#include "types/json_reader.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include <xxhash.h>

#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet {
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

uint64_t hash_name(std::string_view name) {
  size_t size = name.size();
  if (size < 4 || size > 16) return XXH3_64bits(name.data(), size);
  // Two words that may overlap hold the whole name.
  uint64_t first = 0, last = 0;
  size_t word = size >= 8 ? 8 : 4;
  std::memcpy(&first, name.data(), word);
  std::memcpy(&last, name.data() + size - word, word);
  auto product = static_cast<unsigned __int128>(first ^ (0x9e3779b97f4a7c15 + size)) *
                 (last ^ 0xd6e8feb86659fd93);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

void JsonNames::add(std::string_view name) {
  uint64_t hash = hash_name(name);
  if (few_ == kFew) {
    more_.push_back(hash);
    return;
  }
  uint64_t bit = uint64_t{1} << (hash >> 58);
  if ((seen_bits_ & bit) != 0) {
    for (size_t i = 0; i < few_; ++i) repeats_ |= first_[i] == hash;
  }
  seen_bits_ |= bit;
  first_[few_++] = hash;
}

bool JsonNames::may_repeat() {
  if (repeats_ || more_.empty()) return repeats_;
  more_.insert(more_.end(), first_.begin(), first_.end());
  std::sort(more_.begin(), more_.end());
  repeats_ = std::adjacent_find(more_.begin(), more_.end()) != more_.end();
  return repeats_;
}

inline void JsonReader::skip_blanks() {
  if (at_ == end_ || static_cast<unsigned char>(*at_) > ' ') return;
  const char* start = at_;
  while (at_ != end_ && text::is_blank(*at_)) ++at_;
  is_altered_ |= at_ != start;
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
  if (take(c)) return;
  switch (c) {
    case ':':
      return fail("':' was expected");
    case '}':
      return fail("'}' was expected");
    case ']':
      return fail("']' was expected");
    case '{':
      return fail("'{' was expected");
    default:
      return fail("'[' was expected");
  }
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
      bool altered_before = is_altered_;
      is_altered_ = false;
      skip_value<true>();
      result.is_plain = !is_altered_;
      is_altered_ |= altered_before;
      break;
    }
    case 't':
    case 'f':
      result.kind = JsonValue::Kind::kBool;
      skip_value<true>();
      break;
    case 'n':
      result.kind = JsonValue::Kind::kNull;
      skip_value<true>();
      break;
    default:
      result.kind = JsonValue::Kind::kNumber;
      number();
  }
  result.text = {start, static_cast<size_t>(at_ - start)};
  return result;
}

void JsonReader::skip() {
  skip_value<false>();
}

template <bool kWatchNames>
void JsonReader::skip_value() {
  skip_blanks();
  switch (at_ == end_ ? '\0' : *at_) {
    case '{':
      skip_object<kWatchNames>();
      break;
    case '[':
      skip_array<kWatchNames>();
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

template <bool kWatchNames>
void JsonReader::skip_object() {
  enter('{');
  if (!take('}')) {
    [[maybe_unused]] JsonNames names;
    do {
      bool is_plain = true;
      std::string_view name = property_name(is_plain);
      if constexpr (kWatchNames) {
        if (!is_plain) {
          is_altered_ = true;
          name_scratch_.clear();
          append_json_string_content(name_scratch_, name);
          name = name_scratch_;
        }
        names.add(name);
      }
      skip_value<kWatchNames>();
    } while (take(','));
    expect('}');
    if constexpr (kWatchNames) is_altered_ |= names.may_repeat();
  }
  leave();
}

template <bool kWatchNames>
void JsonReader::skip_array() {
  enter('[');
  if (!take(']')) {
    do {
      skip_value<kWatchNames>();
    } while (take(','));
    expect(']');
  }
  leave();
}

std::string_view JsonReader::property_name(bool& is_plain) {
  skip_blanks();
  if (at_ == end_ || *at_ != '"') {
    fail("a property name in double quotes was expected");
    return {};
  }
  std::string_view name = string(is_plain);
  expect(':');
  return name;
}

void JsonReader::enter(char open) {
  expect(open);
  if (++depth_ > kMaxJsonDepth) fail("the nesting is too deep: 512 levels are the most");
}

std::string_view JsonReader::string(bool& is_plain) {
  const char* start = ++at_;
  for (;;) {
    at_ = end_of_plain_text(at_, end_);
    if (at_ == end_) {
      fail("a string does not end");
      return {};
    }
    if (*at_ == '"') break;
    if (*at_ == '\\') {
      is_plain = false;
      if (!escape()) return {};
      continue;
    }
    bool is_line_break = *at_ == '\t' || *at_ == '\n' || *at_ == '\r';
    if (!is_line_break || strings_ == Strings::kStrict) {
      fail("a control character stands in a string");
      return {};
    }
    ++at_;
  }
  return {start, static_cast<size_t>(at_++ - start)};
}

bool JsonReader::escape() {
  if (end_ - at_ < 2) {
    fail("a string does not end");
    return false;
  }
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
      return true;
    case 'u':
      if (end_ - at_ >= 6 && is_hex_digit(at_[2]) && is_hex_digit(at_[3]) && is_hex_digit(at_[4]) &&
          is_hex_digit(at_[5])) {
        at_ += 6;
        return true;
      }
      break;
    default:
      break;
  }
  fail("an escape in a string is not valid");
  return false;
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
  if (at_ != start) return fail("a number is not valid");
  fail(at_ == end_ ? "the input ends too early" : "a value was expected");
}

void JsonReader::word(std::string_view expected) {
  if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, expected.size()) !=
      expected) {
    return fail("a value was expected");
  }
  at_ += expected.size();
}

void JsonReader::fail(std::string_view why) {
  if (!fault_) fault_ = JsonFault{why, static_cast<size_t>(at_ - begin_)};
  at_ = end_;
}

}  // namespace rivulet
