#pragma once

#include <string>
#include <string_view>

#include "types/scalar_type.h"

// SQL of the engine's dialect, without its header: how text and types are written.
namespace rivulet::duckdb {

// The text as a string literal.
std::string string_literal(std::string_view text);

// The type that values of a Kusto type have in SQL, in results and in extents: bool BOOLEAN, int INTEGER, long BIGINT,
// real DOUBLE, decimal DECIMAL(38,18), datetime and timespan BIGINT (ticks), guid UUID, string and dynamic VARCHAR.
std::string_view sql_type(ScalarType type);

}  // namespace rivulet::duckdb
