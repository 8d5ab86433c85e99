#include "kql/lexer.h"

#include <array>
#include <cmath>
#include <cstdlib>

#include "common/error.h"
#include "types/text.h"

namespace rivulet::kql {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
bool is_name_char(char c) {
  return is_name_start(c) || is_digit(c);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

struct TypedLiteralName {
  std::string_view name;
  ScalarType type;
};
constexpr std::array kTypedLiterals{
    TypedLiteralName{"bool", ScalarType::kBool},
    TypedLiteralName{"boolean", ScalarType::kBool},
    TypedLiteralName{"int", ScalarType::kInt},
    TypedLiteralName{"long", ScalarType::kLong},
    TypedLiteralName{"real", ScalarType::kReal},
    TypedLiteralName{"double", ScalarType::kReal},
    TypedLiteralName{"decimal", ScalarType::kDecimal},
    TypedLiteralName{"datetime", ScalarType::kDateTime},
    TypedLiteralName{"date", ScalarType::kDateTime},
    TypedLiteralName{"timespan", ScalarType::kTimeSpan},
    TypedLiteralName{"time", ScalarType::kTimeSpan},
    TypedLiteralName{"guid", ScalarType::kGuid},
    TypedLiteralName{"uuid", ScalarType::kGuid},
    TypedLiteralName{"uniqueid", ScalarType::kGuid},
    TypedLiteralName{"dynamic", ScalarType::kDynamic},
};

struct TimeUnit {
  std::string_view name;
  double ticks;
};
constexpr std::array kTimeUnits{
    TimeUnit{"d", kTicksPerDay},
    TimeUnit{"day", kTicksPerDay},
    TimeUnit{"days", kTicksPerDay},
    TimeUnit{"h", kTicksPerHour},
    TimeUnit{"hr", kTicksPerHour},
    TimeUnit{"hrs", kTicksPerHour},
    TimeUnit{"hour", kTicksPerHour},
    TimeUnit{"hours", kTicksPerHour},
    TimeUnit{"m", kTicksPerMinute},
    TimeUnit{"min", kTicksPerMinute},
    TimeUnit{"minute", kTicksPerMinute},
    TimeUnit{"minutes", kTicksPerMinute},
    TimeUnit{"s", kTicksPerSecond},
    TimeUnit{"sec", kTicksPerSecond},
    TimeUnit{"second", kTicksPerSecond},
    TimeUnit{"seconds", kTicksPerSecond},
    TimeUnit{"ms", kTicksPerMillisecond},
    TimeUnit{"milli", kTicksPerMillisecond},
    TimeUnit{"millis", kTicksPerMillisecond},
    TimeUnit{"millisecond", kTicksPerMillisecond},
    TimeUnit{"milliseconds", kTicksPerMillisecond},
    TimeUnit{"micro", kTicksPerMicrosecond},
    TimeUnit{"micros", kTicksPerMicrosecond},
    TimeUnit{"microsecond", kTicksPerMicrosecond},
    TimeUnit{"microseconds", kTicksPerMicrosecond},
    TimeUnit{"us", kTicksPerMicrosecond},
    TimeUnit{"nano", 0.01},
    TimeUnit{"nanos", 0.01},
    TimeUnit{"nanosecond", 0.01},
    TimeUnit{"nanoseconds", 0.01},
    TimeUnit{"tick", 1},
    TimeUnit{"ticks", 1},
};

// Longest first within a common start.
constexpr std::array<std::string_view, 15> kLongPunctuation{
    "==", "!=", "=~", "!~", "<=", ">=", "<>", "<|", "..", "=>", "&&", "||", ":=", "::", "~~"};

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return (c | 0x20) - 'a' + 10;
}

// Reads `digits` hexadecimal digits at `at`; -1 when there are fewer.
int64_t read_hex(std::string_view text, size_t at, size_t digits) {
  if (at + digits > text.size()) return -1;
  int64_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (!is_hex_digit(text[at + i])) return -1;
    value = value * 16 + hex_value(text[at + i]);
  }
  return value;
}

