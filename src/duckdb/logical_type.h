#pragma once

#include "duckdb/handles.h"
#include "types/scalar_type.h"

namespace rivulet::duckdb {

// The engine's type of the cells of a Kusto type: what sql_type() spells.
LogicalType logical_type(ScalarType type);

}  // namespace rivulet::duckdb
