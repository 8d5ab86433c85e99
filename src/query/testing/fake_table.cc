#include "query/testing/fake_table.h"

#include <algorithm>

namespace rivulet::query {

void FakeTable::append(std::vector<uint32_t> column_ids, std::shared_ptr<const ColumnBatch> rows,
                       int64_t sequence, int64_t time) {
  constexpr size_t kChunkRows = 2048;
  auto block = std::make_unique<Block>();
  block->column_ids = std::move(column_ids);
  block->rows = std::move(rows);
  size_t count = block->rows->row_count();
  block->times.assign(count, time);
  block->sequences.assign(count, sequence);
  for (size_t first = 0; first < count; first += kChunkRows) {
    auto& views = block->views.emplace_back();
    for (size_t i = 0; i < block->column_ids.size(); ++i) {
      ColumnView view = block->rows->column(i).view();
      view.cells = static_cast<const char*>(view.cells) + first * cell_size(view.type);
      if (view.validity != nullptr) view.validity += first / 64;
      views.push_back(view);
    }
    store::ChunkView chunk;
    chunk.row_count = static_cast<uint32_t>(std::min(kChunkRows, count - first));
    chunk.column_ids = block->column_ids;
    chunk.columns = views;
    chunk.ingestion_times = block->times.data() + first;
    chunk.sequences = block->sequences.data() + first;
    chunks_.push_back(chunk);
  }
  blocks_.push_back(std::move(block));
}

catalog::Table make_table(catalog::TableId id, const std::string& name,
                          const std::vector<ResultColumn>& columns) {
  catalog::Table table;
  table.id = id;
  table.database_id = 1;
  table.name = name;
  for (const ResultColumn& column : columns) {
    table.columns.edit().push_back({table.next_column_id++, column.name, column.type, ""});
  }
  return table;
}

}  // namespace rivulet::query
