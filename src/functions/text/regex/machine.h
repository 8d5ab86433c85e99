#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "functions/text/regex/syntax.h"

// Runs a regular expression over text as Thompson and Pike do: all alternatives side by side, a character at a
// time, in time proportional to the text's length times the expression's. For what RE2 cannot say, above all
// word boundaries among letters that are not ASCII. Immutable; run() may be called by several threads.
namespace rivulet::functions::regex {

class Machine {
 public:
  // Throws std::length_error for an expression whose counted repetitions come to too much.
  explicit Machine(const Syntax& syntax);

  // The first match from the byte `from` on, or the one that begins there; of the alternatives at one place
  // the one that stands first. `groups` gets the whole match and the capture groups, as many as it has room
  // for; one that took no part has no data. Throws std::length_error where text and expression are too long.
  bool run(std::string_view text, size_t from, bool is_anchored,
           std::span<std::string_view> groups) const;

 private:
  enum class Op { kCharacter, kSet, kAssertion, kSplit, kJump, kSave, kMatch };
  struct Instruction {
    Op op = Op::kMatch;
    char32_t character = 0;
    const icu::UnicodeSet* set = nullptr;
    Assertion assertion = Assertion::kTextBegin;
    size_t next = 0;   // of a split, the preferred way
    size_t other = 0;  // of a split; the slot of a save
  };
  class Threads;
  struct Position;

  size_t add(Instruction instruction);
  void compile(const Node& node);
  void compile_repeat(const Node& node);
  const icu::UnicodeSet* keep(CharacterSet set);

  std::vector<Instruction> program_;
  std::vector<CharacterSet> sets_;
  size_t slots_ = 0;
};

}  // namespace rivulet::functions::regex
