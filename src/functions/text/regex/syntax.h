#pragma once

#include <unicode/uniset.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The syntax of Kusto's regular expressions, which is that of Rust's regex crate: as a tree, in which flags,
// classes and their set operations are resolved already.
namespace rivulet::functions::regex {

// Code points. Immutable once a tree holds it, and shared by threads.
using CharacterSet = std::shared_ptr<const icu::UnicodeSet>;

enum class Assertion {
  kTextBegin,
  kTextEnd,
  kLineBegin,
  kLineEnd,
  kLineBeginCrlf,  // lines end in \r, \n or \r\n
  kLineEndCrlf,
  kWordBoundary,
  kNotWordBoundary,
  kAsciiWordBoundary,
  kNotAsciiWordBoundary,
  kWordStart,
  kWordEnd,
  kWordStartHalf,
  kWordEndHalf,
};

struct Node {
  enum class Kind {
    kEmpty,
    kCharacter,
    kSet,
    kAssertion,
    kCapture,
    kConcatenation,
    kChoice,
    kRepeat
  };

  Kind kind = Kind::kEmpty;
  char32_t character = 0;
  bool ignores_case = false;  // of a character
  CharacterSet set;
  Assertion assertion = Assertion::kTextBegin;
  int group = 0;            // from 1
  int least = 0, most = 0;  // of a repeat; most is -1 where there is no limit
  bool is_greedy = true;
  std::vector<Node> children;
};

struct Syntax {
  Node root;
  int groups = 0;
  std::vector<std::pair<std::string, int>> names;  // of groups
};

// Throws std::invalid_argument, which tells what is wrong and where, for what is no regular expression and for
// what is not supported: look-around, backreferences, bytes that are no UTF-8.
Syntax parse(std::string_view pattern);

// The pattern as an error shows it: its beginning.
std::string shown(std::string_view pattern);

}  // namespace rivulet::functions::regex
