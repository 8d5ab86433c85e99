#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "server/http/body_sink.h"
#include "server/http/exchange.h"
#include "server/http/worker_pool.h"

namespace rivulet::server {

class GzipEncoder;

// An answer with status 200 that leaves in pieces while it is made. What fits into one piece is sent
// with its length; a longer one is chunked, compressed if the client takes that, and its writer waits
// while the client is slow, with its place given to another. Until is_started() the answer can still be given up
// for an error.
class ResponseStream : public BodySink {
 public:
  // By a task of the pool.
  ResponseStream(ExchangePtr exchange, WorkerPool& pool,
                 std::string_view content_type = "application/json");
  ~ResponseStream() override;

  // Waiting for the client ends then, with an Error (timed_out).
  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  bool is_started() const override { return is_started_; }
  // Sends what is left. Afterwards the exchange belongs to the next request. An answer that has started
  // and is destroyed without it closes the connection, so that no client takes it for whole.
  void finish();

 protected:
  void take(std::string& text) override;

 private:
  void send(std::string& text, bool is_last);
  void wait_for_client();

  ExchangePtr exchange_;
  WorkerPool& pool_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::string_view content_type_;
  bool is_started_ = false;
  bool is_finished_ = false;
  bool is_chunked_ = false;
  std::unique_ptr<GzipEncoder> gzip_;
};

}  // namespace rivulet::server
