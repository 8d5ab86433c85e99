#include "query/engine.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "common/memory_budget.h"
#include "functions/register.h"
#include "kql/syntax/lexer.h"
#include "query/error_mapping.h"
#include "query/statement_run.h"

namespace rivulet::query {

using functions::QueryControl;
namespace {

// How often a query is bound again because the schema changed between binding and the snapshot.
constexpr int kMaxBindings = 20;
// The part of what the functions leave of the memory limit that the light database may take; the other database
// has the rest.
constexpr uint64_t kLightMemoryShare = 4;
// What the tokens of a text and the tree and SQL that become of them take while it is bound: 300 to 480 bytes were
// measured for a token. Shorter texts are not counted.
constexpr uint64_t kBoundBytesPerToken = 500;
constexpr size_t kLeastCountedText = 64 << 10;
constexpr uint64_t kBoundBytesStep = 1 << 20;
// So many plans of queries that are over may be under way.
constexpr int kPlansLeft = 4;

MemoryBudget memory_of(const EngineOptions& options) {
  return options.memory_limit_bytes > 0 ? MemoryBudget{.query_bytes = options.memory_limit_bytes}
                                        : default_memory();
}

uint64_t bound_bytes(std::string_view text) {
  if (text.size() < kLeastCountedText) return 0;
  uint64_t tokens = 0;
  try {
    for (kql::Lexer lexer(text); lexer.next().kind != kql::Token::Kind::kEnd;) ++tokens;
  } catch (const Error&) {
    // Told by who binds it.
  }
  return tokens * kBoundBytesPerToken;
}

void add_tables(const kql::BoundStatement& statement, std::set<catalog::TableId>& tables) {
  for (const kql::Source& source : statement.sources) {
    if (source.kind == kql::Source::Kind::kTable) tables.insert(source.table);
    for (const kql::Source::Part& part : source.parts) tables.insert(part.table);
  }
}

QueryControl::Deadline deadline_of(const QueryRequest& request,
                                   const kql::RequestProperties& properties,
                                   QueryControl::Deadline started) {
  auto timeout = properties.effective_timeout(request.timeout, request.max_timeout);
  return timeout.count() > 0 ? started + timeout : QueryControl::Deadline::max();
}

// `properties`: the request's with what the text set.
StatementLimits limits_of(const QueryRequest& request, const kql::RequestProperties& properties,
                          QueryControl::Deadline started) {
  return {properties.effective_max_records(request.max_records),
          properties.effective_max_bytes(request.max_bytes), properties.take_max_records,
          deadline_of(request, properties, started)};
}

// Thrown by a probe that sees another catalog than the one being bound with.
struct CatalogChanged {};

class RunningQueryImpl : public RunningQuery {
 public:
  RunningQueryImpl(std::shared_ptr<QueryContext> context,
                   std::vector<std::shared_ptr<PreparedRun>> runs)
      : context_(std::move(context)), runs_(std::move(runs)) {
    for (const auto& run : runs_) visualizations_.push_back(run->statement().visualization);
  }
  ~RunningQueryImpl() override {
    if (context_->open_streams > 0) cancel();
  }

  size_t result_count() const override { return runs_.size(); }
  const kql::Visualization& visualization(size_t i) const override { return visualizations_.at(i); }
  std::unique_ptr<ResultStream> result(size_t i) override {
    if (runs_.at(i) == nullptr) throw internal_error("A query's result was asked for twice.");
    return std::exchange(runs_[i], nullptr)->run();
  }
  std::chrono::steady_clock::time_point deadline() const override {
    return context_->control->deadline();
  }
  void cancel() override {
    context_->watchdog.stop(context_->control, QueryControl::Stop::kCancelled);
  }

