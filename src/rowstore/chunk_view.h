#pragma once

#include <cstdint>
#include <span>

#include "types/column.h"

namespace rivulet {

// The place of a committed transaction in the one order of all commits; the first is 1.
using Sequence = uint64_t;

// A run of rows of a table's tail, at most 2,048: one view a column, in the layout of the query engine's
// vectors. A column id the chunk does not have is null in every row.
struct ChunkView {
  uint32_t row_count = 0;
  std::span<const uint32_t> column_ids;
  std::span<const ColumnView> columns;
  const int64_t* ingestion_times = nullptr;  // a cell a row: sys_time
  const int64_t* sequences = nullptr;        // a cell a row: sys_seq
};

}  // namespace rivulet
