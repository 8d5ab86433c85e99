#include "server/rest/query_endpoint.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "server/http/request_body.h"
#include "server/http/response_stream.h"
#include "server/rest/result_writer.h"
#include "types/text.h"

namespace rivulet::server {
namespace {

// Queries, and commands, that wait for their clients to take more of the answer and have given their place to
// others: each has a thread.
constexpr size_t kMaxWaitingForClients = 200;

// Connects a query with the client's hang-up, whichever comes first.
class Cancellation {
 public:
  void request() {
    std::lock_guard lock(mutex_);
    is_requested_ = true;
    if (cancel_) cancel_();
  }
  bool is_requested() const {
    std::lock_guard lock(mutex_);
    return is_requested_;
  }
  // What cancels the query; empty when it ends.
  void attach(std::function<void()> cancel) {
    std::lock_guard lock(mutex_);
    cancel_ = std::move(cancel);
    if (cancel_ && is_requested_) cancel_();
  }

 private:
  mutable std::mutex mutex_;
  bool is_requested_ = false;
  std::function<void()> cancel_;
};

class Attachment {
 public:
  Attachment(Cancellation& cancellation, query::RunningQuery& query) : cancellation_(cancellation) {
    cancellation_.attach([&query] { query.cancel(); });
  }
  ~Attachment() { cancellation_.attach({}); }
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

