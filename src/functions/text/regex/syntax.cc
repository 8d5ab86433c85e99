#include "functions/text/regex/syntax.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "functions/text/regex/characters.h"
#include "functions/utf8.h"

namespace rivulet::functions::regex {

namespace {

// A tree takes a hundred times what its text does; RE2 has no room for what is longer.
constexpr size_t kMaxPatternBytes = size_t{512} << 10;
constexpr int kMaxDepth = 250;
constexpr int kMaxCount = 1000;
// Ranges that all classes of a pattern may come to, counted as they are put together.
constexpr size_t kMaxSetWork = size_t{1} << 21;

std::u32string decoded(std::string_view text) {
  const icu::UnicodeString utf16 = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  std::u32string out;
  for (int32_t i = 0; i < utf16.length(); i = utf16.moveIndex32(i, 1)) {
    out += static_cast<char32_t>(utf16.char32At(i));
  }
  return out;
}
std::string encoded(std::u32string_view text) {
  std::string out;
  icu::UnicodeString utf16;
  for (const char32_t c : text) utf16.append(static_cast<UChar32>(c));
  utf16.toUTF8String(out);
  return out;
}

bool is_ascii_letter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_octal(char32_t c) {
  return c >= '0' && c <= '7';
}
bool is_decimal(char32_t c) {
  return c >= '0' && c <= '9';
}
int hex_value(char32_t c) {
  if (is_decimal(c)) return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
  return -1;
}

struct Flags {
  bool ignores_case = false;
  bool has_lines = false;
  bool dot_matches_newline = false;
  bool has_crlf = false;
  bool is_lazy = false;
  bool is_unicode = true;
  bool is_verbose = false;
};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : source_(pattern), text_(decoded(pattern)) {}

  Syntax run() {
    Syntax syntax;
    syntax.root = choice();
    if (at_ < text_.size()) fail("a ')' has no '('");
    syntax.groups = groups_;
    syntax.names = std::move(names_);
    return syntax;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::invalid_argument("the regular expression '" + shown(source_) + "' is not valid: " +
                                why + " (at character " + std::to_string(at_ + 1) + ")");
  }

  bool at_end() const { return at_ >= text_.size(); }
  char32_t peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0;
  }
  bool is_next(std::u32string_view wanted) const {
    return std::u32string_view(text_).substr(at_).starts_with(wanted);
  }
  bool accept(std::u32string_view wanted) {
    if (!is_next(wanted)) return false;
    at_ += wanted.size();
    return true;
  }
  // In verbose mode blanks and comments mean nothing.
  void skip_blanks() {
    if (!flags_.is_verbose) return;
    while (!at_end()) {
      if (space_characters().contains(static_cast<UChar32>(peek()))) {
        ++at_;
      } else if (peek() == '#') {
        while (!at_end() && peek() != '\n') ++at_;
      } else {
        return;
      }
    }
  }

  static Node character_node(char32_t c) {
    Node node;
    node.kind = Node::Kind::kCharacter;
    node.character = c;
    return node;
  }
  static Node set_node(icu::UnicodeSet set) {
    Node node;
    node.kind = Node::Kind::kSet;
    set.freeze();
    node.set = std::make_shared<const icu::UnicodeSet>(std::move(set));
    return node;
  }
  static Node assertion_node(Assertion assertion) {
    Node node;
    node.kind = Node::Kind::kAssertion;
    node.assertion = assertion;
    return node;
  }
  Node literal(char32_t c) const {
    if (!flags_.ignores_case) return character_node(c);
    if (!flags_.is_unicode) {
      if (!is_ascii_letter(c)) return character_node(c);
      icu::UnicodeSet both;
      both.add(static_cast<UChar32>(c)).add(static_cast<UChar32>(c ^ 0x20));
      return set_node(std::move(both));
    }
    Node node = character_node(c);
    node.ignores_case = true;
    return node;
  }

  // Alternatives up to the end or a ')'. Flags that are set within end with it.
  Node choice() {
    const Flags outer = flags_;
    Node node;
    node.kind = Node::Kind::kChoice;
    node.children.push_back(concatenation());
    while (accept(U"|")) node.children.push_back(concatenation());
    flags_ = outer;
    return node.children.size() == 1 ? std::move(node.children[0]) : std::move(node);
  }

