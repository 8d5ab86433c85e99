#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kql/syntax/token_reader.h"
#include "types/scalar_type.h"

namespace rivulet::commands {

// "T", "db.T", "db.T.c", or "*" alone.
struct EntityName {
  std::vector<std::string> parts;
  bool is_wildcard = false;
};

// What stands in "with (name = value, …)". Names are told apart without regard to case; a string literal
// is kept as its value, anything else as its text.
class Properties {
 public:
  void add(std::string name, std::string value) {
    items_.emplace_back(std::move(name), std::move(value));
  }
  bool empty() const { return items_.empty(); }
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }
  std::optional<std::string> find(std::string_view name) const;
  // Throws bad_request for what is neither true nor false.
  bool flag(std::string_view name, bool otherwise) const;
  // A datetime, bare or as datetime(…), in ticks. Throws bad_request for what is none.
  std::optional<int64_t> datetime(std::string_view name) const;
  // Throws bad_request that names the first property which is not among `known`.
  void check_known(std::span<const std::string_view> known) const;
  void check_known(std::initializer_list<std::string_view> known) const {
    check_known(std::span(known.begin(), known.size()));
  }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

struct ColumnSpec {
  std::string name;
  ScalarType type;
};

// Reads the text of one management command, word by word, and no further than it is asked to: what
// follows "<|" may be anything. Command words are told apart without regard to case, names of entities are
// not. Everything that reads throws syntax_error at what does not fit.
class CommandReader {
 public:
  // `text` must outlive the reader.
  explicit CommandReader(std::string_view text) : tokens_(text, {.allow_line_breaks = true}) {}

  // A command word: letters, digits, '_' and '-' written together ("create-merge").
  bool try_word(std::string_view word);
  bool at_word(std::string_view word) { return peek_word() == word; }
  void expect_word(std::string_view word);
  // The next word in lower case; empty when there is none.
  std::string peek_word();
  std::string word(std::string_view what);

  bool try_symbol(std::string_view symbol) { return tokens_.accept(symbol); }
  bool at_symbol(std::string_view symbol) { return tokens_.at(symbol); }
  void expect_symbol(std::string_view symbol) { tokens_.expect(symbol); }

  // An identifier, or a quoted one: ['x y'], ["x"].
  std::string name(std::string_view what);
  bool at_name();
  // Names joined by dots, or '*'.
  EntityName entity_name(std::string_view what);
  // "(a, b*, …)"; at least one. What '*' means is the command's affair.
  std::vector<std::string> name_list(std::string_view what);
  // A string literal; adjacent ones are joined.
  std::string string_literal(std::string_view what) { return tokens_.read_string(what); }
  // One string literal, where another may follow that means something else.
  std::string one_string(std::string_view what);
  bool at_string() { return tokens_.peek().is_string(); }
  ScalarType scalar_type() { return tokens_.read_type(); }
  // "(name:type, …)"; at least one.
  std::vector<ColumnSpec> column_list();
  // A timespan literal ("10d", "time(1.00:00:00)") or quoted timespan, in ticks.
  int64_t timespan(std::string_view what);
  // A datetime literal or quoted datetime, as ISO 8601 text.
  std::string datetime(std::string_view what);
  bool boolean(std::string_view what);
  // A whole number, not negative.
  int64_t whole_number(std::string_view what);
  // A guid, bare or quoted.
  Guid guid(std::string_view what);
  // What stands in "with (…)"; nothing when there is no such clause.
  Properties properties();
  // The text from the bracket `open` to the one that closes it, both included.
  std::string_view bracketed(std::string_view open, std::string_view close);

  // The text behind what was read so far.
  std::string_view rest() const { return tokens_.text().substr(consumed_end()); }
  // Takes the rest, as it stands: the reader is at its end then.
  std::string_view take_rest();
  // Where the command may end: before '|', ';' or the end of the text.
  bool at_command_end();
  // Where the last thing that was read ends, in bytes from the start of the text.
  size_t consumed_end() const { return tokens_.end_offset(); }

  size_t mark() const { return tokens_.index(); }
  void reset(size_t mark) { tokens_.rewind(mark); }

  // "Syntax error: … Expected <what>, found …" at the next token.
  [[noreturn]] void fail_expected(std::string_view what) { tokens_.fail_expected(what); }
  [[noreturn]] void fail(std::string_view message);

 private:
  // The word at the next tokens, in lower case, and how many of them it takes.
  std::pair<std::string, size_t> scan_word();

  kql::TokenReader tokens_;
};

}  // namespace rivulet::commands
