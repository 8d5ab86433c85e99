#include "types/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet {
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

std::string_view inside_quotes(std::string_view token) {
  token.remove_prefix(1);
  if (!token.empty() && token.back() == '"') token.remove_suffix(1);
  return token;
}

// What stands between the quotes of a string, without escapes.
std::string plain_text(std::string_view escaped) {
  std::string plain;
  append_json_string_content(plain, escaped);
  return plain;
}

// Reads JSON and writes it as read_json() promises, in one pass: names that come twice are noted on the way, and what
// they come to is put in order at the end.
class JsonRewriter {
 public:
  JsonRewriter(std::string& out, std::string_view text, JsonSpelling spelling)
      : out_(out),
        start_(out.size()),
        reader_(text, spelling == JsonSpelling::kNormalized ? JsonReader::Strings::kWithLineBreaks
                                                            : JsonReader::Strings::kStrict),
        spelling_(spelling) {}

  std::optional<JsonFault> run() {
    value();
    if (!reader_.fault() && !reader_.at_end()) reader_.fail("only one value was expected");
    if (reader_.fault()) {
      out_.resize(start_);
    } else {
      make_changes();
    }
    return reader_.fault();
  }

 private:
  struct Member {
    size_t begin;       // where it begins in `out_`
    size_t name_bytes;  // with the quotes
  };

  // What stands from `begin` to `end` in `out_` gives way to what stands from `from` to `from_end`, or to nothing.
  struct Change {
    size_t begin, end;
    size_t from, from_end;
  };

  void value() {
    switch (reader_.peek()) {
      case '{':
        object();
        return;
      case '[':
        array();
        return;
      default:
        break;
    }
    JsonValue read = reader_.value();
    if (read.kind == JsonValue::Kind::kString) {
      string(read.text, read.is_plain);
    } else if (read.kind == JsonValue::Kind::kNumber && spelling_ == JsonSpelling::kNormalized) {
      number(read.text);
    } else {
      out_ += read.text;
    }
  }

  void object() {
    reader_.enter('{');
    out_ += '{';
    if (!reader_.take('}')) {
      JsonNames names;
      size_t first = members_.size();
      do {
        if (members_.size() != first) out_ += ',';
        bool is_plain = true;
        std::string_view name = reader_.property_name(is_plain);
        size_t begin = out_.size();
        if (is_plain) {
          string(name, true);
          names.add(name);
        } else {
          std::string plain = plain_text(name);
          append_json_string(out_, plain);
          names.add(plain);
        }
        members_.push_back({begin, out_.size() - begin});
        out_ += ':';
        value();
      } while (reader_.take(','));
      reader_.expect('}');
      if (names.may_repeat()) note_repeats(first);
      members_.resize(first);
    }
    out_ += '}';
    reader_.leave();
  }

  void array() {
    reader_.enter('[');
    out_ += '[';
    if (!reader_.take(']')) {
      bool is_first = true;
      do {
        if (!is_first) out_ += ',';
        is_first = false;
        value();
      } while (reader_.take(','));
      reader_.expect(']');
    }
    out_ += ']';
    reader_.leave();
  }

  void string(std::string_view inside, bool is_plain) {
    if (spelling_ == JsonSpelling::kAsWritten) {
      out_ += '"';
      out_ += inside;
      out_ += '"';
    } else if (is_plain) {
      append_json_string(out_, inside);
    } else {
      append_json_string(out_, plain_text(inside));
    }
  }

  void number(std::string_view text) {
    const char* end = text.data() + text.size();
    int64_t integer = 0;
    auto whole = std::from_chars(text.data(), end, integer);
    if (whole.ec == std::errc() && whole.ptr == end) {
      append_json_long(out_, integer);
      return;
    }
    double real = 0;
    if (std::from_chars(text.data(), end, real).ec == std::errc::result_out_of_range) {
      real = std::strtod(std::string(text).c_str(), nullptr);
    }
    append_json_double(out_, real);
  }

  // Of the members from `first` on, notes what becomes of those whose name comes again.
  void note_repeats(size_t first) {
    std::vector<std::pair<std::string_view, size_t>> names;
    for (size_t i = first; i < members_.size(); ++i) {
      const Member& member = members_[i];
      names.emplace_back(std::string_view(out_).substr(member.begin, member.name_bytes), i);
    }
    std::sort(names.begin(), names.end());
    // The object's last member ends where the object does; the others before a comma.
    auto end = [this](size_t i) {
      return i + 1 == members_.size() ? out_.size() : members_[i + 1].begin - 1;
    };
    auto value = [this](size_t i) { return members_[i].begin + members_[i].name_bytes + 1; };
    for (size_t i = 0; i < names.size();) {
      size_t same = i + 1;
      while (same < names.size() && names[same].first == names[i].first) ++same;
      size_t kept = names[i].second, last = names[same - 1].second;
      if (last != kept) changes_.push_back({value(kept), end(kept), value(last), end(last)});
      for (++i; i < same; ++i) {
        // With the comma before it.
        changes_.push_back({members_[names[i].second].begin - 1, end(names[i].second), 0, 0});
      }
    }
  }

