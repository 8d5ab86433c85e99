#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "kql/syntax/lexer.h"

namespace rivulet::kql {

// Tokens with lookahead, and the small pieces of grammar that queries and management commands share. It
// lexes no further than it is asked to look. All members throw syntax_error; not thread-safe.
class TokenReader {
 public:
  explicit TokenReader(std::string_view text) : text_(text), lexer_(text) {}
  TokenReader(std::string_view text, Lexer::Options options) : text_(text), lexer_(text, options) {}

  const Token& peek(size_t ahead = 0);
  Token next();
  bool at_end() { return peek().kind == Token::Kind::kEnd; }
  bool at(std::string_view word) { return peek().is(word); }
  bool accept(std::string_view word);
  void expect(std::string_view word);
  // Stops with "Expected <what>" at the next token.
  [[noreturn]] void fail_expected(std::string_view what);
  [[noreturn]] void fail(std::string_view message, const Position& position) const;

  // A name: an identifier, or ['any text'] or ["any text"].
  bool at_name(size_t ahead = 0);
  size_t name_length(size_t ahead = 0);  // in tokens: 1 or 3; 0 when there is no name
  std::string read_name(std::string_view what);
  // A name that may hold hyphens: "mv-expand"; empty when there is none.
  std::string peek_hyphenated(size_t* token_count);
  bool accept_hyphenated(std::string_view word);
  // A string literal; adjacent ones are joined.
  std::string read_string(std::string_view what);
  Literal read_literal(std::string_view what);
  ScalarType read_type();

  size_t index() const { return index_; }
  void rewind(size_t index) { index_ = index; }
  std::string_view text() const { return text_; }
  // Where the last token that was read ends, in bytes from the start of the text.
  size_t end_offset() const { return index_ == 0 ? 0 : tokens_[index_ - 1].end_offset(); }
  // Takes the bytes up to `offset` as one token, whatever they are; it lies behind end_offset(), and
  // rewind() may pass over it.
  void take_raw(size_t offset);

 private:
  std::string_view text_;
  Lexer lexer_;
  std::deque<Token> tokens_;
  size_t index_ = 0;
};

}  // namespace rivulet::kql
