#include <algorithm>
#include <set>

#include "common/error.h"
#include "kql/bind/binder.h"

// summarize, top-nested, top-hitters.
namespace rivulet::kql {
namespace {

// "99.9" as it stands in a column's name: percentile_x_99_9.
std::string percent_name(const Literal& literal) {
  if (const auto* whole = std::get_if<int64_t>(&literal.value)) return std::to_string(*whole);
  if (const auto* small = std::get_if<int32_t>(&literal.value)) return std::to_string(*small);
  if (const auto* real = std::get_if<double>(&literal.value)) {
    std::string text = std::to_string(*real);
    while (text.ends_with("0")) text.pop_back();
    if (text.ends_with(".")) text.pop_back();
    std::replace(text.begin(), text.end(), '.', '_');
    return text;
  }
  return "";
}

bool is_star(const NamedExpression& argument) {
  return argument.value->kind == Expression::Kind::kStar;
}

// The column that the expression is: its name, or a conversion to the type that it has.
const RelationColumn* passed_column(const Expression& expression, const Relation& input) {
  if (expression.kind == Expression::Kind::kName) return input.find(expression.text);
  bool is_conversion = expression.kind == Expression::Kind::kCall && !expression.object &&
                       expression.arguments.size() == 1 && expression.text.starts_with("to");
  if (!is_conversion) return nullptr;
  const RelationColumn* column = passed_column(*expression.arguments[0].value, input);
  std::optional<ScalarType> type = parse_scalar_type(expression.text.substr(2));
  return column != nullptr && type == column->type ? column : nullptr;
}

}  // namespace

// Aggregates that make several columns: arg_max(x, *), percentiles(x, 50, 95), take_any(*).
std::optional<std::vector<OutputColumn>> Binder::bind_multi_aggregate(
    const Expression& call, Relation& input, const Environment* environment,
    const std::vector<NamedExpression>& by) {
  if (call.kind != Expression::Kind::kCall || call.object) return std::nullopt;
  const std::string& name = call.text;
  bool is_arg_max = name == "arg_max" || name == "argmax";
  bool is_arg_min = name == "arg_min" || name == "argmin";
  bool is_any = name == "take_any" || name == "any";
  bool is_percentiles = name == "percentiles" || name == "percentilesw" || name == "percentile" ||
                        name == "percentilew";
  if (!is_arg_max && !is_arg_min && !is_any && !is_percentiles) return std::nullopt;
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  std::vector<OutputColumn> outputs;
  if (is_percentiles) {
    bool is_weighted = name.starts_with("percentilesw") || name == "percentilew";
    size_t first = is_weighted ? 2 : 1;
    if (call.arguments.size() <= first)
      check_arity(name, static_cast<int>(first) + 1, -1, call.arguments.size());
    std::vector<Expr> operands;
    for (size_t i = 0; i < first; ++i) operands.push_back(bind(*call.arguments[i].value, scope));
    const AggregateFunction* function =
        find_aggregate_function(is_weighted ? "percentilew" : "percentile");
    if (function == nullptr) return std::nullopt;
    std::string base = result_name(call.arguments[0]);
    for (size_t i = first; i < call.arguments.size(); ++i) {
      Expr percent = bind(*call.arguments[i].value, scope);
      if (!percent.is_constant && !percent.literal)
        throw operator_error("SEM0007", name + "(): a percentage must be a constant");
      percent = with_literal(percent);
      std::vector<Expr> arguments = operands;
      arguments.push_back(percent);
      Expr value = function->bind(context(call.position, &input), arguments);
      outputs.push_back(
          {"percentile_" + base + "_" + percent_name(*percent.literal), false, std::move(value)});
    }
    return outputs;
  }
  if (call.arguments.empty()) check_arity(name, 1, -1, 0);
  bool has_star = std::any_of(call.arguments.begin(), call.arguments.end(), is_star);
  if (is_any && call.arguments.size() == 1 && !has_star) return std::nullopt;

  // One row of each group is chosen, so that all columns come from the same row. Beside a star no column comes
  // twice: neither what the groups are by, nor what an argument before named.
  std::set<std::string, std::less<>> taken;
  if (has_star) {
    for (const NamedExpression& key : by) {
      if (const RelationColumn* column = passed_column(*key.value, input))
        taken.insert(column->name);
    }
  }
  size_t first = is_any ? 0 : 1;
  std::string key;
  std::string row;
  auto add = [&](std::string column_name, Expr value) {
    std::string field = "f" + std::to_string(outputs.size());
    row += (row.empty() ? "" : ", ") + field + " := " + value.sql;
    outputs.push_back({std::move(column_name), false, std::move(value)});
  };
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const NamedExpression& argument = call.arguments[i];
    if (is_star(argument)) {
      for (const RelationColumn& column : input.columns) {
        if (taken.insert(column.name).second) add(column.name, column_expr(column));
      }
      continue;
    }
    const RelationColumn* column = passed_column(*argument.value, input);
    if (column != nullptr && i >= first && taken.contains(column->name)) continue;
    if (column != nullptr && has_star) taken.insert(column->name);
    Expr value = bind(*argument.value, scope);
    if (i < first) value.sql = key = as_column(input, value);
    add(row_argument_name(call, i), std::move(value));
  }
  if (outputs.empty()) throw operator_error("SEM0219", name + "(): there are no columns");
  OutputColumn::Row chosen;
  chosen.name = new_name();
  if (is_any) {
    chosen.sql = "first(struct_pack(" + row + "))";
  } else {
    // Where the key is null everywhere, any row will do.
    const std::string fields = "struct_pack(" + row + ")";
    chosen.sql =
        "coalesce(" +
        arg_extreme_sql(is_arg_max ? "arg_max" : "arg_min", fields, key, outputs[0].value.type) +
        ", first(" + fields + "))";
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    Expr& value = outputs[i].value;
    value.sql =
        or_default(value.type, "struct_extract(" + chosen.name + ", 'f" + std::to_string(i) + "')");
    value.literal.reset();
    value.is_constant = false;
    outputs[i].row = i == 0 ? chosen : OutputColumn::Row{chosen.name, ""};
  }
  if (name == "any" || name == "argmax" || name == "argmin") {
    // The old forms put the aggregate's name before each column's.
    std::string prefix = is_any ? "any_" : is_arg_max ? "max_" : "min_";
    std::string of = is_any ? prefix : prefix + result_name(call.arguments[0]) + "_";
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i].name = (i == 0 && !is_any ? prefix : of) + outputs[i].name;
    }
  }
  return outputs;
}

