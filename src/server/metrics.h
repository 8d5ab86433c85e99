#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "common/memory_budget.h"
#include "server/http/router.h"
#include "sources/data_connections.h"
#include "store/store.h"

namespace rivulet::server {

// Every metric of the program, declared here and nowhere else. Thread-safe.
class Metrics {
  prometheus::Registry registry_;

 public:
  Metrics();

  prometheus::Gauge& connections;
  prometheus::Gauge& request_bytes;
  prometheus::Counter& received_bytes;
  prometheus::Counter& refused_connections;

  prometheus::Counter& ingested_rows;
  prometheus::Counter& ingested_bytes;
  prometheus::Counter& throttled_ingestions;
  prometheus::Counter& repeated_ingestions;
  prometheus::Histogram& ingestion_seconds;
  prometheus::Gauge& ingestions_under_way;

  prometheus::Histogram& query_seconds;
  prometheus::Counter& cancelled_queries;
  prometheus::Gauge& queries_running;
  prometheus::Gauge& queries_waiting;
  prometheus::Histogram& command_seconds;

  // Counts an answer by endpoint and status class.
  void answered(Endpoint endpoint, int status);

  // Everything in Prometheus' text format, with what the store and the data connections say of themselves.
  std::string text(const store::StoreStatistics& store,
                   std::span<const sources::ConnectionStatus> data_connections,
                   std::span<const MemoryUse> memory);

 private:
  static constexpr int kEndpoints = 10;
  static constexpr int kClasses = 6;  // by the first digit of the status
  prometheus::Counter* answers_[kEndpoints][kClasses];
  prometheus::Family<prometheus::Gauge>& store_family_;
  prometheus::Family<prometheus::Gauge>& memory_limit_family_;
  prometheus::Family<prometheus::Gauge>& memory_used_family_;
};

}  // namespace rivulet::server
