#include "server/rest/ingest_endpoint.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <spdlog/spdlog.h>

#include "ingest/ingest.h"
#include "ingest/mappings/mapping.h"
#include "ingest/pipeline.h"
#include "server/http/request_body.h"
#include "server/rest/request_options.h"

namespace rivulet::server {
namespace {

// Bodies up to this size, and without their compression, are parsed where they arrive.
constexpr size_t kSmallBody = 64 << 10;
// What text may gain from decompression, roughly: a longer compressed body is not even tried there.
constexpr size_t kUsualRatio = 8;

size_t core_count() {
  return std::max<size_t>(1, std::thread::hardware_concurrency());
}

size_t thread_count(const Settings& settings) {
  return settings.ingestion_threads > 0 ? settings.ingestion_threads : core_count();
}

// What may wait for a thread: the rest of those under way, and the queue.
size_t waiting_limit(const Settings& settings) {
  constexpr size_t kPerCore = 6;
  size_t concurrency =
      settings.ingestion_concurrency > 0 ? settings.ingestion_concurrency : kPerCore * core_count();
  size_t threads = thread_count(settings);
  return settings.ingestion_queue + (concurrency > threads ? concurrency - threads : 0);
}

// What names the attempt among its retries, if the client says so: an Idempotency-Key, or the source id in
// the request id of a managed streaming client, "KPC.executeManagedStreamingIngest;<source id>;<attempt>".
// Clients send "null" and other texts where a source has no id: only a guid names one, and not that of zeros.
std::string idempotency_name(const Request& request, std::string_view client_request_id) {
  if (std::string_view key = request.header("Idempotency-Key"); !key.empty()) {
    return "key;" + std::string(key);
  }
  size_t first = client_request_id.find(';');
  size_t second = client_request_id.find(';', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos ||
      client_request_id.substr(0, first).find("ManagedStreamingIngest") == std::string_view::npos) {
    return "";
  }
  auto source = parse_guid(client_request_id.substr(first + 1, second - first - 1));
  if (!source || *source == Guid()) return "";
  return "source;" + to_string(*source);
}

std::string success_body(uint64_t row_count) {
  constexpr std::string_view kBefore =
      R"({"Tables":[{"TableName":"Table_0","Columns":[)"
      R"({"ColumnName":"ConsumedRecordsCount","DataType":"Int64","ColumnType":"long"},)"
      R"({"ColumnName":"UpdatePolicyStatus","DataType":"String","ColumnType":"string"},)"
      R"({"ColumnName":"UpdatePolicyFailureCode","DataType":"String","ColumnType":"string"},)"
      R"({"ColumnName":"UpdatePolicyFailureReason","DataType":"String","ColumnType":"string"}],"Rows":[[)";
  constexpr std::string_view kAfter = R"(,"Inactive","Unknown",null]]}]})";
  std::string out;
  out.reserve(kBefore.size() + kAfter.size() + 20);
  out += kBefore;
  out += std::to_string(row_count);
  out += kAfter;
  return out;
}

}  // namespace

// A request from its arrival to its answer.
struct IngestEndpoint::Pending {
  ExchangePtr exchange;
  std::string database;
  std::string table;
  std::string format;
  std::string mapping_name;
  uint64_t data_size = 0;
  uint64_t row_count = 0;
  int attempts = 0;  // to commit it
  bool is_on_worker = false;
  bool is_repeat = false;
  std::exception_ptr error;
};

IngestEndpoint::IngestEndpoint(Services& services)
    : services_(services),
      workers_(thread_count(services.settings), waiting_limit(services.settings),
               "ingestion_threads") {}

void IngestEndpoint::stop() {
  workers_.stop();
  // The store calls back for each, however long its disk takes, and the destructor of the store would wait for them
  // too. By looking again and again, so that a callback touches nothing of this after it has said that it is done.
  while (commits_under_way_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void IngestEndpoint::handle(const ExchangePtr& exchange) {
  Request& request = exchange->request();
  const Target& target = exchange->route().target;
  auto pending = std::make_unique<Pending>();
  pending->exchange = exchange;
  pending->database = services_.resolve_database(target.segments()[3]);
  pending->table = target.segments()[4];
  pending->format = target.parameter("streamFormat").value_or("csv");
  pending->mapping_name = target.parameter("mappingName").value_or("");
  pending->data_size = request.body.size();
  services_.metrics.ingestions_under_way.Increment();

  if (request.body.size() * (is_packed(request) ? kUsualRatio : 1) <= kSmallBody) {
    begin(std::move(pending));
  } else {
    hand_over(pending);
  }
}

void IngestEndpoint::hand_over(std::unique_ptr<Pending>& pending) {
  pending->is_on_worker = true;
  Pending* raw = pending.get();
  if (workers_.submit([this, raw] { begin(std::unique_ptr<Pending>(raw)); })) {
    static_cast<void>(pending.release());
  } else {
    fail(std::move(pending),
         throttled("Too many ingestion requests are being processed; retry later."));
  }
}

void IngestEndpoint::begin(std::unique_ptr<Pending> pending) {
  try {
    process(pending);
  } catch (const Error& error) {
    fail(std::move(pending), error);
  } catch (const std::bad_alloc&) {
    fail(std::move(pending), unavailable("The server is short of memory; retry later."));
  } catch (const std::exception& error) {
    spdlog::error("request {}: {}", pending->exchange->identity().client_request_id, error.what());
    fail(std::move(pending), internal_error("The server failed to ingest the request."));
  }
}

void IngestEndpoint::process(std::unique_ptr<Pending>& pending) {
  const Settings& settings = services_.settings;
  Exchange& exchange = *pending->exchange;
  Request& request = exchange.request();
  if (!settings.streaming_ingestion) {
    throw Error(ErrorKind::kStreamingDisabled, "Streaming ingestion is disabled on this server.");
  }
  if (std::string_view text = request.header("servertimeout"); !text.empty()) {
    auto timeout = kql::parse_server_timeout(text);
    Ticks waited = services_.clock.now() - exchange.started();
    if (timeout && waited > timeout->count() * kTicksPerMillisecond) {
      throw timed_out("The request was not begun within its servertimeout.");
    }
  }
  if (auto kind = exchange.route().target.parameter("sourceKind");
      kind && equals_ignoring_case(*kind, "uri")) {
    throw bad_request(
        "Streaming ingestion from a blob (sourceKind=uri) is not supported: send the data in the "
        "body of "
        "the request.");
  }
  ingest::ParseOptions options;
  options.format = ingest::parse_format(pending->format);
  auto catalog = services_.store.catalog();
  auto mapping = targets_.get(
      catalog, {pending->database, pending->table, options.format, pending->mapping_name});
  std::string unpacked;
  std::string_view body;
  size_t limit = settings.ingestion_max_uncompressed_size;
  if (pending->is_on_worker || limit <= kSmallBody) {
    body = unpacked_body(exchange, limit, unpacked);
  } else if (auto small = unpack_body(exchange, kSmallBody, unpacked)) {
    body = *small;
  } else {
    hand_over(pending);
    return;
  }
  pending->data_size = body.size();
  size_t held = request.body.size() + unpacked.size();
  options.watch_memory = [&exchange, held](size_t bytes) { exchange.hold(held + bytes); };
  store::Append rows = ingest::parse(body, *mapping, options);
  pending->row_count = rows.rows->row_count();
  if (pending->row_count == 0) {
    throw Error(ErrorKind::kNoRecords, "The request holds no records.");
  }
  ingest::Ingestion ingestion(services_.store, std::move(catalog));
  ingestion.add(std::move(rows));
  if (std::string name = idempotency_name(request, exchange.identity().client_request_id);
      !name.empty()) {
    std::string how =
        std::to_string(static_cast<int>(options.format)) + ";" + pending->mapping_name;
    ingestion.transaction().key = store::make_idempotency_key(mapping->table, name, body, how);
  }
  ++pending->attempts;
  Pending* raw = pending.release();
  ++commits_under_way_;
  try {
    std::move(ingestion).commit([this, raw](const store::CommitResult& result) {
      take_outcome(std::unique_ptr<Pending>(raw), result);
      --commits_under_way_;
    });
  } catch (...) {
    --commits_under_way_;
    pending.reset(raw);
    throw;
  }
}

// On the committer's thread.
void IngestEndpoint::take_outcome(std::unique_ptr<Pending> pending,
                                  const store::CommitResult& result) {
  if (ingest::is_outdated(result.error)) {
    if (pending->attempts < ingest::kMostAttempts) {
      hand_over(pending);
    } else {
      fail(std::move(pending), ingest::keeps_changing(pending->table));
    }
    return;
  }
  pending->error = result.error;
  pending->is_repeat = result.is_repeat;
  send(std::move(pending));
}

void IngestEndpoint::fail(std::unique_ptr<Pending> pending, const Error& error) {
  pending->error = std::make_exception_ptr(error);
  send(std::move(pending));
}

void IngestEndpoint::send(std::unique_ptr<Pending> pending) {
  Pending* raw = pending.release();
  raw->exchange->send_made_by([this, raw] { return end(*raw); });
}

Response IngestEndpoint::end(Pending& raw) {
  std::unique_ptr<Pending> pending(&raw);
  const Exchange& exchange = *pending->exchange;
  Metrics& metrics = services_.metrics;
  metrics.ingestions_under_way.Decrement();

  activity::StreamingOutcome outcome;
  outcome.database = pending->database;
  outcome.table = pending->table;
  outcome.format = pending->format;
  outcome.mapping_name = pending->mapping_name;
  outcome.started = exchange.started();
  outcome.ended = services_.clock.now();
  outcome.data_size = pending->data_size;
  outcome.activity_id = exchange.identity().activity_id;
  if (pending->error == nullptr) {
    outcome.row_count = pending->row_count;
    services_.streaming.record(outcome);
    metrics.ingestion_seconds.Observe(static_cast<double>(outcome.ended - outcome.started) /
                                      kTicksPerSecond);
    if (pending->is_repeat) {
      metrics.repeated_ingestions.Increment();
    } else {
      metrics.ingested_rows.Increment(static_cast<double>(pending->row_count));
      metrics.ingested_bytes.Increment(static_cast<double>(pending->data_size));
    }
    Response response;
    response.body = success_body(pending->row_count);
    return response;
  }
  std::optional<Error> error;
  try {
    std::rethrow_exception(pending->error);
  } catch (const Error& kusto_error) {
    error = kusto_error;
  } catch (const std::exception& other) {
    spdlog::error("request {}: {}", exchange.identity().client_request_id, other.what());
    error = internal_error("The server failed to store the request.");
  }
  if (error->kind() == ErrorKind::kThrottled) metrics.throttled_ingestions.Increment();
  outcome.error = error->kind();
  outcome.error_message = error->message();
  outcome.is_permanent = error->is_permanent();
  services_.streaming.record(outcome);
  return error_response(*error, exchange.identity(), outcome.ended);
}

}  // namespace rivulet::server
