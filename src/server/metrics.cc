#include "server/metrics.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <prometheus/text_serializer.h>

namespace rivulet::server {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram& seconds(prometheus::Registry& registry, const char* name, const char* help) {
  const prometheus::Histogram::BucketBoundaries bounds = {
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60};
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
}

constexpr const char* kEndpointNames[] = {"unknown", "ingest",   "query_v1", "query_v2",
                                          "mgmt",    "metadata", "healthz",  "metrics",
                                          "root",    "preflight"};

// Made anew for each answer, so that a connection that is dropped is told no more.
std::vector<prometheus::MetricFamily> collect(
    std::span<const sources::ConnectionStatus> data_connections) {
  prometheus::Registry registry;
  auto counters = [&](const char* name, const char* help) -> auto& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  };
  auto gauges = [&](const char* name, const char* help) -> auto& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  };
  auto& events = counters("rivulet_data_connection_events_total", "Events stored, or passed over");
  auto& rows = counters("rivulet_data_connection_rows_total", "Rows stored of events");
  auto& bytes = counters("rivulet_data_connection_bytes_total", "Bytes of the events");
  auto& failed =
      counters("rivulet_data_connection_failed_events_total", "Events that could not be ingested");
  auto& state = gauges("rivulet_data_connection_state", "1 for the state that it is in");
  auto& offset =
      gauges("rivulet_data_connection_offset", "Offset of the first event that is not stored");
  auto& lag =
      gauges("rivulet_data_connection_lag", "Events of the partition that are not stored yet");
  for (const sources::ConnectionStatus& status : data_connections) {
    prometheus::Labels labels{{"database", status.database}, {"connection", status.name}};
    events.Add(labels).Increment(static_cast<double>(status.events));
    rows.Add(labels).Increment(static_cast<double>(status.rows));
    bytes.Add(labels).Increment(static_cast<double>(status.bytes));
    failed.Add(labels).Increment(static_cast<double>(status.failed_events));
    auto with = [&labels](const char* name, std::string value) {
      prometheus::Labels more = labels;
      more[name] = std::move(value);
      return more;
    };
    state.Add(with("state", status.state)).Set(1);
    for (const sources::PartitionStatus& partition : status.partitions) {
      prometheus::Labels of_partition = with("partition", std::to_string(partition.partition));
      if (partition.next_offset >= 0) {
        offset.Add(of_partition).Set(static_cast<double>(partition.next_offset));
      }
      if (partition.lag >= 0) lag.Add(of_partition).Set(static_cast<double>(partition.lag));
    }
  }
  return registry.Collect();
}

}  // namespace

