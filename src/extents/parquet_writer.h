#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "rowstore/chunk_view.h"
#include "types/scalar_type.h"

namespace rivulet::extents {

struct ParquetColumn {
  uint32_t id = 0;
  ScalarType type = ScalarType::kString;
};

// Writes chunks of rows as a Parquet file (docs/extents.md) with DuckDB, which it opens, in memory and for
// itself alone, when the first file is written. Thread-safe; one file at a time.
class ParquetWriter {
 public:
  ParquetWriter();
  ~ParquetWriter();

  // Writes the file, and nothing but the file; the caller syncs it. Columns that a chunk lacks are null
  // (strings: empty); without times and sequences the file has no system columns. Throws std::runtime_error with the engine's words, or IoError for a full disk.
  void write(const std::filesystem::path& path, std::span<const ParquetColumn> columns,
             std::span<const ChunkView> chunks);

 private:
  struct Engine;
  std::mutex mutex_;
  std::unique_ptr<Engine> engine_;  // guarded by mutex_
};

}  // namespace rivulet::extents
