#pragma once

#include <span>
#include <vector>

#include "extents/extent.h"
#include "rowstore/chunk_view.h"

namespace rivulet::extents {

// The statistics of a column over all chunks; a chunk without the column has nulls (strings: empty).
ColumnStatistics gather_statistics(uint32_t column_id, ScalarType type,
                                   std::span<const ChunkView> chunks);

// Bytes that the rows take uncompressed: cells, text, and the two system columns.
uint64_t uncompressed_bytes(std::span<const ChunkView> chunks);

// The column of a chunk, or null.
const ColumnView* find_column(const ChunkView& chunk, uint32_t column_id);

}  // namespace rivulet::extents
