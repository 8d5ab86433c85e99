#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "duckdb/api.h"

// Owners for the handles of DuckDB's C API.
namespace rivulet::duckdb {

// A failure that DuckDB reported, in its own words: error_mapping.h makes an Error of it.
class EngineError : public std::runtime_error {
 public:
  EngineError(duckdb_error_type type, const char* message)
      : std::runtime_error(message != nullptr ? message : "unknown"), type_(type) {}
  duckdb_error_type type() const { return type_; }

 private:
  duckdb_error_type type_;
};

// Owns a handle of the C API; `destroy` takes a pointer to it.
template <typename CHandle, auto destroy>
class Handle {
 public:
  Handle() = default;
  explicit Handle(CHandle handle) : handle_(handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Handle() { reset(); }

  void reset() {
    if (handle_ != nullptr) destroy(&handle_);
    handle_ = nullptr;
  }
  CHandle get() const { return handle_; }
  // For calls that fill a handle in.
  CHandle* out() {
    reset();
    return &handle_;
  }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  CHandle handle_ = nullptr;
};

using LogicalType = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using Value = Handle<duckdb_value, duckdb_destroy_value>;
using DataChunk = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using PreparedStatement = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using PendingResult = Handle<duckdb_pending_result, duckdb_destroy_pending>;

// A result of the C API, which is a struct and not a handle.
class Result {
 public:
  Result() = default;
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  ~Result() { duckdb_destroy_result(&result_); }
  duckdb_result* get() { return &result_; }
  void reset() {
    duckdb_destroy_result(&result_);
    result_ = {};
  }

 private:
  duckdb_result result_{};
};

}  // namespace rivulet::duckdb
