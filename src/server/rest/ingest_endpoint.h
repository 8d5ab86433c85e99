#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "ingest/target_cache.h"
#include "server/http/exchange.h"
#include "server/http/worker_pool.h"
#include "server/services.h"

namespace rivulet::server {

// Answers /v1/rest/ingest/{database}/{table}. A small request is parsed on its connection's thread, a
// large one on a pool; the answer goes out when the store has committed its rows. Thread-safe.
class IngestEndpoint {
 public:
  explicit IngestEndpoint(Services& services);

  void handle(const ExchangePtr& exchange);
  // Lets what is queued and running end, and the commits of it: afterwards nothing calls back.
  void stop();

 private:
  struct Pending;
  void hand_over(std::unique_ptr<Pending>& pending);
  void begin(std::unique_ptr<Pending> pending);
  void process(std::unique_ptr<Pending>& pending);
  // Answers, or has the request made again where its table changed before its turn to commit.
  void take_outcome(std::unique_ptr<Pending> pending, const store::CommitResult& result);
  void fail(std::unique_ptr<Pending> pending, const Error& error);
  void send(std::unique_ptr<Pending> pending);
  Response end(Pending& pending);

  Services& services_;
  ingest::TargetCache targets_;
  WorkerPool workers_;
  std::atomic<uint64_t> commits_under_way_ = 0;  // callbacks to come
};

}  // namespace rivulet::server
