#include <algorithm>

#include "common/error.h"
#include "duckdb/sql_text.h"
#include "kql/bind/binder.h"
#include "kql/operators/plugins.h"

// Plugins that count or measure in windows of time.
namespace rivulet::kql {

// The columns that the arguments from `first` on name; they group the result.
std::vector<RelationColumn> Binder::plugin_dimensions(const PluginCall& plugin,
                                                      const Relation& input, size_t first) {
  std::vector<RelationColumn> dimensions;
  for (size_t i = first; i < plugin.positional_count(); ++i) {
    dimensions.push_back(plugin_column(plugin, input, i, "dimension"));
  }
  return dimensions;
}

Binder::TimelineArguments Binder::timeline_arguments(const PluginCall& plugin,
                                                     const Relation& input) {
  RelationColumn id = plugin_column(plugin, input, 0, "IdColumn");
  RelationColumn timeline = plugin_column(plugin, input, 1, "TimelineColumn");
  if (timeline.type != ScalarType::kDateTime && timeline.type != ScalarType::kLong &&
      timeline.type != ScalarType::kInt) {
    throw operator_error("SEM0003", plugin.call.text + "(): the timeline '" + timeline.name +
                                        "' must be of type datetime, long or int");
  }
  Expr start = with_literal(
      convert(constant(plugin.required(2, "Start"), plugin.environment), timeline.type));
  Expr end =
      with_literal(convert(constant(plugin.required(3, "End"), plugin.environment), timeline.type));
  ScalarType width = timeline.type == ScalarType::kDateTime ? ScalarType::kTimeSpan : timeline.type;
  return {std::move(id), std::move(timeline), std::move(start), std::move(end), width};
}

// Events of the analysis and, before it, those that a look-back window of its events may hold.
void Binder::filter_timeline(Relation& input, const RelationColumn& timeline, const Expr& start,
                             const Expr& end, const Expr& lookback) {
  filter(input, timeline.sql + "::HUGEINT >= " + start.sql + "::HUGEINT - " + lookback.sql +
                    " AND " + timeline.sql + " <= " + end.sql);
}

namespace {

// From `start` to `end`, both literals, as rows that the engine makes one block at a time.
std::string points_sql(const Expr& start, const Expr& end, const Expr& step,
                       const std::string& at) {
  return "(SELECT " + at + " FROM range(" + start.sql + ", " + end.sql + " + 1, " + step.sql +
         ") AS r(" + at + "))";
}

}  // namespace

Relation Binder::bind_rolling_percentile(const PluginCall& plugin, Relation input) {
  RelationColumn value = plugin_column(plugin, input, 0, "ValueColumn");
  Expr percentile = with_literal(constant(plugin.required(1, "Percentile"), plugin.environment));
  RelationColumn index = plugin_column(plugin, input, 2, "IndexColumn");
  Expr bin_size = constant(plugin.required(3, "BinSize"), plugin.environment);
  int64_t bins =
      require_count(plugin.required(4, "BinsPerWindow"), plugin.environment, "BinsPerWindow");
  std::vector<RelationColumn> dimensions = plugin_dimensions(plugin, input, 5);
  Expr bin = call_library("bin", {column_expr(index), bin_size}, plugin.call.position);
  std::string bin_column = stage(input, bin.sql);
  bin_size =
      convert(bin_size, index.type == ScalarType::kDateTime ? ScalarType::kTimeSpan : index.type);
  input = materialize(std::move(input), {bin_column});
  // Each bin sees its own rows and those of the bins before it.
  std::string keys;
  std::string condition;
  std::string at = new_name();
  std::string distinct = bin_column + " AS " + at;
  Relation result;
  std::string list;
  result.columns.push_back({index.name, bin.type, at});
  for (const RelationColumn& dimension : dimensions) {
    std::string key = new_name();
    distinct += ", " + dimension.sql + " AS " + key;
    condition += " AND " + dimension.sql + " IS NOT DISTINCT FROM " + key;
    keys += key + ", ";
    result.columns.push_back({dimension.name, dimension.type, key});
    list += key + ", ";
  }
  const AggregateFunction* function = find_aggregate_function("percentile");
  std::vector<Expr> arguments{column_expr(value), percentile};
  Expr measured = function->bind(context(plugin.call.position, nullptr), arguments);
  std::string percent;
  if (const auto* whole = std::get_if<int64_t>(&percentile.literal->value))
    percent = std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&percentile.literal->value)) {
    percent = std::to_string(*real);
    while (percent.ends_with("0")) percent.pop_back();
    std::replace(percent.begin(), percent.end(), '.', '_');
  }
  RelationColumn output =
      column("rolling_" + std::to_string(bins) + "_percentile_" + value.name + "_" + percent,
             measured.type);
  result.from = "(SELECT " + list + at + ", " + measured.sql + " AS " + output.sql +
                " FROM (SELECT DISTINCT " + distinct + " FROM " + input.from + ") JOIN " +
                input.from + " ON " + bin_column + " <= " + at + " AND " + bin_column + " > " + at +
                " - " + std::to_string(bins) + " * " + bin_size.sql + condition + " GROUP BY " +
                keys + at + ")";
  result.columns.push_back(std::move(output));
  return result;
}

