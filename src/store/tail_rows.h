#pragma once

#include <exception>
#include <memory>
#include <vector>

#include "extents/row_source.h"
#include "rowstore/row_store.h"

namespace rivulet::store {

// What TailRows::next() throws when a run cannot be read.
struct UnreadableRun {
  std::exception_ptr cause;  // as read_run() threw it
};

// The rows of a tail for one extent after the other. In memory it holds the chunks that are there anyway, and one
// run: each is read when its rows are asked for. Used by one thread.
class TailRows final : public extents::RowSource {
 public:
  // An extent ends before the chunk with which it would have more rows than this, or their values more bytes; it
  // has one chunk at least.
  TailRows(catalog::TableId table, const rowstore::TailView& tail, uint64_t extent_rows,
           uint64_t extent_bytes);

  // Sequences of the first and the last row; 0 when there is none.
  Sequence first_sequence() const { return first_sequence_; }
  Sequence last_sequence() const { return last_sequence_; }

  // Goes on to the next extent; false when there is no row for it.
  bool begin_extent();
  // Throws UnreadableRun.
  const ChunkView* next() override;
  bool has_system_columns() const override { return true; }

 private:
  const catalog::TableId table_;
  const std::shared_ptr<const rowstore::RunList> runs_;
  const rowstore::ChunkViews chunks_;
  const uint64_t extent_rows_, extent_bytes_;
  Sequence first_sequence_ = 0, last_sequence_ = 0;
  size_t next_run_ = 0, next_chunk_ = 0;
  rowstore::ChunkList run_;  // the one that was read last
  size_t next_of_run_ = 0;
  ChunkView of_run_;
  uint64_t rows_ = 0, bytes_ = 0;  // of the extent
};

// The parts of a tail between the runs that cannot be read, which it finds out by reading them all. Rows of one sequence
// stay together: those beside rows that cannot be read are left out too.
std::vector<rowstore::TailView> readable_parts(catalog::TableId table,
                                               const rowstore::TailView& tail);

}  // namespace rivulet::store
