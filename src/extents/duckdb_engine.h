#pragma once

#include <duckdb.h>

#include <filesystem>
#include <string>

#include "types/scalar_type.h"

// What writing and reading Parquet files share: a DuckDB in memory that does nothing else, on the caller's
// thread alone.
namespace rivulet::extents {

struct DuckDbEngine {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;

  explicit DuckDbEngine(const char* memory_limit);
  ~DuckDbEngine();
  DuckDbEngine(const DuckDbEngine&) = delete;
  DuckDbEngine& operator=(const DuckDbEngine&) = delete;
};

// The SQL name of the type that a column of an extent has, and the type; the caller destroys it.
const char* sql_type(ScalarType type);
duckdb_logical_type logical_type(ScalarType type);

// As a string literal.
std::string quoted(const std::string& text);

// Throws IoError for a full disk, and std::runtime_error otherwise.
[[noreturn]] void throw_engine_error(const std::filesystem::path& path, const char* action,
                                     const std::string& message);

}  // namespace rivulet::extents
