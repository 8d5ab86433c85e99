#include "duckdb/database.h"

#include <fmt/format.h>

#include <string_view>

#include "duckdb/sql_text.h"

namespace rivulet::duckdb {

void check_duckdb_version() {
  std::string_view found = duckdb_library_version();
  if (found != RIVULET_DUCKDB_VERSION) {
    throw std::runtime_error(fmt::format("DuckDB {} was loaded, but Rivulet was built for {}",
                                         found, RIVULET_DUCKDB_VERSION));
  }
}

Connection::Connection(duckdb_database database) {
  if (duckdb_connect(database, &connection_) != DuckDBSuccess) {
    throw EngineError(DUCKDB_ERROR_CONNECTION, "cannot connect to the query engine");
  }
}

void Connection::execute(const std::string& sql) {
  Result result;
  if (duckdb_query(connection_, sql.c_str(), result.get()) != DuckDBSuccess) {
    throw EngineError(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()));
  }
}

PreparedStatement Connection::prepare(const std::string& sql) {
  PreparedStatement statement;
  if (duckdb_prepare(connection_, sql.c_str(), statement.out()) != DuckDBSuccess) {
    throw EngineError(DUCKDB_ERROR_INVALID, duckdb_prepare_error(statement.get()));
  }
  return statement;
}

Database::Database(const DatabaseOptions& options, const std::function<void(Connection&)>& prepare)
    : threads_(options.threads) {
  if (!options.temp_directory.empty()) {
    std::filesystem::remove_all(options.temp_directory);
    std::filesystem::create_directories(options.temp_directory);
  }
  duckdb_config config = nullptr;
  duckdb_create_config(&config);
  auto set = [&](const char* name, const std::string& value) {
    if (duckdb_set_config(config, name, value.c_str()) != DuckDBSuccess) {
      duckdb_destroy_config(&config);
      throw std::runtime_error(
          fmt::format("DuckDB does not take the setting {} = {}", name, value));
    }
  };
  set("threads", std::to_string(options.threads));
  if (options.memory_limit_bytes > 0) {
    set("memory_limit", fmt::format("{}B", options.memory_limit_bytes));
  }
  set("autoinstall_known_extensions", "false");
  set("autoload_known_extensions", "false");
  // Order comes from ORDER BY alone; scans may then run in parallel in front of a LIMIT.
  set("preserve_insertion_order", "false");
  // Memory that a query leaves goes back to the system though its thread waits for the next.
  set("allocator_background_threads", "true");
  char* error = nullptr;
  duckdb_state state = duckdb_open_ext(":memory:", &database_, config, &error);
  duckdb_destroy_config(&config);
  if (state != DuckDBSuccess) {
    std::string message = error != nullptr ? error : "unknown";
    duckdb_free(error);
    throw std::runtime_error("cannot open the query engine: " + message);
  }
  try {
    auto connection = std::make_unique<Connection>(database_);
    std::string allowed;
    if (!options.temp_directory.empty()) {
      connection->execute("SET temp_directory = " +
                          string_literal(options.temp_directory.string()));
      allowed = string_literal(options.temp_directory.string());
    }
    if (!options.extent_directory.empty()) {
      allowed += (allowed.empty() ? "" : ", ") + string_literal(options.extent_directory.string());
    }
    connection->execute("SET TimeZone = 'UTC'");
    connection->execute("SET parquet_metadata_cache = true");
    connection->execute("SET enable_external_file_cache = false");
    prepare(*connection);
    connection->execute("SET allowed_directories = [" + allowed + "]");
    connection->execute("SET enable_external_access = false");
    connection->execute("SET lock_configuration = true");
    release(std::move(connection));
  } catch (...) {
    idle_.clear();
    duckdb_close(&database_);
    throw;
  }
}

Database::~Database() {
  idle_.clear();
  duckdb_close(&database_);
}

uint64_t Database::memory_bytes() {
  std::unique_ptr<Connection> connection = acquire();
  duckdb_result result{};
  duckdb_state state = duckdb_query(
      connection->get(), "SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()", &result);
  int64_t bytes = state == DuckDBSuccess ? duckdb_value_int64(&result, 0, 0) : 0;
  duckdb_destroy_result(&result);
  release(std::move(connection));
  return static_cast<uint64_t>(bytes);
}

std::unique_ptr<Connection> Database::acquire() {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return std::make_unique<Connection>(database_);
}

void Database::release(std::unique_ptr<Connection> connection) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdleConnections) idle_.push_back(std::move(connection));
}

}  // namespace rivulet::duckdb
