#include <cmath>
#include <limits>

#include "kql/functions/library.h"
#include "types/text.h"

// Arithmetic: + - * / % and the unary minus, with Kusto's rules of types.
namespace rivulet::kql {

namespace {

enum class Operator { kAdd, kSubtract, kMultiply, kDivide, kModulo };

struct OperatorNames {
  std::string_view symbol;
  std::string_view function;  // the UDF of whole numbers; reals and decimals add a suffix
};
constexpr OperatorNames kNames[] = {
    {"+", "k_add"}, {"-", "k_subtract"}, {"*", "k_multiply"}, {"/", "k_divide"}, {"%", "k_modulo"}};
const OperatorNames& names_of(Operator op) {
  return kNames[static_cast<size_t>(op)];
}

[[noreturn]] void refuse(Operator op, const Expr& a, const Expr& b) {
  throw semantic_error("SEM0078", "Arithmetic operator '" + std::string(names_of(op).symbol) +
                                      "' cannot be applied to operands of types " +
                                      std::string(kusto_name(a.type)) + " and " +
                                      std::string(kusto_name(b.type)));
}

int64_t wrapped(uint64_t value) {
  return static_cast<int64_t>(value);
}

// The value for two literals of whole numbers; nothing where it is null or not worth it.
std::optional<int64_t> fold_whole(Operator op, int64_t a, int64_t b) {
  switch (op) {
    case Operator::kAdd:
      return wrapped(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    case Operator::kSubtract:
      return wrapped(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
    case Operator::kMultiply:
      return wrapped(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    case Operator::kDivide:
      if (b == 0 || b == -1) return std::nullopt;
      return a / b;
    case Operator::kModulo: {
      if (b == 0 || b == -1) return std::nullopt;
      const int64_t remainder = a % b;
      if (remainder >= 0) return remainder;
      return b > 0 ? remainder + b : remainder - b;
    }
  }
  return std::nullopt;
}

std::optional<double> fold_real(Operator op, double a, double b) {
  switch (op) {
    case Operator::kAdd:
      return a + b;
    case Operator::kSubtract:
      return a - b;
    case Operator::kMultiply:
      return a * b;
    case Operator::kDivide:
      return a / b;
    case Operator::kModulo:
      return std::nullopt;
  }
  return std::nullopt;
}

template <typename T>
const T* literal_value(const Expr& expr) {
  return expr.literal ? std::get_if<T>(&expr.literal->value) : nullptr;
}

// Of two operands whose SQL is BIGINT (long, datetime, timespan).
Expr on_whole(Operator op, ScalarType type, const Expr& a, const Expr& b) {
  const auto* left = literal_value<int64_t>(a);
  const auto* right = literal_value<int64_t>(b);
  if (left != nullptr && right != nullptr) {
    if (const auto value = fold_whole(op, *left, *right)) return literal_expr({type, *value});
  }
  const Expr both[] = {a, b};
  return make_expr(type, call_sql(names_of(op).function, {a.sql, b.sql}), both);
}

Expr on_real(Operator op, const Expr& a, const Expr& b) {
  const auto* left = literal_value<double>(a);
  const auto* right = literal_value<double>(b);
  if (left != nullptr && right != nullptr) {
    if (const auto value = fold_real(op, *left, *right))
      return literal_expr({ScalarType::kReal, *value});
  }
  const Expr both[] = {a, b};
  return make_expr(ScalarType::kReal,
                   call_sql(std::string(names_of(op).function) + "_real", {a.sql, b.sql}), both);
}

Expr on_numbers(Operator op, const Expr& a, const Expr& b) {
  if (a.type == ScalarType::kReal || b.type == ScalarType::kReal) {
    return on_real(op, convert(a, ScalarType::kReal), convert(b, ScalarType::kReal));
  }
  if (a.type == ScalarType::kDecimal || b.type == ScalarType::kDecimal) {
    const Expr both[] = {convert(a, ScalarType::kDecimal), convert(b, ScalarType::kDecimal)};
    return make_expr(
        ScalarType::kDecimal,
        call_sql(std::string(names_of(op).function) + "_decimal", {both[0].sql, both[1].sql}),
        both);
  }
  return on_whole(op, ScalarType::kLong, convert(a, ScalarType::kLong),
                  convert(b, ScalarType::kLong));
}

// A datetime outside of its range is null.
Expr in_datetime_range(Expr expr) {
  if (const auto* ticks = literal_value<int64_t>(expr)) {
    if (*ticks >= 0 && *ticks <= kMaxDateTimeTicks) return expr;
    return literal_expr({ScalarType::kDateTime, {}});
  }
  expr.sql = call_sql("k_valid_datetime", {expr.sql});
  return expr;
}

// timespan * number and timespan / number.
Expr scale(Operator op, const Expr& span, const Expr& factor) {
  if (is_integer(factor.type))
    return on_whole(op, span.type, span, convert(factor, ScalarType::kLong));
  const Expr both[] = {span, convert(factor, ScalarType::kReal)};
  const auto* ticks = literal_value<int64_t>(span);
  const auto* number = literal_value<double>(both[1]);
  if (ticks != nullptr && number != nullptr) {
    const double value = op == Operator::kMultiply ? static_cast<double>(*ticks) * *number
                                                   : static_cast<double>(*ticks) / *number;
    if (std::abs(value) < 9.2e18) return literal_expr({span.type, static_cast<int64_t>(value)});
  }
  return make_expr(span.type,
                   call_sql(op == Operator::kMultiply ? "k_scale_ticks" : "k_divide_ticks",
                            {both[0].sql, both[1].sql}),
                   both);
}

Expr ratio(const Expr& a, const Expr& b) {
  const auto* left = literal_value<int64_t>(a);
  const auto* right = literal_value<int64_t>(b);
  if (left != nullptr && right != nullptr) {
    return literal_expr(
        {ScalarType::kReal, static_cast<double>(*left) / static_cast<double>(*right)});
  }
  const Expr both[] = {a, b};
  return make_expr(ScalarType::kReal, call_sql("k_ratio_of_ticks", {a.sql, b.sql}), both);
}

Expr arithmetic(Operator op, Expr a, Expr b) {
  // A dynamic operand counts as the other's type; two of them as reals.
  if (a.type == ScalarType::kDynamic && b.type == ScalarType::kDynamic) {
    a = convert(a, ScalarType::kReal);
    b = convert(b, ScalarType::kReal);
  } else if (a.type == ScalarType::kDynamic) {
    a = convert(a, b.type == ScalarType::kInt ? ScalarType::kLong : b.type);
  } else if (b.type == ScalarType::kDynamic) {
    b = convert(b, a.type == ScalarType::kInt ? ScalarType::kLong : a.type);
  }
  if (a.type == ScalarType::kBool && is_number(b.type)) a = convert(a, ScalarType::kLong);
  if (b.type == ScalarType::kBool && is_number(a.type)) b = convert(b, ScalarType::kLong);

  const bool date_a = a.type == ScalarType::kDateTime, date_b = b.type == ScalarType::kDateTime;
  const bool span_a = a.type == ScalarType::kTimeSpan, span_b = b.type == ScalarType::kTimeSpan;
  if (is_number(a.type) && is_number(b.type)) return on_numbers(op, a, b);
  switch (op) {
    case Operator::kAdd:
      if (span_a && span_b) return on_whole(op, ScalarType::kTimeSpan, a, b);
      if ((date_a || span_a) && (date_b || span_b))
        return in_datetime_range(on_whole(op, ScalarType::kDateTime, a, b));
      break;
    case Operator::kSubtract:
      if ((date_a && date_b) || (span_a && span_b))
        return on_whole(op, ScalarType::kTimeSpan, a, b);
      if (date_a && span_b) return in_datetime_range(on_whole(op, ScalarType::kDateTime, a, b));
      break;
    case Operator::kMultiply:
      if (span_a && is_number(b.type)) return scale(op, a, b);
      if (span_b && is_number(a.type)) return scale(op, b, a);
      break;
    case Operator::kDivide:
      if (span_a && is_number(b.type)) return scale(op, a, b);
      if ((date_a || span_a) && (span_b || (date_a && date_b))) return ratio(a, b);
      break;
    case Operator::kModulo:
      if ((date_a || span_a) && (span_b || (date_a && date_b)))
        return on_whole(op, ScalarType::kTimeSpan, a, b);
      if (span_a && is_integer(b.type)) {
        return on_whole(op, ScalarType::kTimeSpan, a, convert(b, ScalarType::kLong));
      }
      break;
  }
  refuse(op, a, b);
}

template <Operator op>
Expr bind_operator(const CallContext&, Arguments arguments) {
  return arithmetic(op, arguments[0], arguments[1]);
}

Expr bind_negation(const CallContext&, Arguments arguments) {
  const Expr& a = arguments[0];
  if (const auto* value = literal_value<int32_t>(a);
      value != nullptr && a.type == ScalarType::kInt) {
    if (*value != std::numeric_limits<int32_t>::min()) return literal_expr({a.type, -*value});
  }
  if (const auto* value = literal_value<int64_t>(a);
      value != nullptr && a.type != ScalarType::kDateTime) {
    return literal_expr({a.type, wrapped(0 - static_cast<uint64_t>(*value))});
  }
  if (const auto* value = literal_value<double>(a)) return literal_expr({a.type, -*value});
  if (const auto* value = literal_value<Decimal>(a)) return literal_expr({a.type, -*value});
  switch (a.type) {
    case ScalarType::kInt:
      return make_expr(ScalarType::kLong, call_sql("k_negate", {convert(a, ScalarType::kLong).sql}),
                       arguments);
    case ScalarType::kLong:
    case ScalarType::kTimeSpan:
      return make_expr(a.type, call_sql("k_negate", {a.sql}), arguments);
    case ScalarType::kReal:
    case ScalarType::kDecimal:
      return make_expr(a.type, "(-" + a.sql + ")", arguments);
    case ScalarType::kDynamic:
      return make_expr(ScalarType::kReal, "(-" + convert(a, ScalarType::kReal).sql + ")",
                       arguments);
    default:
      throw semantic_error("SEM0078",
                           "Unary operator '-' cannot be applied to an operand of type " +
                               std::string(kusto_name(a.type)));
  }
}

// bin(value, size): down to a multiple of the size.
Expr bind_bin(const CallContext&, Arguments arguments) {
  Expr value = arguments[0];
  Expr size = arguments.size() > 1 ? arguments[1] : literal_expr({ScalarType::kLong, int64_t{1}});
  if (value.type == ScalarType::kDynamic) {
    value = convert(value, is_ticks(size.type) ? ScalarType::kTimeSpan : size.type);
  }
  if (size.type == ScalarType::kDynamic) {
    size = convert(size, is_ticks(value.type) ? ScalarType::kTimeSpan : value.type);
  }
  const Expr both[] = {value, size};
  if (is_ticks(value.type) && (size.type == ScalarType::kTimeSpan || is_integer(size.type))) {
    const Expr span = convert(size, ScalarType::kTimeSpan);
    return make_expr(value.type, call_sql("k_bin", {value.sql, span.sql}), both);
  }
  if (is_integer(value.type) && is_integer(size.type)) {
    return make_expr(ScalarType::kLong,
                     call_sql("k_bin", {convert(value, ScalarType::kLong).sql,
                                        convert(size, ScalarType::kLong).sql}),
                     both);
  }
  if (is_number(value.type) && is_number(size.type)) {
    const bool is_decimal = value.type != ScalarType::kReal && size.type != ScalarType::kReal;
    const ScalarType type = is_decimal ? ScalarType::kDecimal : ScalarType::kReal;
    return make_expr(type,
                     call_sql(is_decimal ? "k_bin_decimal" : "k_bin_real",
                              {convert(value, type).sql, convert(size, type).sql}),
                     both);
  }
  throw semantic_error(
      "SEM0231", "bin(): cannot round a value of type " + std::string(kusto_name(value.type)) +
                     " to a multiple of type " + std::string(kusto_name(size.type)));
}

Expr bind_bin_at(const CallContext&, Arguments arguments) {
  const Expr& value = arguments[0];
  const Expr& size = arguments[1];
  const Expr& fixed = arguments[2];
  if (is_ticks(value.type) && size.type == ScalarType::kTimeSpan && fixed.type == value.type) {
    return make_expr(value.type, call_sql("k_bin_at", {value.sql, size.sql, fixed.sql}), arguments);
  }
  if (is_integer(value.type) && is_integer(size.type) && is_integer(fixed.type)) {
    return make_expr(ScalarType::kLong,
                     call_sql("k_bin_at", {convert(value, ScalarType::kLong).sql,
                                           convert(size, ScalarType::kLong).sql,
                                           convert(fixed, ScalarType::kLong).sql}),
                     arguments);
  }
  if (is_number(value.type) && is_number(size.type) && is_number(fixed.type)) {
    return make_expr(ScalarType::kReal,
                     call_sql("k_bin_at_real", {convert(value, ScalarType::kReal).sql,
                                                convert(size, ScalarType::kReal).sql,
                                                convert(fixed, ScalarType::kReal).sql}),
                     arguments);
  }
  throw semantic_error("SEM0231", "bin_at(): the arguments' types do not go together");
}

constexpr ScalarFunction kFunctions[] = {
    {"+", 2, 2, bind_operator<Operator::kAdd>},
    {"-", 2, 2, bind_operator<Operator::kSubtract>},
    {"*", 2, 2, bind_operator<Operator::kMultiply>},
    {"/", 2, 2, bind_operator<Operator::kDivide>},
    {"%", 2, 2, bind_operator<Operator::kModulo>},
    {"unary-", 1, 1, bind_negation},
    {"bin", 2, 2, bind_bin},
    {"floor", 1, 2, bind_bin},
    {"bin_at", 3, 3, bind_bin_at},
    simple<"binary_and", "L:LL", "($1 & $2)">(),
    simple<"binary_or", "L:LL", "($1 | $2)">(),
    simple<"binary_xor", "L:LL", "xor($1, $2)">(),
    simple<"binary_not", "L:L", "(~$1)">(),
    simple<"binary_shift_left", "L:LL", "k_shift_left($)">(),
    simple<"binary_shift_right", "L:LL", "k_shift_right($)">(),
    simple<"bitset_count_ones", "L:L", "bit_count($1)::BIGINT">(),
};

}  // namespace

std::span<const ScalarFunction> operator_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
