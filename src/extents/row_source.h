#pragma once

#include <cstdint>
#include <span>

#include "types/chunk_view.h"

namespace rivulet::extents {

// Rows on their way into a file, a chunk at a time.
class RowSource {
 public:
  virtual ~RowSource() = default;
  // The next rows, at most 2,048; null at the end. Valid until the next call.
  virtual const ChunkView* next() = 0;
  // Whether every chunk has times and sequences.
  virtual bool has_system_columns() const = 0;
};

// Chunks in memory.
class ChunkSource final : public RowSource {
 public:
  explicit ChunkSource(std::span<const ChunkView> chunks) : chunks_(chunks) {}

  const ChunkView* next() override { return next_ == chunks_.size() ? nullptr : &chunks_[next_++]; }
  bool has_system_columns() const override { return chunks_.front().sequences != nullptr; }

 private:
  std::span<const ChunkView> chunks_;
  size_t next_ = 0;
};

}  // namespace rivulet::extents
