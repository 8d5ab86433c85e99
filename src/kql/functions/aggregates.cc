#include "kql/functions/library.h"
#include "types/text.h"

// Aggregates. A predicate of an …if() form becomes a FILTER clause; nulls are left out, as in SQL.
namespace rivulet::kql {

namespace {

constexpr std::string_view kMaxElements = "1048576";

// " FILTER (WHERE …)" of the argument at `index`.
std::string filter(std::string_view function, Arguments arguments, size_t index) {
  const auto predicate = convert_argument(arguments[index], ScalarType::kBool);
  if (!predicate) argument_error(function, index, "a bool");
  return " FILTER (WHERE " + predicate->sql + ")";
}

Expr aggregate_expr(ScalarType type, std::string sql) {
  Expr result;
  result.type = type;
  result.sql = std::move(sql);
  return result;
}

// A summand: a dynamic counts as a real.
Expr summand(std::string_view function, Arguments arguments) {
  const Expr& value = arguments[0];
  if (value.type == ScalarType::kDynamic) return convert(value, ScalarType::kReal);
  if (value.type == ScalarType::kBool) return convert(value, ScalarType::kLong);
  if (is_number(value.type) || is_ticks(value.type)) return value;
  argument_error(function, 0, "a number or a timespan");
}

Expr sum(std::string_view function, Arguments arguments, const std::string& where) {
  const Expr value = summand(function, arguments);
  const std::string sum = "sum(" + value.sql + ")" + where;
  switch (value.type) {
    case ScalarType::kReal:
      return aggregate_expr(value.type, "coalesce(" + sum + ", 0::DOUBLE)");
    case ScalarType::kDecimal:
      return aggregate_expr(value.type, decimal_sum_sql(value.sql, where));
    case ScalarType::kTimeSpan:
      return aggregate_expr(value.type, "coalesce(k_wrap(" + sum + "), 0::BIGINT)");
    case ScalarType::kDateTime:
      argument_error(function, 0, "a number or a timespan");
    default:
      return aggregate_expr(ScalarType::kLong, "coalesce(k_wrap(" + sum + "), 0::BIGINT)");
  }
}
Expr bind_sum(const CallContext&, Arguments a) {
  return sum("sum", a, "");
}
Expr bind_sumif(const CallContext&, Arguments a) {
  return sum("sumif", a, filter("sumif", a, 1));
}

Expr average(std::string_view function, Arguments arguments, const std::string& where) {
  const Expr value = summand(function, arguments);
  if (is_ticks(value.type)) {
    return aggregate_expr(value.type, "k_wrap((sum(" + value.sql + ")" + where + ") // (count(" +
                                          value.sql + ")" + where + "))");
  }
  if (value.type == ScalarType::kDecimal) {
    const auto [high, low] = decimal_sums(value.sql, where);
    return aggregate_expr(value.type, "k_average_decimal(" + high + ", " + low + ", count(" +
                                          value.sql + ")" + where + ")");
  }
  return aggregate_expr(ScalarType::kReal,
                        "coalesce(avg(" + value.sql + ")" + where + ", 'nan'::DOUBLE)");
}
Expr bind_avg(const CallContext&, Arguments a) {
  return average("avg", a, "");
}
Expr bind_avgif(const CallContext&, Arguments a) {
  return average("avgif", a, filter("avgif", a, 1));
}

Expr bind_count(const CallContext&, Arguments arguments) {
  // Of anything but a predicate all rows count, nulls too.
  const bool is_predicate = !arguments.empty() && arguments[0].type == ScalarType::kBool;
  return aggregate_expr(ScalarType::kLong,
                        "count(*)" + (is_predicate ? filter("count", arguments, 0) : ""));
}
Expr bind_countif(const CallContext&, Arguments arguments) {
  return aggregate_expr(ScalarType::kLong, "count(*)" + filter("countif", arguments, 0));
}

Expr distinct_count(Arguments arguments, const std::string& where) {
  return aggregate_expr(ScalarType::kLong, "count(DISTINCT " + arguments[0].sql + ")" + where);
}
Expr bind_dcount(const CallContext&, Arguments a) {
  return distinct_count(a, "");
}
Expr bind_dcountif(const CallContext&, Arguments a) {
  return distinct_count(a, filter("dcountif", a, 1));
}

// An SQL aggregate that keeps the type of its argument; of no string, the empty one.
Expr same_type(const std::string& sql, ScalarType type) {
  return aggregate_expr(type, type == ScalarType::kString ? "coalesce(" + sql + ", '')" : sql);
}

// NaN is the greatest or least only where there is no number. The engine holds it for the greatest, so the
// greatest number is the least of the negative ones.
template <FixedString kName, FixedString kSql, bool kIsIf>
Expr bind_extreme(const CallContext&, Arguments arguments) {
  const Expr& value = arguments[0];
  if (value.type == ScalarType::kGuid) argument_error(kName.view(), 0, "a value that has an order");
  const Expr ordered =
      value.type == ScalarType::kDynamic ? convert(value, ScalarType::kReal) : value;
  const std::string where = kIsIf ? filter(kName.view(), arguments, 1) : "";
  if (kSql.view() == "max" && ordered.type == ScalarType::kReal) {
    return aggregate_expr(ordered.type, "(-(min(-" + ordered.sql + ")" + where + "))");
  }
  return same_type(std::string(kSql.view()) + "(" + ordered.sql + ")" + where, ordered.type);
}

template <FixedString kName, bool kIsIf>
Expr bind_any(const CallContext&, Arguments arguments) {
  std::string sql = "any_value(" + arguments[0].sql + ")";
  if (kIsIf) sql += filter(kName.view(), arguments, 1);
  return same_type(sql, arguments[0].type);
}

// arg_max(by, value): the value where `by` is greatest; where it is never known, that of any row.
template <FixedString kFunction>
Expr bind_arg_extreme(const CallContext&, Arguments arguments) {
  const Expr& by = arguments[0];
  const Expr& value = arguments.size() > 1 ? arguments[1] : arguments[0];
  const Expr ordered = by.type == ScalarType::kDynamic ? convert(by, ScalarType::kReal) : by;
  const std::string sql =
      "(CASE WHEN count(" + ordered.sql + ") = 0 THEN first(" + value.sql + ") ELSE " +
      arg_extreme_sql(std::string(kFunction.view()), value.sql, ordered.sql, ordered.type) +
      " END)";
  return same_type(sql, value.type);
}

// Variances, deviations and covariances, of samples and of populations. The engine's own refuse what is not
// finite.
template <FixedString kName, FixedString kSql, bool kIsIf>
Expr bind_variance(const CallContext&, Arguments arguments) {
  const auto value = convert_argument(arguments[0], ScalarType::kReal);
  if (!value) argument_error(kName.view(), 0, "a number");
  const std::string where = kIsIf ? filter(kName.view(), arguments, 1) : "";
  const std::string variance = "(" + value->sql + ")" + where;
  if (kSql.view().starts_with("sqrt ")) {
    return aggregate_expr(ScalarType::kReal,
                          "sqrt(" + std::string(kSql.view().substr(5)) + variance + ")");
  }
  return aggregate_expr(ScalarType::kReal, std::string(kSql.view()) + variance);
}

template <FixedString kName, FixedString kSql, bool kIsIf>
Expr bind_covariance(const CallContext&, Arguments arguments) {
  const auto x = convert_argument(arguments[0], ScalarType::kReal);
  const auto y = convert_argument(arguments[1], ScalarType::kReal);
  if (!x) argument_error(kName.view(), 0, "a number");
  if (!y) argument_error(kName.view(), 1, "a number");
  const std::string where = kIsIf ? filter(kName.view(), arguments, 2) : "";
  return aggregate_expr(ScalarType::kReal,
                        std::string(kSql.view()) + "(" + x->sql + ", " + y->sql + ")" + where);
}

// The greatest size of a list or set, from the argument at `index`.
std::string max_size(std::string_view function, Arguments arguments, size_t index) {
  if (index >= arguments.size()) return std::string(kMaxElements);
  const auto size = convert_argument(arguments[index], ScalarType::kLong);
  if (!size || !size->literal) argument_error(function, index, "a constant whole number");
  const auto* value = std::get_if<int64_t>(&size->literal->value);
  if (value == nullptr) return std::string(kMaxElements);
  return std::to_string(std::clamp<int64_t>(*value, 0, 1048576));
}

// An aggregate over dynamics that follows the order of the rows: `function` or, where they have one, its ordered form.
std::string in_order_sql(const CallContext& context, const std::string& function,
                         const std::string& value, const std::string& size,
                         const std::string& where) {
  const bool is_ordered = !context.sort_key.empty();
  return function + (is_ordered ? "_ordered(" : "(") + value + ", " + size + "::BIGINT, " +
         (is_ordered ? context.sort_key + ", " : "") + "k_query())" + where;
}

// An array of the values, in the order of the rows; of those that are arrays themselves, the elements.
Expr make_list(const CallContext& context, const Expr& value, const std::string& where,
               const std::string& size, bool keeps_nulls) {
  std::string element = convert(value, ScalarType::kDynamic).sql;
  if (keeps_nulls) element = "coalesce(" + element + ", 'null')";
  return aggregate_expr(ScalarType::kDynamic,
                        in_order_sql(context, "k_make_list", element, size, where));
}

Expr bind_make_list(const CallContext& context, Arguments a) {
  return make_list(context, a[0], "", max_size("make_list", a, 1), false);
}
Expr bind_make_list_if(const CallContext& context, Arguments a) {
  return make_list(context, a[0], filter("make_list_if", a, 1), max_size("make_list_if", a, 2),
                   false);
}
Expr bind_make_list_with_nulls(const CallContext& context, Arguments a) {
  return make_list(context, a[0], "", max_size("make_list_with_nulls", a, 1), true);
}

Expr make_set(const CallContext& context, Arguments arguments, const std::string& where,
              const std::string& size) {
  const std::string element = convert(arguments[0], ScalarType::kDynamic).sql;
  return aggregate_expr(ScalarType::kDynamic,
                        in_order_sql(context, "k_make_set", element, size, where));
}
Expr bind_make_set(const CallContext& context, Arguments a) {
  return make_set(context, a, "", max_size("make_set", a, 1));
}
Expr bind_make_set_if(const CallContext& context, Arguments a) {
  return make_set(context, a, filter("make_set_if", a, 1), max_size("make_set_if", a, 2));
}

Expr make_bag(std::string_view function, Arguments arguments, const std::string& where,
              const std::string& size) {
  if (arguments[0].type != ScalarType::kDynamic) argument_error(function, 0, "a dynamic");
  return aggregate_expr(ScalarType::kDynamic, "k_make_bag(" + arguments[0].sql + ", " + size +
                                                  "::BIGINT, k_query())" + where);
}
Expr bind_make_bag(const CallContext&, Arguments a) {
  return make_bag("make_bag", a, "", max_size("make_bag", a, 1));
}
Expr bind_make_bag_if(const CallContext&, Arguments a) {
  return make_bag("make_bag_if", a, filter("make_bag_if", a, 1), max_size("make_bag_if", a, 2));
}

Expr bind_buildschema(const CallContext&, Arguments arguments) {
  return aggregate_expr(
      ScalarType::kDynamic,
      "k_buildschema(" + convert(arguments[0], ScalarType::kDynamic).sql + ", k_query())");
}

template <FixedString kName, FixedString kSql>
Expr bind_bits(const CallContext&, Arguments arguments) {
  const auto value = convert_argument(arguments[0], ScalarType::kLong);
  if (!value) argument_error(kName.view(), 0, "a whole number");
  const bool is_int = arguments[0].type == ScalarType::kInt;
  return aggregate_expr(
      is_int ? ScalarType::kInt : ScalarType::kLong,
      std::string(kSql.view()) + "(" + value->sql + ")" + (is_int ? "::INTEGER" : ""));
}

// What percentiles are taken of, and the type of the answer.
Expr percentile_value(std::string_view function, Arguments arguments) {
  const Expr& value = arguments[0];
  switch (value.type) {
    case ScalarType::kInt:
      return convert(value, ScalarType::kLong);
    case ScalarType::kDecimal:
    case ScalarType::kDynamic:
      return convert(value, ScalarType::kReal);
    case ScalarType::kLong:
    case ScalarType::kReal:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      return value;
    default:
      argument_error(function, 0, "a number, datetime or timespan");
  }
}
// NaN has no rank among numbers.
std::string ranked_sql(const Expr& value) {
  if (value.type != ScalarType::kReal) return value.sql;
  return "CASE WHEN isnan(" + value.sql + ") THEN NULL ELSE " + value.sql + " END";
}
double checked_percent(std::string_view function, size_t index, double percent) {
  if (!(percent >= 0 && percent <= 100)) argument_error(function, index, "between 0 and 100");
  return percent;
}
double percent_of(std::string_view function, Arguments arguments, size_t index) {
  return checked_percent(function, index, constant_real(function, arguments, index));
}
std::string fraction_sql(double percent) {
  return literal_sql({ScalarType::kReal, percent / 100});
}

Expr bind_percentile(const CallContext&, Arguments arguments) {
  const Expr value = percentile_value("percentile", arguments);
  const std::string fraction = fraction_sql(percent_of("percentile", arguments, 1));
  return aggregate_expr(value.type, "quantile_disc(" + ranked_sql(value) + ", " + fraction + ")");
}

// The percentages: numbers, or one array of numbers.
std::vector<double> percents_of(std::string_view function, Arguments arguments, size_t first) {
  std::vector<double> percents;
  for (size_t i = first; i < arguments.size(); ++i) {
    if (arguments[i].type != ScalarType::kDynamic) {
      percents.push_back(percent_of(function, arguments, i));
      continue;
    }
    const auto* json =
        arguments[i].literal ? std::get_if<std::string>(&arguments[i].literal->value) : nullptr;
    if (json == nullptr || json->size() < 2 || json->front() != '[')
      argument_error(function, i, "a constant array");
    std::string_view rest(*json);
    rest = rest.substr(1, rest.size() - 2);
    if (rest.empty()) argument_error(function, i, "an array of numbers");
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      const auto number = parse_real(rest.substr(0, comma));
      if (!number) argument_error(function, i, "an array of numbers");
      percents.push_back(checked_percent(function, i, *number));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return percents;
}

Expr bind_percentiles_array(const CallContext&, Arguments arguments) {
  const Expr value = percentile_value("percentiles_array", arguments);
  std::string fractions;
  for (const double percent : percents_of("percentiles_array", arguments, 1)) {
    fractions += (fractions.empty() ? "" : ", ") + fraction_sql(percent);
  }
  Expr element;
  element.type = value.type;
  element.sql = "x";
  return aggregate_expr(ScalarType::kDynamic,
                        "('[' || array_to_string(list_transform(quantile_disc(" +
                            ranked_sql(value) + ", [" + fractions + "]), lambda x: " +
                            convert(element, ScalarType::kDynamic).sql + "), ',') || ']')");
}

// Weighted: one array of all percentages, from which each call takes its own.
std::string weighted_sql(std::string_view function, Arguments arguments, size_t first) {
  const Expr value = percentile_value(function, arguments);
  const auto weight = convert_argument(arguments[1], ScalarType::kLong);
  if (!weight) argument_error(function, 1, "a whole number");
  std::string percents = "[";
  for (const double percent : percents_of(function, arguments, first)) {
    if (percents.size() > 1) percents += ",";
    percents += std::to_string(percent);
  }
  Expr as_real = value;
  as_real.type = ScalarType::kLong;
  const std::string operand =
      value.type == ScalarType::kReal ? value.sql : convert(as_real, ScalarType::kReal).sql;
  return "k_percentiles_weighted(" + operand + ", " + weight->sql + ", '" + percents +
         "]', k_query())";
}
Expr bind_percentilew(const CallContext&, Arguments arguments) {
  const Expr value = percentile_value("percentilew", arguments);
  const std::string sql =
      "k_dynamic_to_real(k_element(" + weighted_sql("percentilew", arguments, 2) + ", 0::BIGINT))";
  return aggregate_expr(value.type,
                        value.type == ScalarType::kReal ? sql : "k_real_to_long(" + sql + ")");
}
Expr bind_percentilesw_array(const CallContext&, Arguments arguments) {
  return aggregate_expr(ScalarType::kDynamic, weighted_sql("percentilesw_array", arguments, 2));
}

constexpr AggregateFunction kFunctions[] = {
    {"count", 0, 1, bind_count, "count_"},
    {"countif", 1, 1, bind_countif, "countif_"},
    {"sum", 1, 1, bind_sum, "sum_"},
    {"sumif", 2, 2, bind_sumif, "sumif_"},
    {"avg", 1, 1, bind_avg, "avg_"},
    {"avgif", 2, 2, bind_avgif, "avgif_"},
    {"dcount", 1, 2, bind_dcount, "dcount_"},
    {"dcountif", 2, 3, bind_dcountif, "dcountif_"},
    {"count_distinct", 1, 1, bind_dcount, "count_distinct_"},
    {"count_distinctif", 2, 2, bind_dcountif, "count_distinctif_"},
    {"min", 1, 1, bind_extreme<"min", "min", false>, "min_"},
    {"max", 1, 1, bind_extreme<"max", "max", false>, "max_"},
    {"minif", 2, 2, bind_extreme<"minif", "min", true>, "minif_"},
    {"maxif", 2, 2, bind_extreme<"maxif", "max", true>, "maxif_"},
    {"take_any", 1, 1, bind_any<"take_any", false>, "any_"},
    {"any", 1, 1, bind_any<"any", false>, "any_"},
    {"take_anyif", 2, 2, bind_any<"take_anyif", true>, ""},
    {"anyif", 2, 2, bind_any<"anyif", true>, "anyif_"},
    {"arg_max", 1, 2, bind_arg_extreme<"arg_max_null">, "max_"},
    {"arg_min", 1, 2, bind_arg_extreme<"arg_min_null">, "min_"},
    {"argmax", 1, 2, bind_arg_extreme<"arg_max_null">, "max_"},
    {"argmin", 1, 2, bind_arg_extreme<"arg_min_null">, "min_"},
    {"stdev", 1, 1, bind_variance<"stdev", "sqrt k_variance_sample", false>, "stdev_"},
    {"stdevif", 2, 2, bind_variance<"stdevif", "sqrt k_variance_sample", true>, "stdevif_"},
    {"stdevp", 1, 1, bind_variance<"stdevp", "sqrt k_variance_population", false>, "stdevp_"},
    {"stdevpif", 2, 2, bind_variance<"stdevpif", "sqrt k_variance_population", true>, "stdevpif_"},
    {"variance", 1, 1, bind_variance<"variance", "k_variance_sample", false>, "variance_"},
    {"varianceif", 2, 2, bind_variance<"varianceif", "k_variance_sample", true>, "varianceif_"},
    {"variancep", 1, 1, bind_variance<"variancep", "k_variance_population", false>, "variancep_"},
    {"variancepif", 2, 2, bind_variance<"variancepif", "k_variance_population", true>,
     "variancepif_"},
    {"covariance", 2, 2, bind_covariance<"covariance", "k_covariance_sample", false>,
     "covariance_"},
    {"covarianceif", 3, 3, bind_covariance<"covarianceif", "k_covariance_sample", true>,
     "covarianceif_"},
    {"covariancep", 2, 2, bind_covariance<"covariancep", "k_covariance_population", false>,
     "covariancep_"},
    {"covariancepif", 3, 3, bind_covariance<"covariancepif", "k_covariance_population", true>,
     "covariancepif_"},
    {"make_list", 1, 2, bind_make_list, "list_"},
    {"makelist", 1, 2, bind_make_list, "list_"},
    {"make_list_if", 2, 3, bind_make_list_if, "list_"},
    {"make_list_with_nulls", 1, 2, bind_make_list_with_nulls, "list_"},
    {"make_set", 1, 2, bind_make_set, "set_"},
    {"makeset", 1, 2, bind_make_set, "set_"},
    {"make_set_if", 2, 3, bind_make_set_if, "set_"},
    {"make_bag", 1, 2, bind_make_bag, "bag_"},
    {"make_bag_if", 2, 3, bind_make_bag_if, "bag_"},
    {"make_dictionary", 1, 2, bind_make_bag, "dictionary_"},
    {"buildschema", 1, 1, bind_buildschema, "schema_"},
    {"binary_all_and", 1, 1, bind_bits<"binary_all_and", "bit_and">, ""},
    {"binary_all_or", 1, 1, bind_bits<"binary_all_or", "bit_or">, ""},
    {"binary_all_xor", 1, 1, bind_bits<"binary_all_xor", "bit_xor">, ""},
    {"percentile", 2, 2, bind_percentile, "percentile_"},
    {"percentiles_array", 2, -1, bind_percentiles_array, "percentiles_"},
    {"percentilew", 3, 3, bind_percentilew, "percentile_"},
    {"percentilesw_array", 3, -1, bind_percentilesw_array, "percentiles_"},
};

}  // namespace

std::span<const AggregateFunction> aggregate_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
