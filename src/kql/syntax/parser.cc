#include "kql/syntax/parser.h"

#include "common/error.h"
#include "kql/syntax/parser_state.h"

namespace rivulet::kql {

Script parse_query(std::string_view text) {
  Parser parser(text);
  return parser.parse_script();
}

Script parse_continuation(std::string_view text) {
  Parser parser(text);
  return parser.parse_continuation();
}

std::shared_ptr<const FunctionDefinition> parse_function(std::string_view parameters,
                                                         std::string_view body) {
  auto definition = std::make_shared<FunctionDefinition>();
  Parser parameter_parser(parameters);
  definition->parameters = parameter_parser.parse_parameters();
  parameter_parser.expect_end();
  Parser body_parser(body);
  definition->body = body_parser.parse_body();
  body_parser.expect_end();
  return definition;
}

ExpressionPtr parse_scalar(std::string_view text) {
  Parser parser(text);
  ExpressionPtr expression = parser.parse_expression();
  parser.expect_end();
  return expression;
}

void Parser::expect_end() {
  reader_.accept(";");
  if (!reader_.at_end()) reader_.fail_expected("'|', ';' or the end of the query");
}

Script Parser::parse_script() {
  Script script;
  script.statements = parse_statements("");
  if (!reader_.at_end()) reader_.fail_expected("'|', ';' or the end of the query");
  if (script.statements.empty()) reader_.fail_expected("a query");
  return script;
}

Script Parser::parse_continuation() {
  Script script;
  script.statements.emplace_back();
  script.statements.front().position = reader_.peek().position;
  script.statements.front().pipeline = parse_operator_chain(true);
  if (reader_.at(";")) {
    for (Statement& statement : parse_statements("")) {
      script.statements.push_back(std::move(statement));
    }
  }
  if (!reader_.at_end()) reader_.fail_expected("'|', ';' or the end of the query");
  return script;
}

std::vector<Statement> Parser::parse_statements(std::string_view end) {
  std::vector<Statement> statements;
  for (;;) {
    while (reader_.accept(";")) {
    }
    if (reader_.at_end() || (!end.empty() && reader_.at(end))) return statements;
    statements.push_back(parse_statement());
    if (!reader_.at(";")) return statements;
  }
}

Statement Parser::parse_statement() {
  const Position position = reader_.peek().position;
  const Token& following = reader_.peek(1);
  bool starts_name = following.kind == Token::Kind::kName || following.is("[");
  if (reader_.at("let") && starts_name) return parse_let();
  if (reader_.at("declare") && starts_name) return parse_declare();
  if (reader_.at("set") && starts_name) {
    reader_.next();
    Statement statement;
    statement.kind = Statement::Kind::kSet;
    statement.position = position;
    statement.name = reader_.read_name("the name of an option");
    if (reader_.accept("=")) {
      bool is_word = reader_.at_name() && !reader_.at("true") && !reader_.at("false");
      statement.value = is_word ? Literal{ScalarType::kString, reader_.read_name("a value")}
                                : reader_.read_literal("a value");
    }
    return statement;
  }
  if (reader_.at("alias") && following.is("database")) throw not_supported("alias statement");
  if (reader_.at("restrict") && following.is("access")) throw not_supported("restrict statement");
  Statement statement;
  statement.position = position;
  statement.pipeline = parse_pipeline();
  return statement;
}

Statement Parser::parse_let() {
  Statement statement;
  statement.kind = Statement::Kind::kLet;
  statement.position = reader_.next().position;
  statement.name = reader_.read_name("a name");
  reader_.expect("=");
  if (at_function()) {
    auto function = std::make_shared<FunctionDefinition>();
    function->is_view = reader_.accept("view");
    function->parameters = parse_parameters();
    function->body = parse_body();
    statement.function = std::move(function);
  } else {
    if (reader_.at("entity_group")) throw not_supported("entity_group");
    statement.pipeline = parse_pipeline();
  }
  return statement;
}

// "(a: long", "()" or "view (": parentheses with parameters, not with an expression.
bool Parser::at_function() {
  size_t at = reader_.at("view") && reader_.peek(1).is("(") ? 1 : 0;
  if (!reader_.peek(at).is("(")) return false;
  if (reader_.peek(at + 1).is(")")) return reader_.peek(at + 2).is("{");
  size_t length = reader_.name_length(at + 1);
  return length > 0 && reader_.peek(at + 1 + length).is(":");
}

Statement Parser::parse_declare() {
  Statement statement;
  statement.kind = Statement::Kind::kDeclareParameters;
  statement.position = reader_.next().position;
  if (reader_.at("pattern")) throw not_supported("declare pattern statement");
  reader_.expect("query_parameters");
  statement.parameters = parse_parameters();
  return statement;
}

std::vector<ParameterDeclaration> Parser::parse_parameters() {
  std::vector<ParameterDeclaration> parameters;
  reader_.expect("(");
  if (reader_.accept(")")) return parameters;
  do {
    ParameterDeclaration parameter;
    parameter.position = reader_.peek().position;
    parameter.name = reader_.read_name("the name of a parameter");
    reader_.expect(":");
    if (reader_.at("(")) {
      parameter.is_tabular = true;
      if (reader_.peek(1).is("*")) {
        reader_.next();
        reader_.next();
        reader_.expect(")");
      } else {
        parameter.columns = parse_schema();
      }
    } else {
      parameter.type = reader_.read_type();
      if (reader_.accept("=")) parameter.default_value = parse_expression();
    }
    parameters.push_back(std::move(parameter));
  } while (reader_.accept(","));
  reader_.expect(")");
  return parameters;
}

std::vector<Statement> Parser::parse_body() {
  Nesting nesting(*this);
  reader_.expect("{");
  std::vector<Statement> statements = parse_statements("}");
  for (size_t i = 0; i + 1 < statements.size(); ++i) {
    if (statements[i].kind != Statement::Kind::kQuery) continue;
    reader_.fail(
        "A function gives one result: the expression stands last, behind its let statements",
        statements[i + 1].position);
  }
  reader_.expect("}");
  return statements;
}

std::vector<ColumnDeclaration> Parser::parse_schema() {
  std::vector<ColumnDeclaration> columns;
  reader_.expect("(");
  if (reader_.accept(")")) return columns;
  do {
    ColumnDeclaration column;
    column.position = reader_.peek().position;
    column.name = reader_.read_name("the name of a column");
    reader_.expect(":");
    column.type = reader_.read_type();
    columns.push_back(std::move(column));
    if (columns.size() > kMaxColumns) {
      reader_.fail("A table may have 10,000 columns at most", columns.back().position);
    }
  } while (reader_.accept(","));
  reader_.expect(")");
  return columns;
}

bool Parser::at_source_keyword() {
  const Token& token = reader_.peek();
  if (token.kind != Token::Kind::kName) return false;
  const Token& following = reader_.peek(1);
  if (token.text == "datatable" || token.text == "externaldata" || token.text == "external_data") {
    return following.is("(") || following.is("[");
  }
  if (token.text == "range") return following.kind == Token::Kind::kName || following.is("[");
  bool is_operand = following.kind == Token::Kind::kName ||
                    following.kind == Token::Kind::kLiteral || following.is("(") ||
                    following.is("[") || following.is("*");
  if (token.text == "print") {
    return is_operand || following.is("-") || following.is("+");
  }
  if (token.text == "union" || token.text == "search" || token.text == "find") return is_operand;
  return token.text == "evaluate" && following.kind == Token::Kind::kName;
}

PipelineSource Parser::parse_source() {
  if (!at_source_keyword()) {
    Nesting nesting(*this);
    return parse_expression();
  }
  std::string keyword(reader_.next().text);
  if (keyword == "datatable") return parse_datatable();
  if (keyword == "range") return parse_range();
  if (keyword == "print") return PrintSource{parse_named_list()};
  if (keyword == "union") return parse_union();
  if (keyword == "search") return parse_search();
  if (keyword == "find") return parse_find();
  if (keyword == "evaluate") return parse_evaluate();
  throw not_supported("externaldata operator");
}

DataTable Parser::parse_datatable() {
  DataTable table;
  table.columns = parse_schema();
  reader_.expect("[");
  while (!reader_.accept("]")) {
    table.values.push_back(parse_expression());
    if (!reader_.accept(",") && !reader_.at("]")) reader_.fail_expected("',' or ']'");
  }
  return table;
}

RangeSource Parser::parse_range() {
  RangeSource range;
  range.name = reader_.read_name("the name of a column");
  reader_.expect("from");
  range.from = parse_expression();
  reader_.expect("to");
  range.to = parse_expression();
  if (reader_.accept("step")) range.step = parse_expression();
  return range;
}

PipelinePtr Parser::parse_pipeline() {
  Nesting nesting(*this);
  auto pipeline = std::make_shared<Pipeline>();
  pipeline->position = reader_.peek().position;
  pipeline->source = parse_source();
  pipeline->operators = parse_operators({});
  return pipeline;
}

std::vector<Operator> Parser::parse_operators(std::vector<Operator> operators) {
  bool outer_sign_compares = std::exchange(sign_compares_, false);
  while (reader_.accept("|")) operators.push_back(parse_operator());
  sign_compares_ = outer_sign_compares;
  return operators;
}

PipelinePtr Parser::parse_operator_chain(bool starts_with_pipe) {
  Nesting nesting(*this);
  auto pipeline = std::make_shared<Pipeline>();
  pipeline->position = reader_.peek().position;
  std::vector<Operator> operators;
  if (!starts_with_pipe && !reader_.accept("|")) operators.push_back(parse_operator());
  if (!starts_with_pipe && operators.empty()) operators.push_back(parse_operator());
  pipeline->operators = parse_operators(std::move(operators));
  return pipeline;
}

}  // namespace rivulet::kql