 private:
  Cancellation& cancellation_;
};

size_t query_threads(const Settings& settings) {
  if (settings.query_concurrency > 0) return settings.query_concurrency;
  return std::max<size_t>(4, 2 * std::thread::hardware_concurrency());
}

ResultTable permissions_table() {
  ResultTable table("Table_0", {{"Result", ScalarType::kString}});
  table.rows.column(0).append_text("OK");
  return table;
}

}  // namespace

struct QueryEndpoint::Job {
  ExchangePtr exchange;
  std::shared_ptr<Cancellation> cancellation;
  bool is_v2 = false;
  bool is_command_route = false;
  QueryBody body;
  std::string database;
};

QueryEndpoint::QueryEndpoint(Services& services)
    : services_(services),
      queries_(query_threads(services.settings), services.settings.query_queue, "query_concurrency",
               kMaxWaitingForClients),
      commands_(services.settings.command_concurrency, services.settings.command_queue,
                "command_concurrency", kMaxWaitingForClients) {}

void QueryEndpoint::stop() {
  queries_.stop();
  commands_.stop();
}

void QueryEndpoint::handle(const ExchangePtr& exchange) {
  auto job = std::make_shared<Job>();
  job->exchange = exchange;
  job->cancellation = std::make_shared<Cancellation>();
  Endpoint endpoint = exchange->route().endpoint;
  job->is_v2 = endpoint == Endpoint::kQueryV2;
  job->is_command_route = endpoint == Endpoint::kCommand;
  // Only queries end with their client: a command that has begun is carried out.
  if (!job->is_command_route) {
    exchange->on_hang_up([cancellation = job->cancellation] { cancellation->request(); });
  }
  WorkerPool& pool = job->is_command_route ? commands_ : queries_;
  if (!job->is_command_route) services_.metrics.queries_waiting.Increment();
  if (!pool.submit([this, job] { run(*job); })) {
    if (!job->is_command_route) services_.metrics.queries_waiting.Decrement();
    throw throttled(job->is_command_route
                        ? "Too many management commands are waiting to be carried out; retry later."
                        : "Too many queries are waiting to be carried out; retry later.");
  }
}

void QueryEndpoint::run(Job& job) {
  Metrics& metrics = services_.metrics;
  if (!job.is_command_route) {
    metrics.queries_waiting.Decrement();
    metrics.queries_running.Increment();
  }
  const Exchange& exchange = *job.exchange;
  auto count = [&metrics, &clock = services_.clock, started = exchange.started(),
                is_command = job.is_command_route] {
    double seconds = static_cast<double>(clock.now() - started) / kTicksPerSecond;
    (is_command ? metrics.command_seconds : metrics.query_seconds).Observe(seconds);
    if (!is_command) metrics.queries_running.Decrement();
  };
  try {
    answer(job);
    count();
  } catch (const Error& error) {
    if (job.cancellation->is_requested()) metrics.cancelled_queries.Increment();
    count();
    job.exchange->send_error(error, services_.clock.now());
  } catch (const std::exception& error) {
    spdlog::error("request {}: {}", exchange.identity().client_request_id, error.what());
    count();
    job.exchange->send_error(internal_error("The server failed to carry out the request."),
                             services_.clock.now());
  }
}

void QueryEndpoint::answer(Job& job) {
  if (job.cancellation->is_requested()) throw cancelled("The client closed its connection.");
  Request& request = job.exchange->request();
  if (request.method == Method::kPost) {
    std::string unpacked;
    job.body = parse_query_body(
        unpacked_body(*job.exchange, services_.settings.max_request_size, unpacked));
  } else {
    // A browser follows links without asking, so nothing that a link says may change anything.
    job.body = parse_query_target(job.exchange->route().target);
    job.body.options.properties.is_read_only = true;
  }
  job.database = services_.resolve_database(job.body.database);
  if (commands::is_command(job.body.text)) {
    run_command(job);
  } else if (job.is_command_route) {
    throw Error(
        ErrorKind::kNotACommand,
        "Syntax error: A management command begins with '.'; queries go to /v1/rest/query or "
        "/v2/rest/query.");
  } else {
    run_query(job);
  }
}

namespace {

V2Options v2_options(const RequestOptions& options) {
  const kql::RequestProperties& properties = options.properties;
  return {.fragments_primary_tables = properties.fragments_primary_tables,
          .separates_frames_by_newlines = properties.separates_frames_by_newlines,
          .is_progressive = properties.is_progressive,
          .defers_partial_failure = properties.defers_partial_failure};
}

}  // namespace

// Clients that set no headers name their request in the properties.
std::string QueryEndpoint::client_request_id(const Job& job) {
  bool is_in_header = !job.exchange->request().header("x-ms-client-request-id").empty();
  if (is_in_header || job.body.client_request_id.empty()) {
    return job.exchange->identity().client_request_id;
  }
  return job.body.client_request_id;
}

// Who asks: the properties tell it before the headers do.
std::string QueryEndpoint::user(const Job& job) {
  const std::string& given = job.body.options.properties.user;
  return given.empty() ? std::string(job.exchange->request().header("x-ms-user")) : given;
}

std::string QueryEndpoint::application(const Job& job) {
  const std::string& given = job.body.options.properties.application;
  return given.empty() ? std::string(job.exchange->request().header("x-ms-app")) : given;
}

void QueryEndpoint::run_query(Job& job) {
  Exchange& exchange = *job.exchange;
  const RequestOptions& options = job.body.options;
  query::QueryRequest request;
  request.text = std::move(job.body.text);
  request.database = job.database;
  request.now = exchange.started();
  request.parameters = options.parameters;
  request.properties = options.properties;
  request.timeout = services_.settings.query_timeout;
  request.max_timeout = services_.settings.query_max_timeout;
  request.max_records = services_.settings.query_max_records;
  request.max_bytes = services_.settings.query_max_result_size;
  request.client_activity_id = client_request_id(job);
  request.root_activity_id = to_string(exchange.identity().activity_id);
  request.user = user(job);
  request.application = application(job);

  request.on_start = [&job](std::function<void()> cancel) {
    job.cancellation->attach(std::move(cancel));
  };

  ResponseStream stream(job.exchange, queries_);
  {
    std::unique_ptr<query::RunningQuery> running = services_.engine.start(request);
    stream.set_deadline(running->deadline());
    if (options.properties.validates_permissions) running = query_of_table(permissions_table());
    Attachment attachment(*job.cancellation, *running);
    AnswerFacts facts{exchange.identity(), exchange.started(), services_.clock};
    if (job.is_v2) {
      write_v2(*running, v2_options(options), facts, stream);
    } else {
      write_v1_query(*running, facts, stream);
    }
  }
  stream.finish();
}

void QueryEndpoint::run_command(Job& job) {
  Exchange& exchange = *job.exchange;
  const RequestOptions& options = job.body.options;
  commands::CommandRequest request;
  request.text = std::move(job.body.text);
  request.database = job.database;
  request.client_request_id = client_request_id(job);
  request.user = user(job);
  request.application = application(job);
  request.now = exchange.started();
  request.read_only = options.properties.is_read_only;
  request.parameters = options.parameters;
  request.properties = options.properties;
  request.max_timeout = services_.settings.query_max_timeout;
  request.max_records = services_.settings.query_max_records;
  request.max_bytes = services_.settings.query_max_result_size;

  commands::CommandResult result = services_.execute_command(request);
  ResponseStream stream(job.exchange, job.is_command_route ? commands_ : queries_);
  auto timeout = options.properties.effective_timeout(services_.settings.query_timeout,
                                                      services_.settings.query_max_timeout);
  if (timeout.count() > 0) stream.set_deadline(std::chrono::steady_clock::now() + timeout);
  AnswerFacts facts{exchange.identity(), exchange.started(), services_.clock};
  if (auto* table = std::get_if<ResultTable>(&result); table != nullptr && !job.is_v2) {
    write_v1_table(*table, stream);
  } else {
    std::unique_ptr<query::RunningQuery> running =
        table != nullptr ? query_of_table(std::move(*table))
                         : std::move(std::get<std::unique_ptr<query::RunningQuery>>(result));
    Attachment attachment(*job.cancellation, *running);
    if (job.is_v2) {
      write_v2(*running, v2_options(options), facts, stream);
    } else {
      write_v1_query(*running, facts, stream);
    }
  }
  stream.finish();
}

}  // namespace rivulet::server