  Node concatenation() {
    Node node;
    node.kind = Node::Kind::kConcatenation;
    for (;;) {
      skip_blanks();
      if (at_end() || peek() == '|' || peek() == ')') break;
      if (is_next(U"(?") && accept_flags()) continue;
      node.children.push_back(repeated(atom()));
    }
    if (node.children.empty()) return {};
    return node.children.size() == 1 ? std::move(node.children[0]) : std::move(node);
  }

  Node repeated(Node node) {
    for (int stacked = 0;; ++stacked) {
      skip_blanks();
      Node repeat;
      repeat.kind = Node::Kind::kRepeat;
      if (accept(U"*")) {
        repeat.most = -1;
      } else if (accept(U"+")) {
        repeat.least = 1;
        repeat.most = -1;
      } else if (accept(U"?")) {
        repeat.most = 1;
      } else if (!accept_count(repeat)) {
        return node;
      }
      repeat.is_greedy = accept(U"?") == flags_.is_lazy;
      if (stacked >= kMaxStacked) fail("repetitions of repetitions are nested too deeply");
      repeat.children.push_back(std::move(node));
      node = std::move(repeat);
    }
  }

  // {n}, {n,} or {n,m}; what else begins with a brace is text.
  bool accept_count(Node& repeat) {
    if (peek() != '{') return false;
    size_t next = at_ + 1;
    const auto number = [&]() -> std::optional<int> {
      int value = 0;
      const size_t begin = next;
      while (next < text_.size() && is_decimal(text_[next])) {
        value = std::min(value * 10 + static_cast<int>(text_[next] - '0'), kMaxCount + 1);
        ++next;
      }
      return next == begin ? std::nullopt : std::optional(value);
    };
    const auto is_at = [&](char32_t c) { return next < text_.size() && text_[next] == c; };
    const auto least = number();
    if (!least) return false;
    auto most = least;
    if (is_at(',')) {
      ++next;
      most = is_at('}') ? std::optional(-1) : number();
    }
    if (!most || !is_at('}')) return false;
    if (*least > kMaxCount || *most > kMaxCount)
      fail("a repetition is counted beyond " + std::to_string(kMaxCount));
    if (*most >= 0 && *most < *least) fail("the least count of a repetition is above the greatest");
    at_ = next + 1;
    repeat.least = *least;
    repeat.most = *most;
    return true;
  }

  // "(?flags)"; false for what is a group.
  bool accept_flags() {
    const size_t begin = at_;
    const Flags before = flags_;
    at_ += 2;
    if (read_flags() && accept(U")")) return true;
    at_ = begin;
    flags_ = before;
    return false;
  }
  // Letters of flags, from here on in force; false for anything else.
  bool read_flags() {
    bool sets = true, any = false;
    for (;; ++at_) {
      switch (peek()) {
        case '-':
          if (!sets) return false;
          sets = false;
          continue;
        case 'i':
          flags_.ignores_case = sets;
          break;
        case 'm':
          flags_.has_lines = sets;
          break;
        case 's':
          flags_.dot_matches_newline = sets;
          break;
        case 'R':
          flags_.has_crlf = sets;
          break;
        case 'U':
          flags_.is_lazy = sets;
          break;
        case 'u':
          flags_.is_unicode = sets;
          break;
        case 'x':
          flags_.is_verbose = sets;
          break;
        default:
          return any;
      }
      any = true;
    }
  }

  Node atom() {
    const char32_t c = peek();
    switch (c) {
      case '(':
        return group();
      case '[':
        ++at_;
        return set_node(bracketed());
      case '.':
        ++at_;
        return any_character();
      case '^':
        ++at_;
        if (!flags_.has_lines) return assertion_node(Assertion::kTextBegin);
        return assertion_node(flags_.has_crlf ? Assertion::kLineBeginCrlf : Assertion::kLineBegin);
      case '$':
        ++at_;
        if (!flags_.has_lines) return assertion_node(Assertion::kTextEnd);
        return assertion_node(flags_.has_crlf ? Assertion::kLineEndCrlf : Assertion::kLineEnd);
      case '*':
      case '+':
      case '?':
        fail(std::string("there is nothing before the '") + static_cast<char>(c) + "' to repeat");
      case '\\':
        return escape();
      default: {
        Node repeat;
        if (c == '{' && accept_count(repeat)) fail("there is nothing before the count to repeat");
        ++at_;
        return literal(c);
      }
    }
  }