// One escape sequence; `at` points behind the backslash and is moved past the sequence. False when it is
// none that KQL knows.
bool append_escape(std::string& out, std::string_view text, size_t& at) {
  if (at >= text.size()) return false;
  char c = text[at++];
  switch (c) {
    case 'n':
      out += '\n';
      return true;
    case 't':
      out += '\t';
      return true;
    case 'r':
      out += '\r';
      return true;
    case 'b':
      out += '\b';
      return true;
    case 'f':
      out += '\f';
      return true;
    case 'v':
      out += '\v';
      return true;
    case 'a':
      out += '\a';
      return true;
    case '0':
      out += '\0';
      return true;
    case '\\':
    case '\'':
    case '"':
    case '/':
    case '`':
      out += c;
      return true;
    case 'x':
    case 'u':
    case 'U': {
      size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      int64_t code = read_hex(text, at, digits);
      if (code < 0 || code > 0x10FFFF) return false;
      at += digits;
      if (code >= 0xD800 && code < 0xDC00 && at + 1 < text.size() && text[at] == '\\' &&
          text[at + 1] == 'u') {
        int64_t low = read_hex(text, at + 2, 4);
        if (low >= 0xDC00 && low < 0xE000) {
          at += 6;
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
      }
      append_utf8(out, static_cast<uint32_t>(code));
      return true;
    }
    default:
      return false;
  }
}

// Offset of the ')' that ends a literal whose inside starts at `at`, passing over strings and nested
// brackets; npos when there is none.
size_t find_closing(std::string_view text, size_t at) {
  int depth = 0;
  while (at < text.size()) {
    char c = text[at];
    if (c == '\'' || c == '"') {
      bool verbatim = at > 0 && text[at - 1] == '@';
      char quote = c;
      ++at;
      while (at < text.size() && text[at] != quote) {
        if (text[at] == '\\' && !verbatim) ++at;
        ++at;
      }
      if (at >= text.size()) return std::string_view::npos;
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      if (depth == 0) return c == ')' ? at : std::string_view::npos;
      --depth;
    }
    ++at;
  }
  return std::string_view::npos;
}

constexpr int kMaxDynamicDepth = 200;

// Parses the inside of a dynamic literal into compact JSON.
class DynamicReader {
 public:
  explicit DynamicReader(std::string_view text) : text_(text) {}

  std::optional<std::string> read() {
    skip();
    if (at_ == text_.size()) return std::nullopt;
    if (!value(0)) return std::nullopt;
    skip();
    if (at_ != text_.size()) return std::nullopt;
    return std::move(out_);
  }

 private:
  void skip() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else {
        return;
      }
    }
  }
  bool accept(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool value(int depth) {
    if (depth > kMaxDynamicDepth) return false;
    skip();
    if (at_ >= text_.size()) return false;
    char c = text_[at_];
    if (c == '{') return object(depth);
    if (c == '[') return array(depth);
    if (c == '"' || c == '\'' || c == '@') {
      std::string text;
      if (!string(text)) return false;
      append_json_string(out_, text);
      return true;
    }
    return scalar();
  }

  bool object(int depth) {
    ++at_;
    out_ += '{';
    bool first = true;
    while (!accept('}')) {
      if (!first) {
        if (!accept(',')) return false;
        out_ += ',';
      }
      first = false;
      skip();
      std::string key;
      if (!string(key) || !accept(':')) return false;
      append_json_string(out_, key);
      out_ += ':';
      if (!value(depth + 1)) return false;
    }
    out_ += '}';
    return true;
  }

  bool array(int depth) {
    ++at_;
    out_ += '[';
    bool first = true;
    while (!accept(']')) {
      if (!first) {
        if (!accept(',')) return false;
        skip();
        if (accept(']')) break;
        out_ += ',';
      }
      first = false;
      if (!value(depth + 1)) return false;
    }
    out_ += ']';
    return true;
  }

  bool string(std::string& text) {
    bool verbatim = at_ < text_.size() && text_[at_] == '@';
    if (verbatim) ++at_;
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return false;
    char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && !verbatim) {
        ++at_;
        if (!append_escape(text, text_, at_)) return false;
      } else {
        text += text_[at_++];
      }
    }
    if (at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  // A number, true, false, null, or one of KQL's own literals.
  bool scalar() {
    size_t start = at_;
    size_t end = at_;
    while (end < text_.size() && text_[end] != ',' && text_[end] != ']' && text_[end] != '}' &&
           text_[end] != '(' && !is_blank(text_[end])) {
      ++end;
    }
    std::string_view word = text_.substr(start, end - start);
    if (end < text_.size() && text_[end] == '(') {
      for (const TypedLiteralName& typed : kTypedLiterals) {
        if (typed.name != word) continue;
        size_t closing = find_closing(text_, end + 1);
        if (closing == std::string_view::npos) return false;
        auto literal = literal_from_text(typed.type, text_.substr(end + 1, closing - end - 1));
        if (!literal) return false;
        at_ = closing + 1;
        append_literal(*literal);
        return true;
      }
      return false;
    }
    at_ = end;
    if (word == "null" || word == "true" || word == "false") {
      out_ += word;
      return true;
    }
    if (word == "True" || word == "False") {
      out_ += word == "True" ? "true" : "false";
      return true;
    }
    if (word.empty()) return false;
    return number(word);
  }

  bool number(std::string_view word) {
    std::string_view digits = word;
    if (digits.front() == '-' || digits.front() == '+') digits.remove_prefix(1);
    if (digits.empty() || (!is_digit(digits.front()) && digits.front() != '.')) return false;
    if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
      auto value = parse_long(word);
      if (!value) return false;
      out_ += std::to_string(*value);
      return true;
    }
    bool is_plain = true;  // what JSON itself takes
    for (char c : digits) is_plain = is_plain && is_digit(c);
    if (is_plain && (digits.size() == 1 || digits.front() != '0')) {
      if (word.front() == '+') word.remove_prefix(1);
      out_ += word;
      return true;
    }
    if (auto value = parse_real(word)) {
      std::string text;
      append_real(text, *value);
      if (text.find_first_of(".eE") == std::string::npos) text += ".0";
      out_ += text;
      return true;
    }
    // 1d, 2h: a timespan literal.
    Lexer lexer(digits);
    Token token = lexer.next();
    if (token.kind != Token::Kind::kLiteral || token.literal.type != ScalarType::kTimeSpan ||
        token.text.size() != digits.size()) {
      return false;
    }
    append_literal(token.literal);
    return true;
  }

  void append_literal(const Literal& literal) {
    if (literal.is_null()) {
      out_ += "null";
      return;
    }
    std::string text;
    switch (literal.type) {
      case ScalarType::kBool:
        out_ += std::get<bool>(literal.value) ? "true" : "false";
        return;
      case ScalarType::kInt:
        out_ += std::to_string(std::get<int32_t>(literal.value));
        return;
      case ScalarType::kLong:
        out_ += std::to_string(std::get<int64_t>(literal.value));
        return;
      case ScalarType::kReal: {
        double value = std::get<double>(literal.value);
        if (!std::isfinite(value)) {
          append_real(text, value);
          append_json_string(out_, text);
          return;
        }
        append_real(text, value);
        if (text.find_first_of(".eE") == std::string::npos) text += ".0";
        out_ += text;
        return;
      }
      case ScalarType::kDynamic:
        out_ += std::get<std::string>(literal.value);
        return;
      case ScalarType::kString:
        text = std::get<std::string>(literal.value);
        break;
      case ScalarType::kDateTime:
        append_datetime(text, std::get<int64_t>(literal.value));
        break;
      case ScalarType::kTimeSpan:
        append_timespan(text, std::get<int64_t>(literal.value));
        break;
      case ScalarType::kDecimal:
        append_decimal(text, std::get<Decimal>(literal.value));
        break;
      case ScalarType::kGuid:
        text = to_string(std::get<Guid>(literal.value));
        break;
    }
    append_json_string(out_, text);
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
};

