#include "kql/functions/library.h"

// Window functions over rows in order.
namespace rivulet::kql {

namespace {

constexpr std::string_view kUpToHere = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
constexpr std::string_view kAll = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING";

// " OVER (…)"; the rows of equal `partition` by themselves, unless it is empty.
std::string over(const CallContext& context, const std::string& partition = "",
                 std::string_view frame = "") {
  std::string sql = " OVER (";
  if (!partition.empty()) sql += "PARTITION BY " + partition + " ";
  sql += "ORDER BY " + context.order_by;
  if (!frame.empty()) sql += " " + std::string(frame);
  return sql + ")";
}

Expr window_expr(ScalarType type, std::string sql) {
  Expr result;
  result.type = type;
  result.sql = std::move(sql);
  return result;
}

bool is_false(const Expr& e) {
  const auto* value = e.literal ? std::get_if<bool>(&e.literal->value) : nullptr;
  return value != nullptr && !*value;
}

std::string stage(const CallContext& context, std::string_view function, const std::string& sql) {
  if (!context.stage) throw not_supported(std::string(function) + "() here");
  return context.stage(sql);
}

// A column that counts how often `condition` held so far.
std::string count_so_far(const CallContext& context, std::string_view function,
                         const std::string& condition) {
  return stage(context, function,
               "sum(CASE WHEN " + condition + " THEN 1::BIGINT ELSE 0::BIGINT END)" +
                   over(context, "", kUpToHere));
}

// The column that tells the stretches between restarts apart; empty when there are none.
std::string stretches(const CallContext& context, std::string_view function, Arguments arguments,
                      size_t index) {
  if (index >= arguments.size() || is_false(arguments[index])) return {};
  const auto restart = convert_argument(arguments[index], ScalarType::kBool);
  if (!restart) argument_error(function, index, "a bool");
  return count_so_far(context, function, restart->sql);
}

Expr bind_row_number(const CallContext& context, Arguments arguments) {
  std::string sql = "row_number()" + over(context, stretches(context, "row_number", arguments, 1));
  if (!arguments.empty()) {
    const auto start = convert_argument(arguments[0], ScalarType::kLong);
    if (!start) argument_error("row_number", 0, "a whole number");
    sql = sql + " + " + start->sql + " - 1";
  }
  return window_expr(ScalarType::kLong, "(" + sql + ")::BIGINT");
}

template <FixedString kName, FixedString kFunction>
Expr bind_neighbour(const CallContext& context, Arguments arguments) {
  const Expr& value = arguments[0];
  const int64_t offset = arguments.size() > 1 ? constant_long(kName.view(), arguments, 1) : 1;
  std::string sql = std::string(kFunction.view()) + "(" + value.sql + ", " + std::to_string(offset);
  if (arguments.size() > 2) {
    const auto absent = convert_argument(arguments[2], value.type);
    if (!absent) argument_error(kName.view(), 2, "of the type of the first");
    sql += ", " + absent->sql;
  }
  sql += ")" + over(context);
  return window_expr(value.type,
                     value.type == ScalarType::kString ? "coalesce(" + sql + ", '')" : sql);
}

Expr bind_row_cumsum(const CallContext& context, Arguments arguments) {
  Expr value = arguments[0];
  if (value.type == ScalarType::kDynamic) value = convert(value, ScalarType::kReal);
  if (!is_number(value.type) && value.type != ScalarType::kTimeSpan)
    argument_error("row_cumsum", 0, "a number");
  const std::string partition = stretches(context, "row_cumsum", arguments, 1);
  const std::string window = over(context, partition, kUpToHere);
  const std::string sum = "sum(" + value.sql + ")" + window;
  switch (value.type) {
    case ScalarType::kReal:
      return window_expr(value.type, "coalesce(" + sum + ", 0::DOUBLE)");
    case ScalarType::kDecimal:
      return window_expr(value.type, decimal_sum_sql(value.sql, window));
    default:
      return window_expr(value.type == ScalarType::kInt ? ScalarType::kLong : value.type,
                         "coalesce(k_wrap(" + sum + "), 0::BIGINT)");
  }
}

// Ranks grow where the value differs from that of the row before: by one, or to the row's number.
template <FixedString kName, bool kIsDense>
Expr bind_rank(const CallContext& context, Arguments arguments) {
  const std::string partition = stretches(context, kName.view(), arguments, 1);
  const std::string number =
      stage(context, kName.view(), "row_number()" + over(context, partition));
  const std::string before =
      stage(context, kName.view(), "lag(" + arguments[0].sql + ")" + over(context, partition));
  const std::string changes =
      "(" + number + " = 1 OR " + before + " IS DISTINCT FROM " + arguments[0].sql + ")";
  const std::string value = kIsDense ? "1::BIGINT" : number;
  const std::string sql = std::string(kIsDense ? "sum" : "max") + "(CASE WHEN " + changes +
                          " THEN " + value + " ELSE 0::BIGINT END)" +
                          over(context, partition, kUpToHere);
  return window_expr(ScalarType::kLong, "(" + sql + ")::BIGINT");
}

// row_window_session(value, from the first, from the one before[, restart]): where the row's session began.
Expr bind_session(const CallContext& context, Arguments arguments) {
  constexpr std::string_view kName = "row_window_session";
  const Expr& value = arguments[0];
  const ScalarType distance = is_ticks(value.type) ? ScalarType::kTimeSpan : ScalarType::kLong;
  if (!is_ticks(value.type) && !is_integer(value.type)) argument_error(kName, 0, "a datetime");
  const auto longest = convert_argument(arguments[1], distance);
  const auto gap = convert_argument(arguments[2], distance);
  if (!longest) argument_error(kName, 1, "a timespan");
  if (!gap) argument_error(kName, 2, "a timespan");
  std::string begins;
  if (arguments.size() > 3 && !is_false(arguments[3])) {
    const auto restart = convert_argument(arguments[3], ScalarType::kBool);
    if (!restart) argument_error(kName, 3, "a bool");
    begins = restart->sql + " OR ";
  }
  const std::string here = "(" + value.sql + ")::BIGINT";
  const std::string before = stage(context, kName, "lag(" + here + ")" + over(context));
  begins += before + " IS NULL OR k_subtract(" + here + ", " + before + ") > " + gap->sql;
  // Within a run no gap is too long; what is left to find is where its length grows too great.
  const std::string run = count_so_far(context, kName, begins);
  const std::string values = "list(coalesce(" + here + ", 0::BIGINT))" + over(context, run, kAll);
  const std::string number = "row_number()" + over(context, run);
  Expr start = window_expr(value.type,
                           "k_session_start(" + values + ", " + number + ", " + longest->sql + ")");
  if (value.type == ScalarType::kInt) start.type = ScalarType::kLong;
  return start;
}

constexpr WindowFunction kFunctions[] = {
    {"row_number", 0, 2, bind_row_number},
    {"prev", 1, 3, bind_neighbour<"prev", "lag">},
    {"next", 1, 3, bind_neighbour<"next", "lead">},
    {"row_cumsum", 1, 2, bind_row_cumsum},
    {"row_rank_dense", 1, 2, bind_rank<"row_rank_dense", true>},
    {"row_rank_min", 1, 2, bind_rank<"row_rank_min", false>},
    {"row_window_session", 3, 4, bind_session},
};

}  // namespace

std::span<const WindowFunction> window_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
