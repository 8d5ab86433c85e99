#include "query/statement_run.h"

#include <malloc.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "duckdb/logical_type.h"
#include "duckdb/sql_text.h"
#include "extents/duckdb_engine.h"
#include "functions/native_call.h"
#include "kql/sql/expr.h"
#include "query/error_mapping.h"

namespace rivulet::query {

using functions::QueryControl;
namespace {

// From this many rows on a statement is worth the engine with several threads; below, waking them costs
// more than they save.
constexpr uint64_t kHeavyRows = 200'000;

bool has_type(duckdb_logical_type found, ScalarType declared) {
  duckdb::LogicalType wanted = duckdb::logical_type(declared);
  duckdb_type id = duckdb_get_type_id(found);
  if (id != duckdb_get_type_id(wanted.get())) return false;
  return id != DUCKDB_TYPE_DECIMAL ||
         (duckdb_decimal_width(found) == 38 && duckdb_decimal_scale(found) == kDecimalScale);
}

// A long that arithmetic made wider, such as the sum of longs, wraps around as 64-bit arithmetic does.
std::string wrap_to_long(const std::string& column) {
  return fmt::format(
      "CAST(CASE WHEN {0} BETWEEN -9223372036854775808::HUGEINT AND 9223372036854775807::HUGEINT "
      "THEN {0} "
      "ELSE ((({0} % 18446744073709551616::HUGEINT) + 27670116110564327424::HUGEINT) % "
      "18446744073709551616::HUGEINT) - 9223372036854775808::HUGEINT END AS BIGINT)",
      column);
}

// The statement with every column cast to its declared type. Rows keep their order: a projection does
// not change it.
std::string with_declared_types(const kql::BoundStatement& statement,
                                duckdb_prepared_statement prepared) {
  std::string select = "SELECT ";
  std::string names;
  for (size_t i = 0; i < statement.columns.size(); ++i) {
    if (i > 0) select += ", ", names += ", ";
    std::string name = "o" + std::to_string(i);
    names += name;
    duckdb::LogicalType found(duckdb_prepared_statement_column_logical_type(prepared, i));
    ScalarType declared = statement.columns[i].type;
    if (has_type(found.get(), declared)) {
      select += name;
    } else if (duckdb::sql_type(declared) == "BIGINT" &&
               duckdb_get_type_id(found.get()) == DUCKDB_TYPE_HUGEINT) {
      select += wrap_to_long(name);
    } else {
      fmt::format_to(std::back_inserter(select), "CAST({} AS {})", name,
                     duckdb::sql_type(declared));
    }
  }
  return fmt::format("{} FROM ({}) AS r({})", select, statement.sql, names);
}

uint64_t chunk_bytes(const ResultStream::Chunk& chunk) {
  uint64_t bytes = 0;
  for (const ColumnView& column : chunk.columns) {
    if (!is_text(column.type)) {
      bytes += chunk.row_count * cell_size(column.type);
      continue;
    }
    const auto* cells = static_cast<const StringRef*>(column.cells);
    for (size_t row = 0; row < chunk.row_count; ++row) {
      if (!column.is_null(row)) bytes += cells[row].size;
    }
  }
  return bytes;
}

// What the engine takes to plan a statement, which its memory limit does not count: 80 to 300 bytes were measured
// for a byte of SQL, mostly literals. Statements below a few KiB are not counted.
constexpr uint64_t kPlanBytesPerSqlByte = 100;
constexpr uint64_t kLeastPlanBytes = 1 << 20;
// A query that held so much has the heap give back what is free.
constexpr uint64_t kTrimmedBytes = 16 << 20;

// While a connection prepares or starts a statement: what ends the query reaches it, and the functions that it
// binds work for the query.
class EngineWork {
 public:
  EngineWork(QueryContext& context, duckdb_connection connection)
      : control_(*context.control), planning_(context.control) {
    control_.attach(connection);
  }
  ~EngineWork() { control_.detach(); }
  EngineWork(const EngineWork&) = delete;
  EngineWork& operator=(const EngineWork&) = delete;

 private:
  QueryControl& control_;
  functions::PlanningScope planning_;
};

}  // namespace

// The rows of one statement, as DuckDB streams them.
class StatementStream : public ResultStream {
 public:
  explicit StatementStream(std::shared_ptr<PreparedRun> run) : run_(std::move(run)) {
    QueryContext& context = *run_->context_;
    context.control->set_deadline(run_->limits_.deadline);
    ++context.open_streams;
    guarded([&] {
      if (context.control->stop() != QueryControl::Stop::kNone)
        throw functions::stop_error(context.control->stop());
      start();
    });
  }