// datetime(2017 - 08 - 01) and datetime(2017, 8, 1) are dates too.
std::optional<Ticks> parse_datetime_literal(std::string_view text) {
  if (auto ticks = parse_datetime(text)) return ticks;
  std::string parts[3];
  size_t part = 0;
  for (char c : text) {
    if (is_digit(c)) {
      parts[part] += c;
    } else if (c == '-' || c == ',') {
      if (++part > 2) return std::nullopt;
    } else if (c != ' ') {
      return std::nullopt;
    }
  }
  if (part != 2 || parts[0].size() != 4) return std::nullopt;
  for (size_t i : {1, 2}) {
    if (parts[i].size() == 1) parts[i].insert(0, "0");
  }
  return parse_datetime(parts[0] + "-" + parts[1] + "-" + parts[2]);
}

// The text of a literal's inside when it is a quoted string, else the inside itself.
std::string unquoted(std::string_view text) {
  if (!text.empty() && (text.front() == '\'' || text.front() == '"' || text.front() == '@')) {
    Token token = Lexer(text).next();
    if (token.is_string() && token.text.size() == text.size()) {
      return std::get<std::string>(token.literal.value);
    }
  }
  return std::string(text);
}

}  // namespace

std::optional<std::string> dynamic_literal_json(std::string_view text) {
  return DynamicReader(text).read();
}