  Node any_character() {
    if (!flags_.is_unicode) refuse_bytes(".");
    icu::UnicodeSet set(0, kLastCharacter);
    if (!flags_.dot_matches_newline) {
      set.remove('\n');
      if (flags_.has_crlf) set.remove('\r');
    }
    return set_node(std::move(set));
  }
  [[noreturn]] void refuse_bytes(const std::string& what) const {
    fail("without Unicode, '" + what +
         "' could match a part of a character, which is not supported");
  }

  Node group() {
    ++at_;
    if (++depth_ > kMaxDepth) fail("groups are nested too deeply");
    Node node;
    const Flags outer = flags_;
    if (accept(U"?P<") || (is_next(U"?<") && peek(2) != '=' && peek(2) != '!' && accept(U"?<"))) {
      node = captured(group_name());
    } else if (accept(U"?")) {
      if (is_next(U"=") || is_next(U"!") || is_next(U"<")) fail("look-around is not supported");
      if ((peek() != ':' && !read_flags()) || !accept(U":")) fail("there is no such group or flag");
      node = choice();
    } else {
      node = captured({});
    }
    if (!accept(U")")) fail("a '(' has no ')'");
    flags_ = outer;
    --depth_;
    return node;
  }
  Node captured(std::string name) {
    Node node;
    node.kind = Node::Kind::kCapture;
    node.group = ++groups_;
    if (!name.empty()) names_.emplace_back(std::move(name), node.group);
    node.children.push_back(choice());
    return node;
  }
  std::string group_name() {
    const size_t begin = at_;
    while (!at_end() && peek() != '>') {
      const auto c = static_cast<UChar32>(peek());
      const bool is_first = at_ == begin;
      const bool is_sign = c == '_' || (!is_first && (c == '.' || c == '[' || c == ']'));
      if (!is_sign && !(is_first ? u_isalpha(c) : u_isalnum(c)))
        fail("a group's name has no such character");
      ++at_;
    }
    std::string name = encoded(std::u32string_view(text_).substr(begin, at_ - begin));
    if (name.empty() || !accept(U">")) fail("a group's name is missing");
    for (const auto& [known, group] : names_) {
      if (known == name) fail("two groups are named '" + name + "'");
    }
    return name;
  }

  Node escape() {
    ++at_;
    if (auto set = class_escape()) return set_node(*std::move(set));
    switch (peek()) {
      case 'A':
        ++at_;
        return assertion_node(Assertion::kTextBegin);
      case 'z':
        ++at_;
        return assertion_node(Assertion::kTextEnd);
      case 'b':
        ++at_;
        return word_boundary();
      case 'B':
        ++at_;
        return assertion_node(flags_.is_unicode ? Assertion::kNotWordBoundary
                                                : Assertion::kNotAsciiWordBoundary);
      case '<':
        ++at_;
        return unicode_assertion(Assertion::kWordStart);
      case '>':
        ++at_;
        return unicode_assertion(Assertion::kWordEnd);
      default:
        return literal(escaped_character());
    }
  }
  Node unicode_assertion(Assertion assertion) const {
    if (!flags_.is_unicode) fail("this word boundary is not supported without Unicode");
    return assertion_node(assertion);
  }
  Node word_boundary() {
    if (accept(U"{start}")) return unicode_assertion(Assertion::kWordStart);
    if (accept(U"{end}")) return unicode_assertion(Assertion::kWordEnd);
    if (accept(U"{start-half}")) return unicode_assertion(Assertion::kWordStartHalf);
    if (accept(U"{end-half}")) return unicode_assertion(Assertion::kWordEndHalf);
    return assertion_node(flags_.is_unicode ? Assertion::kWordBoundary
                                            : Assertion::kAsciiWordBoundary);
  }

