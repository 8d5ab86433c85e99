#include "query/engine.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

#include "kql/lexer.h"
#include "query/error_mapping.h"
#include "query/functions/register.h"
#include "query/statement_run.h"

namespace rivulet::query {
namespace {

// How often a query is bound again because the schema changed between binding and the snapshot.
constexpr int kMaxBindings = 20;
// The light database's part of the memory limit; the other has the rest.
constexpr uint64_t kLightMemoryShare = 4;

uint64_t machine_memory_bytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
}

void add_tables(const kql::BoundStatement& statement, std::set<catalog::TableId>& tables) {
  for (const kql::Source& source : statement.sources) {
    if (source.kind == kql::Source::Kind::kTable) tables.insert(source.table);
    for (const kql::Source::Part& part : source.parts) tables.insert(part.table);
  }
}

// Thrown by a probe that sees another catalog than the one being bound with.
struct CatalogChanged {};

class RunningQueryImpl : public RunningQuery {
 public:
  RunningQueryImpl(std::shared_ptr<QueryContext> context,
                   std::vector<std::unique_ptr<PreparedRun>> runs)
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
    PreparedRun& run = *runs_[i];
    return run.run(std::move(runs_[i]));
  }
  void cancel() override {
    context_->watchdog.stop(context_->control, QueryControl::Stop::kCancelled);
  }

 private:
  std::shared_ptr<QueryContext> context_;
  std::vector<std::unique_ptr<PreparedRun>> runs_;
  std::vector<kql::Visualization> visualizations_;
};

class EngineImpl : public Engine {
 public:
  EngineImpl(const EngineOptions& options, const store::Store& store, const Clock& clock)
      : store_(store), queries_(clock) {
    check_duckdb_version();
    int threads = options.threads > 0 ? options.threads
                                      : static_cast<int>(std::thread::hardware_concurrency());
    uint64_t memory =
        options.memory_limit_bytes > 0 ? options.memory_limit_bytes : machine_memory_bytes() / 2;
    uint64_t light_memory = threads > 1 ? memory / kLightMemoryShare : memory;
    light_ = open_database(options, "light", 1, light_memory);
    if (threads > 1) heavy_ = open_database(options, "heavy", threads, memory - light_memory);
  }

  std::unique_ptr<RunningQuery> start(const QueryRequest& request) override {
    auto deadline = QueryControl::Deadline::max();
    if (request.timeout.count() > 0) deadline = std::chrono::steady_clock::now() + request.timeout;
    auto context = std::make_shared<QueryContext>(watchdog_, queries_, deadline);
    context->limits = {request.max_records, request.max_bytes, request.take_max_records};
    QueryRecord record;
    record.client_activity_id = request.client_activity_id;
    record.root_activity_id = request.root_activity_id;
    record.text = kql::hide_secrets(request.text);
    context->has_secrets = record.text != request.text;
    record.database = request.database;
    record.user = request.user;
    record.application = request.application;
    context->registry_id = queries_.add(std::move(record), [this, control = context->control] {
      watchdog_.stop(control, QueryControl::Stop::kCancelled);
    });
    try {
      return bind_and_prepare(request, context);
    } catch (const Error& error) {
      context->fail(error);
      throw;
    }
  }

  QueryRegistry& queries() override { return queries_; }

 private:
  std::unique_ptr<Database> open_database(const EngineOptions& options, const char* name,
                                          int threads, uint64_t memory_bytes) {
    DatabaseOptions settings;
    settings.threads = threads;
    settings.memory_limit_bytes = memory_bytes;
    if (!options.temp_directory.empty()) settings.temp_directory = options.temp_directory / name;
    settings.extent_directory = options.extent_directory;
    return std::make_unique<Database>(settings, [&](Connection& connection) {
      register_scan(connection, scans_, threads);
      register_functions(connection.get());
    });
  }

  std::unique_ptr<PreparedRun> prepare(std::shared_ptr<QueryContext> context,
                                       kql::BoundStatement statement,
                                       const store::Snapshot& snapshot,
                                       const std::shared_ptr<const InputChunks>& input) {
    return std::make_unique<PreparedRun>(std::move(context), std::move(statement), snapshot, input,
                                         *light_, heavy_ != nullptr ? *heavy_ : *light_, scans_);
  }

  ResultTable probe(const std::shared_ptr<QueryContext>& context,
                    const kql::BoundStatement& statement, const store::Snapshot& snapshot,
                    const std::shared_ptr<const InputChunks>& input) {
    auto run = prepare(context, statement, snapshot, input);
    PreparedRun& self = *run;
    auto stream = self.run(std::move(run));
    ResultTable table(statement.name, statement.columns);
    for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
      for (size_t i = 0; i < chunk.columns.size(); ++i) {
        table.rows.column(i).append_from(chunk.columns[i], 0, chunk.row_count);
      }
    }
    return table;
  }

  std::unique_ptr<RunningQuery> bind_and_prepare(const QueryRequest& request,
                                                 const std::shared_ptr<QueryContext>& context) {
    std::shared_ptr<const InputChunks> input;
    if (request.input != nullptr) input = std::make_shared<InputChunks>(request.input);
    kql::BindOptions options;
    options.database = request.database;
    options.now = request.now;
    options.parameters = request.parameters;
    if (request.input != nullptr) options.input = &request.input->columns;

    // What a query reads is known only when it is bound, and it must be bound with the catalog of the
    // snapshot that it then reads: bind, take the snapshot, and bind again in the rare case that the
    // schema has changed between the two. A query that probes is always bound twice, so that its probes
    // see the same moment as the query itself.
    std::shared_ptr<const catalog::Catalog> catalog = store_.catalog();
    std::shared_ptr<const store::Snapshot> snapshot;
    std::set<catalog::TableId> tables;  // those of the snapshot
    for (int attempt = 0; attempt < kMaxBindings; ++attempt) {
      bool has_probed_elsewhere = false;
      std::set<catalog::TableId> wanted;
      options.probe = [&](const kql::BoundStatement& statement) {
        add_tables(statement, wanted);
        if (snapshot != nullptr &&
            std::includes(tables.begin(), tables.end(), wanted.begin(), wanted.end())) {
          return probe(context, statement, *snapshot, input);
        }
        has_probed_elsewhere = true;
        auto own = take_snapshot(wanted);
        if (own->catalog() != catalog) throw CatalogChanged();
        return probe(context, statement, *own, input);
      };
      std::vector<kql::BoundStatement> statements;
      try {
        statements = kql::bind_query(request.text, *catalog, options);
      } catch (const CatalogChanged&) {
        catalog = store_.catalog();
        snapshot = nullptr;
        continue;
      }
      if (context->control->stop() != QueryControl::Stop::kNone)
        throw stop_error(context->control->stop());
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
      std::vector<std::unique_ptr<PreparedRun>> runs;
      runs.reserve(statements.size());
      for (auto& statement : statements) {
        runs.push_back(prepare(context, std::move(statement), *snapshot, input));
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
  QueryRegistry queries_;
  Watchdog watchdog_;
  ScanRegistry scans_;
  std::unique_ptr<Database> light_;
  std::unique_ptr<Database> heavy_;  // null with one thread: the light one does all
};

}  // namespace

std::unique_ptr<Engine> Engine::open(const EngineOptions& options, const store::Store& store,
                                     const Clock& clock) {
  return std::make_unique<EngineImpl>(options, store, clock);
}

}  // namespace rivulet::query
