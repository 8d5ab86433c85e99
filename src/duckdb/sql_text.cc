#include "duckdb/sql_text.h"

namespace rivulet::duckdb {

std::string string_literal(std::string_view text) {
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

}  // namespace rivulet::duckdb
