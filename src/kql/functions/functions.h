#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "kql/sql/expr.h"

// The library of scalar functions, operators and aggregates: one entry a function, with its arity, its
// type rule and its lowering to SQL together. The binder knows no function by name beyond the special
// forms that are not functions at all (toscalar, materialize, table, row_number over an order, …).
//
// An operator is an entry under its KQL spelling: "+", "-", "*", "/", "%", "==", "!=", "=~", "!~", "<",
// "<=", ">", ">=", "and", "or", "has", "!has", "has_cs", "contains", "startswith", "matches regex", "in",
// "!in", "in~", "!in~", "has_any", "has_all", "between", "!between" (three arguments), "[]" (dynamic
// member or element: the second argument is a string or a long), and "unary-" (negation).
namespace rivulet::kql {

// What a function may know about the place it is called at.
struct CallContext {
  int line = 0;    // of the call, from 1
  int column = 0;  // in bytes, from 1
  Ticks now = 0;   // the query's now(): one value for the whole query
  // Order of the input rows as the inside of an SQL ORDER BY ("s0 DESC NULLS LAST, s1"), empty when the
  // rows have none: the window functions follow it.
  std::string order_by;
  // The same as SQL of bytes that compare as the rows are ordered, which make_list() and make_set() follow.
  std::string sort_key;
  // For window functions: makes an SQL window expression a column of the rows, and gives that column's
  // SQL; SQL takes no window function inside another. May be empty.
  std::function<std::string(const std::string& sql)> stage;
};

// typeof(T) as an argument arrives as a string literal that holds the type's name.

// Binds a call: checks the arguments' types, throws semantic_error for those it does not take, and gives
// the result's type and SQL. Arguments arrive bound.
using BindCall = Expr (*)(const CallContext& context, std::span<const Expr> arguments);

struct ScalarFunction {
  std::string_view name;
  int min_arguments;
  int max_arguments;  // -1: any number
  BindCall bind;
};

struct AggregateFunction {
  std::string_view name;
  int min_arguments;
  int max_arguments;
  BindCall bind;  // `sql` is an SQL aggregate expression
  // Column name that summarize gives when the query names none: prefix + first argument's column name
  // ("sum_" + "x"); count() is "count_".
  std::string_view result_prefix;
};

// Window functions over an ordered row set: row_number, prev, next, row_cumsum, row_rank_dense,
// row_rank_min, row_window_session. `context.order_by` is never empty; `sql` is an SQL window expression.
struct WindowFunction {
  std::string_view name;
  int min_arguments;
  int max_arguments;
  BindCall bind;
};

// Functions of several result columns, such as series_stats() and array_sort_asc() of two arrays: each
// result is a column of its own, or an element of `(a, b) = …`.
struct TupleFunction {
  std::string_view name;
  int min_arguments;
  int max_arguments;  // -1: any number
  std::vector<Expr> (*bind)(const CallContext& context, std::span<const Expr> arguments);
  // The columns' names where the query gives none, from the names of the arguments' columns (empty for
  // what has none): as many as bind() gives.
  std::vector<std::string> (*column_names)(std::span<const std::string> argument_names);
};

// Null when there is no such function. Names are case-sensitive, as in Kusto.
const ScalarFunction* find_scalar_function(std::string_view name);
const AggregateFunction* find_aggregate_function(std::string_view name);
const WindowFunction* find_window_function(std::string_view name);
const TupleFunction* find_tuple_function(std::string_view name);

// The SQL of arg_max, arg_min or their …_null forms. NaN is the greatest or least only where there is no
// number.
std::string arg_extreme_sql(std::string function, std::string_view value, std::string_view by,
                            ScalarType by_type);

// All names, sorted: for completion, "did you mean" and documentation.
std::vector<std::string_view> function_names();

// Conversions that binding itself needs.
// The expression as `type` by Kusto's implicit conversions (int to long to real, any to dynamic, …);
// throws semantic_error where Kusto refuses.
Expr convert_implicitly(const CallContext& context, const Expr& expr, ScalarType type);
// The type that two branches (iff, case, union columns, coalesce) agree on, or nothing.
std::optional<ScalarType> common_type(ScalarType a, ScalarType b);

}  // namespace rivulet::kql
