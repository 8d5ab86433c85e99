#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "kql/syntax/syntax.h"
#include "kql/syntax/token_reader.h"

namespace rivulet::kql {

// Recursive descent over one text: internal to the parser's files. Each parse_x reads an x and leaves the
// reader behind it.
class Parser {
 public:
  explicit Parser(std::string_view text) : reader_(text) {}

  // parser.cc
  Script parse_script();
  Script parse_continuation();
  std::vector<Statement> parse_statements(std::string_view end);
  Statement parse_statement();
  PipelinePtr parse_pipeline();
  PipelinePtr parse_operator_chain(bool starts_with_pipe);
  std::vector<ParameterDeclaration> parse_parameters();
  std::vector<Statement> parse_body();
  void expect_end();

  // parser_expression.cc
  ExpressionPtr parse_expression();
  // A scalar expression or a pipeline (Kind::kPipeline).
  ExpressionPtr parse_operand();
  NamedExpression parse_named();
  std::vector<NamedExpression> parse_named_list();
  ExpressionPtr parse_primary_and_postfix();
  // A name with wildcards, or a name.
  ExpressionPtr parse_pattern(std::string_view what);
  // A table in union, join, search …: name, pattern, call or parenthesised pipeline.
  ExpressionPtr parse_table();

 private:
  // One level deeper in the tree; throws when the text nests too deeply.
  class Nesting {
   public:
    explicit Nesting(Parser& parser);
    ~Nesting() { --parser_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser& parser_;
  };

  // parser.cc
  Statement parse_let();
  Statement parse_declare();
  bool at_source_keyword();
  bool at_function();
  PipelineSource parse_source();
  std::vector<Operator> parse_operators(std::vector<Operator> operators);
  std::vector<ColumnDeclaration> parse_schema();
  DataTable parse_datatable();
  RangeSource parse_range();

  // parser_expression.cc
  ExpressionPtr make(Expression::Kind kind, std::string text, const Position& position);
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_additive();
  ExpressionPtr parse_multiplicative();
  ExpressionPtr parse_unary();
  ExpressionPtr parse_primary();
  ExpressionPtr parse_postfix(ExpressionPtr value);
  ExpressionPtr parse_call(std::string name, const Position& position);
  std::string peek_comparison(size_t* token_count);
  ExpressionPtr parse_list_operator(ExpressionPtr left, std::string name, const Position& position);
  bool at_tuple();

  // parser_operators.cc and parser_graph.cc: the part after the operator's name.
  Operator parse_operator();
  Operator::Body parse_operator_body(const std::string& name, const Position& position);
  std::vector<OperatorOption> parse_options(std::initializer_list<std::string_view> known);
  OperatorOption parse_option();
  std::vector<OperatorOption> parse_with_options();
  std::vector<SortKey> parse_sort_keys();
  ProjectOperator parse_project(const std::string& form);
  ReorderOperator parse_reorder();
  SummarizeOperator parse_summarize();
  TopNestedOperator parse_top_nested();
  JoinOperator parse_join(bool is_lookup);
  UnionOperator parse_union();
  MvExpandOperator parse_mv_expand();
  MvApplyOperator parse_mv_apply();
  std::vector<NamedExpression> parse_expanded_items();
  ParseOperator parse_parse(bool is_where);
  ParseKvOperator parse_parse_kv();
  MakeSeriesOperator parse_make_series();
  PartitionOperator parse_partition();
  ScanOperator parse_scan();
  EvaluateOperator parse_evaluate();
  SearchOperator parse_search();
  FindOperator parse_find();
  RenderOperator parse_render();
  std::vector<ExpressionPtr> parse_table_list();
  MakeGraphOperator parse_make_graph();
  GraphMatchOperator parse_graph_match(bool is_shortest_paths);
  GraphPattern parse_graph_pattern();
  GraphPattern::Edge parse_graph_edge();
  GraphToTableOperator parse_graph_to_table();

  TokenReader reader_;
  int depth_ = 0;
  bool in_search_ = false;  // `column:"term"` is an operator only there
  // In the predicate of a where `a = b` compares; inside a call there, and everywhere else, `a =` gives a name.
  bool sign_compares_ = false;
};

}  // namespace rivulet::kql
