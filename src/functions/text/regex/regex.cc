#include "functions/text/regex/regex.h"

#include <re2/re2.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "functions/text/regex/characters.h"
#include "functions/text/regex/machine.h"
#include "functions/text/regex/syntax.h"
#include "functions/utf8.h"

namespace rivulet::functions::regex {

namespace {

// Large classes take more.
constexpr int64_t kMaxAsciiMemory = int64_t{8} << 20;
constexpr int64_t kMaxAnyMemory = int64_t{32} << 20;
// Making RE2's tables for a class of letters takes some milliseconds.
constexpr size_t kWorthAnEngine = 16'384;
constexpr int kSmallProgram = 5000;  // of RE2
constexpr UChar32 kLastAscii = 0x7F;

bool has_only_ascii(std::string_view text) {
  uint64_t bits = 0;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    bits |= word;
  }
  for (; i < text.size(); ++i) bits |= static_cast<unsigned char>(text[i]);
  return (bits & 0x8080808080808080) == 0;
}

// Writes a tree as text for RE2, of which it uses only what it reads as we do.
class Re2Writer {
 public:
  // `for_ascii`: for text that is all ASCII.
  explicit Re2Writer(bool for_ascii) : for_ascii_(for_ascii) {}

  std::string run(const Node& node) {
    write(node);
    return std::move(out_);
  }
  // Whether the text says all that the tree does; else it matches more.
  bool is_exact() const { return is_exact_; }
  // Whether the text would be another for text that is not ASCII.
  bool is_for_ascii_only() const { return is_for_ascii_only_; }

 private:
  void write_character(char32_t c) {
    constexpr std::string_view kSigns = "\\.+*?()|[]{}^$";
    if (c < 0x20 || c == 0x7F) {
      write_code(static_cast<UChar32>(c));
    } else {
      if (c < 0x80 && kSigns.find(static_cast<char>(c)) != std::string_view::npos) out_ += '\\';
      append_code_point(out_, c);
    }
  }
  void write_code(UChar32 c) {
    std::array<char, 16> text;
    out_.append(text.data(),
                static_cast<size_t>(std::snprintf(text.data(), text.size(), "\\x{%x}", c)));
  }
  void write_set(const icu::UnicodeSet& set) {
    if (set.getRangeCount() == 1 && set.getRangeStart(0) == 0 &&
        set.getRangeEnd(0) == kLastCharacter) {
      out_ += "(?s:.)";
      return;
    }
    icu::UnicodeSet ranges = thawed(set);
    const bool is_negated = set.contains(kLastCharacter) != 0;
    if (is_negated) ranges.complement();
    const bool has_others =
        !ranges.isEmpty() && ranges.getRangeEnd(ranges.getRangeCount() - 1) > kLastAscii;
    if (for_ascii_ && has_others) {
      ranges.retain(0, kLastAscii);
      is_for_ascii_only_ = true;
    }
    if (ranges.isEmpty()) {
      out_ += is_negated ? "(?s:.)" : "[^\\x{0}-\\x{10ffff}]";
      return;
    }
    out_ += is_negated ? "[^" : "[";
    for (int32_t i = 0; i < ranges.getRangeCount(); ++i) {
      write_code(ranges.getRangeStart(i));
      if (ranges.getRangeEnd(i) == ranges.getRangeStart(i)) continue;
      out_ += '-';
      write_code(ranges.getRangeEnd(i));
    }
    out_ += ']';
  }
  void write_assertion(Assertion assertion) {
    switch (assertion) {
      case Assertion::kTextBegin:
        out_ += "\\A";
        return;
      case Assertion::kTextEnd:
        out_ += "\\z";
        return;
      case Assertion::kLineBegin:
        out_ += "(?m:^)";
        return;
      case Assertion::kLineEnd:
        out_ += "(?m:$)";
        return;
      case Assertion::kWordBoundary:
      case Assertion::kNotWordBoundary:
        if (!for_ascii_) break;
        is_for_ascii_only_ = true;
        out_ += assertion == Assertion::kWordBoundary ? "\\b" : "\\B";
        return;
      case Assertion::kAsciiWordBoundary:
        out_ += "\\b";
        return;
      case Assertion::kNotAsciiWordBoundary:
        out_ += "\\B";
        return;
      default:
        break;
    }
    is_exact_ = false;
  }
  void write_grouped(const Node& node) {
    out_ += "(?:";
    write(node);
    out_ += ')';
  }
  // Characters side by side are one text.
  void write_concatenation(const Node& node) {
    bool ignores_case = false;
    for (const Node& child : node.children) {
      const bool next = child.kind == Node::Kind::kCharacter && child.ignores_case;
      if (next != ignores_case) out_ += next ? "(?i:" : ")";
      ignores_case = next;
      if (child.kind == Node::Kind::kCharacter) {
        write_character(child.character);
      } else if (child.kind == Node::Kind::kChoice) {
        write_grouped(child);
      } else {
        write(child);
      }
    }
    if (ignores_case) out_ += ')';
  }
  void write_repeat(const Node& node) {
    const Node& child = node.children[0];
    if (child.kind == Node::Kind::kSet || child.kind == Node::Kind::kCapture) {
      write(child);
    } else {
      write_grouped(child);
    }
    if (node.least == 0 && node.most < 0) {
      out_ += '*';
    } else if (node.least == 1 && node.most < 0) {
      out_ += '+';
    } else if (node.least == 0 && node.most == 1) {
      out_ += '?';
    } else {
      out_ += '{' + std::to_string(node.least);
      if (node.most < 0) {
        out_ += ',';
      } else if (node.most != node.least) {
        out_ += ',' + std::to_string(node.most);
      }
      out_ += '}';
    }
    if (!node.is_greedy) out_ += '?';
  }
  void write(const Node& node) {
    switch (node.kind) {
      case Node::Kind::kEmpty:
        return;
      case Node::Kind::kCharacter:
        out_ += node.ignores_case ? "(?i:" : "";
        write_character(node.character);
        out_ += node.ignores_case ? ")" : "";
        return;
      case Node::Kind::kSet:
        return write_set(*node.set);
      case Node::Kind::kAssertion:
        return write_assertion(node.assertion);
      case Node::Kind::kCapture:
        out_ += '(';
        write(node.children[0]);
        out_ += ')';
        return;
      case Node::Kind::kConcatenation:
        return write_concatenation(node);
      case Node::Kind::kChoice:
        for (size_t i = 0; i < node.children.size(); ++i) {
          if (i > 0) out_ += '|';
          write(node.children[i]);
        }
        return;
      case Node::Kind::kRepeat:
        return write_repeat(node);
    }
  }

