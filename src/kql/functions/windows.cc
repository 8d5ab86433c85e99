#include "kql/functions/library.h"

// Window functions over rows in order.
namespace rivulet::kql {

namespace {

std::string over(const CallContext& context, std::string_view frame = "") {
  std::string sql = " OVER (ORDER BY " + context.order_by;
  if (!frame.empty()) sql += " " + std::string(frame);
  return sql + ")";
}
constexpr std::string_view kUpToHere = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";

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

Expr bind_row_number(const CallContext& context, Arguments arguments) {
  std::string sql = "row_number()" + over(context);
  if (!arguments.empty()) {
    const auto start = convert_argument(arguments[0], ScalarType::kLong);
    if (!start) argument_error("row_number", 0, "a whole number");
    sql = "(" + sql + " + " + start->sql + " - 1)";
  }
  if (arguments.size() > 1 && !is_false(arguments[1]))
    throw not_supported("row_number() with a restart");
  return window_expr(ScalarType::kLong, "(" + sql + ")::BIGINT");
}

template <FixedString kName, FixedString kFunction>
Expr bind_neighbour(const CallContext& context, Arguments arguments) {
  const Expr& value = arguments[0];
  std::string sql = std::string(kFunction.view()) + "(" + value.sql + ", ";
  const int64_t offset = arguments.size() > 1 ? constant_long(kName.view(), arguments, 1) : 1;
  sql += std::to_string(offset);
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
  if (arguments.size() > 1 && !is_false(arguments[1]))
    throw not_supported("row_cumsum() with a restart");
  Expr value = arguments[0];
  if (value.type == ScalarType::kDynamic) value = convert(value, ScalarType::kReal);
  if (!is_number(value.type) && value.type != ScalarType::kTimeSpan)
    argument_error("row_cumsum", 0, "a number");
  const std::string sum = "sum(" + value.sql + ")" + over(context, kUpToHere);
  switch (value.type) {
    case ScalarType::kReal:
      return window_expr(value.type, "coalesce(" + sum + ", 0::DOUBLE)");
    case ScalarType::kDecimal:
      return window_expr(value.type, "coalesce(" + sum + ", 0)::DECIMAL(38,18)");
    default:
      return window_expr(value.type == ScalarType::kInt ? ScalarType::kLong : value.type,
                         "coalesce(k_wrap(" + sum + "), 0::BIGINT)");
  }
}

constexpr WindowFunction kFunctions[] = {
    {"row_number", 0, 2, bind_row_number},
    {"prev", 1, 3, bind_neighbour<"prev", "lag">},
    {"next", 1, 3, bind_neighbour<"next", "lead">},
    {"row_cumsum", 1, 2, bind_row_cumsum},
};

}  // namespace

std::span<const WindowFunction> window_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