std::vector<OutputColumn> Binder::bind_aggregates(const std::vector<NamedExpression>& items,
                                                  Relation& input, const Environment* environment,
                                                  const std::vector<NamedExpression>& by) {
  std::vector<OutputColumn> outputs;
  for (const NamedExpression& item : items) {
    std::optional<std::vector<OutputColumn>> several =
        bind_multi_aggregate(*item.value, input, environment, by);
    if (several) {
      if (item.names.size() > several->size()) {
        throw operator_error("SEM0219", "There are more names than columns");
      }
      for (size_t i = 0; i < several->size(); ++i) {
        OutputColumn output = std::move((*several)[i]);
        if (i < item.names.size()) {
          // arg_max(x, *) with one name: the name is that of the first column.
          output.name = item.names[i];
          output.is_named = true;
        }
        outputs.push_back(std::move(output));
      }
      continue;
    }
    Scope scope;
    scope.environment = environment;
    scope.row = &input;
    scope.allows_aggregates = true;
    OutputColumn output;
    output.value = bind(*item.value, scope);
    output.is_named = !item.names.empty();
    if (output.is_named) {
      output.name = item.names[0];
    } else {
      const Expression& value = *item.value;
      bool is_call = value.kind == Expression::Kind::kCall && !value.object;
      // array_sort_asc(make_list(x)): one column of a function that may give several.
      const TupleFunction* function =
          is_call && value.arguments.size() == 1 ? find_tuple_function(value.text) : nullptr;
      if (function != nullptr) {
        const std::string argument = result_name(value.arguments[0], nullptr, true);
        output.name = function->column_names({&argument, 1}).front();
      } else if (is_call && value.text == "take_any") {
        output.name = row_argument_name(value, 0);
      } else {
        output.name = result_name(value, &input, true);
      }
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

Relation Binder::aggregate(Relation input, std::vector<OutputColumn> keys,
                           std::vector<OutputColumn> aggregates) {
  Relation result = restart(input);
  result.columns.clear();
  std::string list;
  std::string groups;
  std::string parts;  // of rows that an aggregate chose, in a SELECT of their own
  int unnamed = 0;
  std::set<std::string> declared;  // names that the query itself gave
  auto add = [&](OutputColumn& output, bool is_key) {
    std::string name = output.name;
    bool is_declared = declared.contains(name);
    if (output.is_named || output.is_column) declared.insert(name);
    if (name.empty()) {
      do {
        name = "Column" + std::to_string(++unnamed);
      } while (has_column(result.columns, name));
    } else if (has_column(result.columns, name)) {
      if (output.is_named && is_declared)
        throw operator_error("SEM0045", "Duplicate column name '" + name + "'");
      name = unique_name(result.columns, name);
    }
    RelationColumn added = column(name, output.value.type);
    std::string& columns = output.row.name.empty() ? list : parts;
    if (!output.row.sql.empty()) {
      list += (list.empty() ? "" : ", ") + output.row.sql + " AS " + output.row.name;
    }
    if (!columns.empty()) columns += ", ";
    columns +=
        is_key ? defined(output.value.sql, added.sql) : output.value.sql + " AS " + added.sql;
    result.columns.push_back(std::move(added));
  };
  for (OutputColumn& key : keys) {
    if (key.value.type == ScalarType::kDynamic) {
      throw operator_error(
          "SEM0097", "Summarize group key '" + key.name +
                         "' is of a 'dynamic' type. Please use an explicit cast as grouping by a "
                         "'dynamic' type isn't supported");
    }
    add(key, true);
    if (!groups.empty()) groups += ", ";
    groups += std::to_string(result.columns.size());
  }
  for (OutputColumn& output : aggregates) add(output, false);
  if (list.empty()) throw operator_error("SEM0003", "There is nothing to summarize");
  if (aggregates.empty()) {
    result.from = "(SELECT DISTINCT " + list + " FROM " + input.from + ")";
  } else {
    // Of no column in words too: planning_depth() counts it.
    result.from = "(SELECT " + list + " FROM " + input.from + " GROUP BY " +
                  (groups.empty() ? "()" : groups) + ")";
  }
  add_sql(result, parts);
  check_size(result.from);
  return result;
}

Relation Binder::apply(const SummarizeOperator& summarize, Relation input,
                       const Environment* environment) {
  std::vector<OutputColumn> keys = bind_items(summarize.by, input, environment);
  std::vector<OutputColumn> aggregates =
      bind_aggregates(summarize.aggregates, input, environment, summarize.by);
  return aggregate(std::move(input), std::move(keys), std::move(aggregates));
}

Relation Binder::apply(const TopHittersOperator& top, Relation input,
                       const Environment* environment) {
  int64_t count = require_count(*top.count, environment, "The number of values");
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  OutputColumn key;
  key.name = result_name(*top.of);
  key.value = bind(*top.of, scope);
  OutputColumn weight;
  std::string key_name = key.name;
  if (top.by) {
    Expr value = bind(*top.by, scope);
    weight.name = "approximate_sum_" + result_name(*top.by);
    const AggregateFunction* sum = find_aggregate_function("sum");
    weight.value = sum->bind(context(top.by->position, &input), std::vector<Expr>{value});
  } else {
    weight.name = "approximate_count_" + key_name;
    weight.value.type = ScalarType::kLong;
    weight.value.sql = "count(*)::BIGINT";
  }
  Relation result = aggregate(std::move(input), {std::move(key)}, {std::move(weight)});
  result.order = {order_key(result, column_expr(result.columns[1]), true, false)};
  result.is_sorted = true;
  result.from = "(SELECT * FROM " + result.from + " ORDER BY " + result.order_by() + " LIMIT " +
                std::to_string(count) + ")";
  return result;
}

// What planning_depth() gives of the rows that a level of top-nested reads, at most: those of one level.
constexpr int kMaxRepeatedDepth = 9;

// Each level keeps, within every combination kept so far, the values that lead by its aggregate.
Relation Binder::apply(const TopNestedOperator& top, Relation input,
                       const Environment* environment) {
  std::vector<std::string> keys;
  Relation rows = restart(input);
  std::vector<RelationColumn> outputs;
  auto join_list = [](const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    return list;
  };
  for (const TopNestedOperator::Level& level : top.levels) {
    // They stand in the SQL of a level more than once, and so would all that they are made of.
    if (planning_depth(rows.from) > kMaxRepeatedDepth) {
      std::vector<std::string> kept;
      for (const RelationColumn& output : outputs) kept.push_back(output.sql);
      rows = materialize(std::move(rows), kept);
    }
    Scope scope;
    scope.environment = environment;
    scope.row = &rows;
    Expr of = bind(*level.of.value, scope);
    std::string name = result_name(level.of);
    RelationColumn key = column(unique_name(outputs, name.empty() ? "Column1" : name), of.type);
    add_sql(rows, of.sql + " AS " + key.sql);
    std::vector<NamedExpression> no_items;
    Scope inner = scope;
    inner.allows_aggregates = true;
    Expr by = bind(*level.by.value, inner);
    std::string by_name = level.by.names.empty() ? "aggregated_" + key.name : level.by.names[0];
    RelationColumn weight = column(unique_name(outputs, by_name), by.type);
    std::vector<std::string> outer = keys;
    keys.push_back(key.sql);
    std::string rank = new_name();
    std::string groups = join_list(keys);
    std::string partition = outer.empty() ? "" : "PARTITION BY " + join_list(outer) + " ";
    Relation weighed;
    weighed.from = "(SELECT " + groups + ", " + by.sql + " AS " + weight.sql + " FROM " +
                   rows.from + " GROUP BY " + groups + ")";
    const OrderKey leading = order_key(weighed, column_expr(weight), level.is_descending, false);
    std::string ranking = "(SELECT *, row_number() OVER (" + partition + "ORDER BY " +
                          leading.term() + ") AS " + rank + " FROM " + weighed.from + ")";
    std::string kept =
        level.count
            ? std::to_string(require_count(*level.count, environment, "The number of values"))
            : "";
    std::string condition;
    std::string left = "l" + rank;
    std::string right = "r" + rank;
    for (const std::string& column_sql : keys) {
      condition += (condition.empty() ? "" : " AND ") + left + "." + column_sql +
                   " IS NOT DISTINCT FROM " + right + "." + column_sql;
    }
    if (!level.others) {
      rows.from = "(SELECT " + left + ".*, " + right + "." + weight.sql + " FROM " + rows.from +
                  " " + left + " JOIN " + ranking + " " + right + " ON " + condition +
                  (kept.empty() ? "" : " AND " + right + "." + rank + " <= " + kept) + ")";
    } else {
      // Values that do not lead become the one given, with the aggregate over all of them.
      Expr others = convert(constant(*level.others, environment), of.type);
      if (kept.empty()) kept = "9223372036854775807";
      std::string marked = new_name();
      rows.from = "(SELECT " + left + ".* REPLACE (CASE WHEN " + right + "." + rank +
                  " <= " + kept + " THEN " + left + "." + key.sql + " ELSE " + others.sql +
                  " END AS " + key.sql + ") FROM " + rows.from + " " + left + " JOIN " + ranking +
                  " " + right + " ON " + condition + ")";
      std::string weights = "(SELECT " + groups + ", " + by.sql + " AS " + weight.sql + " FROM " +
                            rows.from + " GROUP BY " + groups + ")";
      rows.from = "(SELECT " + left + ".*, " + right + "." + weight.sql + " FROM " + rows.from +
                  " " + left + " JOIN " + weights + " " + right + " ON " + condition + ")";
    }
    check_size(rows.from);
    outputs.push_back(std::move(key));
    outputs.push_back(std::move(weight));
  }
  Relation result = restart(rows);
  result.columns = std::move(outputs);
  result.from = "(SELECT DISTINCT " + sql_list(result) + " FROM " + rows.from + ")";
  return result;
}

}  // namespace rivulet::kql