Metrics::Metrics()
    : connections(gauge(registry_, "rivulet_connections", "Open client connections")),
      request_bytes(gauge(registry_, "rivulet_request_bytes",
                          "Bytes that requests hold from arrival to answer (request_memory)")),
      received_bytes(counter(registry_, "rivulet_received_bytes_total", "Bytes read from clients")),
      refused_connections(counter(registry_, "rivulet_refused_connections_total",
                                  "Connections beyond max_connections")),
      ingested_rows(counter(registry_, "rivulet_ingested_rows_total",
                            "Rows acknowledged by streaming ingestion")),
      ingested_bytes(counter(registry_, "rivulet_ingested_bytes_total",
                             "Uncompressed bytes acknowledged by streaming ingestion")),
      throttled_ingestions(counter(registry_, "rivulet_throttled_ingestions_total",
                                   "Streaming ingestion requests answered 429")),
      repeated_ingestions(counter(registry_, "rivulet_repeated_ingestions_total",
                                  "Streaming ingestion requests that were stored already")),
      ingestion_seconds(
          seconds(registry_, "rivulet_ingestion_seconds",
                  "From the head of a streaming ingestion request to its durable commit")),
      ingestions_under_way(gauge(registry_, "rivulet_ingestions_under_way",
                                 "Streaming ingestion requests accepted and not yet answered")),
      query_seconds(
          seconds(registry_, "rivulet_query_seconds", "Time of queries, waiting included")),
      cancelled_queries(
          counter(registry_, "rivulet_cancelled_queries_total", "Queries whose client went away")),
      queries_running(gauge(registry_, "rivulet_queries_running", "Queries that run")),
      queries_waiting(
          gauge(registry_, "rivulet_queries_waiting", "Queries that wait for their turn")),
      command_seconds(seconds(registry_, "rivulet_command_seconds", "Time of management commands")),
      store_family_(prometheus::BuildGauge()
                        .Name("rivulet_store")
                        .Help("What the store holds and has done since its start, by name")
                        .Register(registry_)),
      memory_limit_family_(prometheus::BuildGauge()
                               .Name("rivulet_memory_limit_bytes")
                               .Help("Memory that the server may use, and each share of it")
                               .Register(registry_)),
      memory_used_family_(prometheus::BuildGauge()
                              .Name("rivulet_memory_used_bytes")
                              .Help("What is used of rivulet_memory_limit_bytes")
                              .Register(registry_)) {
  auto& answers = prometheus::BuildCounter()
                      .Name("rivulet_http_answers_total")
                      .Help("HTTP answers by endpoint and class of status")
                      .Register(registry_);
  for (int endpoint = 0; endpoint < kEndpoints; ++endpoint) {
    for (int status = 0; status < kClasses; ++status) {
      bool is_used = status == 2 || status == 4 || status == 5;
      answers_[endpoint][status] = is_used
                                       ? &answers.Add({{"endpoint", kEndpointNames[endpoint]},
                                                       {"status", std::to_string(status) + "xx"}})
                                       : nullptr;
    }
  }
}

void Metrics::answered(Endpoint endpoint, int status) {
  int first_digit = status / 100;
  if (first_digit >= kClasses) return;
  if (prometheus::Counter* counter = answers_[static_cast<int>(endpoint)][first_digit])
    counter->Increment();
}

std::string Metrics::text(const store::StoreStatistics& store,
                          std::span<const sources::ConnectionStatus> data_connections,
                          std::span<const MemoryUse> memory) {
  auto set = [&](const char* name, uint64_t value) {
    store_family_.Add({{"name", name}}).Set(static_cast<double>(value));
  };
  set("log_bytes", store.log_bytes);
  set("log_segments", store.log_segments);
  set("log_syncs", store.log_syncs);
  set("log_records", store.log_records);
  set("tail_rows", store.tail_rows);
  set("tail_bytes", store.tail_bytes);
  set("tail_limit_bytes", store.tail_limit_bytes);
  set("cache_bytes", store.cache_bytes);
  set("row_files", store.row_files);
  set("row_file_bytes", store.row_file_bytes);
  set("row_store_disk_limit_bytes", store.row_store_disk_limit_bytes);
  set("log_written_bytes", store.log_written);
  set("spill_written_bytes", store.spill_written);
  set("merge_written_bytes", store.merge_written);
  set("base_written_bytes", store.base_written);
  set("extent_written_bytes", store.extent_written);
  set("extents", store.extent_count);
  set("extent_rows", store.extent_rows);
  set("extent_bytes", store.extent_bytes);
  set("checkpoints", store.checkpoints);
  set("seals", store.seals);
  set("slowed_commit_groups", store.slowed_groups);
  set("idempotency_keys", store.idempotency_keys);
  set("failed_work", store.failed_work);
  set("work_failures", store.work_failures);
  for (const MemoryUse& use : memory) {
    const prometheus::Labels labels{{"share", std::string(use.share)}};
    memory_limit_family_.Add(labels).Set(static_cast<double>(use.total_bytes));
    if (use.used_bytes) memory_used_family_.Add(labels).Set(static_cast<double>(*use.used_bytes));
  }
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  std::ranges::move(collect(data_connections), std::back_inserter(families));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace rivulet::server
