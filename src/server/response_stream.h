#pragma once

#include <memory>
#include <string>

#include "server/body_sink.h"
#include "server/exchange.h"

namespace rivulet::server {

class GzipEncoder;

// An answer with status 200 that leaves in pieces while it is made. What fits into one piece is sent
// with its length; a longer one is chunked, compressed if the client takes that, and its writer waits
// while the client is slow. Until is_started() the answer can still be given up for an error.
class ResponseStream : public BodySink {
 public:
  explicit ResponseStream(ExchangePtr exchange, std::string_view content_type = "application/json");
  ~ResponseStream() override;

  bool is_started() const override { return is_started_; }
  // Sends what is left. Afterwards the exchange belongs to the next request. An answer that has started
  // and is destroyed without it closes the connection, so that no client takes it for whole.
  void finish();

 protected:
  void take(std::string& text) override;

 private:
  void send(std::string& text, bool is_last);

  ExchangePtr exchange_;
  std::string_view content_type_;
  bool is_started_ = false;
  bool is_finished_ = false;
  bool is_chunked_ = false;
  std::unique_ptr<GzipEncoder> gzip_;
};

}  // namespace rivulet::server