 private:
  std::shared_ptr<QueryContext> context_;
  std::vector<std::shared_ptr<PreparedRun>> runs_;
  std::vector<kql::Visualization> visualizations_;
};

class EngineImpl : public Engine {
 public:
  EngineImpl(const EngineOptions& options, const store::Store& store, const Clock& clock)
      : store_(store), queries_(clock), native_memory_(memory_of(options).function_bytes()) {
    duckdb::check_duckdb_version();
    int threads = options.threads > 0 ? options.threads
                                      : static_cast<int>(std::thread::hardware_concurrency());
    uint64_t memory = memory_of(options).query_bytes - native_memory_.limit_bytes();
    uint64_t light_memory = threads > 1 ? memory / kLightMemoryShare : memory;
    light_ = open_database(options, "light", 1, light_memory);
    if (threads > 1) heavy_ = open_database(options, "heavy", threads, memory - light_memory);
  }

  std::unique_ptr<RunningQuery> start(const QueryRequest& request) override {
    const auto started = std::chrono::steady_clock::now();
    auto context = std::make_shared<QueryContext>(
        watchdog_, queries_, native_memory_, deadline_of(request, request.properties, started));
    context->text_bytes = request.text.size();
    activity::QueryRecord record;
    record.client_activity_id = request.client_activity_id;
    record.root_activity_id = request.root_activity_id;
    record.text = kql::hide_secrets(request.text);
    context->has_secrets = record.text != request.text;
    record.database = request.database;
    record.user = request.user;
    record.application = request.application;
    const auto cancel = [this, control = context->control] {
      watchdog_.stop(control, QueryControl::Stop::kCancelled);
    };
    context->registry_id = queries_.add(std::move(record), cancel);
    if (request.on_start) request.on_start(cancel);
    try {
      return bind_and_prepare(request, started, context);
    } catch (...) {
      context->fail(std::current_exception());
      throw;
    }
  }

  activity::QueryRegistry& queries() override { return queries_; }

  bool finish(std::chrono::milliseconds limit) override { return planning_.wait_for_all(limit); }

  EngineMemory memory() override {
    return {light_->memory_bytes() + (heavy_ ? heavy_->memory_bytes() : 0),
            native_memory_.used_bytes()};
  }

 private:
  std::unique_ptr<duckdb::Database> open_database(const EngineOptions& options, const char* name,
                                                  int threads, uint64_t memory_bytes) {
    duckdb::DatabaseOptions settings;
    settings.threads = threads;
    settings.memory_limit_bytes = memory_bytes;
    if (!options.temp_directory.empty()) settings.temp_directory = options.temp_directory / name;
    settings.extent_directory = options.extent_directory;
    return std::make_unique<duckdb::Database>(settings, [&](duckdb::Connection& connection) {
      register_scan(connection, scans_, threads);
      functions::register_functions(connection.get());
    });
  }

  std::shared_ptr<PreparedRun> prepare(std::shared_ptr<QueryContext> context,
                                       kql::BoundStatement statement, const StatementLimits& limits,
                                       const store::Snapshot& snapshot,
                                       const std::shared_ptr<const InputChunks>& input) {
    return PreparedRun::make(std::move(context), std::move(statement), limits, snapshot, input,
                             {*light_, heavy_ != nullptr ? *heavy_ : *light_, scans_, planning_});
  }

  // A probe sees all rows, whatever of the result a client wants; what they may take is bounded all the same.
  ResultTable probe(const QueryRequest& request, const std::shared_ptr<QueryContext>& context,
                    const kql::BoundStatement& statement, const store::Snapshot& snapshot,
                    const std::shared_ptr<const InputChunks>& input) {
    StatementLimits limits{request.max_records, request.max_bytes, 0, context->control->deadline()};
    auto stream = prepare(context, statement, limits, snapshot, input)->run();
    ResultTable table(statement.name, statement.columns);
    for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
      for (size_t i = 0; i < chunk.columns.size(); ++i) {
        table.rows.column(i).append_from(chunk.columns[i], 0, chunk.row_count);
      }
    }
    return table;
  }