std::optional<Literal> literal_from_text(ScalarType type, std::string_view text) {
  text = trim(text);
  Literal literal;
  literal.type = type;
  if (text == "null" || (text.empty() && type != ScalarType::kString)) return literal;
  if (type == ScalarType::kDynamic) {
    auto json = dynamic_literal_json(text);
    if (!json) return std::nullopt;
    if (*json != "null") literal.value = std::move(*json);
    return literal;
  }
  std::string inside = unquoted(text);
  auto set = [&](auto&& parsed) -> std::optional<Literal> {
    if (!parsed) return std::nullopt;
    literal.value = *parsed;
    return literal;
  };
  switch (type) {
    case ScalarType::kBool:
      return set(parse_bool(inside));
    case ScalarType::kInt:
      return set(parse_int(inside));
    case ScalarType::kLong:
      return set(parse_long(inside));
    case ScalarType::kReal:
      return set(parse_real(inside));
    case ScalarType::kDecimal:
      return set(parse_decimal(inside));
    case ScalarType::kDateTime:
      return set(parse_datetime_literal(inside));
    case ScalarType::kTimeSpan:
      return set(parse_timespan(inside));
    case ScalarType::kGuid:
      return set(parse_guid(inside));
    case ScalarType::kString:
      literal.value = std::move(inside);
      return literal;
    case ScalarType::kDynamic:
      break;
  }
  return std::nullopt;
}

void Lexer::fail(std::string_view message) const {
  throw syntax_error(message, position_.line, position_.column);
}

void Lexer::advance(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (text_[offset_ + i] == '\n') {
      ++position_.line;
      position_.column = 1;
    } else {
      ++position_.column;
    }
  }
  offset_ += count;
}

void Lexer::skip_blanks() {
  while (offset_ < text_.size()) {
    std::string_view left = rest();
    bool is_directive = left.front() == '#' && position_.column == 1;
    if (is_blank(left.front())) {
      advance(1);
    } else if (left.starts_with("\xEF\xBB\xBF")) {
      advance(3);
    } else if (left.starts_with("\xC2\xA0")) {
      advance(2);
    } else if (left.starts_with("//") || is_directive) {
      advance(std::min(left.find('\n'), left.size()));
    } else {
      return;
    }
  }
}

Token Lexer::next() {
  size_t before = offset_;
  skip_blanks();
  Token token;
  token.has_space_before = offset_ != before || offset_ == 0;
  token.offset = offset_;
  token.position = position_;
  if (offset_ >= text_.size()) {
    token.text = text_.substr(text_.size());
    return token;
  }
  char c = peek();
  if (!try_string(token)) {
    if (is_digit(c)) {
      read_number(token);
    } else if (is_name_start(c) || static_cast<unsigned char>(c) >= 0x80) {
      read_name(token);
    } else {
      read_punctuation(token);
    }
  }
  token.text = text_.substr(token.offset, offset_ - token.offset);
  return token;
}

bool Lexer::try_string(Token& token) {
  size_t prefix = 0;
  bool obfuscated = (peek() == 'h' || peek() == 'H');
  if (obfuscated) ++prefix;
  bool verbatim = peek(prefix) == '@';
  if (verbatim) ++prefix;
  std::string_view left = rest().substr(std::min(prefix, text_.size() - offset_));
  bool is_block = left.starts_with("```") || left.starts_with("~~~");
  if (!is_block && !left.starts_with("'") && !left.starts_with("\"")) return false;

  std::string value;
  size_t length = 0;  // of the literal in `left`
  if (is_block) {
    size_t end = left.find(left.substr(0, 3), 3);
    if (end == std::string_view::npos) fail("Unterminated string literal");
    value = left.substr(3, end - 3);
    length = end + 3;
  } else {
    char quote = left.front();
    size_t at = 1;
    for (;;) {
      bool at_line_break =
          at < left.size() && !options_.allow_line_breaks && (left[at] == '\n' || left[at] == '\r');
      if (at >= left.size() || at_line_break) fail("Unterminated string literal");
      if (left[at] == quote) {
        if (verbatim && at + 1 < left.size() && left[at + 1] == quote) {
          value += quote;
          at += 2;
          continue;
        }
        break;
      }
      if (left[at] == '\\' && !verbatim) {
        ++at;
        if (!append_escape(value, left, at))
          fail("Malformed string literal: unknown escape sequence");
      } else {
        value += left[at++];
      }
    }
    length = at + 1;
  }
  advance(prefix + length);
  token.kind = Token::Kind::kLiteral;
  token.literal = {ScalarType::kString, std::move(value)};
  token.is_obfuscated = obfuscated;
  return true;
}

