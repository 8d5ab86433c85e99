#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "types/column_batch.h"

namespace rivulet::rowstore::testing {

// All scalar types.
extern const std::vector<ScalarType> kAllTypes;

// A cell in a form that can be compared: its bytes or text; nothing for null.
using CellValue = std::optional<std::string>;
CellValue cell_value(const ColumnView& column, size_t row);
// What a row has in a column that was not given: null, or the empty string.
CellValue absent_value(ScalarType type);

// A random cell of the type, null in a fourth of all cases.
void append_random(Column& column, std::mt19937_64& random);

}  // namespace rivulet::rowstore::testing
