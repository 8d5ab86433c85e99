#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kql/sql/expr.h"

// Words of KQL, for queries and management commands alike.
namespace rivulet::kql {

// A place in the text: line and column count from 1, column in bytes.
struct Position {
  int line = 1;
  int column = 1;
};

struct Token {
  enum class Kind {
    kEnd,
    kName,         // identifier or keyword; may start with '$' ("$left")
    kLiteral,      // number, timespan, string or typed literal ("1", "2h", "'x'", "datetime(null)")
    kPunctuation,  // "|", "==", "..", …; one operator a token
  };

  Kind kind = Kind::kEnd;
  std::string_view text;          // as it stands in the source
  Literal literal;                // kLiteral only
  bool is_obfuscated = false;     // h'…': the value must not be shown or traced
  bool has_space_before = false;  // blanks or a comment stand before it
  size_t offset = 0;              // in bytes, of the first byte
  Position position;

  bool is(std::string_view word) const {
    return (kind == Kind::kName || kind == Kind::kPunctuation) && text == word;
  }
  bool is_string() const { return kind == Kind::kLiteral && literal.type == ScalarType::kString; }
  size_t end_offset() const { return offset + text.size(); }
};

// Reads one token after another from a text that must outlive it. Comments, blanks and client directives
// (lines that start with '#') are passed over. Every `next` throws syntax_error at what is no token, so a
// command may stop before free text (".ingest inline … <|") and take rest().
class Lexer {
 public:
  struct Options {
    // Management commands take string literals that run over several lines.
    bool allow_line_breaks = false;
  };
  explicit Lexer(std::string_view text) : text_(text) {}
  Lexer(std::string_view text, Options options) : text_(text), options_(options) {}

  Token next();
  // Offset just behind the last token.
  size_t offset() const { return offset_; }
  std::string_view rest() const { return text_.substr(offset_); }
  const Options& options() const { return options_; }
  // Goes on at `offset`, which lies at or behind offset().
  void skip_to(size_t offset) { advance(offset - offset_); }

 private:
  char peek(size_t ahead = 0) const {
    return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
  }
  void advance(size_t count);
  void skip_blanks();
  bool try_string(Token& token);
  bool try_typed_literal(Token& token, std::string_view name);
  void read_number(Token& token);
  void read_name(Token& token);
  void read_punctuation(Token& token);
  [[noreturn]] void fail(std::string_view message) const;

  std::string_view text_;
  Options options_;
  size_t offset_ = 0;
  Position position_;
};

// The text as it may be shown or traced: what h'…' holds is "****". Where the text is no KQL, everything from the
// next h'… on is.
std::string hide_secrets(std::string_view text);

// All tokens; the last is kEnd.
std::vector<Token> tokenize(std::string_view text);

}  // namespace rivulet::kql