  std::unique_ptr<RunningQuery> bind_and_prepare(const QueryRequest& request,
                                                 QueryControl::Deadline started,
                                                 const std::shared_ptr<QueryContext>& context) {
    std::shared_ptr<const InputChunks> input;
    if (request.input != nullptr) input = std::make_shared<InputChunks>(request.input);
    kql::BindOptions options;
    options.database = request.database;
    options.now = request.now;
    options.parameters = request.parameters;
    options.properties = request.properties;
    if (request.input != nullptr) options.input = &request.input->columns;
    options.check_stop = [control = context->control.get()] {
      if (control->stop() != QueryControl::Stop::kNone)
        throw functions::stop_error(control->stop());
    };

    // What a query reads is known only when it is bound, and it must be bound with the catalog of the
    // snapshot that it then reads: bind, take the snapshot, and bind again in the rare case that the
    // schema has changed between the two. A query that probes is always bound twice, so that its probes
    // see the same moment as the query itself.
    std::shared_ptr<const catalog::Catalog> catalog = store_.catalog();
    std::shared_ptr<const store::Snapshot> snapshot;
    std::set<catalog::TableId> tables;  // those of the snapshot
    const uint64_t binding_bytes = bound_bytes(request.text);
    functions::MemoryCharge binding({context->control, &context->control->memory()},
                                    kBoundBytesStep);
    for (int attempt = 0; attempt < kMaxBindings; ++attempt) {
      bool has_probed_elsewhere = false;
      std::set<catalog::TableId> wanted;
      options.probe = [&](const kql::BoundStatement& statement) {
        add_tables(statement, wanted);
        if (snapshot != nullptr &&
            std::includes(tables.begin(), tables.end(), wanted.begin(), wanted.end())) {
          return probe(request, context, statement, *snapshot, input);
        }
        has_probed_elsewhere = true;
        auto own = take_snapshot(wanted);
        if (own->catalog() != catalog) throw CatalogChanged();
        return probe(request, context, statement, *own, input);
      };
      std::vector<kql::BoundStatement> statements;
      binding.set(binding_bytes);
      try {
        statements = kql::bind_query(request.text, *catalog, options);
      } catch (const CatalogChanged&) {
        catalog = store_.catalog();
        snapshot = nullptr;
        continue;
      }
      if (context->control->stop() != QueryControl::Stop::kNone)
        throw functions::stop_error(context->control->stop());
      binding.set(0);  // planning is counted on its own
      for (const auto& statement : statements) add_tables(statement, wanted);
      bool is_covered = snapshot != nullptr &&
                        std::includes(tables.begin(), tables.end(), wanted.begin(), wanted.end());
      if (!is_covered || has_probed_elsewhere) {
        snapshot = take_snapshot(wanted);
        tables = std::move(wanted);
        if (snapshot->catalog() != catalog || has_probed_elsewhere) {
          catalog = snapshot->catalog();
          continue;
        }
      }
      std::vector<std::shared_ptr<PreparedRun>> runs;
      runs.reserve(statements.size());
      for (auto& statement : statements) {
        StatementLimits limits = limits_of(request, statement.properties, started);
        if (runs.empty()) context->control->set_deadline(limits.deadline);
        runs.push_back(prepare(context, std::move(statement), limits, *snapshot, input));
      }
      return std::make_unique<RunningQueryImpl>(context, std::move(runs));
    }
    throw unavailable("The schema changes too fast for the query to be bound: try again.");
  }

  std::shared_ptr<const store::Snapshot> take_snapshot(
      const std::set<catalog::TableId>& tables) const {
    std::vector<catalog::TableId> ids(tables.begin(), tables.end());
    return store_.snapshot(ids);
  }

  const store::Store& store_;
  activity::QueryRegistry queries_;
  functions::MemoryAccount native_memory_;
  functions::Watchdog watchdog_;
  ScanRegistry scans_;
  std::unique_ptr<duckdb::Database> light_;
  std::unique_ptr<duckdb::Database> heavy_;  // null with one thread: the light one does all
  PlanningThreads planning_{kPlansLeft};     // goes first, since plans use all of the above
};

}  // namespace

std::unique_ptr<Engine> Engine::open(const EngineOptions& options, const store::Store& store,
                                     const Clock& clock) {
  return std::make_unique<EngineImpl>(options, store, clock);
}

}  // namespace rivulet::query
