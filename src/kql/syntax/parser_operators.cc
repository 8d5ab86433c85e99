#include <algorithm>
#include <array>

#include "common/error.h"
#include "kql/syntax/literal.h"
#include "kql/syntax/parser.h"
#include "kql/syntax/parser_state.h"

namespace rivulet::kql {
namespace {

// Operators of Kusto's that are refused by name.
constexpr std::array<std::string_view, 8> kRefused{"fork",
                                                   "facet",
                                                   "macro-expand",
                                                   "assert-schema",
                                                   "execute-and-cache",
                                                   "graph-where-nodes",
                                                   "graph-where-edges",
                                                   "make-graph-snapshot"};

std::string literal_text(const Literal& literal) {
  if (const auto* text = std::get_if<std::string>(&literal.value)) return *text;
  if (const auto* flag = std::get_if<bool>(&literal.value)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<int64_t>(&literal.value)) return std::to_string(*whole);
  if (const auto* small = std::get_if<int32_t>(&literal.value)) return std::to_string(*small);
  if (const auto* real = std::get_if<double>(&literal.value)) return std::to_string(*real);
  return "";
}

}  // namespace

Operator Parser::parse_operator() {
  size_t token_count = 0;
  Operator result;
  result.position = reader_.peek().position;
  result.name = reader_.peek_hyphenated(&token_count);
  if (result.name.empty()) reader_.fail_expected("an operator");
  for (size_t i = 0; i < token_count; ++i) reader_.next();
  result.body = parse_operator_body(result.name, result.position);
  return result;
}

Operator::Body Parser::parse_operator_body(const std::string& name, const Position& position) {
  if (name == "where" || name == "filter") {
    parse_options({});
    sign_compares_ = true;
    WhereOperator where{parse_expression()};
    sign_compares_ = false;
    return where;
  }
  if (name == "extend" || name == "project" || name == "project-away" || name == "project-keep" ||
      name == "project-rename" || name == "project-by-names" || name == "distinct") {
    return parse_project(name);
  }
  if (name == "project-reorder") return parse_reorder();
  if (name == "summarize") return parse_summarize();
  if (name == "sort" || name == "order") {
    parse_options({});
    reader_.expect("by");
    return SortOperator{parse_sort_keys()};
  }
  if (name == "top") {
    parse_options({});
    TopOperator top;
    top.count = parse_expression();
    reader_.expect("by");
    top.keys = parse_sort_keys();
    return top;
  }
  if (name == "top-nested") return parse_top_nested();
  if (name == "top-hitters") {
    parse_options({});
    TopHittersOperator hitters;
    hitters.count = parse_expression();
    reader_.expect("of");
    hitters.of = parse_expression();
    if (reader_.accept("by")) hitters.by = parse_expression();
    return hitters;
  }
  if (name == "take" || name == "limit") {
    parse_options({});
    return TakeOperator{parse_expression()};
  }
  if (name == "count") {
    CountOperator count;
    parse_options({});
    if (reader_.accept("as")) count.name = reader_.read_name("the name of a column");
    return count;
  }
  if (name == "sample") return SampleOperator{parse_expression(), nullptr};
  if (name == "sample-distinct") {
    SampleOperator sample;
    sample.count = parse_expression();
    reader_.expect("of");
    sample.of = parse_expression();
    return sample;
  }
  if (name == "join" || name == "lookup") return parse_join(name == "lookup");
  if (name == "union") return parse_union();
  if (name == "mv-expand" || name == "mvexpand") return parse_mv_expand();
  if (name == "mv-apply" || name == "mvapply") return parse_mv_apply();
  if (name == "parse" || name == "parse-where") return parse_parse(name == "parse-where");
  if (name == "parse-kv") return parse_parse_kv();
  if (name == "make-series") return parse_make_series();
  if (name == "getschema") return GetSchemaOperator{};
  if (name == "serialize") {
    SerializeOperator serialize;
    parse_options({});
    if (reader_.at_name()) serialize.items = parse_named_list();
    return serialize;
  }
  if (name == "as") {
    parse_options({});
    return AsOperator{reader_.read_name("a name")};
  }
  if (name == "consume") {
    parse_options({"decodeblocks"});
    return ConsumeOperator{};
  }
  if (name == "invoke") return InvokeOperator{parse_primary_and_postfix()};
  if (name == "partition") return parse_partition();
  if (name == "scan") return parse_scan();
  if (name == "reduce") {
    ReduceOperator reduce;
    parse_options({"kind"});
    reader_.expect("by");
    reduce.by = parse_expression();
    if (reader_.accept("with")) {
      do {
        reduce.options.push_back(parse_option());
      } while (reader_.accept(","));
    }
    return reduce;
  }
  if (name == "evaluate") return parse_evaluate();
  if (name == "search") return parse_search();
  if (name == "find") return parse_find();
  if (name == "render") return parse_render();
  if (name == "make-graph") return parse_make_graph();
  if (name == "graph-match") return parse_graph_match(false);
  if (name == "graph-shortest-paths") return parse_graph_match(true);
  if (name == "graph-to-table") return parse_graph_to_table();
  if (name == "graph-mark-components") {
    return GraphMarkComponentsOperator{parse_options({"kind", "with_component_id"})};
  }
  if (std::find(kRefused.begin(), kRefused.end(), name) != kRefused.end()) {
    throw not_supported(name + " operator");
  }
  reader_.fail("'" + name + "' is not an operator", position);
}

OperatorOption Parser::parse_option() {
  OperatorOption option;
  option.position = reader_.peek().position;
  option.name = reader_.read_name("the name of an option");
  while (reader_.at(".") && reader_.at_name(1)) {
    reader_.next();
    option.name += "." + reader_.read_name("the name of an option");
  }
  reader_.expect("=");
  const Position position = reader_.peek().position;
  if (reader_.at_name() &&
      !bool_word(reader_.peek()
                     .text)) {  // what follows may be a parenthesis that is no call: kind=inner (T)
    option.value = make(Expression::Kind::kName, reader_.read_name("a value"), position);
  } else {
    option.value = parse_unary();
  }
  option.text = option.value->kind == Expression::Kind::kLiteral
                    ? literal_text(option.value->literal)
                    : option.value->text;
  return option;
}

// Options in front of an operator's operands: those known, and hints.
std::vector<OperatorOption> Parser::parse_options(std::initializer_list<std::string_view> known) {
  std::vector<OperatorOption> options;
  for (;;) {
    const Token& token = reader_.peek();
    if (token.kind != Token::Kind::kName) return options;
    bool is_hint = token.text == "hint" && reader_.peek(1).is(".");
    bool is_known =
        std::find(known.begin(), known.end(), token.text) != known.end() && reader_.peek(1).is("=");
    if (!is_hint && !is_known) return options;
    options.push_back(parse_option());
    bool separated =
        reader_.at(",") && reader_.at_name(1) &&
        (reader_.peek(2).is("=") || (reader_.peek(1).is("hint") && reader_.peek(2).is(".")));
    const Token& following = reader_.peek(1);
    if (separated && (following.text == "hint" ||
                      std::find(known.begin(), known.end(), following.text) != known.end())) {
      reader_.next();
    }
  }
}

// with (a=1, b='x')
std::vector<OperatorOption> Parser::parse_with_options() {
  std::vector<OperatorOption> options;
  if (!reader_.accept("with")) return options;
  reader_.expect("(");
  if (reader_.accept(")")) return options;
  do {
    options.push_back(parse_option());
  } while (reader_.accept(","));
  reader_.expect(")");
  return options;
}

std::vector<SortKey> Parser::parse_sort_keys() {
  std::vector<SortKey> keys;
  do {
    if (keys.size() == kMaxColumns) {
      reader_.fail("The rows may be sorted by 10,000 keys at most", reader_.peek().position);
    }
    SortKey key;
    key.expression = parse_expression();
    if (reader_.accept("asc")) {
      key.is_descending = false;
    } else {
      reader_.accept("desc");
    }
    if (reader_.accept("nulls")) {
      if (reader_.accept("first")) {
        key.nulls_first = true;
      } else {
        reader_.expect("last");
        key.nulls_first = false;
      }
    }
    keys.push_back(std::move(key));
  } while (reader_.accept(","));
  return keys;
}

ProjectOperator Parser::parse_project(const std::string& form) {
  ProjectOperator project;
  project.form = form;
  parse_options({});
  if (form == "project-away" || form == "project-keep") {
    do {
      NamedExpression item;
      item.position = reader_.peek().position;
      item.value = parse_pattern("the name of a column");
      project.items.push_back(std::move(item));
    } while (reader_.accept(","));
    return project;
  }
  if (form == "project-by-names") {
    do {
      NamedExpression item;
      item.position = reader_.peek().position;
      size_t length = reader_.name_length();
      bool is_pattern = reader_.at("*") || (length > 0 && reader_.peek(length).is("*"));
      item.value = is_pattern ? parse_pattern("the name of a column") : parse_expression();
      project.items.push_back(std::move(item));
    } while (reader_.accept(","));
    return project;
  }
  bool can_be_empty = form == "project" || form == "extend";
  if (can_be_empty && (reader_.at("|") || reader_.at(";") || reader_.at(")") || reader_.at_end())) {
    return project;
  }
  project.items = parse_named_list();
  return project;
}

ReorderOperator Parser::parse_reorder() {
  using Order = ReorderOperator::Item::Order;
  ReorderOperator reorder;
  do {
    ReorderOperator::Item item{parse_pattern("the name of a column"), Order::kNone};
    if (reader_.accept("asc")) {
      item.order = Order::kAscending;
    } else if (reader_.accept("desc")) {
      item.order = Order::kDescending;
    } else if (reader_.accept_hyphenated("granny-asc")) {
      item.order = Order::kGrannyAscending;
    } else if (reader_.accept_hyphenated("granny-desc")) {
      item.order = Order::kGrannyDescending;
    }
    reorder.items.push_back(std::move(item));
  } while (reader_.accept(","));
  return reorder;
}

SummarizeOperator Parser::parse_summarize() {
  SummarizeOperator summarize;
  summarize.options = parse_options({});
  if (!reader_.at("by")) summarize.aggregates = parse_named_list();
  if (reader_.accept("by")) summarize.by = parse_named_list();
  return summarize;
}

TopNestedOperator Parser::parse_top_nested() {
  TopNestedOperator top;
  do {
    if (!top.levels.empty()) reader_.accept_hyphenated("top-nested");
    TopNestedOperator::Level level;
    if (!reader_.at("of")) level.count = parse_expression();
    reader_.expect("of");
    level.of = parse_named();
    if (reader_.accept("with")) {
      reader_.expect("others");
      reader_.expect("=");
      level.others = parse_expression();
    }
    reader_.expect("by");
    level.by = parse_named();
    if (reader_.accept("asc")) {
      level.is_descending = false;
    } else {
      reader_.accept("desc");
    }
    top.levels.push_back(std::move(level));
  } while (reader_.accept(","));
  return top;
}

std::vector<NamedExpression> Parser::parse_expanded_items() {
  std::vector<NamedExpression> items;
  do {
    NamedExpression item = parse_named();
    if (reader_.accept("to")) {
      reader_.expect("typeof");
      reader_.expect("(");
      item.typeof_name = kusto_name(reader_.read_type());
      reader_.expect(")");
    }
    items.push_back(std::move(item));
  } while (reader_.accept(","));
  return items;
}

MvExpandOperator Parser::parse_mv_expand() {
  MvExpandOperator expand;
  expand.options = parse_options({"bagexpansion", "kind", "with_itemindex"});
  expand.items = parse_expanded_items();
  if (reader_.accept("limit")) expand.limit = parse_expression();
  return expand;
}

MvApplyOperator Parser::parse_mv_apply() {
  MvApplyOperator apply;
  apply.options = parse_options({"bagexpansion", "kind", "with_itemindex"});
  if (!reader_.at("on")) apply.items = parse_expanded_items();
  if (reader_.accept("limit")) apply.limit = parse_expression();
  reader_.expect("on");
  reader_.expect("(");
  apply.subquery = parse_operator_chain(false);
  reader_.expect(")");
  return apply;
}

ParseOperator Parser::parse_parse(bool is_where) {
  using Kind = ParseOperator::Step::Kind;
  ParseOperator parse;
  parse.is_where = is_where;
  parse.options = parse_options({"kind", "flags"});
  parse.source = parse_expression();
  reader_.expect("with");
  for (;;) {
    ParseOperator::Step step{Kind::kStar, "", std::nullopt, reader_.peek().position};
    if (reader_.accept("*")) {
      parse.steps.push_back(std::move(step));
    } else if (reader_.peek().is_string()) {
      step.kind = Kind::kText;
      step.text = reader_.read_string("a text");
      parse.steps.push_back(std::move(step));
    } else if (reader_.at_name()) {
      step.kind = Kind::kColumn;
      step.text = reader_.read_name("the name of a column");
      if (reader_.accept(":")) step.type = reader_.read_type();
      parse.steps.push_back(std::move(step));
    } else {
      break;
    }
  }
  if (parse.steps.empty()) reader_.fail_expected("a pattern");
  return parse;
}

ParseKvOperator Parser::parse_parse_kv() {
  ParseKvOperator parse;
  parse.source = parse_expression();
  reader_.expect("as");
  parse.columns = parse_schema();
  parse.options = parse_with_options();
  return parse;
}

MakeSeriesOperator Parser::parse_make_series() {
  MakeSeriesOperator series;
  series.options = parse_options({"kind"});
  do {
    MakeSeriesOperator::Aggregate aggregate{parse_named(), nullptr};
    if (reader_.accept("default")) {
      reader_.expect("=");
      aggregate.default_value = parse_unary();
    }
    series.aggregates.push_back(std::move(aggregate));
  } while (reader_.accept(","));
  reader_.expect("on");
  // `in range(…)` would read as a membership test.
  series.axis.position = reader_.peek().position;
  series.axis = [&] {
    NamedExpression axis;
    axis.position = reader_.peek().position;
    size_t length = reader_.name_length();
    if (length > 0 && reader_.peek(length).is("=")) {
      axis.names.push_back(reader_.read_name("a name"));
      reader_.next();
    }
    axis.value = parse_additive();
    return axis;
  }();
  if (reader_.accept("in")) {
    series.range = parse_primary();
  } else {
    if (reader_.accept("from")) series.from = parse_expression();
    if (reader_.accept("to")) series.to = parse_expression();
    reader_.expect("step");
    series.step = parse_expression();
  }
  if (reader_.accept("by")) series.by = parse_named_list();
  return series;
}

PartitionOperator Parser::parse_partition() {
  PartitionOperator partition;
  partition.options = parse_options({});
  reader_.expect("by");
  const Position position = reader_.peek().position;
  // What follows may be a parenthesis that is no call: by k (top 1 by v)
  partition.by = make(Expression::Kind::kName, reader_.read_name("the name of a column"), position);
  if (reader_.accept("in")) throw not_supported("partition by … in");
  if (reader_.accept("{")) {
    partition.has_own_source = true;
    partition.subquery = parse_pipeline();
    reader_.expect("}");
  } else {
    reader_.expect("(");
    partition.subquery = parse_operator_chain(false);
    reader_.expect(")");
  }
  return partition;
}

ScanOperator Parser::parse_scan() {
  ScanOperator scan;
  for (OperatorOption& option : parse_options({"with_match_id", "kind"})) {
    if (option.name == "with_match_id") scan.match_id = option.text;
  }
  if (reader_.accept("partition")) {
    reader_.expect("by");
    scan.partition_by = parse_named_list();
  }
  if (reader_.accept("order")) {
    reader_.expect("by");
    scan.order_by = parse_sort_keys();
  }
  if (reader_.accept("declare")) {
    reader_.expect("(");
    do {
      ScanOperator::Declaration declaration;
      declaration.column.position = reader_.peek().position;
      declaration.column.name = reader_.read_name("the name of a column");
      reader_.expect(":");
      declaration.column.type = reader_.read_type();
      if (reader_.accept("=")) declaration.default_value = parse_expression();
      scan.declarations.push_back(std::move(declaration));
    } while (reader_.accept(","));
    reader_.expect(")");
  }
  reader_.expect("with");
  reader_.expect("(");
  while (!reader_.accept(")")) {
    ScanOperator::Step step;
    step.position = reader_.peek().position;
    reader_.expect("step");
    step.name = reader_.read_name("the name of a step");
    step.is_optional = reader_.accept("optional");
    for (OperatorOption& option : parse_options({"output"})) step.output = option.text;
    reader_.expect(":");
    step.condition = parse_expression();
    if (reader_.accept("=>")) step.assignments = parse_named_list();
    scan.steps.push_back(std::move(step));
    if (!reader_.accept(";") && !reader_.at(")")) reader_.fail_expected("';' or ')'");
  }
  return scan;
}

EvaluateOperator Parser::parse_evaluate() {
  EvaluateOperator evaluate;
  evaluate.options = parse_options({});
  const Position position = reader_.peek().position;
  std::string name = reader_.read_name("the name of a plugin");
  if (!reader_.at("(")) reader_.fail_expected("'('");
  evaluate.call = parse_call(std::move(name), position);
  if (!reader_.accept(":")) return evaluate;
  evaluate.schema.emplace();
  reader_.expect("(");
  while (!reader_.accept(")")) {
    if (reader_.accept("*")) {
      evaluate.schema_has_star = true;
    } else {
      ColumnDeclaration column;
      column.position = reader_.peek().position;
      column.name = reader_.read_name("the name of a column");
      reader_.expect(":");
      column.type = reader_.read_type();
      evaluate.schema->push_back(std::move(column));
    }
    if (!reader_.accept(",") && !reader_.at(")")) reader_.fail_expected("',' or ')'");
  }
  return evaluate;
}

RenderOperator Parser::parse_render() {
  RenderOperator render;
  render.kind = reader_.read_name("a kind of chart");
  bool in_parentheses = false;
  if (reader_.accept("with")) {
    reader_.expect("(");
    in_parentheses = true;
  }
  while (reader_.at_name() && reader_.peek(reader_.name_length()).is("=")) {
    OperatorOption option;
    option.position = reader_.peek().position;
    option.name = reader_.read_name("the name of a property");
    reader_.next();
    // A list of columns needs no quotes: ycolumns = a, b
    option.text = "";
    do {
      if (!option.text.empty()) option.text += ",";
      ExpressionPtr value = parse_unary();
      option.text +=
          value->kind == Expression::Kind::kLiteral ? literal_text(value->literal) : value->text;
      option.value = std::move(value);
    } while (reader_.at(",") && !reader_.peek(1 + reader_.name_length(1)).is("=") &&
             (reader_.at_name(1) || reader_.peek(1).kind == Token::Kind::kLiteral) &&
             reader_.accept(","));
    render.options.push_back(std::move(option));
    reader_.accept(",");
  }
  if (in_parentheses) reader_.expect(")");
  return render;
}

}  // namespace rivulet::kql
