#include "types/batch_chunks.h"

#include <algorithm>

namespace rivulet {

BatchChunks::BatchChunks(std::vector<uint32_t> column_ids, std::shared_ptr<const ColumnBatch> batch)
    : column_ids_(std::move(column_ids)), batch_(std::move(batch)) {
  for (size_t first = 0; first < batch_->row_count(); first += ChunkView::kMaxRows) {
    std::vector<ColumnView>& columns = columns_.emplace_back();
    for (size_t i = 0; i < batch_->column_count(); ++i) {
      ColumnView view = batch_->column(i).view();
      view.cells = static_cast<const char*>(view.cells) + first * cell_size(view.type);
      if (view.validity != nullptr) view.validity += first / 64;
      columns.push_back(view);
    }
    ChunkView& chunk = views_.emplace_back();
    chunk.row_count =
        static_cast<uint32_t>(std::min<size_t>(ChunkView::kMaxRows, batch_->row_count() - first));
    chunk.column_ids = column_ids_;
    chunk.columns = columns;  // does not move when columns_ grows
  }
}

}  // namespace rivulet
