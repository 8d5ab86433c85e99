#include "query/functions/json.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "types/text.h"

namespace rivulet::query {

namespace {

const char* skip_string(const char* p, const char* end) {
  ++p;
  while (p < end) {
    const char* quote = static_cast<const char*>(std::memchr(p, '"', end - p));
    if (quote == nullptr) return end;
    const char* back = quote;
    while (back > p && back[-1] == '\\') --back;
    // An even number of backslashes before the quote escape each other.
    if ((quote - back) % 2 == 0) return quote + 1;
    p = quote + 1;
  }
  return end;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view inside_quotes(std::string_view token) {
  token.remove_prefix(1);
  if (!token.empty() && token.back() == '"') token.remove_suffix(1);
  return token;
}

// Reads JSON with blanks and writes it compactly.
class Compactor {
 public:
  Compactor(std::string_view text, std::string& out)
      : p_(text.data()), end_(text.data() + text.size()), out_(out) {}

  bool run() {
    blanks();
    if (!value(0)) return false;
    blanks();
    return p_ == end_;
  }

 private:
  void blanks() {
    while (p_ < end_ && is_blank(*p_)) ++p_;
  }
  bool take(char c) {
    if (p_ >= end_ || *p_ != c) return false;
    ++p_;
    return true;
  }
  bool word(std::string_view text) {
    if (static_cast<size_t>(end_ - p_) < text.size() || std::string_view(p_, text.size()) != text)
      return false;
    p_ += text.size();
    out_ += text;
    return true;
  }
  bool string() {
    const char* stop = skip_string(p_, end_);
    if (stop - p_ < 2 || stop[-1] != '"') return false;
    const std::string_view inside(p_ + 1, stop - p_ - 2);
    for (const char c : inside) {
      if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
    }
    if (inside.find('\\') == std::string_view::npos) {
      append_json_string(out_, inside);
    } else {
      std::string plain;
      if (!append_json_string_content(plain, inside)) return false;
      append_json_string(out_, plain);
    }
    p_ = stop;
    return true;
  }
  bool number() {
    const char* begin = p_;
    if (p_ < end_ && *p_ == '-') ++p_;
    const char* digits = p_;
    while (p_ < end_ && is_digit(*p_)) ++p_;
    if (p_ == digits || (*digits == '0' && p_ - digits > 1)) return false;
    bool whole = true;
    if (p_ < end_ && *p_ == '.') {
      whole = false;
      const char* fraction = ++p_;
      while (p_ < end_ && is_digit(*p_)) ++p_;
      if (p_ == fraction) return false;
    }
    if (p_ < end_ && (*p_ == 'e' || *p_ == 'E')) {
      whole = false;
      ++p_;
      if (p_ < end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      const char* exponent = p_;
      while (p_ < end_ && is_digit(*p_)) ++p_;
      if (p_ == exponent) return false;
    }
    int64_t integer = 0;
    if (whole && std::from_chars(begin, p_, integer).ec == std::errc()) {
      append_json_long(out_, integer);
      return true;
    }
    double real = 0;
    if (std::from_chars(begin, p_, real).ec == std::errc::result_out_of_range) {
      real = std::strtod(std::string(begin, p_).c_str(), nullptr);
    }
    append_json_double(out_, real);
    return true;
  }
  bool value(int depth) {
    if (p_ >= end_ || depth > kMaxJsonDepth) return false;
    switch (*p_) {
      case '{': {
        ++p_;
        out_ += '{';
        blanks();
        if (take('}')) {
          out_ += '}';
          return true;
        }
        while (true) {
          blanks();
          if (p_ >= end_ || *p_ != '"' || !string()) return false;
          blanks();
          if (!take(':')) return false;
          out_ += ':';
          blanks();
          if (!value(depth + 1)) return false;
          blanks();
          if (take('}')) break;
          if (!take(',')) return false;
          out_ += ',';
        }
        out_ += '}';
        return true;
      }
      case '[': {
        ++p_;
        out_ += '[';
        blanks();
        if (take(']')) {
          out_ += ']';
          return true;
        }
        while (true) {
          blanks();
          if (!value(depth + 1)) return false;
          blanks();
          if (take(']')) break;
          if (!take(',')) return false;
          out_ += ',';
        }
        out_ += ']';
        return true;
      }
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  const char* p_;
  const char* end_;
  std::string& out_;
};

}  // namespace

JsonKind json_kind(std::string_view value) {
  if (value.empty()) return JsonKind::kNull;
  switch (value.front()) {
    case 'n':
      return JsonKind::kNull;
    case 't':
    case 'f':
      return JsonKind::kBool;
    case '"':
      return JsonKind::kString;
    case '[':
      return JsonKind::kArray;
    case '{':
      return JsonKind::kObject;
    default:
      return value.find_first_of(".eE") == std::string_view::npos && value.size() < 21
                 ? JsonKind::kLong
                 : JsonKind::kReal;
  }
}

const char* skip_json_value(const char* begin, const char* end) {
  const char* p = begin;
  if (p >= end) return end;
  if (*p == '"') return skip_string(p, end);
  if (*p != '{' && *p != '[') {
    while (p < end && *p != ',' && *p != ']' && *p != '}' && *p != ':') ++p;
    return p;
  }
  int depth = 0;
  while (p < end) {
    switch (*p) {
      case '"':
        p = skip_string(p, end);
        continue;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth == 0) return p + 1;
        break;
      default:
        break;
    }
    ++p;
  }
  return end;
}

std::vector<std::string_view> json_elements(std::string_view array) {
  std::vector<std::string_view> elements;
  for_each_element(array, [&](std::string_view element) {
    elements.push_back(element);
    return true;
  });
  return elements;
}

std::vector<JsonMember> json_members(std::string_view object) {
  std::vector<JsonMember> members;
  for_each_member(object, [&](std::string_view key, std::string_view value) {
    members.push_back({key, value});
    return true;
  });
  return members;
}

bool json_key_is(std::string_view quoted_key, std::string_view key) {
  const std::string_view inside = inside_quotes(quoted_key);
  if (inside.find('\\') == std::string_view::npos) return inside == key;
  std::string plain;
  return append_json_string_content(plain, inside) && plain == key;
}

std::string_view json_member(std::string_view object, std::string_view key) {
  std::string_view found;
  for_each_member(object, [&](std::string_view quoted_key, std::string_view value) {
    if (!json_key_is(quoted_key, key)) return true;
    found = value;
    return false;
  });
  return found;
}

std::string_view json_element(std::string_view array, int64_t index) {
  if (index < 0) {
    const std::vector<std::string_view> elements = json_elements(array);
    const int64_t size = static_cast<int64_t>(elements.size());
    return index + size < 0 ? std::string_view() : elements[index + size];
  }
  std::string_view found;
  for_each_element(array, [&](std::string_view element) {
    if (index-- > 0) return true;
    found = element;
    return false;
  });
  return found;
}

std::string json_text(std::string_view value) {
  if (value.empty() || value.front() != '"')
    return value == "null" ? std::string() : std::string(value);
  const std::string_view inside = inside_quotes(value);
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  std::string plain;
  if (!append_json_string_content(plain, inside)) return std::string(inside);
  return plain;
}

std::optional<double> json_double(std::string_view value) {
  switch (json_kind(value)) {
    case JsonKind::kLong:
    case JsonKind::kReal: {
      double number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error == std::errc() && end == value.data() + value.size()) return number;
      return std::nullopt;
    }
    case JsonKind::kString: {
      const std::string_view inside = inside_quotes(value);
      if (inside == "NaN") return std::numeric_limits<double>::quiet_NaN();
      if (inside == "Infinity") return std::numeric_limits<double>::infinity();
      if (inside == "-Infinity") return -std::numeric_limits<double>::infinity();
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> json_long(std::string_view value) {
  if (json_kind(value) == JsonKind::kLong) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error == std::errc() && end == value.data() + value.size()) return number;
    return std::nullopt;
  }
  const std::optional<double> real = json_double(value);
  if (!real || !(std::abs(*real) < 9.2e18)) return std::nullopt;
  return static_cast<int64_t>(*real);
}

void append_json_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    const size_t begin = out.size();
    append_real(out, value);
    if (out.find_first_of(".E", begin) == std::string::npos) out += ".0";
  }
}

void append_json_long(std::string& out, int64_t value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  out.append(buffer, end);
}

bool append_compact_json(std::string& out, std::string_view text) {
  const size_t begin = out.size();
  if (Compactor(text, out).run()) return true;
  out.resize(begin);
  return false;
}

std::optional<Json> json_result(std::string_view value) {
  if (value.empty() || value == "null") return std::nullopt;
  return Json{std::string(value)};
}

void JsonArray::add_string(std::string_view text) {
  append_json_string(next(), text);
}

std::string& JsonObject::next(std::string_view key) {
  if (text_.size() > 1) text_ += ',';
  append_json_string(text_, key);
  text_ += ':';
  return text_;
}

void JsonObject::add_string(std::string_view key, std::string_view text) {
  append_json_string(next(key), text);
}

bool json_equal(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const JsonKind kind_a = json_kind(a);
  const JsonKind kind_b = json_kind(b);
  const bool number_a = kind_a == JsonKind::kLong || kind_a == JsonKind::kReal;
  const bool number_b = kind_b == JsonKind::kLong || kind_b == JsonKind::kReal;
  if (number_a && number_b) {
    if (kind_a == JsonKind::kLong && kind_b == JsonKind::kLong) return json_long(a) == json_long(b);
    return json_double(a) == json_double(b);
  }
  if (kind_a != kind_b) return false;
  if (kind_a == JsonKind::kString) return json_text(a) == json_text(b);
  return false;
}

}  // namespace rivulet::query
