#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/handles.h"

// The pool of connections to one in-memory database.
namespace rivulet::duckdb {

// One connection. Used by one thread at a time, but for duckdb_interrupt.
class Connection {
 public:
  explicit Connection(duckdb_database database);
  ~Connection() { duckdb_disconnect(&connection_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  duckdb_connection get() const { return connection_; }

  // Both throw EngineError.
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
  // That the engine holds, of its memory limit.
  uint64_t memory_bytes();

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

}  // namespace rivulet::duckdb
