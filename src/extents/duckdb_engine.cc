#include "extents/duckdb_engine.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>

#include "common/file_system.h"
#include "types/column.h"

namespace rivulet::extents {

DuckDbEngine::DuckDbEngine(const char* memory_limit) {
  duckdb_config config;
  if (duckdb_create_config(&config) == DuckDBError) throw std::bad_alloc();
  duckdb_set_config(config, "threads", "1");
  duckdb_set_config(config, "memory_limit", memory_limit);
  // Each file is read once.
  duckdb_set_config(config, "enable_external_file_cache", "false");
  duckdb_set_config(config, "autoinstall_known_extensions", "false");
  duckdb_set_config(config, "autoload_known_extensions", "false");
  char* error = nullptr;
  duckdb_state state = duckdb_open_ext(nullptr, &database, config, &error);
  duckdb_destroy_config(&config);
  if (state == DuckDBError) {
    std::string message = error;
    duckdb_free(error);
    throw std::runtime_error("DuckDB did not open: " + message);
  }
  if (duckdb_connect(database, &connection) == DuckDBError) {
    duckdb_close(&database);
    throw std::runtime_error("DuckDB gave no connection");
  }
}

DuckDbEngine::~DuckDbEngine() {
  duckdb_disconnect(&connection);
  duckdb_close(&database);
}

const char* sql_type(ScalarType type) {
  switch (type) {
    case ScalarType::kBool:
      return "BOOLEAN";
    case ScalarType::kInt:
      return "INTEGER";
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      return "BIGINT";
    case ScalarType::kReal:
      return "DOUBLE";
    case ScalarType::kDecimal:
      return "DECIMAL(38, 18)";
    case ScalarType::kGuid:
      return "UUID";
    case ScalarType::kString:
    case ScalarType::kDynamic:
      break;
  }
  return "VARCHAR";
}

duckdb_logical_type logical_type(ScalarType type) {
  switch (type) {
    case ScalarType::kBool:
      return duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    case ScalarType::kInt:
      return duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    case ScalarType::kReal:
      return duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    case ScalarType::kDecimal:
      return duckdb_create_decimal_type(38, kDecimalScale);
    case ScalarType::kGuid:
      return duckdb_create_logical_type(DUCKDB_TYPE_UUID);
    case ScalarType::kString:
    case ScalarType::kDynamic:
      break;
  }
  return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

void throw_engine_error(const std::filesystem::path& path, const char* action,
                        const std::string& message) {
  if (message.find(std::strerror(ENOSPC)) != std::string::npos) throw IoError(path, action, ENOSPC);
  throw std::runtime_error(fmt::format("{}: {}: {}", path.string(), action, message));
}

}  // namespace rivulet::extents
