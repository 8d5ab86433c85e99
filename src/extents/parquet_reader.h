#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "extents/extent.h"
#include "extents/parquet_writer.h"
#include "extents/row_source.h"

namespace rivulet::extents {

// An extent whose rows go into another one, but for some.
struct ExtentRows {
  std::shared_ptr<const ExtentView> extent;
  std::vector<int64_t> deleted;  // numbers of rows in the file, from 0, in order
  // Of an extent of another table: by the id of a column that is read, the id of the column there.
  std::optional<std::map<uint32_t, uint32_t>> sources = std::nullopt;
};

// The rows of extents one after the other, read from their files with DuckDB, as columns of a table: one that
// an extent lacks is null (strings: empty). Used by one thread. next() throws std::runtime_error with the
// engine's words, or once `is_stopped`.
class ParquetReader final : public RowSource {
 public:
  ParquetReader(std::span<const ExtentRows> extents, std::span<const ParquetColumn> columns,
                uint64_t memory_bytes, const std::atomic<bool>& is_stopped);
  ~ParquetReader() override;

  const ChunkView* next() override;
  bool has_system_columns() const override { return true; }

 private:
  struct Engine;

  std::string select(const ExtentRows& rows) const;
  // Starts with the next extent; false when there is none.
  bool open_next();
  // Leaves the deleted rows out of chunk_.
  void drop_deleted();

  std::span<const ExtentRows> extents_;
  std::span<const ParquetColumn> columns_;
  const std::atomic<bool>& is_stopped_;
  size_t next_extent_ = 0;
  objects::LocalCopy copy_;  // of the extent that is being read
  std::vector<uint32_t> column_ids_;
  std::vector<ColumnView> views_;
  ChunkView chunk_;
  std::vector<Column>
      kept_;  // the columns of chunk_, with the system columns, when rows were left out
  std::unique_ptr<Engine> engine_;
};

}  // namespace rivulet::extents