  ~StatementStream() override {
    if (!is_finished_) end(false);
  }

  const std::vector<ResultColumn>& columns() const override { return run_->statement_.columns; }

  Chunk next() override {
    Chunk chunk;
    if (is_finished_) return chunk;
    guarded([&] {
      chunk = fetch();
      count(chunk);
    });
    return chunk;
  }

 private:
  // Whatever `work` throws ends the statement and the query: nothing outside may reach the connection any more, which
  // goes away with this.
  template <typename Work>
  void guarded(Work work) {
    try {
      work();
    } catch (...) {
      end(false);
      run_->context_->fail(std::current_exception());
      throw;
    }
  }

  // A failure in the engine's words.
  struct Failure {
    duckdb_error_type type;
    std::string message;
  };
  static Failure failure_of(duckdb::Result& result) {
    const char* message = duckdb_result_error(result.get());
    return {duckdb_result_error_type(result.get()), message != nullptr ? message : "unknown"};
  }

  std::optional<Failure> execute(duckdb::Result& result) {
    const functions::PlanningScope planning(run_->context_->control);
    duckdb::PendingResult pending;
    if (duckdb_pending_prepared_streaming(run_->plan_->prepared.get(), pending.out()) !=
        DuckDBSuccess) {
      const char* message = duckdb_pending_error(pending.get());
      return Failure{DUCKDB_ERROR_INVALID, message != nullptr ? message : "unknown"};
    }
    if (duckdb_execute_pending(pending.get(), result.get()) != DuckDBSuccess)
      return failure_of(result);
    return std::nullopt;
  }

  void start() {
    run_->plan_->connection.set_clean(false);
    run_->context_->control->attach(run_->plan_->connection->get());
    if (std::optional<Failure> failure = execute(result_)) recover(*failure);
  }

  // A statement for which memory was short before it gave a row runs again where there is more. Throws what the failure
  // is to the client otherwise.
  void recover(const Failure& failure) {
    const QueryControl& control = *run_->context_->control;
    if (rows_ > 0 || control.stop() != QueryControl::Stop::kNone ||
        !is_out_of_memory(failure.type, failure.message)) {
      fail(failure);
    }
    run_->context_->control->detach();
    result_.reset();
    bool has_moved = false;
    try {
      has_moved = run_->move_to_more_memory();
    } catch (const duckdb::EngineError& error) {
      fail({error.type(), error.what()});
    }
    if (!has_moved) fail(failure);
    start();
  }

  // A worker of DuckDB 1.5.6 that fails interrupts the reader of its stream, which may come to notice that before
  // the worker's error and then tells only that it was interrupted. Running the statement again tells the error.
  [[noreturn]] void fail_interrupted() {
    constexpr int kAttempts = 10;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      duckdb::Result result;
      if (std::optional<Failure> failure = execute(result)) fail(*failure);
      duckdb::DataChunk chunk;
      do {
        if (run_->context_->control->stop() != QueryControl::Stop::kNone) break;
        *chunk.out() = duckdb_fetch_chunk(*result.get());
      } while (chunk);
      throw_failure();
      Failure failure = failure_of(result);
      if (failure.type != DUCKDB_ERROR_INTERRUPT) fail(failure);
    }
    fail({DUCKDB_ERROR_INTERNAL, "interrupted, and run again to its end"});
  }

  // What the scan or a native function threw, of which the engine has the words only.
  void throw_failure() const {
    if (run_->composed_.sources) run_->composed_.sources->throw_failure();
    run_->context_->control->throw_failure();
  }

  [[noreturn]] void fail(const Failure& failure) {
    throw_failure();
    bool is_stopped = run_->context_->control->stop() != QueryControl::Stop::kNone;
    if (failure.type == DUCKDB_ERROR_INTERRUPT && !is_stopped &&
        !std::exchange(is_run_again_, true)) {
      fail_interrupted();
    }
    throw run_->error_of(failure.type, failure.message);
  }

  void end(bool is_clean) {
    is_finished_ = true;
    chunk_.reset();
    --run_->context_->open_streams;
    // Without a plan the connection that is attached, if any, is that of a plan that was left behind.
    if (!run_->plan_) return;
    run_->context_->control->detach();
    run_->plan_->connection.set_clean(is_clean);
  }