  // Behind a backslash: the class that \d, \p{…} and their like stand for.
  std::optional<icu::UnicodeSet> class_escape() {
    const char32_t c = peek();
    switch (c) {
      case 'd':
      case 'D':
        return perl_class(digit_characters(), U"digit", c == 'D');
      case 's':
      case 'S':
        return perl_class(space_characters(), U"space", c == 'S');
      case 'w':
      case 'W':
        return perl_class(word_characters(), U"word", c == 'W');
      case 'p':
      case 'P':
        return property();
      default:
        return std::nullopt;
    }
  }
  icu::UnicodeSet perl_class(const icu::UnicodeSet& unicode, std::u32string_view ascii,
                             bool is_negated) {
    ++at_;
    icu::UnicodeSet set = flags_.is_unicode ? thawed(unicode) : *ascii_class(ascii);
    if (is_negated) {
      if (!flags_.is_unicode) refuse_bytes("a negated class");
      set.complement();
    }
    return counted(std::move(set));
  }
  // \pL, \p{Greek}, \p{Script=Greek}, \p{Script!=Greek}
  icu::UnicodeSet property() {
    bool is_negated = peek() == 'P';
    ++at_;
    if (!flags_.is_unicode) fail("a Unicode class needs Unicode");
    std::u32string name;
    if (accept(U"{")) {
      const size_t end = text_.find('}', at_);
      if (end == std::u32string::npos) fail("the name of a Unicode class has no end");
      name = text_.substr(at_, end - at_);
      at_ = end + 1;
    } else if (!at_end()) {
      name = peek();
      ++at_;
    }
    if (const size_t unlike = name.find(U"!="); unlike != std::u32string::npos) {
      name.erase(unlike, 1);
      is_negated = !is_negated;
    }
    auto found = property_class(name);
    if (!found) fail("there is no Unicode class '" + encoded(name) + "'");
    icu::UnicodeSet set = *std::move(found);
    fold(set);
    if (is_negated) set.complement();
    return counted(std::move(set));
  }

  // Behind a backslash: a character.
  char32_t escaped_character() {
    if (at_end()) fail("a backslash is the last character");
    const char32_t c = peek();
    ++at_;
    switch (c) {
      case 'a':
        return 7;
      case 'f':
        return '\f';
      case 't':
        return '\t';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 'v':
        return '\v';
      case 'x':
        return hexadecimal(2);
      case 'u':
        return hexadecimal(4);
      case 'U':
        return hexadecimal(8);
      default:
        break;
    }
    if (is_octal(c) && (c == '0' || is_octal(peek()))) {
      char32_t value = c - '0';
      for (int i = 0; i < 2 && is_octal(peek()); ++i, ++at_) value = value * 8 + (peek() - '0');
      return value;
    }
    if (is_decimal(c)) fail("backreferences are not supported");
    if (is_ascii_letter(c) || c >= 0x80 || c == '<' || c == '>')
      fail("there is no escape '\\" + encoded({&c, 1}) + "' here");
    return c;
  }
  char32_t hexadecimal(size_t count) {
    const bool is_braced = accept(U"{");
    char32_t value = 0;
    size_t read = 0;
    for (int digit; (is_braced || read < count) && (digit = hex_value(peek())) >= 0;
         ++read, ++at_) {
      value = value * 16 + static_cast<char32_t>(digit);
      if (value > kLastCharacter) break;
    }
    const bool is_complete = is_braced ? read > 0 && accept(U"}") : read == count;
    if (!is_complete || value > kLastCharacter || (value >= 0xD800 && value < 0xE000))
      fail("a code of a character is not valid");
    return value;
  }

