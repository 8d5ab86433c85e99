#include <set>

#include "common/error.h"
#include "kql/bind/binder.h"

namespace rivulet::kql {

// Three steps: rows to bins with their aggregates; a grid of every bin of every series; both together,
// ordered by bin, as arrays.
Relation Binder::apply(const MakeSeriesOperator& series, Relation input,
                       const Environment* environment) {
  bool is_nonempty = false;
  for (const OperatorOption& option : series.options) {
    if (option.name == "kind") is_nonempty = option.text == "nonempty";
  }
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  Expr axis = bind(*series.axis.value, scope);
  std::string axis_name = result_name(series.axis);
  std::optional<Expr> from, to, step;
  bool to_is_inclusive = false;
  if (series.range) {
    const Expression& call = *series.range;
    if (call.kind != Expression::Kind::kCall || call.text != "range" ||
        call.arguments.size() != 3) {
      throw operator_error("SEM0003", "Expected range(start, stop, step)");
    }
    from = constant(*call.arguments[0].value, environment);
    to = constant(*call.arguments[1].value, environment);
    step = constant(*call.arguments[2].value, environment);
    to_is_inclusive = true;
  } else {
    if (series.from) from = constant(*series.from, environment);
    if (series.to) to = constant(*series.to, environment);
    step = constant(*series.step, environment);
  }
  if (axis.type == ScalarType::kInt) axis = convert(axis, ScalarType::kLong);
  bool is_datetime = axis.type == ScalarType::kDateTime;
  if (!is_datetime && axis.type != ScalarType::kTimeSpan && axis.type != ScalarType::kLong &&
      axis.type != ScalarType::kReal) {
    throw operator_error("SEM0003", "The axis of a series must be a number, datetime or timespan");
  }
  bool has_real_step = step->type == ScalarType::kReal && axis.type == ScalarType::kLong;
  if (has_real_step) axis = convert(axis, ScalarType::kReal);
  step = convert(*step, is_datetime ? ScalarType::kTimeSpan : axis.type);
  if (from) from = convert(*from, axis.type);
  if (to) to = convert(*to, axis.type);
  bool is_real = axis.type == ScalarType::kReal;

  std::vector<NamedExpression> no_items;
  std::vector<OutputColumn> aggregates;
  std::vector<std::string> defaults;
  for (const MakeSeriesOperator::Aggregate& aggregate : series.aggregates) {
    Scope inner = scope;
    inner.allows_aggregates = true;
    OutputColumn output;
    output.value = bind(*aggregate.item.value, inner);
    output.is_named = !aggregate.item.names.empty();
    output.name = result_name(aggregate.item, &input, true);
    Expr missing =
        aggregate.default_value ? constant(*aggregate.default_value, environment) : long_literal(0);
    if (missing.type != output.value.type && output.value.type == ScalarType::kReal) {
      missing = convert(missing, ScalarType::kReal);
    }
    if (!missing.is_constant && !missing.literal)
      throw operator_error("SEM0007", "The default of a series must be a constant");
    defaults.push_back("coalesce(" + convert(missing, ScalarType::kDynamic).sql + ", 'null')");
    aggregates.push_back(std::move(output));
  }
  std::vector<OutputColumn> keys = bind_items(series.by, input, environment);

  std::set<std::string> seen;
  std::string key_list;  // SQL columns
  Relation result;
  for (OutputColumn& key : keys) {
    RelationColumn added;
    added.name = unique_name(result.columns, key.name.empty() ? "Column1" : key.name);
    added.type = key.value.type;
    added.sql = as_column(input, key.value);
    if (!seen.insert(added.sql).second) added.sql = stage(input, added.sql);  // a copy
    key_list += (key_list.empty() ? "" : ", ") + added.sql;
    result.columns.push_back(std::move(added));
  }
  std::string value = as_column(input, axis);
  std::string width = step->sql;
  std::string start;
  std::string window = key_list.empty() ? " OVER ()" : " OVER (PARTITION BY " + key_list + ")";
  // What is no finite number is in no bin.
  if (is_real) filter(input, "isfinite(" + value + ")");
  if (from) {
    start = from->sql;
    filter(input, value + " >= " + start);
  } else {
    if (to) filter(input, value + (to_is_inclusive ? " <= " : " < ") + to->sql);
    Expr lowest = axis;
    lowest.sql = "min(" + value + ")" + window;
    lowest.sql = stage(input, lowest.sql);
    lowest.literal.reset();
    start = stage(input, call_library("bin", {lowest, *step}, Position{}).sql);
  }
  filter(input, value + " IS NOT NULL" +
                    (to ? " AND " + value + (to_is_inclusive ? " <= " : " < ") + to->sql : ""));
  std::string bin =
      stage(input, is_real ? "floor((" + value + " - " + start + ") / " + width + ")::BIGINT"
                           : "((" + value + " - " + start + ") // " + width + ")");
  std::string groups = key_list.empty() ? bin : key_list + ", " + bin;
  std::string origin = new_name();
  // A start that is given may be of the row outside, over which nothing is aggregated here.
  std::string bins =
      "SELECT " + groups + ", " + (from ? start : "min(" + start + ")") + " AS " + origin;
  std::vector<std::string> cells;
  for (OutputColumn& output : aggregates) {
    cells.push_back(new_name());
    bins += ", " + output.value.sql + " AS " + cells.back();
  }
  bins += " FROM " + input.from + " GROUP BY " + groups;
  std::string table = "m" + std::to_string(next_cte_++);
  add_cte({table, bins});

  // How many bins each series has.
  std::string count;
  std::string origin_of = from ? from->sql : "min(" + origin + ")";
  if (to) {
    std::string span = "(" + to->sql + " - " + origin_of + ")";
    count = is_real ? (to_is_inclusive ? "floor(" + span + " / " + width + " + 1e-9)::BIGINT + 1"
                                       : "ceil(" + span + " / " + width + " - 1e-9)::BIGINT")
            : to_is_inclusive ? span + " // " + width + " + 1"
                              : "(" + span + " + " + width + " - 1) // " + width;
  } else {
    count = "max(" + bin + ") + 1";
  }
  std::string length = new_name();
  std::string each = "SELECT " + (key_list.empty() ? "" : key_list + ", ") + origin_of + " AS " +
                     origin + ", k_series_length(" + count + ") AS " + length +
                     ", count(*) AS filled FROM " + table;
  if (!key_list.empty()) {
    each += " GROUP BY " + key_list;
  } else if (!is_nonempty) {
    each += " HAVING count(*) > 0";
  }
  std::string series_table = "m" + std::to_string(next_cte_++);
  add_cte({series_table, each});
  // Joined, and not unnested from a list of each, which the engine would make for 2,048 series at a time.
  std::string grid = "SELECT " + (key_list.empty() ? "" : key_list + ", ") + bin + ", " + origin;
  for (const std::string& cell : cells) grid += ", NULL AS " + cell;
  grid += " FROM " + series_table + " JOIN range(0::BIGINT, (SELECT max(" + length + ") FROM " +
          series_table + ")) AS r(" + bin + ") ON " + bin + " < " + length;
  std::string all = "SELECT " + groups + ", min(" + origin + ") AS " + origin;
  for (const std::string& cell : cells) all += ", any_value(" + cell + ") AS " + cell;
  std::string bin_list = "SELECT " + groups + ", " + origin;
  for (const std::string& cell : cells) bin_list += ", " + cell;
  all += " FROM (" + grid + " UNION ALL BY NAME " + bin_list + " FROM " + table + ") GROUP BY " +
         groups;

  auto array_of = [&](const std::string& element) {
    return "'[' || coalesce(string_agg(" + element + ", ',' ORDER BY " + bin + "), '') || ']'";
  };
  std::string list = key_list;
  for (size_t i = 0; i < aggregates.size(); ++i) {
    Expr cell;
    cell.type = aggregates[i].value.type;
    cell.sql = cells[i];
    std::string element =
        "coalesce(" + convert(cell, ScalarType::kDynamic).sql + ", " + defaults[i] + ")";
    RelationColumn added = column(
        unique_name(result.columns, aggregates[i].name.empty() ? "Column1" : aggregates[i].name),
        ScalarType::kDynamic);
    list += (list.empty() ? "" : ", ") + array_of(element) + " AS " + added.sql;
    result.columns.push_back(std::move(added));
  }
  Expr point;
  point.type = axis.type;
  point.sql = "(" + origin + " + " + bin + (is_real ? "::DOUBLE" : "") + " * " + width + ")";
  RelationColumn points = column(
      unique_name(result.columns, axis_name.empty() ? "Column1" : axis_name), ScalarType::kDynamic);
  list += (list.empty() ? "" : ", ") + array_of(convert(point, ScalarType::kDynamic).sql) + " AS " +
          points.sql;
  result.columns.push_back(std::move(points));
  result.from = "(SELECT " + list + " FROM (" + all + ")" +
                (key_list.empty() ? " HAVING count(*) > 0" : " GROUP BY " + key_list) + ")";
  check_size(result.from);
  return result;
}

}  // namespace rivulet::kql