  void make_changes() {
    if (changes_.empty()) return;
    std::sort(changes_.begin(), changes_.end(),
              [](const Change& a, const Change& b) { return a.begin < b.begin; });
    std::string changed = out_.substr(0, start_);
    append_changed(changed, start_, out_.size());
    out_ = std::move(changed);
  }

  // Every byte is copied once at most: what takes the place of something is cut out where it stood.
  void append_changed(std::string& to, size_t begin, size_t end) const {
    for (;;) {
      auto change = std::lower_bound(changes_.begin(), changes_.end(), begin,
                                     [](const Change& c, size_t at) { return c.begin < at; });
      if (change == changes_.end() || change->begin >= end) break;
      to.append(out_, begin, change->begin - begin);
      if (change->from < change->from_end) append_changed(to, change->from, change->from_end);
      begin = change->end;
    }
    to.append(out_, begin, end - begin);
  }

  std::string& out_;
  const size_t start_;
  JsonReader reader_;
  const JsonSpelling spelling_;
  std::vector<Member> members_;  // of the objects that are open
  std::vector<Change> changes_;
};

}  // namespace

std::optional<JsonFault> read_json(std::string& out, std::string_view text, JsonSpelling spelling) {
  if (!is_valid_utf8(text)) {
    std::string valid;
    append_valid_utf8(valid, text);
    return JsonRewriter(out, valid, spelling).run();
  }
  if (spelling == JsonSpelling::kNormalized) return JsonRewriter(out, text, spelling).run();
  JsonReader reader(text);
  JsonValue value = reader.value();
  if (!reader.fault() && !reader.at_end()) reader.fail("only one value was expected");
  if (!reader.fault()) append_json_value(out, value);
  return reader.fault();
}

void append_json_value(std::string& out, const JsonValue& value) {
  if (value.kind == JsonValue::Kind::kString) {
    out += '"';
    out += value.text;
    out += '"';
  } else if (value.is_plain) {
    out += value.text;
  } else {
    JsonRewriter(out, value.text, JsonSpelling::kAsWritten).run();
  }
}

std::optional<std::string> read_json(std::string_view text) {
  std::optional<std::string> json(std::in_place);
  if (read_json(*json, text)) json.reset();
  return json;
}

bool append_compact_json(std::string& out, std::string_view json) {
  return !read_json(out, json);
}

std::string standard_json(std::string_view text) {
  std::string json;
  json.reserve(text.size());
  // Where the last comma stands, if a bracket after it would make it superfluous.
  size_t comma = std::string::npos;
  char before = '[';  // the last token's last character
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (text::is_blank(c)) {
      json += c;
    } else if (text.substr(i, 2) == "//") {
      size_t end = std::min(text.find('\n', i), text.size());
      json.append(end - i, ' ');
      i = end - 1;
    } else if (text.substr(i, 2) == "/*") {
      size_t end = text.find("*/", i + 2);
      if (end == std::string_view::npos) return json.append(text.substr(i));
      json.append(end + 2 - i, ' ');
      i = end + 1;
    } else {
      bool follows_value = before != '[' && before != '{' && before != ',' && before != ':';
      if ((c == ']' || c == '}') && comma != std::string::npos) json[comma] = ' ';
      comma = c == ',' && follows_value ? json.size() : std::string::npos;
      bool is_string = c == '"' || c == '\'';
      before = is_string ? '"' : c;
      json += before;
      if (!is_string) continue;
      for (++i; i < text.size() && text[i] != c; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
          if (text[++i] != '\'') json += '\\';
        } else if (text[i] == '"') {
          json += '\\';
        }
        json += text[i];
      }
      if (i < text.size()) json += '"';
    }
  }
  return json;
}

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

bool is_json_number(std::string_view value) {
  JsonKind kind = json_kind(value);
  return kind == JsonKind::kLong || kind == JsonKind::kReal;
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

std::optional<std::vector<std::string>> json_strings(std::string_view array) {
  if (json_kind(array) != JsonKind::kArray) return std::nullopt;
  std::vector<std::string> strings;
  bool are_strings = true;
  for_each_element(array, [&](std::string_view element) {
    are_strings = json_kind(element) == JsonKind::kString;
    if (are_strings) strings.push_back(json_text(element));
    return are_strings;
  });
  return are_strings ? std::optional(std::move(strings)) : std::nullopt;
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

}  // namespace rivulet
