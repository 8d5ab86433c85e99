#include "kql/syntax/lexer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "common/error.h"
#include "kql/syntax/literal.h"
#include "types/text.h"

namespace rivulet::kql {
namespace {

bool is_name_start(char c) {
  return text::is_letter(c) || c == '_' || c == '$';
}
bool is_name_char(char c) {
  return is_name_start(c) || is_digit(c);
}

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

}  // namespace

void Lexer::fail(std::string_view message) const {
  throw syntax_error(message, {position_.line, position_.column});
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
    if (size_t length = blank_length(left); length > 0) {
      advance(length);
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
  const bool has_point = is_real;
  const size_t mantissa = length;
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
    // A name may start with digits ("2020_sales", "12e3_x"), and so may a guid.
    if (!has_point) {
      size_t name_end = mantissa;
      while (name_end < left.size() && is_name_char(left[name_end])) ++name_end;
      token.kind = Token::Kind::kName;
      advance(name_end);
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
  std::optional<ScalarType> type = typed_literal_type(name);
  if (!type) return false;
  size_t at = offset_ + name.size();
  while (size_t length = blank_length(text_.substr(at))) at += length;
  if (at >= text_.size() || text_[at] != '(') return false;
  size_t closing = find_closing(text_, at + 1);
  if (closing == std::string_view::npos) {
    advance(at - offset_);
    fail("Missing ')' after a literal of type " + std::string(name));
  }
  std::string_view inside = text_.substr(at + 1, closing - at - 1);
  auto literal = literal_from_text(*type, inside);
  if (!literal && *type == ScalarType::kDateTime) {
    if (auto time = parse_time_of_day(inside)) {
      // How far into the day of the query it is: the parser puts the two together.
      literal = Literal{ScalarType::kTimeSpan, *time};
    }
  }
  if (!literal) {
    constexpr size_t kShown = 200;
    std::string shown(text_.substr(offset_, std::min(closing + 1 - offset_, kShown)));
    if (closing + 1 - offset_ > kShown) shown += "…";
    fail("'" + shown + "' is not a valid literal of type " + std::string(kusto_name(*type)));
  }
  token.kind = Token::Kind::kLiteral;
  token.literal = std::move(*literal);
  advance(closing + 1 - offset_);
  return true;
}

void Lexer::read_name(Token& token) {
  std::string_view left = rest();
  size_t length = 0;
  while (length < left.size() &&
         (is_name_char(left[length]) || (static_cast<unsigned char>(left[length]) >= 0x80 &&
                                         blank_length(left.substr(length)) == 0))) {
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

std::string hide_secrets(std::string_view text) {
  constexpr std::string_view kHidden = "h'****'";
  // Where h'… begins at or behind `from`, as far as one can see without lexing.
  auto find_secret = [text](size_t from) {
    for (size_t at = from; (at = text.find_first_of("hH", at)) != std::string_view::npos; ++at) {
      size_t quote = at + 1 < text.size() && text[at + 1] == '@' ? at + 2 : at + 1;
      if (quote < text.size() &&
          std::string_view("'\"`~").find(text[quote]) != std::string_view::npos)
        return at;
    }
    return std::string_view::npos;
  };
  if (find_secret(0) == std::string_view::npos) return std::string(text);
  std::string shown;
  size_t copied = 0;
  Lexer lexer(text, {.allow_line_breaks = true});
  try {
    for (Token token = lexer.next(); token.kind != Token::Kind::kEnd; token = lexer.next()) {
      if (!token.is_obfuscated) continue;
      shown += text.substr(copied, token.offset - copied);
      shown += kHidden;
      copied = token.end_offset();
    }
  } catch (const Error&) {
    size_t secret = find_secret(lexer.offset());
    if (secret != std::string_view::npos) {
      return shown.append(text.substr(copied, secret - copied)).append(kHidden);
    }
  }
  return shown.append(text.substr(copied));
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