  std::string out_;
  bool for_ascii_;
  bool is_exact_ = true;
  bool is_for_ascii_only_ = false;
};

std::unique_ptr<re2::RE2> compile(const std::string& text, int64_t memory) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(memory);
  auto regex = std::make_unique<re2::RE2>(text, options);
  return regex->ok() ? std::move(regex) : nullptr;
}

}  // namespace

Subject::Subject(std::string_view searched) : text(searched), is_ascii(has_only_ascii(searched)) {}

// What RE2 makes of the expression for some text.
struct Regex::Engine {
  bool is_exact = true;             // else it finds more than there is
  std::unique_ptr<re2::RE2> regex;  // null where it is too large for RE2

  bool find(std::string_view text, size_t from, bool is_anchored,
            std::span<std::string_view> groups) const {
    constexpr size_t kMostOnStack = 8;
    std::array<re2::StringPiece, kMostOnStack> few;
    std::vector<re2::StringPiece> many;
    const size_t count =
        std::min(groups.size(), static_cast<size_t>(regex->NumberOfCapturingGroups()) + 1);
    re2::StringPiece* pieces = few.data();
    if (count > kMostOnStack) {
      many.resize(count);
      pieces = many.data();
    }
    if (!regex->Match({text.data(), text.size()}, from, text.size(),
                      is_anchored ? re2::RE2::ANCHOR_START : re2::RE2::UNANCHORED, pieces,
                      static_cast<int>(count))) {
      return false;
    }
    for (size_t i = 0; i < groups.size(); ++i) {
      groups[i] =
          i < count ? std::string_view(pieces[i].data(), pieces[i].size()) : std::string_view();
    }
    return true;
  }
};

Regex::Regex(std::string_view pattern, bool is_at_end) {
  auto syntax = std::make_unique<Syntax>(parse(pattern));
  if (is_at_end) {
    Node all, end;
    all.kind = Node::Kind::kConcatenation;
    end.kind = Node::Kind::kAssertion;
    end.assertion = Assertion::kTextEnd;
    all.children.push_back(std::move(syntax->root));
    all.children.push_back(std::move(end));
    syntax->root = std::move(all);
  }
  syntax_ = std::move(syntax);
  Re2Writer writer(true);
  ascii_ = std::make_unique<Engine>();
  const std::string text = writer.run(syntax_->root);
  ascii_->is_exact = writer.is_exact();
  ascii_->regex = compile(text, kMaxAsciiMemory);
  depends_on_text_ = writer.is_for_ascii_only();
  if (!ascii_->regex) {
    throw std::invalid_argument("the regular expression '" + shown(pattern) + "' is too large");
  }
  is_small_ = ascii_->regex->ProgramSize() < kSmallProgram;
}

Regex::~Regex() = default;

int Regex::groups() const {
  return syntax_->groups;
}
const std::vector<std::pair<std::string, int>>& Regex::names() const {
  return syntax_->names;
}

const Regex::Engine& Regex::engine(bool is_ascii) const {
  if (is_ascii) return *ascii_;
  if (!any_) {
    Re2Writer writer(false);
    any_ = std::make_unique<Engine>();
    const std::string text = writer.run(syntax_->root);
    any_->is_exact = writer.is_exact();
    any_->regex = compile(text, kMaxAnyMemory);
  }
  return *any_;
}

const Machine& Regex::machine() const {
  if (!machine_) machine_ = std::make_unique<Machine>(*syntax_);
  return *machine_;
}

bool Regex::find(const Subject& subject, size_t from, bool is_anchored,
                 std::span<std::string_view> groups) const {
  const bool is_ascii = !depends_on_text_ || subject.is_ascii;
  if (!is_ascii && !any_ && is_small_) {
    bytes_without_engine_ += subject.text.size() - from + 1;
    if (bytes_without_engine_ < kWorthAnEngine)
      return machine().run(subject.text, from, is_anchored, groups);
  }
  const Engine& found = engine(is_ascii);
  if (found.is_exact && found.regex) return found.find(subject.text, from, is_anchored, groups);
  if (found.regex) {
    // Where RE2 finds more, it finds nothing before what there is.
    std::string_view first;
    if (!found.find(subject.text, from, is_anchored, {&first, 1})) return false;
    from = static_cast<size_t>(first.data() - subject.text.data());
  }
  return machine().run(subject.text, from, is_anchored, groups);
}

}  // namespace rivulet::functions::regex
