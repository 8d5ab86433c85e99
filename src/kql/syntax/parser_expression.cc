#include <algorithm>
#include <array>
#include <utility>

#include "common/error.h"
#include "kql/syntax/literal.h"
#include "kql/syntax/parser.h"
#include "kql/syntax/parser_state.h"

namespace rivulet::kql {
namespace {

// How deep a query may nest; every level costs stack in the parser, the binder and the SQL parser.
constexpr int kMaxNesting = 160;
// How many operands a chain like a + b + … may have: such a chain is a tree that deep.
constexpr int kMaxChain = 300;

constexpr std::array<std::string_view, 9> kSymbols{"==", "!=", "<>", "=~", "!~",
                                                   "<",  "<=", ">",  ">="};
constexpr std::array<std::string_view, 15> kWords{
    "has",           "has_cs",       "contains",    "contains_cs", "startswith",
    "startswith_cs", "endswith",     "endswith_cs", "hasprefix",   "hasprefix_cs",
    "hassuffix",     "hassuffix_cs", "like",        "likecs",      "containscs"};
constexpr std::array<std::string_view, 4> kNotWords{"like", "likecs", "contains", "containscs"};
constexpr std::array<std::string_view, 4> kListWords{"in", "has_any", "has_all", "between"};

template <typename List>
bool is_among(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

void add_argument(Expression& parent, ExpressionPtr value) {
  NamedExpression argument;
  argument.position = value->position;
  argument.value = std::move(value);
  parent.arguments.push_back(std::move(argument));
}

}  // namespace

Parser::Nesting::Nesting(Parser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxNesting) {
    Position position = parser_.reader_.peek().position;
    --parser_.depth_;
    parser_.reader_.fail("The query nests too deeply", position);
  }
}

ExpressionPtr Parser::make(Expression::Kind kind, std::string text, const Position& position) {
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->text = std::move(text);
  expression->position = position;
  return expression;
}

ExpressionPtr Parser::parse_expression() {
  Nesting nesting(*this);
  return parse_or();
}

ExpressionPtr Parser::parse_operand() {
  const Position position = reader_.peek().position;
  if (!at_source_keyword()) {
    ExpressionPtr value = parse_expression();
    if (!reader_.at("|")) return value;
    auto pipeline = std::make_shared<Pipeline>();
    pipeline->position = position;
    pipeline->source = std::move(value);
    pipeline->operators = parse_operators({});
    ExpressionPtr result = make(Expression::Kind::kPipeline, "", position);
    result->pipeline = std::move(pipeline);
    return result;
  }
  ExpressionPtr result = make(Expression::Kind::kPipeline, "", position);
  result->pipeline = parse_pipeline();
  return result;
}

// "(a, b) =" ahead?
bool Parser::at_tuple() {
  if (!reader_.at("(")) return false;
  size_t at = 1;
  for (;;) {
    size_t length = reader_.name_length(at);
    if (length == 0) return false;
    at += length;
    if (reader_.peek(at).is(",")) {
      ++at;
      continue;
    }
    return reader_.peek(at).is(")") && reader_.peek(at + 1).is("=");
  }
}

NamedExpression Parser::parse_named() {
  NamedExpression named;
  named.position = reader_.peek().position;
  size_t length = reader_.name_length();
  if (length > 0 && reader_.peek(length).is("=")) {
    named.names.push_back(reader_.read_name("a name"));
    reader_.next();
  } else if (at_tuple()) {
    named.is_tuple = true;
    reader_.next();
    do {
      named.names.push_back(reader_.read_name("a name"));
    } while (reader_.accept(","));
    reader_.expect(")");
    reader_.expect("=");
  }
  named.value = parse_expression();
  return named;
}

std::vector<NamedExpression> Parser::parse_named_list() {
  std::vector<NamedExpression> items;
  do {
    if (items.size() == kMaxColumns) {
      reader_.fail("A list may name 10,000 columns at most", reader_.peek().position);
    }
    items.push_back(parse_named());
  } while (reader_.accept(","));
  return items;
}

ExpressionPtr Parser::parse_or() {
  ExpressionPtr left = parse_and();
  if (!reader_.at("or")) return left;
  ExpressionPtr chain = make(Expression::Kind::kBinary, "or", reader_.peek().position);
  add_argument(*chain, std::move(left));
  while (reader_.accept("or")) add_argument(*chain, parse_and());
  return chain;
}

ExpressionPtr Parser::parse_and() {
  ExpressionPtr left = parse_comparison();
  if (!reader_.at("and")) return left;
  ExpressionPtr chain = make(Expression::Kind::kBinary, "and", reader_.peek().position);
  add_argument(*chain, std::move(left));
  while (reader_.accept("and")) add_argument(*chain, parse_comparison());
  return chain;
}

// The comparison operator ahead in its canonical spelling, and its length; empty when there is none.
std::string Parser::peek_comparison(size_t* token_count) {
  *token_count = 1;
  const Token& token = reader_.peek();
  if (token.kind == Token::Kind::kPunctuation) {
    if (is_among(kSymbols, token.text)) return token.text == "<>" ? "!=" : std::string(token.text);
    if (token.text == ":" && in_search_) return ":";
    if (token.text == "=" && sign_compares_) return "==";
    const Token& word = reader_.peek(1);
    bool negates = token.text == "!" && word.kind == Token::Kind::kName && !word.has_space_before;
    if (!negates) return "";
    *token_count = 2;
    if (word.text == "in" && reader_.peek(2).is("~") && !reader_.peek(2).has_space_before) {
      *token_count = 3;
      return "!in~";
    }
    bool is_known = is_among(kWords, word.text) || word.text == "in" || word.text == "between";
    return is_known ? "!" + std::string(word.text) : "";
  }
  if (token.kind != Token::Kind::kName) return "";
  if (token.text == "in" && reader_.peek(1).is("~") && !reader_.peek(1).has_space_before) {
    *token_count = 2;
    return "in~";
  }
  if (token.text == "matches" && reader_.peek(1).is("regex")) {
    *token_count = 2;
    return "matches regex";
  }
  // notlike, notlikecs, notcontains, notcontainscs
  if (token.text.starts_with("not") && is_among(kNotWords, token.text.substr(3)))
    return "!" + std::string(token.text.substr(3));
  if (is_among(kWords, token.text) || is_among(kListWords, token.text))
    return std::string(token.text);
  return "";
}

ExpressionPtr Parser::parse_comparison() {
  ExpressionPtr left = parse_additive();
  size_t token_count = 0;
  int operands = 1;
  for (std::string name = peek_comparison(&token_count); !name.empty();
       name = peek_comparison(&token_count)) {
    const Position position = reader_.peek().position;
    if (++operands > kMaxChain) reader_.fail("The query nests too deeply", position);
    for (size_t i = 0; i < token_count; ++i) reader_.next();
    std::string_view bare = name;
    if (bare.starts_with("!") && bare != "!=" && bare != "!~") bare.remove_prefix(1);
    if (bare.ends_with("~") && bare.starts_with("in")) bare.remove_suffix(1);
    if (is_among(kListWords, bare)) {
      left = parse_list_operator(std::move(left), std::move(name), position);
      continue;
    }
    ExpressionPtr binary =
        make(Expression::Kind::kBinary, name == ":" ? "has" : std::move(name), position);
    add_argument(*binary, std::move(left));
    add_argument(*binary, parse_additive());
    left = std::move(binary);
  }
  return left;
}

ExpressionPtr Parser::parse_list_operator(ExpressionPtr left, std::string name,
                                          const Position& position) {
  bool is_between = name.ends_with("between");
  ExpressionPtr list = make(Expression::Kind::kList, std::move(name), position);
  add_argument(*list, std::move(left));
  if (!reader_.at("(") && !is_between) {
    add_argument(*list, parse_additive());
    return list;
  }
  Nesting nesting(*this);
  reader_.expect("(");
  if (is_between) {
    add_argument(*list, parse_expression());
    reader_.expect("..");
    add_argument(*list, parse_expression());
  } else if (!reader_.at(")")) {
    do {
      if (reader_.at(")")) break;
      add_argument(*list, parse_operand());
    } while (reader_.accept(","));
  }
  reader_.expect(")");
  return list;
}

ExpressionPtr Parser::parse_additive() {
  ExpressionPtr left = parse_multiplicative();
  int operands = 1;
  while (reader_.at("+") || reader_.at("-")) {
    Token token = reader_.next();
    if (++operands > kMaxChain) reader_.fail("The query nests too deeply", token.position);
    ExpressionPtr binary = make(Expression::Kind::kBinary, std::string(token.text), token.position);
    add_argument(*binary, std::move(left));
    add_argument(*binary, parse_multiplicative());
    left = std::move(binary);
  }
  return left;
}

ExpressionPtr Parser::parse_multiplicative() {
  ExpressionPtr left = parse_unary();
  int operands = 1;
  while (reader_.at("*") || reader_.at("/") || reader_.at("%")) {
    Token token = reader_.next();
    if (++operands > kMaxChain) reader_.fail("The query nests too deeply", token.position);
    ExpressionPtr binary = make(Expression::Kind::kBinary, std::string(token.text), token.position);
    add_argument(*binary, std::move(left));
    add_argument(*binary, parse_unary());
    left = std::move(binary);
  }
  return left;
}

ExpressionPtr Parser::parse_unary() {
  if (!reader_.at("-") && !reader_.at("+")) return parse_primary_and_postfix();
  Nesting nesting(*this);
  Token token = reader_.next();
  ExpressionPtr unary = make(Expression::Kind::kUnary, std::string(token.text), token.position);
  add_argument(*unary, parse_unary());
  return unary;
}

ExpressionPtr Parser::parse_primary_and_postfix() {
  return parse_postfix(parse_primary());
}

ExpressionPtr Parser::parse_postfix(ExpressionPtr value) {
  int links = 0;
  for (;;) {
    const Position position = reader_.peek().position;
    if (++links > kMaxChain) reader_.fail("The query nests too deeply", position);
    if (reader_.at(".") && reader_.at_name(1)) {
      reader_.next();
      std::string name = reader_.read_name("a name");
      if (reader_.at("(")) {
        ExpressionPtr call = parse_call(std::move(name), position);
        call->object = std::move(value);
        value = std::move(call);
        continue;
      }
      if (reader_.at("*") && !reader_.peek().has_space_before &&
          value->kind == Expression::Kind::kCall) {
        reader_.next();  // database('x').T*
        ExpressionPtr member = make(Expression::Kind::kMember, name + "*", position);
        add_argument(*member, std::move(value));
        value = std::move(member);
        continue;
      }
      ExpressionPtr member = make(Expression::Kind::kMember, std::move(name), position);
      add_argument(*member, std::move(value));
      value = std::move(member);
    } else if (reader_.at("[") || (reader_.at(".") && reader_.peek(1).is("["))) {
      Nesting nesting(*this);
      reader_.accept(".");  // x.[0] is x[0]
      reader_.next();
      ExpressionPtr index = make(Expression::Kind::kIndex, "", position);
      add_argument(*index, std::move(value));
      add_argument(*index, parse_expression());
      reader_.expect("]");
      value = std::move(index);
    } else {
      return value;
    }
  }
}

ExpressionPtr Parser::parse_call(std::string name, const Position& position) {
  Nesting nesting(*this);
  ExpressionPtr call = make(Expression::Kind::kCall, std::move(name), position);
  reader_.expect("(");
  if (reader_.accept(")")) return call;
  bool outer_sign_compares = std::exchange(sign_compares_, false);
  do {
    NamedExpression argument;
    argument.position = reader_.peek().position;
    size_t length = reader_.name_length();
    if (length > 0 && reader_.peek(length).is("=")) {
      argument.names.push_back(reader_.read_name("a name"));
      reader_.next();
    }
    argument.value = parse_operand();
    call->arguments.push_back(std::move(argument));
  } while (reader_.accept(","));
  sign_compares_ = outer_sign_compares;
  reader_.expect(")");
  return call;
}

ExpressionPtr Parser::parse_primary() {
  const Token token = reader_.peek();
  bool is_time_of_day = token.kind == Token::Kind::kLiteral &&
                        token.literal.type == ScalarType::kTimeSpan &&
                        token.text.starts_with("date");
  if (is_time_of_day) {
    // startofday(now()) + the time
    ExpressionPtr sum = make(Expression::Kind::kBinary, "+", token.position);
    ExpressionPtr today = make(Expression::Kind::kCall, "startofday", token.position);
    add_argument(*today, make(Expression::Kind::kCall, "now", token.position));
    ExpressionPtr time = make(Expression::Kind::kLiteral, "", token.position);
    time->literal = reader_.next().literal;
    add_argument(*sum, std::move(today));
    add_argument(*sum, std::move(time));
    return sum;
  }
  if (token.kind == Token::Kind::kLiteral) {
    ExpressionPtr literal = make(Expression::Kind::kLiteral, "", token.position);
    literal->literal = reader_.read_literal("a literal");
    return literal;
  }
  if (token.is("(")) {
    Nesting nesting(*this);
    reader_.next();
    ExpressionPtr inner = parse_operand();
    reader_.expect(")");
    inner->is_parenthesized = true;
    return inner;
  }
  if (token.is("*")) {
    reader_.next();
    return make(Expression::Kind::kStar, "*", token.position);
  }
  if (token.kind == Token::Kind::kName) {
    if (reader_.peek(1).is("(")) {
      std::string name(reader_.next().text);
      if (name == "typeof") {
        reader_.next();
        ExpressionPtr type = make(Expression::Kind::kTypeof, "", token.position);
        type->text = kusto_name(reader_.read_type());
        reader_.expect(")");
        return type;
      }
      return parse_call(std::move(name), token.position);
    }
    if (bool_word(token.text)) {
      ExpressionPtr literal = make(Expression::Kind::kLiteral, "", token.position);
      literal->literal = reader_.read_literal("a literal");
      return literal;
    }
  }
  if (reader_.at_name()) {
    std::string name = reader_.read_name("a name");
    if (reader_.at("(") && token.is("[")) return parse_call(std::move(name), token.position);
    return make(Expression::Kind::kName, std::move(name), token.position);
  }
  reader_.fail_expected("an expression");
}

ExpressionPtr Parser::parse_pattern(std::string_view what) {
  const Token first = reader_.peek();
  size_t length = reader_.name_length();
  if (length == 3 && !(reader_.peek(3).is("*") && !reader_.peek(3).has_space_before)) {
    return make(Expression::Kind::kName, reader_.read_name(what), first.position);
  }
  std::string text;
  bool has_star = false;
  while (text.empty() || !reader_.peek().has_space_before) {
    const Token& token = reader_.peek();
    if (token.is("*")) {
      has_star = true;
      text += '*';
      reader_.next();
    } else if (reader_.name_length() > 0) {
      text += reader_.read_name(what);
    } else if (has_star && token.kind == Token::Kind::kLiteral &&
               token.literal.type == ScalarType::kLong) {
      text += token.text;
      reader_.next();
    } else {
      break;
    }
  }
  if (text.empty()) reader_.fail_expected(what);
  if (text == "*") return make(Expression::Kind::kStar, "*", first.position);
  return make(has_star ? Expression::Kind::kPattern : Expression::Kind::kName, std::move(text),
              first.position);
}

ExpressionPtr Parser::parse_table() {
  if (reader_.at("(")) return parse_primary();
  size_t length = reader_.name_length();
  bool is_pattern = reader_.at("*") || (length > 0 && reader_.peek(length).is("*"));
  if (is_pattern) return parse_pattern("the name of a table");
  if (at_source_keyword() && reader_.at("datatable")) {
    ExpressionPtr result = make(Expression::Kind::kPipeline, "", reader_.peek().position);
    auto pipeline = std::make_shared<Pipeline>();
    pipeline->position = reader_.peek().position;
    pipeline->source = parse_source();
    result->pipeline = std::move(pipeline);
    return result;
  }
  return parse_primary_and_postfix();
}

}  // namespace rivulet::kql