Relation Binder::bind_sliding_window_counts(const PluginCall& plugin, Relation input) {
  auto [id, timeline, start, end, width] = timeline_arguments(plugin, input);
  Expr lookback =
      convert(constant(plugin.required(4, "LookbackWindow"), plugin.environment), width);
  Expr step = convert(constant(plugin.required(5, "Bin"), plugin.environment), width);
  std::vector<RelationColumn> dimensions = plugin_dimensions(plugin, input, 6);
  std::string at = new_name();
  Relation result;
  result.columns.push_back({timeline.name, timeline.type, at});
  std::string list;
  for (const RelationColumn& dimension : dimensions) {
    list += dimension.sql + ", ";
    result.columns.push_back(dimension);
  }
  RelationColumn count = column("Count", ScalarType::kLong);
  RelationColumn distinct = column("dcount", ScalarType::kLong);
  std::string points = points_sql(start, end, with_literal(step), at);
  result.from = "(SELECT " + list + at + ", count(*)::BIGINT AS " + count.sql +
                ", count(DISTINCT " + id.sql + ")::BIGINT AS " + distinct.sql + " FROM " + points +
                " JOIN " + input.from + " ON " + timeline.sql + " >= " + at + " + " + step.sql +
                " - " + lookback.sql + " AND " + timeline.sql + " < " + at + " + " + step.sql +
                " GROUP BY " + list + at + ")";
  result.columns.push_back(std::move(count));
  result.columns.push_back(std::move(distinct));
  return result;
}

// By bin, the ids of which an event stands at the end of a look-back window with events in enough periods.
Relation Binder::bind_active_users_count(const PluginCall& plugin, Relation input) {
  auto [id, timeline, start, end, width] = timeline_arguments(plugin, input);
  Expr lookback =
      convert(constant(plugin.required(4, "LookbackWindow"), plugin.environment), width);
  Expr period = convert(constant(plugin.required(5, "Period"), plugin.environment), width);
  int64_t needed = require_count(plugin.required(6, "ActivePeriodsCount"), plugin.environment,
                                 "ActivePeriodsCount");
  Expr step = convert(constant(plugin.required(7, "Bin"), plugin.environment), width);
  std::vector<RelationColumn> dimensions = plugin_dimensions(plugin, input, 8);
  filter_timeline(input, timeline, start, end, lookback);
  std::string list;
  Relation result;
  std::string since_start = "(" + timeline.sql + " - " + start.sql + ")::BIGINT";
  for (const RelationColumn& dimension : dimensions) list += ", " + dimension.sql;
  std::string periods =
      stage(input, "count(DISTINCT k_bin(" + since_start + ", " + period.sql +
                       "::BIGINT)) OVER (PARTITION BY " + id.sql + list + " ORDER BY " +
                       timeline.sql + "::BIGINT RANGE BETWEEN greatest(" + lookback.sql +
                       "::BIGINT - 1, 0) PRECEDING AND CURRENT ROW)");
  std::string at = stage(input, "(" + start.sql + " + k_bin(" + since_start + ", " + step.sql +
                                    "::BIGINT))::" + std::string(duckdb::sql_type(timeline.type)));
  RelationColumn distinct = column("dcount", ScalarType::kLong);
  result.from = "(SELECT " + at + list + ", count(DISTINCT " + id.sql + ")::BIGINT AS " +
                distinct.sql + " FROM " + input.from + " WHERE " + timeline.sql +
                " >= " + start.sql + " AND " + periods + " >= " + std::to_string(needed) +
                " GROUP BY " + at + list + ")";
  result.columns.push_back({timeline.name, timeline.type, at});
  for (const RelationColumn& dimension : dimensions) result.columns.push_back(dimension);
  result.columns.push_back(std::move(distinct));
  return result;
}

