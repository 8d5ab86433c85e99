#include "kql/functions/library.h"

// hll() and tdigest(): aggregates that can be kept and merged, and the functions that read them.
namespace rivulet::kql {

namespace {

Expr aggregate_expr(std::string sql) {
  Expr result;
  result.type = ScalarType::kDynamic;
  result.sql = std::move(sql);
  return result;
}

std::string filter(std::string_view function, Arguments arguments, size_t index) {
  const auto predicate = convert_argument(arguments[index], ScalarType::kBool);
  if (!predicate) argument_error(function, index, "a bool");
  return " FILTER (WHERE " + predicate->sql + ")";
}

// Of a null there is nothing to count; DuckDB sees the hash of NULL as NULL.
Expr bind_hll(const CallContext&, Arguments arguments) {
  return aggregate_expr("k_hll(" + hash_sql(arguments[0]) + ", k_query())");
}
Expr bind_hll_if(const CallContext&, Arguments arguments) {
  return aggregate_expr("k_hll(" + hash_sql(arguments[0]) + ", k_query())" +
                        filter("hll_if", arguments, 1));
}
Expr bind_hll_merge(const CallContext&, Arguments arguments) {
  return aggregate_expr("k_hll_merge(" + convert(arguments[0], ScalarType::kDynamic).sql +
                        ", k_query())");
}

Expr as_summable(std::string_view function, Arguments arguments) {
  const Expr& value = arguments[0];
  if (is_ticks(value.type)) return convert(value, ScalarType::kReal);
  const auto real = convert_argument(value, ScalarType::kReal);
  if (!real) argument_error(function, 0, "a number, datetime or timespan");
  return *real;
}
Expr bind_tdigest(const CallContext&, Arguments arguments) {
  const Expr value = as_summable("tdigest", arguments);
  std::string weight = "1::BIGINT";
  if (arguments.size() > 1) {
    const auto given = convert_argument(arguments[1], ScalarType::kLong);
    if (!given) argument_error("tdigest", 1, "a whole number");
    weight = given->sql;
  }
  return aggregate_expr("k_tdigest(" + value.sql + ", " + weight + ", k_query())");
}
Expr bind_tdigest_merge(const CallContext&, Arguments arguments) {
  return aggregate_expr("k_tdigest_merge(" + convert(arguments[0], ScalarType::kDynamic).sql +
                        ", k_query())");
}

// percentile_tdigest(digest, percent[, typeof(T)]).
Expr bind_percentile_tdigest(const CallContext&, Arguments arguments) {
  Expr value =
      bind_signature("percentile_tdigest", "R:DR", "k_percentile_tdigest($)", arguments.first(2));
  if (arguments.size() < 3) return value;
  const ScalarType type = type_argument("percentile_tdigest", arguments[2], 2);
  if (!is_ticks(type)) return convert(value, type);
  Expr ticks = convert(value, ScalarType::kLong);
  ticks.type = type;
  return ticks;
}

constexpr ScalarFunction kFunctions[] = {
    simple<"dcount_hll", "L:D", "k_hll_count($)">(),
    simple<"hll_merge", "D:D*", "k_hll_union($)">(),
    simple<"merge_tdigest", "D:D*", "k_tdigest_union($)">(),
    simple<"merge_tdigests", "D:D*", "k_tdigest_union($)">(),
    simple<"tdigest_merge", "D:D*", "k_tdigest_union($)">(),
    {"percentile_tdigest", 2, 3, bind_percentile_tdigest},
    simple<"percentiles_array_tdigest", "D:DD*", "k_percentiles_tdigest($)">(),
    simple<"percentile_array_tdigest", "D:DD*", "k_percentiles_tdigest($)">(),
    simple<"rank_tdigest", "R:DR", "k_rank_tdigest($)">(),
    simple<"percentrank_tdigest", "R:DR", "k_percentrank_tdigest($)">(),
};

constexpr AggregateFunction kAggregates[] = {
    {"hll", 1, 2, bind_hll, "hll_"},
    {"hll_if", 2, 3, bind_hll_if, "hll_if_"},
    {"hll_merge", 1, 1, bind_hll_merge, "hll_merge_"},
    {"tdigest", 1, 2, bind_tdigest, "tdigest_"},
    {"tdigest_merge", 1, 1, bind_tdigest_merge, "merge_tdigests_"},
    {"merge_tdigest", 1, 1, bind_tdigest_merge, "merge_tdigests_"},
    {"merge_tdigests", 1, 1, bind_tdigest_merge, "merge_tdigests_"},
};

}  // namespace

std::span<const ScalarFunction> sketch_functions() {
  return kFunctions;
}
std::span<const AggregateFunction> sketch_aggregates() {
  return kAggregates;
}

}  // namespace rivulet::kql
