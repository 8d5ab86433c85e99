#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "common/error.h"
#include "duckdb/database.h"
#include "functions/query_control.h"
#include "query/engine.h"
#include "query/planning_threads.h"
#include "query/scan.h"
#include "query/source_sql.h"

namespace rivulet::query {

// What cuts a statement short.
struct StatementLimits {
  uint64_t max_records = 0;       // more is an error; 0: no limit
  uint64_t max_bytes = 0;         // likewise, of cells and text
  uint64_t take_max_records = 0;  // the rest is dropped; 0: no limit
  functions::QueryControl::Deadline deadline = functions::QueryControl::Deadline::max();
};

// What the statements of one query have in common. Shared by the query and its streams, so that a
// stream's memory does not depend on the order in which they go away.
struct QueryContext {
  QueryContext(functions::Watchdog& watchdog, activity::QueryRegistry& registry,
               functions::MemoryAccount& memory, functions::QueryControl::Deadline deadline);
  ~QueryContext();

  // Ends the query for the registry: why it failed, or how it was stopped.
  void fail(const std::exception_ptr& failure);

  functions::Watchdog& watchdog;
  activity::QueryRegistry& registry;
  const std::shared_ptr<functions::QueryControl> control;
  uint64_t registry_id = 0;
  uint64_t text_bytes = 0;  // of the query
  // The query holds h'…', which its SQL has in plain: that is not logged then.
  bool has_secrets = false;
  std::atomic<int> open_streams = 0;  // started and not at their end
};

// A statement that was planned over a snapshot, on a connection of its own. Shared by who runs it and the thread that
// plans it, which may have to go on alone.
class PreparedRun : public std::enable_shared_from_this<PreparedRun> {
 public:
  struct Engines {
    duckdb::Database& light;
    duckdb::Database& heavy;
    ScanRegistry& scans;
    PlanningThreads& planning;
  };
  // Plans it. Throws Error.
  static std::shared_ptr<PreparedRun> make(std::shared_ptr<QueryContext> context,
                                           kql::BoundStatement statement,
                                           const StatementLimits& limits,
                                           const store::Snapshot& snapshot,
                                           const std::shared_ptr<const InputChunks>& input,
                                           const Engines& engines);
  // Starts it and gives its rows; once.
  std::unique_ptr<ResultStream> run();

  const kql::BoundStatement& statement() const { return statement_; }

 private:
  friend class StatementStream;

  PreparedRun(std::shared_ptr<QueryContext> context, kql::BoundStatement statement,
              const StatementLimits& limits, const store::Snapshot& snapshot,
              const std::shared_ptr<const InputChunks>& input, const Engines& engines);
  struct Plan {
    duckdb::ConnectionLease connection;
    duckdb::PreparedStatement prepared;
  };
  // Sets plan_. Throws EngineError, and the query's stop_error().
  void plan(duckdb::Database& database);
  // Changes nothing, since it may go on for a query that is over.
  Plan prepare(duckdb::Database& database) const;
  // Plans it again where there is more memory; false when it is there already. Throws as plan().
  bool move_to_more_memory();

  // The Error for what the engine failed with: of an extent whose file is not what it was, its own.
  Error error_of(duckdb_error_type type, std::string_view message) const;
  // The SQL as it may be logged; empty when it may not.
  std::string_view logged_sql() const {
    return context_->has_secrets ? std::string_view() : statement_.sql;
  }

  std::shared_ptr<QueryContext> context_;
  functions::MemoryCharge plan_memory_;
  kql::BoundStatement statement_;
  StatementLimits limits_;
  ComposedStatement composed_;
  ScanRegistration scan_;
  PlanningThreads& planning_;
  std::optional<Plan> plan_;             // none while it is made
  duckdb::Database* heavier_ = nullptr;  // with more memory than where it is now
};

}  // namespace rivulet::query