void Lexer::read_number(Token& token) {
  token.kind = Token::Kind::kLiteral;
  std::string_view left = rest();
  if (left.size() > 2 && left[0] == '0' && (left[1] == 'x' || left[1] == 'X') &&
      is_hex_digit(left[2])) {
    size_t length = 2;
    while (length < left.size() && is_hex_digit(left[length])) ++length;
    auto value = parse_long(left.substr(0, length));
    if (!value) fail("The number is out of the range of long");
    token.literal = {ScalarType::kLong, *value};
    advance(length);
    return;
  }
  size_t length = 0;
  while (length < left.size() && is_digit(left[length])) ++length;
  bool is_real = false;
  if (length + 1 < left.size() && left[length] == '.' && is_digit(left[length + 1])) {
    is_real = true;
    ++length;
    while (length < left.size() && is_digit(left[length])) ++length;
  } else if (length < left.size() && left[length] == '.' &&
             (length + 1 == left.size() ||
              (left[length + 1] != '.' && !is_name_start(left[length + 1])))) {
    is_real = true;
    ++length;
  }
  if (length < left.size() && (left[length] == 'e' || left[length] == 'E')) {
    size_t at = length + 1;
    if (at < left.size() && (left[at] == '+' || left[at] == '-')) ++at;
    if (at < left.size() && is_digit(left[at])) {
      is_real = true;
      while (at < left.size() && is_digit(left[at])) ++at;
      length = at;
    }
  }
  std::string digits(left.substr(0, length));
  size_t unit_end = length;
  while (unit_end < left.size() && is_name_char(left[unit_end])) ++unit_end;
  if (unit_end > length) {
    std::string_view unit = left.substr(length, unit_end - length);
    for (const TimeUnit& known : kTimeUnits) {
      if (known.name != unit) continue;
      double ticks = std::strtod(digits.c_str(), nullptr) * known.ticks;
      if (std::abs(ticks) > 9.22e18) fail("The timespan is out of range");
      token.literal = {ScalarType::kTimeSpan, static_cast<int64_t>(std::llround(ticks))};
      if (!is_real && known.ticks >= 1) {
        // Exact beyond 2^53.
        auto count = parse_long(digits);
        if (count) token.literal.value = *count * static_cast<int64_t>(known.ticks);
      }
      advance(unit_end);
      return;
    }
    // A name may start with digits ("2020_sales").
    if (!is_real) {
      token.kind = Token::Kind::kName;
      advance(unit_end);
      return;
    }
    fail("Unexpected characters after a number");
  }
  if (is_real) {
    token.literal = {ScalarType::kReal, std::strtod(digits.c_str(), nullptr)};
  } else {
    auto value = parse_long(digits);
    if (!value) fail("The number is out of the range of long");
    token.literal = {ScalarType::kLong, *value};
  }
  advance(length);
}

bool Lexer::try_typed_literal(Token& token, std::string_view name) {
  for (const TypedLiteralName& typed : kTypedLiterals) {
    if (typed.name != name) continue;
    size_t at = offset_ + name.size();
    while (at < text_.size() && is_blank(text_[at])) ++at;
    if (at >= text_.size() || text_[at] != '(') return false;
    size_t closing = find_closing(text_, at + 1);
    if (closing == std::string_view::npos) {
      advance(at - offset_);
      fail("Missing ')' after a literal of type " + std::string(name));
    }
    auto literal = literal_from_text(typed.type, text_.substr(at + 1, closing - at - 1));
    if (!literal)
      fail("'" + std::string(text_.substr(offset_, closing + 1 - offset_)) +
           "' is not a valid literal of type " + std::string(kusto_name(typed.type)));
    token.kind = Token::Kind::kLiteral;
    token.literal = std::move(*literal);
    advance(closing + 1 - offset_);
    return true;
  }
  return false;
}

void Lexer::read_name(Token& token) {
  std::string_view left = rest();
  size_t length = 0;
  while (length < left.size() &&
         (is_name_char(left[length]) || static_cast<unsigned char>(left[length]) >= 0x80)) {
    ++length;
  }
  std::string_view name = left.substr(0, length);
  if (try_typed_literal(token, name)) return;
  token.kind = Token::Kind::kName;
  advance(length);
}

void Lexer::read_punctuation(Token& token) {
  token.kind = Token::Kind::kPunctuation;
  std::string_view left = rest();
  for (std::string_view known : kLongPunctuation) {
    if (left.starts_with(known)) {
      advance(known.size());
      return;
    }
  }
  constexpr std::string_view kSingle = "|;,()[]{}<>=+-*/%:.?!~@&^";
  if (kSingle.find(left.front()) == std::string_view::npos) {
    fail("Unexpected character '" + std::string(1, left.front()) + "'");
  }
  advance(1);
}

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  Lexer lexer(text);
  do {
    tokens.push_back(lexer.next());
  } while (tokens.back().kind != Token::Kind::kEnd);
  return tokens;
}

}  // namespace rivulet::kql
