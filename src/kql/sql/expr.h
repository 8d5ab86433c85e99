#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/guid.h"
#include "types/column.h"
#include "types/scalar_type.h"

namespace rivulet::kql {

// A constant value known while binding. `value` is empty (monostate) for a typed null; otherwise it
// holds the alternative of the type: bool, int32_t (int), int64_t (long, datetime and timespan as
// ticks), double, Decimal, Guid, std::string (string, and dynamic as compact JSON text).
struct Literal {
  ScalarType type = ScalarType::kString;
  std::variant<std::monostate, bool, int32_t, int64_t, double, Decimal, Guid, std::string> value;

  bool is_null() const { return std::holds_alternative<std::monostate>(value); }
};

// A bound scalar expression: its Kusto type and the SQL that computes it.
//
// SQL forms of the types: bool BOOLEAN, int INTEGER, long BIGINT, real DOUBLE, decimal DECIMAL(38,18),
// datetime and timespan BIGINT (ticks), guid UUID, string VARCHAR (never NULL: every expression of type
// string must yield '' where it has nothing), dynamic VARCHAR holding compact JSON text (NULL is the
// null dynamic; a dynamic that holds a string is its quoted JSON text).
// `sql` can be put anywhere an SQL operand can stand: it is parenthesised where that matters.
struct Expr {
  ScalarType type = ScalarType::kString;
  std::string sql;
  // The value, where binding knows it (literals and folded constants): functions that need a constant
  // argument look here.
  std::optional<Literal> literal;
  // True when the value is the same for every row of the query (literals, now(), toscalar(…), let
  // scalars); such an expression may have no `literal`.
  bool is_constant = false;
};

// The SQL of a literal, with its type spelled out ("5::BIGINT", "NULL::BIGINT", "'a''b'").
std::string literal_sql(const Literal& literal);
Expr literal_expr(Literal literal);

}  // namespace rivulet::kql
