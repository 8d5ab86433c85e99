#pragma once

#include "server/http/exchange.h"
#include "server/http/worker_pool.h"
#include "server/rest/request_options.h"
#include "server/services.h"

namespace rivulet::server {

// Answers /v1/rest/query, /v2/rest/query and /v1/rest/mgmt, each request on a thread of a pool: one pool
// for queries, one for commands, so that neither keeps the other waiting. Thread-safe.
class QueryEndpoint {
 public:
  explicit QueryEndpoint(Services& services);

  void handle(const ExchangePtr& exchange);
  // Lets what is queued and running end.
  void stop();

 private:
  struct Job;
  void run(Job& job);
  void answer(Job& job);
  void run_query(Job& job);
  static std::string client_request_id(const Job& job);
  static std::string user(const Job& job);
  static std::string application(const Job& job);
  void run_command(Job& job);

  Services& services_;
  WorkerPool queries_;
  WorkerPool commands_;
};

}  // namespace rivulet::server