  Chunk fetch() {
    const QueryControl& control = *run_->context_->control;
    if (control.stop() != QueryControl::Stop::kNone) throw functions::stop_error(control.stop());
    chunk_.reset();
    *chunk_.out() = duckdb_fetch_chunk(*result_.get());
    if (!chunk_) {
      const char* message = duckdb_result_error(result_.get());
      if (message != nullptr && *message != '\0') {
        recover(failure_of(result_));
        return fetch();
      }
      if (control.stop() != QueryControl::Stop::kNone) throw functions::stop_error(control.stop());
      end(true);
      return {};
    }
    Chunk chunk;
    chunk.row_count = duckdb_data_chunk_get_size(chunk_.get());
    chunk.columns.reserve(columns().size());
    for (size_t i = 0; i < columns().size(); ++i) chunk.columns.push_back(view(i, chunk.row_count));
    return chunk;
  }

  ColumnView view(size_t column, size_t rows) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk_.get(), column);
    ColumnView view{columns()[column].type, duckdb_vector_get_data(vector),
                    duckdb_vector_get_validity(vector)};
    if (view.type == ScalarType::kString && view.validity != nullptr) {
      // A string is never null for Kusto's clients.
      auto* cells = static_cast<StringRef*>(duckdb_vector_get_data(vector));
      for (size_t row = 0; row < rows; ++row) {
        if (view.is_null(row)) cells[row] = StringRef();
      }
      view.validity = nullptr;
    }
    return view;
  }

  void count(Chunk& chunk) {
    const StatementLimits& limits = run_->limits_;
    if (chunk.row_count == 0) {
      report();
      return;
    }
    if (limits.take_max_records > 0 && rows_ + chunk.row_count > limits.take_max_records) {
      chunk.row_count = limits.take_max_records - rows_;
      if (chunk.row_count == 0) {
        chunk.columns.clear();
        end(false);
        report();
        return;
      }
    }
    rows_ += chunk.row_count;
    bytes_ += chunk_bytes(chunk);
    if (limits.max_records > 0 && rows_ > limits.max_records) {
      throw limits_exceeded(
          fmt::format("Query result set has exceeded the internal record count limit {} "
                      "(E_QUERY_RESULT_SET_TOO_LARGE; see https://aka.ms/kustoquerylimits)",
                      limits.max_records));
    }
    if (limits.max_bytes > 0 && bytes_ > limits.max_bytes) {
      throw limits_exceeded(
          fmt::format("Query result set has exceeded the internal data size limit {} "
                      "(E_QUERY_RESULT_SET_TOO_LARGE; see https://aka.ms/kustoquerylimits)",
                      limits.max_bytes));
    }
  }

  void report() {
    run_->context_->registry.update(run_->context_->registry_id,
                                    [&](activity::QueryRecord& record) {
                                      record.result_rows += rows_;
                                      record.result_bytes += bytes_;
                                    });
  }

  std::shared_ptr<PreparedRun> run_;
  duckdb::Result result_;
  duckdb::DataChunk chunk_;
  bool is_finished_ = false;
  bool is_run_again_ = false;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

QueryContext::QueryContext(functions::Watchdog& query_watchdog,
                           activity::QueryRegistry& query_registry,
                           functions::MemoryAccount& memory, QueryControl::Deadline deadline)
    : watchdog(query_watchdog),
      registry(query_registry),
      control(QueryControl::make(deadline, memory)) {
  watchdog.add(control);
}

QueryContext::~QueryContext() {
  watchdog.remove(control.get());
  // What the heap keeps of many small pieces, or of few large ones, would not go back by itself.
  if (control->memory().peak_bytes() >= kTrimmedBytes ||
      kPlanBytesPerSqlByte * text_bytes >= kTrimmedBytes) {
    malloc_trim(0);
  }
  switch (control->stop()) {
    case QueryControl::Stop::kNone:
      registry.finish(registry_id, activity::QueryState::kCompleted);
      break;
    case QueryControl::Stop::kCancelled:
      registry.finish(registry_id, activity::QueryState::kCancelled, "cancelled");
      break;
    case QueryControl::Stop::kTimedOut:
      registry.finish(registry_id, activity::QueryState::kFailed,
                      functions::stop_error(control->stop()).message());
      break;
  }
}

void QueryContext::fail(const std::exception_ptr& failure) {
  std::string reason = "The server failed to carry out the query.";
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    reason = error.message();
  } catch (...) {
    // A fault of ours, which the log tells.
  }
  const bool is_cancelled = control->stop() == QueryControl::Stop::kCancelled;
  registry.finish(registry_id,
                  is_cancelled ? activity::QueryState::kCancelled : activity::QueryState::kFailed,
                  std::move(reason));
}

