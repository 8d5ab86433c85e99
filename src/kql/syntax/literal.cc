#include "kql/syntax/literal.h"

#include <array>
#include <cmath>

#include "kql/syntax/lexer.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::kql {
namespace {

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

// Parses the inside of a dynamic literal, which is more than JSON, into compact JSON.
class DynamicReader {
 public:
  explicit DynamicReader(std::string_view text) : text_(text) {}

  std::optional<std::string> read() {
    if (!value(0)) return std::nullopt;
    skip();
    if (at_ != text_.size()) return std::nullopt;
    return read_json(out_);
  }

 private:
  void skip() {
    while (at_ < text_.size()) {
      if (size_t length = blank_length(text_.substr(at_)); length > 0) {
        at_ += length;
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

  // `depth`: of the values around it.
  bool value(int depth) {
    if (depth > kMaxJsonDepth) return false;
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
    return scalar(depth);
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
  bool scalar(int depth) {
    size_t start = at_;
    size_t end = at_;
    while (end < text_.size() && text_[end] != ',' && text_[end] != ']' && text_[end] != '}' &&
           text_[end] != '(' && text_[end] != ')' && blank_length(text_.substr(end)) == 0) {
      ++end;
    }
    std::string_view word = text_.substr(start, end - start);
    if (end < text_.size() && text_[end] == '(') {
      std::optional<ScalarType> type = typed_literal_type(word);
      if (!type) return false;
      if (*type == ScalarType::kDynamic) {
        at_ = end + 1;
        return value(depth + 1) && accept(')');
      }
      size_t closing = find_closing(text_, end + 1);
      if (closing == std::string_view::npos) return false;
      std::string_view inside = text_.substr(end + 1, closing - end - 1);
      at_ = closing + 1;
      auto literal = literal_from_text(*type, inside);
      if (literal) append_literal(*literal);
      return literal.has_value();
    }
    at_ = end;
    if (word == "null") {
      out_ += word;
      return true;
    }
    if (std::optional<bool> flag = bool_word(word)) {
      out_ += *flag ? "true" : "false";
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
      case ScalarType::kDynamic:
        break;  // scalar() reads it in place
    }
    append_json_string(out_, text);
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
};

// datetime(2017 - 08 - 01) and datetime(2017, 8, 1) are dates too, and datetime(0) is as many ticks as it says.
std::optional<Ticks> parse_datetime_literal(std::string_view text) {
  if (auto ticks = parse_datetime(text)) return ticks;
  if (auto ticks = parse_long(text)) {
    return *ticks >= 0 && *ticks <= kMaxDateTimeTicks ? ticks : std::nullopt;
  }
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

std::string_view trimmed(std::string_view text) {
  while (size_t length = blank_length(text)) text.remove_prefix(length);
  size_t end = 0;  // of what is no white space
  for (size_t at = 0; at < text.size();) {
    size_t length = blank_length(text.substr(at));
    at += length > 0 ? length : 1;
    if (length == 0) end = at;
  }
  return text.substr(0, end);
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

size_t blank_length(std::string_view text) {
  if (text.empty()) return 0;
  if (is_blank(text.front())) return 1;
  if (text.starts_with("\xC2\xA0")) return 2;  // U+00A0
  for (std::string_view wide : {"\xE1\x9A\x80", "\xE1\xA0\x8E", "\xE2\x80\xAF", "\xE2\x81\x9F",
                                "\xE3\x80\x80", "\xEF\xBB\xBF"}) {
    if (text.starts_with(wide)) return 3;  // U+1680, 180E, 202F, 205F, 3000, FEFF
  }
  bool is_general = text.size() >= 3 && text.starts_with("\xE2\x80") &&
                    static_cast<unsigned char>(text[2]) <= 0x8B;
  return is_general ? 3 : 0;  // U+2000 to 200B
}

std::optional<bool> bool_word(std::string_view word) {
  if (word == "true" || word == "True" || word == "TRUE") return true;
  if (word == "false" || word == "False" || word == "FALSE") return false;
  return std::nullopt;
}

std::optional<Ticks> parse_time_of_day(std::string_view text) {
  constexpr std::string_view kDay = "2000-01-01";
  std::string inside = unquoted(trimmed(text));
  if (inside.empty() || !is_digit(inside.front())) return std::nullopt;
  auto ticks = parse_datetime(std::string(kDay) + " " + inside);
  auto day = parse_datetime(kDay);
  if (!ticks || *ticks < *day || *ticks >= *day + kTicksPerDay) return std::nullopt;
  return *ticks - *day;
}

std::optional<int64_t> parse_whole(std::string_view text) {
  if (const auto whole = parse_long(text)) return whole;
  const auto real = parse_real(text);
  if (!real || !(std::abs(*real) < 9.2233720368547748e18) || std::trunc(*real) != *real)
    return std::nullopt;
  return static_cast<int64_t>(*real);
}

std::optional<ScalarType> typed_literal_type(std::string_view name) {
  for (const TypedLiteralName& typed : kTypedLiterals) {
    if (typed.name == name) return typed.type;
  }
  return std::nullopt;
}

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

std::optional<Literal> literal_from_text(ScalarType type, std::string_view text) {
  text = trimmed(text);
  Literal literal;
  literal.type = type;
  if (text == "null" || (text.empty() && type != ScalarType::kString)) return literal;
  if (type == ScalarType::kDynamic) {
    auto json = DynamicReader(text).read();
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

}  // namespace rivulet::kql
