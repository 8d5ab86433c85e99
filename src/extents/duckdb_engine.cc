#include "extents/duckdb_engine.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>

#include "common/file_system.h"
#include "types/column.h"

namespace rivulet::extents {

DuckDbEngine::DuckDbEngine(uint64_t memory_bytes) {
  duckdb_config config;
  if (duckdb_create_config(&config) == DuckDBError) throw std::bad_alloc();
  duckdb_set_config(config, "threads", "1");
  duckdb_set_config(config, "memory_limit", fmt::format("{}B", memory_bytes).c_str());
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

void throw_engine_error(const std::filesystem::path& path, const char* action,
                        const std::string& message) {
  for (int error_number : {ENOSPC, EDQUOT}) {
    if (message.find(std::strerror(error_number)) != std::string::npos) {
      throw IoError(path, action, error_number);
    }
  }
  throw std::runtime_error(fmt::format("{}: {}: {}", path.string(), action, message));
}

}  // namespace rivulet::extents
