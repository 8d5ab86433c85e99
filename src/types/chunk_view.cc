#include "types/chunk_view.h"

namespace rivulet {

uint64_t value_bytes(const ChunkView& chunk) {
  uint64_t bytes = 0;
  for (const ColumnView& column : chunk.columns) {
    bytes += cell_size(column.type) * chunk.row_count;
    if (!is_text(column.type)) continue;
    for (uint32_t row = 0; row < chunk.row_count; ++row) {
      size_t size = column.is_null(row) ? 0 : column.text(row).size();
      if (size > StringRef::kInlineSize) bytes += size;
    }
  }
  return bytes;
}

}  // namespace rivulet
