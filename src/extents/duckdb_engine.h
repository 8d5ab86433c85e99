#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "duckdb/api.h"

// What writing and reading Parquet files share: a DuckDB in memory that does nothing else, on the caller's
// thread alone.
namespace rivulet::extents {

struct DuckDbEngine {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;

  explicit DuckDbEngine(uint64_t memory_bytes);
  ~DuckDbEngine();
  DuckDbEngine(const DuckDbEngine&) = delete;
  DuckDbEngine& operator=(const DuckDbEngine&) = delete;
};

// Throws IoError for a full disk, and std::runtime_error otherwise.
[[noreturn]] void throw_engine_error(const std::filesystem::path& path, const char* action,
                                     const std::string& message);

}  // namespace rivulet::extents
