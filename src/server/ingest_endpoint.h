#pragma once

#include <memory>
#include <string>

#include "ingest/target_cache.h"
#include "server/exchange.h"
#include "server/services.h"
#include "server/worker_pool.h"

namespace rivulet::server {

// Answers /v1/rest/ingest/{database}/{table}. A small request is parsed on its connection's thread, a
// large one on a pool; the answer goes out when the store has committed its rows. Thread-safe.
class IngestEndpoint {
 public:
  explicit IngestEndpoint(Services& services);

  void handle(const ExchangePtr& exchange);
  // Lets what is queued and running end.
  void stop();

 private:
  struct Pending;
  void begin(std::unique_ptr<Pending> pending);
  void process(std::unique_ptr<Pending>& pending);
  Response end(Pending& pending);
  void fail(std::unique_ptr<Pending> pending, const Error& error);

  Services& services_;
  ingest::TargetCache targets_;
  WorkerPool workers_;
};

}  // namespace rivulet::server
