#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "common/settings.h"
#include "server/http/exchange.h"
#include "server/http/io_thread.h"
#include "server/http/request.h"
#include "server/http/request_parser.h"
#include "server/http/router.h"
#include "server/metrics.h"

namespace rivulet::server {

// Answers requests whose body has arrived; called on the connection's thread, so it must be quick or
// hand over.
using RequestHandler = std::function<void(const ExchangePtr&)>;

// What all connections of a server share.
struct ConnectionContext {
  const Settings& settings;
  uint64_t request_memory_bytes;  // of held_bytes, at most
  const Router& router;
  Metrics& metrics;
  RequestHandler handler;
  boost::asio::ssl::context* tls = nullptr;  // null: plain HTTP
  std::atomic<bool> is_draining{false};
  std::atomic<int64_t> connection_count{0};
  std::atomic<uint64_t> held_bytes{0};  // of all requests, from arrival to answer
};

// One client's connection: reads requests one after the other, and sends their answers in that order.
// Everything runs on its IoThread except the Exchange functions that say otherwise.
class Connection final : public Exchange,
                         public HeadListener,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(IoThread& thread, boost::asio::ip::tcp::socket socket, ConnectionContext& context);
  ~Connection() override;

  void start();
  void on_wake();
  void on_deadline();
  std::chrono::steady_clock::time_point deadline() const { return deadline_; }
  void close_if_idle();
  // Closes at once, whatever goes on.
  void abandon();

  Request& request() override { return request_; }
  const Route& route() const override { return route_; }
  const RequestIdentity& identity() const override { return identity_; }
  Ticks started() const override { return started_; }
  void hold(uint64_t bytes) override;
  void send(Response response) override;
  void send_piece(std::string piece, bool is_last) override;
  void send_made_by(std::function<Response()> make) override;
  void abort() override;
  void on_hang_up(std::function<void()> action) override;
  Room wait_for_room(std::chrono::steady_clock::time_point deadline) override;
  bool accepts_gzip() const override;
  bool accepts_chunks() const override { return !request_.is_http_1_0; }
  std::string head(HeadOptions options) override;

 private:
  using ErrorCode = boost::system::error_code;
  enum class State {
    kReading,    // a request, or the wait for one
    kAnswering,  // a handler has the request, or its answer is being sent
    kLingering,  // the answer is out and the connection ends: drops what still comes
    kClosed,
  };

  void head_arrived() override;
  void handshake();
  void read();
  void on_read(ErrorCode error, size_t size);
  void parse();
  void dispatch();
  void refuse(const Error& error);
  void refuse_malformed(ErrorCode error);
  void continue_if_expected();
  void count_body();
  void release_memory();
  std::string text_of(Response response);
  void add_output(std::string piece, bool is_last);
  void flush();
  void on_written(ErrorCode error);
  void end_answer();
  void peer_has_gone();
  void linger();
  void close();
  void set_deadline(std::chrono::milliseconds timeout) { deadline_ = thread_.now() + timeout; }
  void no_deadline() { deadline_ = std::chrono::steady_clock::time_point::max(); }

  IoThread& thread_;
  boost::asio::ip::tcp::socket socket_;
  ConnectionContext& context_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  State state_ = State::kReading;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool must_close_ = false;  // after this answer
  bool expects_continue_ = false;
  bool has_peer_gone_ = false;
  std::chrono::steady_clock::time_point deadline_;
  boost::beast::flat_buffer buffer_;
  void* reading_to_ = nullptr;  // in buffer_, while is_reading_
  std::optional<RequestParser> parser_;
  Request request_;
  Route route_;
  RequestIdentity identity_;
  uint64_t counted_bytes_ = 0;  // of this request, in held_bytes
  Ticks started_ = 0;
  std::string writing_;  // what the socket takes now
  std::function<void()> hang_up_action_;

  // What handlers hand over to be sent.
  struct Output {
    std::mutex mutex;
    std::condition_variable room;
    std::string pending;
    std::function<Response()> make;  // makes what is pending, on the connection's thread
    size_t unsent_size = 0;          // pending and being written
    bool is_complete = false;
    bool is_broken = false;     // nothing more will be sent
    bool is_abandoned = false;  // nor does anything run on the connection's thread any more
  } output_;
};

}  // namespace rivulet::server
