#include <algorithm>

#include "common/error.h"
#include "kql/binder.h"

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

}  // namespace

// Aggregates that make several columns: arg_max(x, *), percentiles(x, 50, 95), take_any(*).
std::optional<std::vector<OutputColumn>> Binder::bind_multi_aggregate(
    const Expression& call, Relation& input, const Environment* environment,
    const std::vector<OutputColumn>& keys) {
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
    std::string base = result_name(*call.arguments[0].value);
    for (size_t i = first; i < call.arguments.size(); ++i) {
      Expr percent = with_literal(bind(*call.arguments[i].value, scope));
      std::vector<Expr> arguments = operands;
      arguments.push_back(percent);
      Expr value = function->bind(context(call.position, &input), arguments);
      outputs.push_back(
          {"percentile_" + base + "_" + percent_name(*percent.literal), false, std::move(value)});
    }
    return outputs;
  }
  if (call.arguments.empty()) check_arity(name, 1, -1, 0);
  bool has_star = call.arguments.back().value->kind == Expression::Kind::kStar;
  if (is_any && call.arguments.size() == 1 && !has_star) return std::nullopt;

  // One row of each group is chosen, so that all columns come from the same row.
  size_t first = is_any ? 0 : 1;
  std::string key;
  std::string row;
  auto add_to_row = [&](const std::string& sql) {
    std::string field = "f" + std::to_string(outputs.size());
    if (!row.empty()) row += ", ";
    row += field + " := " + sql;
  };
  auto add = [&](std::string column_name, Expr value) {
    add_to_row(value.sql);
    outputs.push_back({std::move(column_name), false, std::move(value)});
  };
  if (first == 1) {
    Expr value = bind(*call.arguments[0].value, scope);
    key = as_column(input, value);
    value.sql = key;
    std::string column_name = result_name(*call.arguments[0].value);
    add(column_name.empty() ? (is_arg_max ? "max_" : "min_") : column_name, std::move(value));
  }
  for (size_t i = first; i < call.arguments.size(); ++i) {
    const Expression& argument = *call.arguments[i].value;
    if (argument.kind != Expression::Kind::kStar) {
      add(result_name(argument), bind(argument, scope));
      continue;
    }
    for (const RelationColumn& column : input.columns) {
      bool is_key = std::any_of(keys.begin(), keys.end(), [&](const OutputColumn& group) {
        return group.value.sql == column.sql;
      });
      if (column.sql != key && !is_key) add(column.name, column_expr(column));
    }
  }
  if (outputs.empty()) throw operator_error("SEM0219", name + "(): there are no columns");
  std::string chosen;
  if (is_any) {
    chosen = "first(struct_pack(" + row + "))";
  } else {
    // Where the key is null everywhere, any row will do.
    std::string function = is_arg_max ? "arg_max" : "arg_min";
    chosen = "coalesce(" + function + "(struct_pack(" + row + "), " + key +
             "), first(struct_pack(" + row + ")))";
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    Expr& value = outputs[i].value;
    value.sql =
        or_default(value.type, "struct_extract(" + chosen + ", 'f" + std::to_string(i) + "')");
    value.literal.reset();
    value.is_constant = false;
  }
  return outputs;
}

std::vector<OutputColumn> Binder::bind_aggregates(const std::vector<NamedExpression>& items,
                                                  Relation& input, const Environment* environment,
                                                  const std::vector<OutputColumn>& keys) {
  std::vector<OutputColumn> outputs;
  for (const NamedExpression& item : items) {
    std::optional<std::vector<OutputColumn>> several =
        bind_multi_aggregate(*item.value, input, environment, keys);
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
    } else if (item.value->kind == Expression::Kind::kCall) {
      const AggregateFunction* function = find_aggregate_function(item.value->text);
      if (function != nullptr) {
        output.name = std::string(function->result_prefix);
        bool is_predicate = item.value->text == "countif";
        if (item.value->text == "take_any" && !item.value->arguments.empty()) {
          // Like arg_max, it takes a column's own name.
          if (!result_name(*item.value->arguments[0].value).empty()) output.name.clear();
        }
        if (!item.value->arguments.empty() && !is_predicate) {
          output.name += result_name(*item.value->arguments[0].value);
        }
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
  int unnamed = 0;
  auto add = [&](OutputColumn& output, bool is_key) {
    std::string name = output.name;
    if (name.empty()) {
      do {
        name = "Column" + std::to_string(++unnamed);
      } while (has_column(result.columns, name));
    } else if (has_column(result.columns, name)) {
      if (output.is_named) throw operator_error("SEM0045", "Duplicate column name '" + name + "'");
      name = unique_name(result.columns, name);
    }
    RelationColumn added = column(name, output.value.type);
    if (!list.empty()) list += ", ";
    list += is_key ? defined(output.value.sql, added.sql) : output.value.sql + " AS " + added.sql;
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
    result.from = "(SELECT " + list + " FROM " + input.from +
                  (groups.empty() ? "" : " GROUP BY " + groups) + ")";
  }
  check_size(result.from);
  return result;
}

Relation Binder::apply(const SummarizeOperator& summarize, Relation input,
                       const Environment* environment) {
  std::vector<OutputColumn> keys = bind_items(summarize.by, input, environment);
  std::vector<OutputColumn> aggregates =
      bind_aggregates(summarize.aggregates, input, environment, keys);
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
  result.order = {{result.columns[1].sql, true, false}};
  result.is_sorted = true;
  result.from = "(SELECT * FROM " + result.from + " ORDER BY " + result.order_by() + " LIMIT " +
                std::to_string(count) + ")";
  return result;
}

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
    Scope scope;
    scope.environment = environment;
    scope.row = &rows;
    Expr of = bind(*level.of.value, scope);
    std::string name = level.of.names.empty() ? result_name(*level.of.value) : level.of.names[0];
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
    std::string ranking = "(SELECT *, row_number() OVER (" + partition + "ORDER BY " + weight.sql +
                          (level.is_descending ? " DESC NULLS LAST" : " ASC NULLS LAST") + ") AS " +
                          rank + " FROM (SELECT " + groups + ", " + by.sql + " AS " + weight.sql +
                          " FROM " + rows.from + " GROUP BY " + groups + "))";
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
  Relation result = rows;
  result.columns = std::move(outputs);
  result.from = "(SELECT DISTINCT " + sql_list(result) + " FROM " + rows.from + ")";
  return result;
}

}  // namespace rivulet::kql
