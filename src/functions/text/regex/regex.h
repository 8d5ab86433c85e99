#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace re2 {
class RE2;
}

namespace rivulet::functions::regex {

class Machine;
struct Syntax;

// Text that is searched, perhaps several times.
struct Subject {
  explicit Subject(std::string_view searched);

  std::string_view text;
  bool is_ascii;
};

// A regular expression of Kusto, compiled. RE2 runs it, as text that says the same to RE2: classes come as the
// ranges of their characters. Over text that is all ASCII they need hold no others, which is small and quick.
// What RE2 cannot say (a word boundary in text that is not ASCII, \b{start} and its kin, lines that end in
// \r\n) a machine of our own decides, after RE2 has left out the text in which nothing can match. Until there was
// enough text to be worth RE2's tables of Unicode, the machine alone decides.
//
// find() compiles what it needs when it first needs it: an object belongs to one thread.
class Regex {
 public:
  // Throws std::invalid_argument for what is no regular expression or not supported. With `is_at_end` matches
  // end where the text does.
  explicit Regex(std::string_view pattern, bool is_at_end = false);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  int groups() const;
  // Groups that have names.
  const std::vector<std::pair<std::string, int>>& names() const;

  // The first match from the byte `from` on; with `is_anchored` one that begins there. `groups` gets the
  // whole match and the groups, as many as it has room for; a group that took no part has no data.
  bool find(const Subject& subject, size_t from, bool is_anchored,
            std::span<std::string_view> groups) const;

 private:
  struct Engine;
  const Engine& engine(bool is_ascii) const;
  const Machine& machine() const;

  std::unique_ptr<const Syntax> syntax_;
  bool depends_on_text_ = false;  // whether ASCII text has an engine of its own
  bool is_small_ = false;         // for the machine
  mutable std::unique_ptr<Engine> ascii_, any_;
  mutable size_t bytes_without_engine_ = 0;  // of text that is not ASCII, searched by the machine
  mutable std::unique_ptr<Machine> machine_;
};

}  // namespace rivulet::functions::regex
