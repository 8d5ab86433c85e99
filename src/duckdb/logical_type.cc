#include "duckdb/logical_type.h"

#include "types/column.h"

namespace rivulet::duckdb {

LogicalType logical_type(ScalarType type) {
  switch (type) {
    case ScalarType::kBool:
      return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN));
    case ScalarType::kInt:
      return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_INTEGER));
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    case ScalarType::kReal:
      return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE));
    case ScalarType::kDecimal:
      return LogicalType(duckdb_create_decimal_type(38, kDecimalScale));
    case ScalarType::kGuid:
      return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_UUID));
    case ScalarType::kString:
    case ScalarType::kDynamic:
      break;
  }
  return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
}

}  // namespace rivulet::duckdb
