#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "activity/query_registry.h"
#include "common/clock.h"
#include "kql/kql.h"
#include "store/store.h"
#include "types/column_batch.h"

namespace rivulet::query {

struct EngineOptions {
  uint64_t memory_limit_bytes = 0;  // 0: the share of default_memory()
  int threads = 0;                  // 0: the number of cores
  std::filesystem::path temp_directory;
  std::filesystem::path extent_directory;  // the only place outside temp_directory that it may read
};

struct QueryRequest {
  std::string text;
  std::string database;
  Ticks now = 0;
  std::map<std::string, std::string> parameters;
  // What the request asks for; `set` statements of the text go on from it.
  kql::RequestProperties properties;
  // What holds where these say nothing; 0: no limit. The longest timeout that they may ask for.
  std::chrono::milliseconds timeout{240'000};
  std::chrono::milliseconds max_timeout{3'600'000};
  uint64_t max_records = 500'000;
  uint64_t max_bytes = 64ull << 20;
  // Rows that the pipeline starts from (".show tables | where …"); null for a plain query.
  std::shared_ptr<const ResultTable> input;
  // Called once, before the query is planned, with what cancels it: from any thread, as long as the engine
  // lives. May be empty.
  std::function<void(std::function<void()> cancel)> on_start;
  // Who asks, for `.show queries` and `.cancel query`.
  std::string client_activity_id;
  std::string root_activity_id;
  std::string user;
  std::string application;
};

// One tabular result, read forward once. Not thread-safe, but may move between threads.
class ResultStream {
 public:
  virtual ~ResultStream() = default;
  virtual const std::vector<ResultColumn>& columns() const = 0;
  // The next rows: valid until the next call; row count 0 at the end. Throws Error (cancelled, timed
  // out, limits_exceeded, out of memory …); the stream is then finished. It is over once its
  // RunningQuery is destroyed.
  struct Chunk {
    size_t row_count = 0;
    std::vector<ColumnView> columns;
    const ResultTable::NullTexts* null_texts = nullptr;  // not for the rows of a query
  };
  virtual Chunk next() = 0;
};

// A query under way: its statements' results in order. Destroying it cancels what runs.
class RunningQuery {
 public:
  virtual ~RunningQuery() = default;
  virtual size_t result_count() const = 0;
  // What the i-th statement asks to be drawn; at any time.
  virtual const kql::Visualization& visualization(size_t i) const = 0;
  // Starts the i-th statement; each may be taken once, in order, after the earlier one was read.
  virtual std::unique_ptr<ResultStream> result(size_t i) = 0;
  // When the time of the statement that began last is over; before any has, the first one's.
  virtual std::chrono::steady_clock::time_point deadline() const {
    return std::chrono::steady_clock::time_point::max();
  }
  // From any thread: what runs ends soon with `cancelled`.
  virtual void cancel() = 0;
};

// What all queries hold of the engine's memory limit.
struct EngineMemory {
  uint64_t engine_bytes = 0;
  uint64_t function_bytes =
      0;  // values that functions make, states of aggregates, parsing and planning
};

// Runs KQL over a snapshot of the store. Thread-safe; each query works on the caller's thread, but for the planning
// of a long statement. Outlives its queries.
class Engine {
 public:
  // Throws std::runtime_error when the engine's library is not the right one, or does not open.
  static std::unique_ptr<Engine> open(const EngineOptions& options, const store::Store& store,
                                      const Clock& clock);
  virtual ~Engine() = default;
  // Binds, takes one snapshot for all statements (P8), and prepares. Throws Error.
  virtual std::unique_ptr<RunningQuery> start(const QueryRequest& request) = 0;
  // What runs and what ran last.
  virtual activity::QueryRegistry& queries() = 0;
  virtual EngineMemory memory() = 0;
  // Once no query is left: waits for what the engine still plans for queries that were stopped. False when the time is
  // over before; the destructor would wait on.
  virtual bool finish(std::chrono::milliseconds) { return true; }
};

}  // namespace rivulet::query
