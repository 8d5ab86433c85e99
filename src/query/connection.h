#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "query/duckdb_api.h"

// Owners for the handles of DuckDB's C API, and the pool of connections to one in-memory database.
namespace rivulet::query {

// A failure that DuckDB reported, in its own words: error_mapping.h makes an Error of it.
class DuckdbError : public std::runtime_error {
 public:
  DuckdbError(duckdb_error_type type, const char* message)
      : std::runtime_error(message != nullptr ? message : "unknown"), type_(type) {}
  duckdb_error_type type() const { return type_; }

 private:
  duckdb_error_type type_;
};

// Owns a handle of the C API; `destroy` takes a pointer to it.
template <typename Handle, auto destroy>
class DuckdbHandle {
 public:
  DuckdbHandle() = default;
  explicit DuckdbHandle(Handle handle) : handle_(handle) {}
  DuckdbHandle(DuckdbHandle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  DuckdbHandle& operator=(DuckdbHandle&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~DuckdbHandle() { reset(); }

  void reset() {
    if (handle_ != nullptr) destroy(&handle_);
    handle_ = nullptr;
  }
  Handle get() const { return handle_; }
  // For calls that fill a handle in.
  Handle* out() {
    reset();
    return &handle_;
  }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
};

using LogicalType = DuckdbHandle<duckdb_logical_type, duckdb_destroy_logical_type>;
using DuckdbValue = DuckdbHandle<duckdb_value, duckdb_destroy_value>;
using DataChunk = DuckdbHandle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using PreparedStatement = DuckdbHandle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using PendingResult = DuckdbHandle<duckdb_pending_result, duckdb_destroy_pending>;

// A result of the C API, which is a struct and not a handle.
class DuckdbResult {
 public:
  DuckdbResult() = default;
  DuckdbResult(const DuckdbResult&) = delete;
  DuckdbResult& operator=(const DuckdbResult&) = delete;
  ~DuckdbResult() { duckdb_destroy_result(&result_); }
  duckdb_result* get() { return &result_; }

 private:
  duckdb_result result_{};
};

// One connection. Used by one thread at a time, but for duckdb_interrupt.
class Connection {
 public:
  explicit Connection(duckdb_database database);
  ~Connection() { duckdb_disconnect(&connection_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  duckdb_connection get() const { return connection_; }

  // Both throw DuckdbError.
  void execute(const std::string& sql);
  PreparedStatement prepare(const std::string& sql);

 private:
  duckdb_connection connection_ = nullptr;
};

struct DatabaseOptions {
  int threads = 1;
  uint64_t memory_limit_bytes = 0;
  std::filesystem::path temp_directory;    // its own: emptied when the database is opened
  std::filesystem::path extent_directory;  // may be empty: then no file can be read at all
};

// An in-memory database that serves queries: it holds no tables, only functions. Thread-safe.
class Database {
 public:
  // `prepare` is called once with a connection, to register functions, before the settings are locked.
  Database(const DatabaseOptions& options, const std::function<void(Connection&)>& prepare);
  ~Database();

  int threads() const { return threads_; }

  // A connection from the pool, or a new one.
  std::unique_ptr<Connection> acquire();
  // Takes it back. Only a connection whose last result was read to its end may come back: an abandoned
  // stream would keep its scan, and so a snapshot, alive. Others are simply destroyed.
  void release(std::unique_ptr<Connection> connection);

 private:
  static constexpr size_t kMaxIdleConnections = 64;

  duckdb_database database_ = nullptr;
  int threads_ = 1;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

// A connection on loan from a database.
class ConnectionLease {
 public:
  ConnectionLease() = default;
  explicit ConnectionLease(Database& database)
      : database_(&database), connection_(database.acquire()) {}
  ConnectionLease(ConnectionLease&&) = default;
  ConnectionLease& operator=(ConnectionLease&&) = delete;
  ~ConnectionLease() {
    if (connection_ != nullptr && is_clean_) database_->release(std::move(connection_));
  }

  Connection* operator->() const { return connection_.get(); }
  // Whether the connection may serve others (see Database::release); it may until said otherwise.
  void set_clean(bool is_clean) { is_clean_ = is_clean; }

 private:
  Database* database_ = nullptr;
  std::unique_ptr<Connection> connection_;
  bool is_clean_ = true;
};

// Throws when the library that was loaded is not the one this program was built for.
void check_duckdb_version();

}  // namespace rivulet::query
