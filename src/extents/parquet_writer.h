#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "catalog/policies/effective.h"
#include "extents/extent_layout.h"
#include "extents/row_source.h"
#include "types/scalar_type.h"

namespace rivulet::extents {

struct ParquetColumn {
  uint32_t id = 0;
  ScalarType type = ScalarType::kString;
};

// Writes rows as a Parquet file (docs/extents.md) with DuckDB, which it opens, in memory and for
// itself alone, when the first file is written. Thread-safe; one file at a time.
class ParquetWriter {
 public:
  // `memory_bytes`: the limit of its engine, beyond which it goes on with disk.
  explicit ParquetWriter(uint64_t memory_bytes);
  ~ParquetWriter();

  // Writes the file, and nothing but the file; the caller syncs it. Gives where the pages of each column stand. Columns that a chunk lacks are null
  // (strings: empty); rows without times and sequences give a file without system columns. They are sorted by
  // `order`, nulls as the least value, and stay in their own order where it is empty. Throws std::runtime_error with the engine's words, IoError
  // for a full disk, or what the source throws.
  std::vector<ExtentLayout::Pages> write(const std::filesystem::path& path,
                                         std::span<const ParquetColumn> columns, RowSource& rows,
                                         std::span<const catalog::SortColumn> order);

 private:
  struct Engine;
  const uint64_t memory_bytes_;
  std::mutex mutex_;
  std::unique_ptr<Engine> engine_;  // guarded by mutex_
};

}  // namespace rivulet::extents