PreparedRun::PreparedRun(std::shared_ptr<QueryContext> context, kql::BoundStatement statement,
                         const StatementLimits& limits, const store::Snapshot& snapshot,
                         const std::shared_ptr<const InputChunks>& input, const Engines& engines)
    : context_(std::move(context)),
      plan_memory_({context_->control, &context_->control->memory()}, kLeastPlanBytes),
      statement_(std::move(statement)),
      limits_(limits),
      scan_(engines.scans),
      planning_(engines.planning) {
  plan_memory_.set(kPlanBytesPerSqlByte * statement_.sql.size());
  composed_ = compose(statement_, snapshot, input, scan_.id());
  scan_.set(composed_.sources);
  context_->registry.update(context_->registry_id, [&](activity::QueryRecord& record) {
    record.scanned_rows += composed_.row_count;
    record.extents_total += composed_.extents_total;
    record.extents_scanned += composed_.extents.size();
  });
  for (const auto& [extent, columns] : composed_.extents) {
    if (context_->control->stop() != QueryControl::Stop::kNone) {
      throw functions::stop_error(context_->control->stop());
    }
    extent->verify(*columns);
  }
}

std::shared_ptr<PreparedRun> PreparedRun::make(std::shared_ptr<QueryContext> context,
                                               kql::BoundStatement statement,
                                               const StatementLimits& limits,
                                               const store::Snapshot& snapshot,
                                               const std::shared_ptr<const InputChunks>& input,
                                               const Engines& engines) {
  std::shared_ptr<PreparedRun> run(
      new PreparedRun(std::move(context), std::move(statement), limits, snapshot, input, engines));
  const bool is_heavy = run->composed_.row_count >= kHeavyRows;
  if (!is_heavy && &engines.heavy != &engines.light) run->heavier_ = &engines.heavy;
  try {
    run->plan(is_heavy ? engines.heavy : engines.light);
  } catch (const duckdb::EngineError& error) {
    run->context_->control->throw_failure();
    throw run->error_of(error.type(), error.what());
  }
  return run;
}

Error PreparedRun::error_of(duckdb_error_type type, std::string_view message) const {
  const QueryControl& control = *context_->control;
  if (is_of_a_file(type, message)) {
    // The file of an extent may have gone, or changed, since it was verified.
    for (const auto& [extent, columns] : composed_.extents) {
      if (control.stop() != QueryControl::Stop::kNone) break;
      try {
        extent->verify_again(*columns);
      } catch (const Error& error) {
        return error;
      } catch (const IoError& error) {
        spdlog::error("An extent could not be looked at: {}", error.what());
      }
    }
  }
  return query_error(type, message, control.stop(), logged_sql());
}

void PreparedRun::plan(duckdb::Database& database) {
  if (composed_.with.size() + statement_.sql.size() < PlanningThreads::kLongSql) {
    plan_.emplace(prepare(database));
    return;
  }
  auto made = std::make_shared<std::optional<Plan>>();
  planning_.run(*context_->control, [self = shared_from_this(), &database, made] {
    made->emplace(self->prepare(database));
  });
  plan_.emplace(std::move(**made));
}

PreparedRun::Plan PreparedRun::prepare(duckdb::Database& database) const {
  Plan plan{duckdb::ConnectionLease(database), {}};
  const EngineWork work(*context_, plan.connection->get());
  plan.prepared = plan.connection->prepare(composed_.with + statement_.sql);
  idx_t count = duckdb_prepared_statement_column_count(plan.prepared.get());
  if (count != statement_.columns.size()) {
    spdlog::error("query: {} columns are declared, but the SQL has {}: {}",
                  statement_.columns.size(), count, logged_sql());
    throw internal_error("A query's declared columns differ from those of its plan.");
  }
  bool matches = true;
  for (idx_t i = 0; i < count && matches; ++i) {
    duckdb::LogicalType found(
        duckdb_prepared_statement_column_logical_type(plan.prepared.get(), i));
    matches = has_type(found.get(), statement_.columns[i].type);
  }
  if (!matches) {
    spdlog::debug("query: column types differ from the declared ones: {}", logged_sql());
    plan.prepared = plan.connection->prepare(composed_.with +
                                             with_declared_types(statement_, plan.prepared.get()));
  }
  return plan;
}

bool PreparedRun::move_to_more_memory() {
  if (heavier_ == nullptr) return false;
  duckdb::Database& database = *std::exchange(heavier_, nullptr);
  plan_.reset();
  plan(database);
  return true;
}

std::unique_ptr<ResultStream> PreparedRun::run() {
  return std::make_unique<StatementStream>(shared_from_this());
}

}  // namespace rivulet::query
