#include "common/error.h"
#include "kql/binder.h"

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
  std::string axis_name =
      series.axis.names.empty() ? result_name(*series.axis.value) : series.axis.names[0];
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
    if (output.is_named) {
      output.name = aggregate.item.names[0];
    } else if (const AggregateFunction* function =
                   aggregate.item.value->kind == Expression::Kind::kCall
                       ? find_aggregate_function(aggregate.item.value->text)
                       : nullptr) {
      output.name = std::string(function->result_prefix);
      if (!aggregate.item.value->arguments.empty()) {
        output.name += result_name(*aggregate.item.value->arguments[0].value);
      }
    }
    Expr missing =
        aggregate.default_value ? constant(*aggregate.default_value, environment) : long_literal(0);
    if (missing.type != output.value.type && output.value.type == ScalarType::kReal) {
      missing = convert(missing, ScalarType::kReal);
    }
    defaults.push_back("coalesce(" + convert(missing, ScalarType::kDynamic).sql + ", 'null')");
    aggregates.push_back(std::move(output));
  }
  std::vector<OutputColumn> keys = bind_items(series.by, input, environment);

  std::string key_list;  // SQL columns
  Relation result;
  for (OutputColumn& key : keys) {
    RelationColumn added;
    added.name = unique_name(result.columns, key.name.empty() ? "Column1" : key.name);
    added.type = key.value.type;
    added.sql = as_column(input, key.value);
    key_list += (key_list.empty() ? "" : ", ") + added.sql;
    result.columns.push_back(std::move(added));
  }
  std::string value = as_column(input, axis);
  std::string width = step->sql;
  std::string start;
  std::string window = key_list.empty() ? " OVER ()" : " OVER (PARTITION BY " + key_list + ")";
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
  std::string bins = "SELECT " + groups + ", min(" + start + ") AS " + origin;
  std::vector<std::string> cells;
  for (OutputColumn& output : aggregates) {
    cells.push_back(new_name());
    bins += ", " + output.value.sql + " AS " + cells.back();
  }
  bins += " FROM " + input.from + " GROUP BY " + groups;
  std::string table = "m" + std::to_string(next_cte_++);
  ctes_.push_back({table, bins});

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
  std::string grid = "SELECT " + (key_list.empty() ? "" : key_list + ", ") +
                     "unnest(range(0::BIGINT, greatest(" + length + ", 0))) AS " + bin + ", " +
                     origin;
  for (const std::string& cell : cells) grid += ", NULL AS " + cell;
  std::string each = "SELECT " + (key_list.empty() ? "" : key_list + ", ") + origin_of + " AS " +
                     origin + ", " + count + " AS " + length + ", count(*) AS filled FROM " + table;
  if (!key_list.empty()) {
    each += " GROUP BY " + key_list;
  } else if (!is_nonempty) {
    each += " HAVING count(*) > 0";
  }
  grid += " FROM (" + each + ")";
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
