#include "kql/functions/library.h"

// Series: arrays of numbers. Those with several results give a column each.
namespace rivulet::kql {

namespace {

constexpr ScalarFunction kFunctions[] = {
    simple<"series_abs", "D:D", "k_series_abs($)">(),
    simple<"series_acos", "D:D", "k_series_acos($)">(),
    simple<"series_asin", "D:D", "k_series_asin($)">(),
    simple<"series_atan", "D:D", "k_series_atan($)">(),
    simple<"series_ceiling", "D:D", "k_series_ceiling($)">(),
    simple<"series_cos", "D:D", "k_series_cos($)">(),
    simple<"series_exp", "D:D", "k_series_exp($)">(),
    simple<"series_floor", "D:D", "k_series_floor($)">(),
    simple<"series_log", "D:D", "k_series_log($)">(),
    simple<"series_sign", "D:D", "k_series_sign($)">(),
    simple<"series_sin", "D:D", "k_series_sin($)">(),
    simple<"series_tan", "D:D", "k_series_tan($)">(),
    simple<"series_add", "D:DD", "k_series_add($)">(),
    simple<"series_subtract", "D:DD", "k_series_subtract($)">(),
    simple<"series_multiply", "D:DD", "k_series_multiply($)">(),
    simple<"series_divide", "D:DD", "k_series_divide($)">(),
    simple<"series_pow", "D:DD", "k_series_pow($)">(),
    simple<"series_equals", "D:DD", "k_series_equals($)">(),
    simple<"series_not_equals", "D:DD", "k_series_not_equals($)">(),
    simple<"series_less", "D:DD", "k_series_less($)">(),
    simple<"series_less_equals", "D:DD", "k_series_less_equals($)">(),
    simple<"series_greater", "D:DD", "k_series_greater($)">(),
    simple<"series_greater_equals", "D:DD", "k_series_greater_equals($)">(),
    simple<"series_sum", "R:D", "k_series_sum($)">(),
    simple<"series_product", "R:D", "k_series_product($)">(),
    simple<"series_magnitude", "R:D", "k_series_magnitude($)">(),
    simple<"series_dot_product", "R:DD", "k_series_dot_product($)">(),
    simple<"series_cosine_similarity", "R:DD?R=NULL::DOUBLE;R=NULL::DOUBLE;",
           "k_series_cosine_similarity($)">(),
    simple<"series_pearson_correlation", "R:DD", "k_series_pearson_correlation($)">(),
    simple<"series_fill_forward", "D:D?D=NULL::VARCHAR;", "k_series_fill_forward($)">(),
    simple<"series_fill_backward", "D:D?D=NULL::VARCHAR;", "k_series_fill_backward($)">(),
    simple<"series_fill_const", "D:DD?D=NULL::VARCHAR;", "k_series_fill_const($)">(),
    simple<"series_fill_linear", "D:D?D=NULL::VARCHAR;B=TRUE;D='0.0';",
           "k_series_fill_linear($)">(),
    simple<"series_fir", "D:DD?B=NULL::BOOLEAN;B=FALSE;", "k_series_fir($)">(),
    simple<"series_iir", "D:DDD", "k_series_iir($)">(),
    simple<"series_seasonal", "D:D?L=(-1)::BIGINT;R=0.7::DOUBLE;", "k_series_seasonal($)">(),
    simple<"series_outliers", "D:D?S='ctukey';R=NULL::DOUBLE;R=10::DOUBLE;R=90::DOUBLE;",
           "k_series_outliers($)">(),
    simple<"series_decompose_forecast", "D:DL?L=(-1)::BIGINT;S='linefit';R=0.6::DOUBLE;",
           "k_series_decompose_forecast($)">(),
    simple<"series_stats_dynamic", "D:D?B=FALSE;", "k_series_stats($)">(),
    simple<"series_fit_line_dynamic", "D:D", "k_series_fit_line($)">(),
    simple<"series_fit_2lines_dynamic", "D:D", "k_series_fit_2lines($)">(),
};

// A result that is a member (or, of a number, an element) of what the function gives.
struct Part {
  std::string_view name;  // of the column, after the function's and the series'
  std::string_view path;  // members from the outside in, with dots
  ScalarType type;
};

Expr part_of(const Expr& whole, const Part& part) {
  std::string sql = whole.sql;
  std::string_view path = part.path;
  while (!path.empty()) {
    const size_t dot = std::min(path.find('.'), path.size());
    const std::string_view step = path.substr(0, dot);
    path.remove_prefix(std::min(dot + 1, path.size()));
    const bool is_index = step[0] >= '0' && step[0] <= '9';
    sql = is_index ? call_sql("k_element", {sql, std::string(step) + "::BIGINT"})
                   : call_sql("k_member", {sql, duckdb::string_literal(step)});
  }
  Expr result = whole;
  result.literal.reset();
  result.sql = std::move(sql);
  return convert(result, part.type);
}

template <FixedString kName, FixedString kSignature, FixedString kSql, const auto& kParts>
constexpr TupleFunction tuple() {
  constexpr Arity arity = arity_of(kSignature.view());
  return {
      kName.view(), arity.least, arity.most,
      [](const CallContext&, Arguments arguments) {
        const Expr whole = bind_signature(kName.view(), kSignature.view(), kSql.view(), arguments);
        std::vector<Expr> results;
        for (const Part& part : kParts) results.push_back(part_of(whole, part));
        return results;
      },
      [](std::span<const std::string> argument_names) {
        std::vector<std::string> names;
        const std::string series = argument_names.empty() ? std::string() : argument_names[0];
        for (const Part& part : kParts) {
          names.push_back(std::string(kName.view()) + "_" + series + "_" + std::string(part.name));
        }
        return names;
      }};
}

constexpr ScalarType kReal = ScalarType::kReal, kLong = ScalarType::kLong,
                     kDynamic = ScalarType::kDynamic;

constexpr Part kStats[] = {{"min", "min", kReal},          {"min_idx", "min_idx", kLong},
                           {"max", "max", kReal},          {"max_idx", "max_idx", kLong},
                           {"avg", "avg", kReal},          {"stdev", "stdev", kReal},
                           {"variance", "variance", kReal}};
constexpr Part kLine[] = {
    {"rsquare", "rsquare", kReal},           {"slope", "slope", kReal},
    {"variance", "variance", kReal},         {"rvariance", "rvariance", kReal},
    {"interception", "interception", kReal}, {"line_fit", "line_fit", kDynamic}};
constexpr Part kTwoLines[] = {{"rsquare", "rsquare", kReal},
                              {"split_idx", "split_idx", kLong},
                              {"variance", "variance", kReal},
                              {"rvariance", "rvariance", kReal},
                              {"line_fit", "line_fit", kDynamic},
                              {"right_rsquare", "right.rsquare", kReal},
                              {"right_slope", "right.slope", kReal},
                              {"right_interception", "right.interception", kReal},
                              {"right_variance", "right.variance", kReal},
                              {"right_rvariance", "right.rvariance", kReal},
                              {"left_rsquare", "left.rsquare", kReal},
                              {"left_slope", "left.slope", kReal},
                              {"left_interception", "left.interception", kReal},
                              {"left_variance", "left.variance", kReal},
                              {"left_rvariance", "left.rvariance", kReal}};
constexpr Part kPolynomial[] = {{"rsquare", "rsquare", kReal},
                                {"coefficients", "coefficients", kDynamic},
                                {"variance", "variance", kReal},
                                {"rvariance", "rvariance", kReal},
                                {"poly_fit", "poly_fit", kDynamic}};
constexpr Part kPeriods[] = {{"periods", "0", kDynamic}, {"scores", "1", kDynamic}};
constexpr Part kDetectedPeriods[] = {{"periods", "0", kDynamic}, {"periods_scores", "1", kDynamic}};
constexpr Part kDecomposition[] = {{"baseline", "0", kDynamic},
                                   {"seasonal", "1", kDynamic},
                                   {"trend", "2", kDynamic},
                                   {"residual", "3", kDynamic}};
constexpr Part kAnomalies[] = {
    {"ad_flag", "0", kDynamic}, {"ad_score", "1", kDynamic}, {"baseline", "2", kDynamic}};
constexpr Part kTransform[] = {{"real", "0", kDynamic}, {"imag", "1", kDynamic}};

// array_sort_asc(a, b, …): a column for each array.
template <FixedString kName>
std::vector<Expr> bind_sorted(const CallContext& context, Arguments arguments) {
  const Expr all = find_scalar_function(kName.view())->bind(context, arguments);
  size_t arrays = arguments.size();
  if (arrays > 1 && arguments.back().type == ScalarType::kBool) --arrays;
  std::vector<Expr> results;
  if (arrays == 1) {
    results.push_back(all);
  } else {
    for (size_t i = 0; i < arrays; ++i) {
      results.push_back(
          make_expr(kDynamic, call_sql("k_element", {all.sql, long_sql(static_cast<int64_t>(i))}),
                    arguments));
    }
  }
  return results;
}
std::vector<std::string> sorted_names(std::span<const std::string> argument_names) {
  std::vector<std::string> names;
  for (const std::string& name : argument_names) {
    const std::string array = name.empty() ? "array" + std::to_string(names.size()) : name;
    names.push_back(array + "_sorted");
  }
  return names;
}

constexpr TupleFunction kTuples[] = {
    tuple<"series_stats", "D:D?B=FALSE;", "k_series_stats($)", kStats>(),
    tuple<"series_fit_line", "D:D", "k_series_fit_line($)", kLine>(),
    tuple<"series_fit_2lines", "D:D", "k_series_fit_2lines($)", kTwoLines>(),
    tuple<"series_fit_poly", "D:D?D=NULL::VARCHAR;L=1::BIGINT;", "k_series_fit_poly($)",
          kPolynomial>(),
    tuple<"series_periods_detect", "D:DRRL", "k_series_periods_detect($)", kDetectedPeriods>(),
    tuple<"series_periods_validate", "D:DR*", "k_series_periods_validate($)", kPeriods>(),
    tuple<"series_decompose", "D:D?L=(-1)::BIGINT;S='avg';L=0::BIGINT;R=0.6::DOUBLE;",
          "k_series_decompose($)", kDecomposition>(),
    tuple<"series_decompose_anomalies",
          "D:D?R=1.5::DOUBLE;L=(-1)::BIGINT;S='avg';L=0::BIGINT;S='ctukey';R=0.6::DOUBLE;",
          "k_series_decompose_anomalies($)", kAnomalies>(),
    tuple<"series_fft", "D:D?D=NULL::VARCHAR;", "k_series_fft($)", kTransform>(),
    tuple<"series_ifft", "D:D?D=NULL::VARCHAR;", "k_series_ifft($)", kTransform>(),
    {"array_sort_asc", 1, -1, bind_sorted<"array_sort_asc">, sorted_names},
    {"array_sort_desc", 1, -1, bind_sorted<"array_sort_desc">, sorted_names},
};

}  // namespace

std::span<const ScalarFunction> series_functions() {
  return kFunctions;
}
std::span<const TupleFunction> tuple_functions() {
  return kTuples;
}

}  // namespace rivulet::kql
