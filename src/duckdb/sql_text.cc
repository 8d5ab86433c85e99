#include "duckdb/sql_text.h"

#include <fmt/format.h>

namespace rivulet::duckdb {

std::string string_literal(std::string_view text) {
  // The text of a statement ends at a NUL, so that one is spelled as bytes.
  const bool has_nul = text.find('\0') != std::string_view::npos;
  std::string sql = has_nul ? "decode('" : "'";
  for (const char c : text) {
    if (c == '\'') {
      sql += "''";
    } else if (has_nul && (c == '\\' || c < ' ' || c > '~')) {
      sql += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    } else {
      sql += c;
    }
  }
  return sql + (has_nul ? "'::BLOB)" : "'");
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
