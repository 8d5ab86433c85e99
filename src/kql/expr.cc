#include "kql/expr.h"

#include <charconv>
#include <cmath>

#include "types/text.h"

namespace rivulet::kql {

namespace {

std::string quoted_sql(std::string_view text) {
  std::string sql = "'";
  for (const char c : text) {
    if (c == '\'') {
      sql += "''";
    } else if (c == '\0') {
      sql += "' || chr(0) || '";
    } else {
      sql += c;
    }
  }
  sql += '\'';
  return text.find('\0') == std::string_view::npos ? sql : "(" + sql + ")";
}

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

std::string_view sql_type(ScalarType type) {
  switch (type) {
    case ScalarType::kBool:
      return "BOOLEAN";
    case ScalarType::kInt:
      return "INTEGER";
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      return "BIGINT";
    case ScalarType::kReal:
      return "DOUBLE";
    case ScalarType::kDecimal:
      return "DECIMAL(38,18)";
    case ScalarType::kGuid:
      return "UUID";
    case ScalarType::kString:
    case ScalarType::kDynamic:
      break;
  }
  return "VARCHAR";
}

std::string literal_sql(const Literal& literal) {
  struct Writer {
    ScalarType type;
    std::string operator()(std::monostate) const {
      return type == ScalarType::kString ? "''" : "NULL::" + std::string(sql_type(type));
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
    std::string operator()(const std::string& value) const { return quoted_sql(value); }
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
