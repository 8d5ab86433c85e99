#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "duckdb/sql_text.h"
#include "kql/functions/functions.h"
#include "kql/sql/expr.h"

// What the families of functions in this folder share: a way to declare a function in one line, the
// conversions of arguments, and the making of SQL.
namespace rivulet::kql {

using Arguments = std::span<const Expr>;

std::span<const ScalarFunction> operator_functions();
std::span<const ScalarFunction> comparison_functions();
std::span<const ScalarFunction> conversion_functions();
std::span<const ScalarFunction> conditional_functions();
std::span<const ScalarFunction> text_functions();
std::span<const ScalarFunction> datetime_functions();
std::span<const ScalarFunction> dynamic_functions();
std::span<const ScalarFunction> math_functions();
std::span<const ScalarFunction> encoding_functions();
std::span<const ScalarFunction> network_functions();
std::span<const ScalarFunction> geo_functions();
std::span<const AggregateFunction> aggregate_functions();
std::span<const WindowFunction> window_functions();
std::span<const TupleFunction> tuple_functions();
std::span<const ScalarFunction> sketch_functions();
std::span<const AggregateFunction> sketch_aggregates();
std::span<const ScalarFunction> series_functions();
std::span<const ScalarFunction> time_zone_functions();

// "name(a, b)".
std::string call_sql(std::string_view function, std::initializer_list<std::string_view> arguments);
// An expression made of `from`: constant when all of them are.
Expr make_expr(ScalarType type, std::string sql, Arguments from);
std::string long_sql(int64_t value);
// Decimals are summed in two parts, since the sum of those that a decimal can hold may be one that it cannot.
struct DecimalSums {
  std::string high, low;
};
// `over` is what follows an SQL aggregate: a filter, or a window.
DecimalSums decimal_sums(const std::string& value, const std::string& over);
// 0 of none, null where a decimal cannot hold the sum.
std::string decimal_sum_sql(const std::string& value, const std::string& over);
// The xxHash64 of a value's bytes, BIGINT.
std::string hash_sql(const Expr& value);

inline bool is_integer(ScalarType type) {
  return type == ScalarType::kInt || type == ScalarType::kLong;
}
inline bool is_number(ScalarType type) {
  return is_integer(type) || type == ScalarType::kReal || type == ScalarType::kDecimal;
}
inline bool is_ticks(ScalarType type) {
  return type == ScalarType::kDateTime || type == ScalarType::kTimeSpan;
}

// The value in another type as the conversion functions (tostring, tolong, …) have it: null where it has
// no such value, '' for text.
Expr convert(const Expr& expr, ScalarType type);
// The value as an argument of type `type`: a wider number, a dynamic's value, anything as dynamic.
// Nothing where Kusto takes no such argument.
std::optional<Expr> convert_argument(const Expr& expr, ScalarType type);
// Throws the error for an argument (from 0) that is not `wanted`, such as "a string".
[[noreturn]] void argument_error(std::string_view function, size_t index, std::string_view wanted);
// The type named by typeof(T), which arrives as a string literal with the name.
ScalarType type_argument(std::string_view function, const Expr& expr, size_t index);
// The constant, where the argument must be one.
int64_t constant_long(std::string_view function, Arguments arguments, size_t index);
std::string constant_string(std::string_view function, Arguments arguments, size_t index);
double constant_real(std::string_view function, Arguments arguments, size_t index);

template <size_t N>
struct FixedString {
  char text[N];
  consteval FixedString(const char (&literal)[N]) { std::copy_n(literal, N, text); }  // NOLINT
  constexpr std::string_view view() const { return {text, N - 1}; }
};

// A signature: the result's type, ':', and one letter an argument:
//   B bool  I int  L long  R real  M decimal  T datetime  P timespan  G guid  S string  D dynamic  X any
//   A the text of any
// Those after '?' may be left out, and then stand for the SQL between '=' and ';' that may follow the
// letter, or for nothing. After a last '*' the argument before it repeats. A result of '1' is of the
// first argument's type.
//
// In the SQL, $1, $2 … are the arguments and $ alone is all of them, comma-separated.
Expr bind_signature(std::string_view name, std::string_view signature, std::string_view sql,
                    Arguments arguments);

struct Arity {
  int least = 0;
  int most = 0;
};
constexpr Arity arity_of(std::string_view signature) {
  Arity arity;
  bool is_optional = false;
  for (size_t i = 2; i < signature.size(); ++i) {
    const char c = signature[i];
    if (c == '?') {
      is_optional = true;
    } else if (c == '*') {
      arity.most = -1;
    } else if (c == '=') {
      while (signature[i] != ';') ++i;
    } else {
      ++arity.most;
      if (!is_optional) ++arity.least;
    }
  }
  return arity;
}

template <FixedString kName, FixedString kSignature, FixedString kSql>
constexpr ScalarFunction simple() {
  constexpr Arity arity = arity_of(kSignature.view());
  return {kName.view(), arity.least, arity.most, [](const CallContext&, Arguments arguments) {
            return bind_signature(kName.view(), kSignature.view(), kSql.view(), arguments);
          }};
}

}  // namespace rivulet::kql
