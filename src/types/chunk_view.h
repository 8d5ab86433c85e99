#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "types/column.h"

namespace rivulet {

// The place of a committed transaction in the one order of all commits; the first is 1.
using Sequence = uint64_t;

// A run of rows, at most kMaxRows of them: one view a column, in the layout of the query engine's
// vectors. A column id the chunk does not have is null in every row.
struct ChunkView {
  static constexpr uint32_t kMaxRows = 2048;

  uint32_t row_count = 0;
  std::span<const uint32_t> column_ids;
  std::span<const ColumnView> columns;
  const int64_t* ingestion_times = nullptr;  // a cell a row: sys_time
  const int64_t* sequences = nullptr;        // a cell a row: sys_seq
};

// Bytes of the values: cells, and text that does not fit in its cell.
uint64_t value_bytes(const ChunkView& chunk);

// The least and the greatest value of a datetime column, nulls apart; low > high: nothing but nulls.
struct CellRange {
  uint32_t column_id = 0;
  int64_t low = 0, high = 0;
};

// Rows of a table's tail that stand in a file and are read when they are asked for. Thread-safe.
class StoredRun {
 public:
  virtual ~StoredRun() = default;
  virtual uint64_t row_count() const = 0;
  // value_bytes() of its chunks.
  virtual uint64_t value_bytes() const = 0;
  // The range of the ingestion times, and those of the datetime columns that are known.
  virtual CellRange ingestion_times() const = 0;
  virtual std::span<const CellRange> ranges() const = 0;
  virtual Sequence first_sequence() const = 0;
  virtual Sequence last_sequence() const = 0;
  // Reads the rows, or finds them in memory; they stay as long as the result is held. Throws Error, with
  // file and offset, when they are damaged, and IoError.
  virtual std::shared_ptr<const std::vector<ChunkView>> read() const = 0;
};

}  // namespace rivulet
