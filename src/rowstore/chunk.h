#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "catalog/catalog.h"
#include "types/chunk_view.h"
#include "types/column.h"

namespace rivulet::rowstore {

// Which columns a chunk has. Immutable, shared by the chunks of a table.
struct ChunkLayout {
  std::vector<uint32_t> column_ids;
  std::vector<ScalarType> types;

  explicit ChunkLayout(const catalog::Table& table);
  ChunkLayout(std::span<const uint32_t> ids, std::span<const ColumnView> columns);
  // The index of a column, looked for from `hint` on; -1 when there is none.
  int find(uint32_t column_id, size_t hint) const;
};

// Rows to append: columns of the layout by index, -1 in `layout_index` for a column to ignore.
struct SourceRows {
  std::span<const int> layout_index;
  std::span<const ColumnView> columns;  // cells need not be aligned
  const void* times =
      nullptr;  // 8 bytes a row, not aligned; or null: `time` and `sequence` for all
  const void* sequences = nullptr;
  Ticks time = 0;
  Sequence sequence = 0;
};

// Up to kMaxRows rows of one table, cells by column in one block of memory.
//
// The committer is the only writer: it appends rows behind those that are published, and never touches
// a published cell again. A reader holds a shared_ptr and reads only rows that were published when it
// took its view, so that the two never meet, but for one thing: the bits of a validity word belong to
// 64 rows. They are written atomically, and a reader of a chunk that may still grow copies them
// (copy_validity). A chunk whose closed_views() are used is full, or was left for good.
class Chunk {
 public:
  static constexpr uint32_t kMaxRows = ChunkView::kMaxRows;

  Chunk(std::shared_ptr<const ChunkLayout> layout, uint32_t capacity);
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  const std::shared_ptr<const ChunkLayout>& layout() const { return layout_; }
  uint32_t capacity() const { return capacity_; }
  // Rows written so far: the committer's number, not the readers'.
  uint32_t rows() const { return rows_; }
  size_t memory_bytes() const;

  // Appends rows [first, first + count) of the source; count must fit.
  void append(const SourceRows& source, size_t first, uint32_t count);
  // A chunk of another capacity or layout with the rows [first, rows()) of this one; the text is shared
  // with this chunk when `first` is 0 and copied otherwise.
  std::shared_ptr<Chunk> copy(std::shared_ptr<const ChunkLayout> layout, uint32_t first,
                              uint32_t capacity) const;

  const int64_t* times() const { return times_; }
  const int64_t* sequences() const { return sequences_; }
  // Columns for the committer and for copy_validity: the validity is never null.
  std::span<const ColumnView> columns() const { return columns_; }

  // No row will be appended any more.
  void close();
  // After close(): everything, safe to share.
  ChunkView closed_view() const {
    return {rows_, layout_->column_ids, closed_columns_, times_, sequences_};
  }
  // Of a chunk that may grow: its first `rows` rows. Fills `columns` and `validity`, which the view refers
  // to.
  ChunkView open_view(uint32_t rows, std::vector<ColumnView>& columns,
                      std::vector<uint64_t>& validity) const;

 private:
  struct FreeDeleter {
    void operator()(std::byte* block) const { std::free(block); }
  };

  std::shared_ptr<const ChunkLayout> layout_;
  uint32_t capacity_;
  uint32_t rows_ = 0;
  size_t block_bytes_ = 0;
  std::unique_ptr<std::byte, FreeDeleter> block_;
  int64_t* times_ = nullptr;
  int64_t* sequences_ = nullptr;
  std::vector<ColumnView> columns_;
  std::vector<ColumnView> closed_columns_;
  std::shared_ptr<TextArena> text_;  // made for the first text that does not fit in its cell
};

// Rows [first, first + count) of a view as a chunk of their own, closed.
std::shared_ptr<const Chunk> copy_rows(const ChunkView& rows, uint32_t first, uint32_t count);

}  // namespace rivulet::rowstore
