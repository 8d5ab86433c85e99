#include <algorithm>

#include "common/error.h"
#include "kql/bind/binder.h"

// Operators that choose and order rows, and small ones that fit nowhere else.
namespace rivulet::kql {

// Notes `column op constant` conjuncts of a filter directly over a table.
void Binder::note_bounds(const Expression& predicate, const Relation& input,
                         const Environment* environment) {
  if (input.source < 0) return;
  if (predicate.kind == Expression::Kind::kBinary && predicate.text == "and") {
    for (const NamedExpression& conjunct : predicate.arguments) {
      note_bounds(*conjunct.value, input, environment);
    }
    return;
  }
  if (predicate.kind == Expression::Kind::kCall && predicate.text == "cursor_after") {
    Source& source = sources_[static_cast<size_t>(input.source)].source;
    source.after_sequence = std::max(source.after_sequence, require_cursor(predicate, environment));
    return;
  }
  note_bound(predicate, input, environment);
  note_terms(predicate, input, environment);
}

// Notes `column has "x"` and its kin: what must stand in the text as whole terms.
void Binder::note_terms(const Expression& condition, const Relation& input,
                        const Environment* environment) {
  enum class Form { kOne, kAny, kAll };
  struct Operation {
    std::string_view name;
    Form form;
    bool is_case_sensitive;
  };
  static constexpr Operation kOperations[] = {
      {"==", Form::kOne, true}, {"has", Form::kOne, false},     {"has_cs", Form::kOne, true},
      {"in", Form::kAny, true}, {"has_any", Form::kAny, false}, {"has_all", Form::kAll, false}};
  auto operation = std::find_if(std::begin(kOperations), std::end(kOperations),
                                [&](const Operation& o) { return o.name == condition.text; });
  auto kind = condition.kind;
  if (operation == std::end(kOperations) ||
      (kind != Expression::Kind::kBinary && kind != Expression::Kind::kList)) {
    return;
  }
  const Expression& subject = *condition.arguments[0].value;
  if (subject.kind != Expression::Kind::kName) return;
  const RelationColumn* column = input.find(subject.text);
  if (column == nullptr || column->type != ScalarType::kString) return;
  SourceState& source = sources_[static_cast<size_t>(input.source)];
  auto stored =
      std::find_if(source.columns.begin(), source.columns.end(),
                   [&](const SourceColumnName& candidate) { return candidate.sql == column->sql; });
  if (stored == source.columns.end() || !stored->column_id) return;
  std::vector<std::string> texts;
  for (size_t i = 1; i < condition.arguments.size(); ++i) {
    std::optional<Literal> literal;
    try {
      literal = constant(*condition.arguments[i].value, environment).literal;
    } catch (const Error&) {  // not a constant
      return;
    }
    const std::string* text = literal && literal->type == ScalarType::kString && !literal->is_null()
                                  ? &std::get<std::string>(literal->value)
                                  : nullptr;
    if (text == nullptr) return;
    // Without regard to case, letters that are not ASCII may be others in the text.
    bool is_ascii = std::all_of(text->begin(), text->end(), [](char c) { return c >= 0; });
    if (!operation->is_case_sensitive && !is_ascii) {
      if (operation->form == Form::kAll) continue;
      return;
    }
    texts.push_back(*text);
  }
  std::vector<TermCondition>& terms = source.source.terms;
  if (operation->form != Form::kAll) {
    terms.push_back({*stored->column_id, std::move(texts)});
    return;
  }
  for (std::string& text : texts) terms.push_back({*stored->column_id, {std::move(text)}});
}

// What the expression stands for: a column of the table itself, or its ingestion_time().
std::optional<Binder::BoundedColumn> Binder::find_bounded(const Expression& expression,
                                                          const Relation& input) const {
  std::string_view sql;
  BoundedColumn bounded;
  if (expression.kind == Expression::Kind::kName) {
    const RelationColumn* column = input.find(expression.text);
    if (column == nullptr) return std::nullopt;
    sql = column->sql;
    bounded.type = column->type;
  } else if (expression.kind == Expression::Kind::kCall && expression.text == "ingestion_time") {
    sql = input.ingestion_time;
    bounded.type = ScalarType::kDateTime;
  }
  for (const SourceColumnName& stored : sources_[static_cast<size_t>(input.source)].columns) {
    if (sql.empty() || stored.sql != sql) continue;
    if (!stored.column_id && stored.source_sql != "sys_time") return std::nullopt;
    bounded.id = stored.column_id.value_or(ColumnBound::kIngestionTime);
    return bounded;
  }
  return std::nullopt;
}

void Binder::note_bound(const Expression& comparison, const Relation& input,
                        const Environment* environment) {
  using Op = ColumnBound::Op;
  bool is_between = comparison.kind == Expression::Kind::kList && comparison.text == "between";
  if (comparison.kind != Expression::Kind::kBinary && !is_between) return;
  const Expression* subject = comparison.arguments[0].value.get();
  const Expression* other = comparison.arguments[1].value.get();
  std::string name = comparison.text;
  bool is_swapped = !is_between && find_bounded(*other, input).has_value();
  if (is_swapped) {
    std::swap(subject, other);
    if (name[0] == '<') {
      name[0] = '>';
    } else if (name[0] == '>') {
      name[0] = '<';
    }
  }
  auto column = find_bounded(*subject, input);
  if (!column) return;
  SourceState& source = sources_[static_cast<size_t>(input.source)];
  auto note = [&](Op op, const Expression& constant_expression) {
    std::optional<Literal> literal;
    try {
      Expr value = constant(constant_expression, environment);
      literal = value.literal;
    } catch (const Error&) {  // not a constant: no bound
      return;
    }
    if (!literal || literal->is_null()) return;
    if (literal->type == ScalarType::kLong && column->type == ScalarType::kInt) {
      int64_t whole = std::get<int64_t>(literal->value);
      if (whole < INT32_MIN || whole > INT32_MAX) return;
      literal = Literal{ScalarType::kInt, static_cast<int32_t>(whole)};
    } else if (literal->type == ScalarType::kInt && column->type == ScalarType::kLong) {
      literal = Literal{ScalarType::kLong, int64_t{std::get<int32_t>(literal->value)}};
    } else if (literal->type == ScalarType::kLong && column->type == ScalarType::kReal) {
      literal = Literal{ScalarType::kReal, static_cast<double>(std::get<int64_t>(literal->value))};
    }
    if (literal->type != column->type) return;
    source.source.bounds.push_back({column->id, op, std::move(*literal)});
  };
  if (is_between) {
    note(Op::kGreaterEqual, *other);
    // The upper end may be a timespan after the lower one: it is no datetime then and gives no bound.
    note(Op::kLessEqual, *comparison.arguments[2].value);
  } else if (name == "==") {
    note(Op::kEqual, *other);
  } else if (name == "<") {
    note(Op::kLess, *other);
  } else if (name == "<=") {
    note(Op::kLessEqual, *other);
  } else if (name == ">") {
    note(Op::kGreater, *other);
  } else if (name == ">=") {
    note(Op::kGreaterEqual, *other);
  }
}

Relation Binder::apply(const WhereOperator& where, Relation input, const Environment* environment) {
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  Expr predicate = bind_predicate(*where.predicate, scope);
  note_bounds(*where.predicate, input, environment);
  filter(input, predicate.sql);
  return input;
}

// The engine holds NaN for the greatest number. Where that is the wrong end, the rows are ordered by the
// negative values the other way round: they have NaN at the other end. As a column of its own, because a window
// would carry the value along for an expression.
OrderKey Binder::order_key(Relation& rows, const Expr& value, bool is_descending,
                           bool nulls_first) {
  if (value.type == ScalarType::kReal && is_descending != nulls_first)
    return {stage(rows, "(-" + value.sql + ")"), !is_descending, nulls_first};
  return {as_column(rows, value), is_descending, nulls_first};
}

std::vector<OrderKey> Binder::bind_sort_keys(const std::vector<SortKey>& keys, Relation& input,
                                             const Environment* environment) {
  std::vector<OrderKey> order;
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  for (const SortKey& key : keys) {
    order.push_back(order_key(input, bind(*key.expression, scope), key.is_descending,
                              key.nulls_first.value_or(!key.is_descending)));
  }
  return order;
}

Relation Binder::apply(const SortOperator& sort, Relation input, const Environment* environment) {
  constexpr size_t kMaxTieBreakers = 2;
  std::vector<OrderKey> order = bind_sort_keys(sort.keys, input, environment);
  // Rows that tie keep the order they had.
  if (input.order.size() <= kMaxTieBreakers)
    order.insert(order.end(), input.order.begin(), input.order.end());
  input.order = std::move(order);
  input.is_sorted = true;
  return input;
}

Relation Binder::apply(const TopOperator& top, Relation input, const Environment* environment) {
  std::vector<OrderKey> order = bind_sort_keys(top.keys, input, environment);
  order.insert(order.end(), input.order.begin(), input.order.end());
  input.order = std::move(order);
  input.is_sorted = true;
  int64_t count = require_count(*top.count, environment, "The number of rows");
  input.from = "(SELECT * FROM " + input.from + " ORDER BY " + input.order_by() + " LIMIT " +
               std::to_string(count) + ")";
  input.source = -1;
  return input;
}

Relation Binder::apply(const TakeOperator& take, Relation input, const Environment* environment) {
  int64_t count = require_count(*take.count, environment, "The number of rows");
  input.wrap(
      "(SELECT * FROM " + input.from + input.sorting() + " LIMIT " + std::to_string(count) + ")",
      "");
  input.source = -1;
  return input;
}

Relation Binder::apply(const CountOperator& count, Relation input, const Environment*) {
  Relation result = restart(input);
  result.columns = {column(count.name.empty() ? "Count" : count.name, ScalarType::kLong)};
  result.from = "(SELECT count(*)::BIGINT AS " + result.columns[0].sql + " FROM " + input.from +
                " GROUP BY ())";
  return result;
}

Relation Binder::apply(const SampleOperator& sample, Relation input,
                       const Environment* environment) {
  int64_t count = require_count(*sample.count, environment, "The number of rows");
  if (!sample.of) {
    Relation result = restart(input);
    // The engine takes no samples of what depends on a row outside, and none of more rows.
    constexpr int64_t kMaxSampleRows = 1'000'000'000;
    bool is_sorted = is_in_lateral() || count > kMaxSampleRows;
    result.from = "(SELECT * FROM " + input.from +
                  (is_sorted ? " ORDER BY random() LIMIT " + std::to_string(count) + ")"
                             : " USING SAMPLE reservoir(" + std::to_string(count) + " ROWS))");
    return result;
  }
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  std::string name = result_name(*sample.of);
  Expr value = bind(*sample.of, scope);
  RelationColumn only = column(name.empty() ? "Column1" : name, value.type);
  Relation result = restart(input);
  result.from = "(SELECT DISTINCT " + value.sql + " AS " + only.sql + " FROM " + input.from +
                " LIMIT " + std::to_string(count) + ")";
  result.columns = {only};
  return result;
}

Relation Binder::apply(const GetSchemaOperator&, Relation input, const Environment*) {
  Relation result;
  result.columns = {
      column("ColumnName", ScalarType::kString), column("ColumnOrdinal", ScalarType::kInt),
      column("DataType", ScalarType::kString), column("ColumnType", ScalarType::kString)};
  std::string rows;
  for (size_t i = 0; i < input.columns.size(); ++i) {
    const RelationColumn& described = input.columns[i];
    if (!rows.empty()) rows += ", ";
    rows += "(" + text_literal(described.name).sql + ", " + std::to_string(i) + "::INTEGER, '" +
            std::string(clr_name(described.type)) + "', '" +
            std::string(kusto_name(described.type)) + "')";
  }
  if (rows.empty()) rows = "('', 0::INTEGER, '', '')";
  result.from = "(SELECT * FROM (VALUES " + rows + ") v" + result.columns[0].sql + "(" +
                sql_list(result) + ")" + (input.columns.empty() ? " WHERE FALSE" : "") + ")";
  result.order.push_back({result.columns[1].sql, false, true});
  return result;
}

Relation Binder::apply(const SerializeOperator& serialize, Relation input,
                       const Environment* environment) {
  ensure_order(input);
  std::vector<OutputColumn> items = bind_items(serialize.items, input, environment);
  input.columns = place_items(input, std::move(items), input.columns, true);
  return input;
}

Relation Binder::apply(const AsOperator& as, Relation input, const Environment*) {
  input.name = as.name;
  return input;
}

Relation Binder::apply(const ConsumeOperator&, Relation input, const Environment*) {
  filter(input, "FALSE");
  return input;
}

Relation Binder::apply(const InvokeOperator& invoke, Relation input,
                       const Environment* environment) {
  if (invoke.call->kind != Expression::Kind::kCall)
    throw operator_error("SEM0003", "Expected a function call");
  FoundFunction found = find_function(*invoke.call, environment);
  if (!found.definition) {
    throw operator_error("SEM0260", "Unknown function: '" + invoke.call->text + "'");
  }
  return bind_table_function(*found.definition, found.environment, *invoke.call, environment,
                             &input);
}

Relation Binder::apply(const PartitionOperator& partition, Relation input,
                       const Environment* environment) {
  if (partition.has_own_source) throw not_supported("partition operator with a subquery in braces");
  if (is_in_lateral()) {
    return leave_lateral(std::move(input), [&](Relation rows) {
      return apply(partition, std::move(rows), environment);
    });
  }
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  std::string key = as_column(input, bind(*partition.by, scope));
  input = materialize(std::move(input), {key});
  // The operators run over the rows of one key, for every key (and row outside).
  std::string value = new_name();
  std::string condition = key + " IS NOT DISTINCT FROM " + value;
  std::string keys = key + " AS " + value;
  Lateral lateral;
  lateral.add(value, value);
  lateral.keys.push_back(value);
  for (const Relation::Outside& column : input.outside) {
    std::string visible = new_name();
    lateral.add(column.name, visible);
    keys += optional_column(column.sql, visible);
    if (!column.is_key) continue;
    lateral.keys.push_back(column.name);
    condition += " AND " + column.sql + " IS NOT DISTINCT FROM " + visible;
  }
  lateral.rows = "(SELECT DISTINCT " + keys + " FROM " + input.from + ")";
  Relation part = input;
  part.from = "(SELECT * FROM " + input.from + " WHERE " + condition + ")";
  Relation inner =
      bind_lateral(std::move(part), partition.subquery->operators, environment, lateral);
  Relation result = restart(inner);
  std::string list = sql_list(inner);
  for (const Relation::Outside& column : input.outside) {
    const std::string& visible = lateral.columns.at(column.name);
    list += optional_column(visible, visible);
    result.outside.push_back({column.name, visible, column.is_key});
  }
  result.from = "(SELECT " + list + " FROM " + lateral.rows + " p" + value + ", LATERAL " +
                inner.from + " q" + value + ")";
  check_size(result.from);
  return result;
}

Relation Binder::apply(const RenderOperator& render, Relation input, const Environment*) {
  static constexpr std::string_view kKinds[] = {
      "anomalychart", "areachart",    "barchart",  "card",     "columnchart",      "graph",
      "ladderchart",  "linechart",    "list",      "piechart", "pivotchart",       "plotly",
      "sankey",       "scatterchart", "sparkline", "table",    "stackedareachart", "timechart",
      "timeline",     "timepivot",    "treemap",   "3Dchart"};
  static constexpr std::string_view kProperties[] = {
      "accumulate", "anomalycolumns", "kind",     "legend", "series", "title",
      "xaxis",      "xcolumn",        "xmax",     "xmin",   "xtitle", "yaxis",
      "ymax",       "ymin",           "ycolumns", "ysplit", "ytitle"};
  static constexpr std::string_view kSubkinds[] = {"default", "unstacked", "stacked", "stacked100",
                                                   "map"};
  if (std::find(std::begin(kKinds), std::end(kKinds), render.kind) == std::end(kKinds)) {
    throw operator_error("SEM0003", "render: there is no visualization '" + render.kind + "'");
  }
  visualization_.kind = render.kind;
  for (const OperatorOption& option : render.options) {
    if (std::find(std::begin(kProperties), std::end(kProperties), option.name) ==
        std::end(kProperties)) {
      throw operator_error("SEM0003", "render: there is no property '" + option.name + "'");
    }
    if (option.name == "kind" &&
        std::find(std::begin(kSubkinds), std::end(kSubkinds), option.text) == std::end(kSubkinds)) {
      throw operator_error("SEM0003", "render: there is no kind '" + option.text + "'");
    }
    visualization_.properties[option.name] = option.text;
  }
  return input;
}

}  // namespace rivulet::kql
