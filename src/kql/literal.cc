#include "kql/literal.h"

#include <array>
#include <cmath>

#include "kql/lexer.h"
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

constexpr int kMaxDynamicDepth = 200;

// Parses the inside of a dynamic literal into compact JSON.
class DynamicReader {
 public:
  explicit DynamicReader(std::string_view text) : text_(text) {}

  // `depth`: of the values around it.
  std::optional<std::string> read(int depth) {
    skip();
    if (at_ == text_.size()) return std::nullopt;
    if (!value(depth)) return std::nullopt;
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
           text_[end] != '(' && !is_blank(text_[end])) {
      ++end;
    }
    std::string_view word = text_.substr(start, end - start);
    if (end < text_.size() && text_[end] == '(') {
      std::optional<ScalarType> type = typed_literal_type(word);
      size_t closing = find_closing(text_, end + 1);
      if (!type || closing == std::string_view::npos) return false;
      std::string_view inside = text_.substr(end + 1, closing - end - 1);
      at_ = closing + 1;
      if (*type == ScalarType::kDynamic) {
        auto json = DynamicReader(inside).read(depth + 1);
        if (json) out_ += *json;
        return json.has_value();
      }
      auto literal = literal_from_text(*type, inside);
      if (literal) append_literal(*literal);
      return literal.has_value();
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
  text = text::trim(text);
  Literal literal;
  literal.type = type;
  if (text == "null" || (text.empty() && type != ScalarType::kString)) return literal;
  if (type == ScalarType::kDynamic) {
    auto json = DynamicReader(text).read(0);
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