// Of each window: events, ids, ids never seen before, and ids seen so far.
Relation Binder::bind_activity_counts_metrics(const PluginCall& plugin, Relation input) {
  auto [id, timeline, start, end, width] = timeline_arguments(plugin, input);
  Expr window = convert(constant(plugin.required(4, "Window"), plugin.environment), width);
  std::vector<RelationColumn> dimensions = plugin_dimensions(plugin, input, 5);
  filter(input, timeline.sql + " >= " + start.sql + " AND " + timeline.sql + " <= " + end.sql);
  std::string at = stage(input, "(" + start.sql + " + ((" + timeline.sql + " - " + start.sql +
                                    ") // " + window.sql + ") * " + window.sql + ")");
  std::string list;
  Relation result;
  result.columns.push_back({timeline.name, timeline.type, at});
  for (const RelationColumn& dimension : dimensions) {
    list += ", " + dimension.sql;
    result.columns.push_back(dimension);
  }
  std::string first = stage(input, "min(" + at + ") OVER (PARTITION BY " + id.sql + list + ")");
  RelationColumn count = column("count", ScalarType::kLong),
                 dcount = column("dcount", ScalarType::kLong),
                 fresh = column("new_dcount", ScalarType::kLong),
                 total = column("aggregated_dcount", ScalarType::kLong);
  std::string partition = list.empty() ? "" : "PARTITION BY " + list.substr(2) + " ";
  result.from = "(SELECT *, (sum(" + fresh.sql + ") OVER (" + partition + "ORDER BY " + at +
                "))::BIGINT AS " + total.sql + " FROM (SELECT " + at + list +
                ", count(*)::BIGINT AS " + count.sql + ", count(DISTINCT " + id.sql +
                ")::BIGINT AS " + dcount.sql + ", count(DISTINCT CASE WHEN " + first + " = " + at +
                " THEN " + id.sql + " END)::BIGINT AS " + fresh.sql + " FROM " + input.from +
                " GROUP BY " + at + list + "))";
  for (RelationColumn* added : {&count, &dcount, &fresh, &total}) result.columns.push_back(*added);
  return result;
}

// Sessions by bin: an id's events no more than the look-back apart are one session, which counts in every bin
// that has an event of it.
Relation Binder::bind_session_count(const PluginCall& plugin, Relation input) {
  auto [id, timeline, start, end, width] = timeline_arguments(plugin, input);
  Expr step = convert(constant(plugin.required(4, "Bin"), plugin.environment), width);
  Expr lookback =
      convert(constant(plugin.required(5, "LookBackWindow"), plugin.environment), width);
  std::vector<RelationColumn> dimensions = plugin_dimensions(plugin, input, 6);
  filter_timeline(input, timeline, start, end, lookback);
  std::string list;
  for (const RelationColumn& dimension : dimensions) list += ", " + dimension.sql;
  Relation result;
  std::string at = stage(input, "(" + start.sql + " + k_bin((" + timeline.sql + " - " + start.sql +
                                    ")::BIGINT, " + step.sql +
                                    "::BIGINT))::" + std::string(duckdb::sql_type(timeline.type)));
  std::string window = " OVER (PARTITION BY " + id.sql + list + " ORDER BY " + timeline.sql + ")";
  std::string previous = stage(input, "lag(" + timeline.sql + ")" + window);
  std::string previous_bin = stage(input, "lag(" + at + ")" + window);
  RelationColumn count = column("count_sessions", ScalarType::kLong);
  // The first event of a session in a bin stands for it.
  result.from = "(SELECT " + at + list + ", count(*)::BIGINT AS " + count.sql + " FROM " +
                input.from + " WHERE " + timeline.sql + " >= " + start.sql + " AND (" + previous +
                " IS NULL OR " + timeline.sql + " - " + previous + " > " + lookback.sql + " OR " +
                previous_bin + " <> " + at + ") GROUP BY " + at + list + ")";
  result.columns.push_back({timeline.name, timeline.type, at});
  for (const RelationColumn& dimension : dimensions) result.columns.push_back(dimension);
  result.columns.push_back(std::move(count));
  return result;
}

}  // namespace rivulet::kql