  // Behind a '['.
  icu::UnicodeSet bracketed() {
    if (++depth_ > kMaxDepth) fail("classes are nested too deeply");
    const bool is_negated = accept(U"^");
    icu::UnicodeSet set = operand(true);
    fold(set);
    for (;;) {
      if (at_end())
        fail("a '[' has no ']' (inside a class, '[' begins another; '\\[' is the character)");
      if (accept(U"]")) break;
      const char32_t op = peek();
      at_ += 2;
      icu::UnicodeSet right = operand(false);
      fold(right);
      if (op == '&') {
        set.retainAll(right);
      } else if (op == '-') {
        set.removeAll(right);
      } else {
        icu::UnicodeSet both(set);
        both.retainAll(right);
        set.addAll(right).removeAll(both);
      }
      set = counted(std::move(set));
    }
    if (is_negated) {
      if (!flags_.is_unicode) refuse_bytes("a negated class");
      set.complement();
    }
    --depth_;
    return set;
  }
  // The union of the items up to a ']' or an operator.
  icu::UnicodeSet operand(bool is_first) {
    icu::UnicodeSet set;
    if (is_first) {
      skip_blanks();
      while (peek() == '-' && !at_end()) {
        set.add('-');
        ++at_;
        skip_blanks();
      }
      if (set.isEmpty() && accept(U"]")) set.add(']');
    }
    for (;;) {
      skip_blanks();
      if (at_end() || peek() == ']' || is_next(U"&&") || is_next(U"--") || is_next(U"~~"))
        return set;
      add_item(set);
    }
  }
  void add_item(icu::UnicodeSet& set) {
    if (peek() == '[') {
      if (!accept_ascii_class(set)) {
        ++at_;
        set.addAll(counted(bracketed()));
      }
      return;
    }
    if (peek() == '\\') {
      ++at_;
      if (const auto escaped = class_escape()) {
        set.addAll(*escaped);
        skip_blanks();
        if (peek() == '-' && peek(1) != ']' && peek(1) != '-') fail("a range begins with a class");
        return;
      }
      --at_;
    }
    const char32_t begin = item_character();
    skip_blanks();
    char32_t end = begin;
    if (peek() == '-' && !at_end() && peek(1) != ']' && peek(1) != '-' && at_ + 1 < text_.size()) {
      ++at_;
      skip_blanks();
      if (peek() == '[') fail("a range ends in a class");
      end = item_character();
      if (end < begin) fail("the end of a range is before its beginning");
    }
    set.add(static_cast<UChar32>(begin), static_cast<UChar32>(end));
  }
  char32_t item_character() {
    const char32_t c = peek();
    ++at_;
    return c == '\\' ? escaped_character() : c;
  }
  // "[:alpha:]", "[:^alpha:]"
  bool accept_ascii_class(icu::UnicodeSet& set) {
    if (!is_next(U"[:")) return false;
    const size_t end = text_.find(U":]", at_ + 2);
    if (end == std::u32string::npos) return false;
    std::u32string_view name = std::u32string_view(text_).substr(at_ + 2, end - at_ - 2);
    const bool is_negated = name.starts_with('^');
    if (is_negated) name.remove_prefix(1);
    auto found = ascii_class(name);
    if (!found) return false;
    if (is_negated) {
      if (!flags_.is_unicode) refuse_bytes("a negated class");
      found->complement();
    }
    set.addAll(*found);
    at_ = end + 2;
    return true;
  }

  void fold(icu::UnicodeSet& set) {
    if (!flags_.ignores_case) return;
    if (flags_.is_unicode) {
      count_work(static_cast<size_t>(set.size()) / 16);
      add_other_cases(set);
      return;
    }
    add_other_ascii_cases(set);
  }
  icu::UnicodeSet counted(icu::UnicodeSet set) {
    count_work(static_cast<size_t>(set.getRangeCount()));
    return set;
  }
  void count_work(size_t work) {
    set_work_ += work;
    if (set_work_ > kMaxSetWork) fail("its classes are too large");
  }

  static constexpr int kMaxStacked = 8;

  std::string_view source_;
  std::u32string text_;
  size_t at_ = 0;
  Flags flags_;
  int depth_ = 0;
  int groups_ = 0;
  std::vector<std::pair<std::string, int>> names_;
  size_t set_work_ = 0;
};

}  // namespace

std::string shown(std::string_view pattern) {
  constexpr size_t kShown = 200;
  size_t end = std::min(pattern.size(), kShown);
  while (end > 0 && end < pattern.size() && is_continuation(pattern[end])) --end;
  return std::string(pattern.substr(0, end)) + (end < pattern.size() ? "…" : "");
}

Syntax parse(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes)
    throw std::invalid_argument("a regular expression is longer than 512 KiB");
  return Parser(pattern).run();
}

}  // namespace rivulet::functions::regex
