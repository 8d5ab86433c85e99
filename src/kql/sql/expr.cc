#include "kql/sql/expr.h"

#include <charconv>
#include <cmath>

#include "duckdb/sql_text.h"
#include "types/text.h"

namespace rivulet::kql {

namespace {

std::string whole_sql(int64_t value, std::string_view type) {
  const std::string digits = value < 0 ? "(" + std::to_string(value) + ")" : std::to_string(value);
  return digits + "::" + std::string(type);
}

std::string real_sql(double value) {
  if (std::isnan(value)) return "'nan'::DOUBLE";
  if (std::isinf(value)) return value > 0 ? "'inf'::DOUBLE" : "'-inf'::DOUBLE";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  return "'" + std::string(buffer, end) + "'::DOUBLE";
}

}  // namespace

std::string literal_sql(const Literal& literal) {
  struct Writer {
    ScalarType type;
    std::string operator()(std::monostate) const {
      return type == ScalarType::kString ? "''" : "NULL::" + std::string(duckdb::sql_type(type));
    }
    std::string operator()(bool value) const { return value ? "TRUE" : "FALSE"; }
    std::string operator()(int32_t value) const { return whole_sql(value, "INTEGER"); }
    std::string operator()(int64_t value) const { return whole_sql(value, "BIGINT"); }
    std::string operator()(double value) const { return real_sql(value); }
    std::string operator()(Decimal value) const {
      std::string text;
      append_decimal(text, value);
      return "'" + text + "'::DECIMAL(38,18)";
    }
    std::string operator()(const Guid& value) const { return "'" + to_string(value) + "'::UUID"; }
    std::string operator()(const std::string& value) const { return duckdb::string_literal(value); }
  };
  return std::visit(Writer{literal.type}, literal.value);
}

Expr literal_expr(Literal literal) {
  Expr expr;
  expr.type = literal.type;
  expr.sql = literal_sql(literal);
  expr.literal = std::move(literal);
  expr.is_constant = true;
  return expr;
}

}  // namespace rivulet::kql
