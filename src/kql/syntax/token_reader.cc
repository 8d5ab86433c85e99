#include "kql/syntax/token_reader.h"

#include "common/error.h"
#include "kql/syntax/literal.h"

namespace rivulet::kql {

namespace {

// Words, signs and literals of one text. A token and what is made of it take some hundred bytes, however short it is.
constexpr size_t kMaxTokens = 1'000'000;

}  // namespace

const Token& TokenReader::peek(size_t ahead) {
  while (tokens_.size() <= index_ + ahead) {
    if (!tokens_.empty() && tokens_.back().kind == Token::Kind::kEnd) return tokens_.back();
    tokens_.push_back(lexer_.next());
    if (tokens_.size() > kMaxTokens) {
      fail(
          "The text has more than 1,000,000 words, signs and literals: send it in parts, or ingest "
          "long lists of "
          "values into a table and query that",
          tokens_.back().position);
    }
  }
  return tokens_[index_ + ahead];
}

Token TokenReader::next() {
  Token token = peek();
  if (token.kind != Token::Kind::kEnd) ++index_;
  return token;
}

void TokenReader::take_raw(size_t offset) {
  Token token;
  token.kind = Token::Kind::kLiteral;
  token.offset = end_offset();
  token.text = text_.substr(token.offset, offset - token.offset);
  // The lookahead was read as something else, and may have been read past the offset.
  tokens_.resize(index_);
  tokens_.push_back(token);
  ++index_;
  lexer_ = Lexer(text_, lexer_.options());
  lexer_.skip_to(offset);
}

bool TokenReader::accept(std::string_view word) {
  if (!at(word)) return false;
  ++index_;
  return true;
}

void TokenReader::expect(std::string_view word) {
  if (!accept(word)) fail_expected("'" + std::string(word) + "'");
}

void TokenReader::fail(std::string_view message, const Position& position) const {
  throw syntax_error(message, {position.line, position.column});
}

void TokenReader::fail_expected(std::string_view what) {
  const Token& token = peek();
  std::string message = "Expected " + std::string(what) + ", found ";
  if (token.kind == Token::Kind::kEnd) {
    message += "the end of the text";
  } else {
    constexpr size_t kShown = 40;
    message += "'" + std::string(token.is_obfuscated ? "h'…'" : token.text.substr(0, kShown)) + "'";
  }
  fail(message, token.position);
}

size_t TokenReader::name_length(size_t ahead) {
  const Token& token = peek(ahead);
  if (token.kind == Token::Kind::kName) return 1;
  if (token.is("[") && peek(ahead + 1).is_string() && peek(ahead + 2).is("]")) return 3;
  return 0;
}

bool TokenReader::at_name(size_t ahead) {
  return name_length(ahead) > 0;
}

std::string TokenReader::read_name(std::string_view what) {
  switch (name_length()) {
    case 1:
      return std::string(next().text);
    case 3: {
      next();
      std::string name = std::get<std::string>(next().literal.value);
      next();
      return name;
    }
    default:
      fail_expected(what);
  }
}

std::string TokenReader::peek_hyphenated(size_t* token_count) {
  std::string word;
  *token_count = 0;
  if (peek().kind != Token::Kind::kName) return word;
  word = peek().text;
  *token_count = 1;
  while (peek(*token_count).is("-") && !peek(*token_count).has_space_before &&
         peek(*token_count + 1).kind == Token::Kind::kName &&
         !peek(*token_count + 1).has_space_before) {
    word += '-';
    word += peek(*token_count + 1).text;
    *token_count += 2;
  }
  return word;
}

bool TokenReader::accept_hyphenated(std::string_view word) {
  size_t count = 0;
  if (peek_hyphenated(&count) != word) return false;
  index_ += count;
  return true;
}

std::string TokenReader::read_string(std::string_view what) {
  if (!peek().is_string()) fail_expected(what);
  std::string value;
  while (peek().is_string()) value += std::get<std::string>(next().literal.value);
  return value;
}

Literal TokenReader::read_literal(std::string_view what) {
  const Token& token = peek();
  if (token.is_string()) return {ScalarType::kString, read_string(what)};
  if (token.kind == Token::Kind::kLiteral) return next().literal;
  if (token.kind == Token::Kind::kName) {
    if (std::optional<bool> flag = bool_word(token.text)) {
      next();
      return {ScalarType::kBool, *flag};
    }
  }
  if (token.is("-") || token.is("+")) {
    bool negative = token.is("-");
    size_t start = index_;
    next();
    if (peek().kind == Token::Kind::kLiteral) {
      Literal literal = next().literal;
      if (auto* whole = std::get_if<int64_t>(&literal.value)) {
        if (negative) *whole = -*whole;
        return literal;
      }
      if (auto* real = std::get_if<double>(&literal.value)) {
        if (negative) *real = -*real;
        return literal;
      }
    }
    rewind(start);
  }
  fail_expected(what);
}

ScalarType TokenReader::read_type() {
  const Token& token = peek();
  if (token.kind == Token::Kind::kName) {
    std::string name(token.text);
    size_t length = 1;
    while (peek(length).is(".") && peek(length + 1).kind == Token::Kind::kName) {  // System.String
      name += '.';
      name += peek(length + 1).text;
      length += 2;
    }
    if (auto type = parse_scalar_type(name)) {
      index_ += length;
      return *type;
    }
  }
  fail_expected(
      "a type (bool, int, long, real, decimal, datetime, timespan, guid, string or dynamic)");
}

}  // namespace rivulet::kql
