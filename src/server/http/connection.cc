#include "server/http/connection.h"

#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include "server/http/gzip.h"

namespace rivulet::server {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

// Answers below this gain nothing from compression.
constexpr size_t kLeastGzipSize = 1024;

// The least size of an answer that is compressed for a client that takes gzip. Results always are: the Java
// client, which says that it takes gzip, cannot read a result without a Content-Encoding. Errors never are:
// it reads those of its streaming queries as they come.
size_t least_gzip_size(Endpoint endpoint, int status) {
  if (status != 200) return std::numeric_limits<size_t>::max();
  switch (endpoint) {
    case Endpoint::kQueryV1:
    case Endpoint::kQueryV2:
    case Endpoint::kCommand:
      return 0;
    default:
      return kLeastGzipSize;
  }
}

constexpr size_t kSmallRead = 8 << 10;
constexpr size_t kLargeRead = 128 << 10;
// Requests that a client sends before the answer to an earlier one: read so much of them ahead.
constexpr size_t kReadAhead = 64 << 10;
// A slow client makes the writer of its answer wait when so much is unsent.
constexpr size_t kUnsentLimit = 512 << 10;
// Of a body that is too large so much is read, so that the client hears why it is refused instead of a
// reset connection.
constexpr uint64_t kDiscardLimit = 64 << 20;
constexpr std::chrono::milliseconds kLingerTime{2'000};
constexpr std::chrono::milliseconds kHandshakeTime{10'000};

}  // namespace

Connection::Connection(IoThread& thread, asio::ip::tcp::socket socket, ConnectionContext& context)
    : thread_(thread), socket_(std::move(socket)), context_(context) {
  context_.connection_count.fetch_add(1, std::memory_order_relaxed);
  context_.metrics.connections.Increment();
}

Connection::~Connection() {
  release_memory();
  context_.connection_count.fetch_sub(1, std::memory_order_relaxed);
  context_.metrics.connections.Decrement();
}

void Connection::start() {
  thread_.add(shared_from_this());
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (context_.tls != nullptr) {
    handshake();
    return;
  }
  set_deadline(context_.settings.idle_timeout);
  read();
}

void Connection::handshake() {
  tls_.emplace(socket_, *context_.tls);
  set_deadline(kHandshakeTime);
  is_reading_ = true;
  tls_->async_handshake(asio::ssl::stream_base::server,
                        [self = shared_from_this()](ErrorCode error) {
                          self->is_reading_ = false;
                          if (self->state_ == State::kClosed) return;
                          if (error) {
                            self->close();
                            return;
                          }
                          self->set_deadline(self->context_.settings.idle_timeout);
                          self->read();
                        });
}

void Connection::read() {
  if (is_reading_ || state_ == State::kClosed) return;
  is_reading_ = true;
  bool is_in_body = parser_ && parser_->has_head() && !parser_->is_done();
  auto space = buffer_.prepare(is_in_body ? kLargeRead : kSmallRead);
  reading_to_ = space.data();
  auto done = [self = shared_from_this()](ErrorCode error, size_t size) {
    self->on_read(error, size);
  };
  if (tls_) {
    tls_->async_read_some(space, std::move(done));
  } else {
    socket_.async_read_some(space, std::move(done));
  }
}

void Connection::on_read(ErrorCode error, size_t size) {
  is_reading_ = false;
  if (state_ == State::kClosed) return;
  if (error) {
    peer_has_gone();
    return;
  }
  // A buffer that was emptied under the read begins at its front again.
  void* front = buffer_.prepare(size).data();
  if (front != reading_to_) std::memmove(front, reading_to_, size);
  buffer_.commit(size);
  context_.metrics.received_bytes.Increment(static_cast<double>(size));
  switch (state_) {
    case State::kReading:
      parse();
      break;
    case State::kAnswering:
      // Here to notice a client that hangs up.
      if (buffer_.size() < kReadAhead) read();
      break;
    case State::kLingering:
      buffer_.clear();
      read();
      break;
    case State::kClosed:
      break;
  }
}

void Connection::parse() {
  while (state_ == State::kReading) {
    if (!parser_) {
      // Some clients end a body with a line of its own that no length counts.
      while (buffer_.size() > 0) {
        char first = *static_cast<const char*>(buffer_.data().data());
        if (first != '\r' && first != '\n') break;
        buffer_.consume(1);
      }
    }
    if (buffer_.size() == 0) {
      read();
      return;
    }
    if (!parser_) {
      parser_.emplace(request_, *this, static_cast<uint32_t>(context_.settings.max_header_size));
      set_deadline(context_.settings.header_timeout);
    }
    ErrorCode error;
    size_t used = parser_->take(buffer_.data(), error);
    buffer_.consume(used);
    if (error && error != http::error::need_more) {
      refuse_malformed(error);
      return;
    }
    count_body();
    if (parser_->is_done()) {
      dispatch();
      return;
    }
    if (parser_->has_head()) {
      set_deadline(context_.settings.body_timeout);
      bool is_refused = route_.refusal || parser_->is_too_large();
      if (is_refused && (expects_continue_ || parser_->body_size() > kDiscardLimit)) {
        must_close_ = true;
        dispatch();
        return;
      }
      continue_if_expected();
    }
    if (error == http::error::need_more || used == 0) {
      read();
      return;
    }
  }
}

void Connection::head_arrived() {
  started_ = thread_.clock().now();
  identity_.activity_id = new_guid();
  std::string& id = identity_.client_request_id;
  id = request_.header("x-ms-client-request-id");
  if (id.empty()) append_unspecified_id(id);
  route_ = context_.router.route(request_);
  parser_->limit = route_.body_limit;
  parser_->discard_body = route_.refusal.has_value();
  expects_continue_ =
      !request_.is_http_1_0 && equals_ignoring_case(request_.header("Expect"), "100-continue");
  must_close_ = false;
}

void Connection::hold(uint64_t bytes) {
  if (bytes <= counted_bytes_) return;
  uint64_t limit = context_.request_memory_bytes;
  if (bytes > limit) {
    throw payload_too_large(
        fmt::format("The request needs more than the {} bytes that all requests may hold together "
                    "(request_memory): send it in smaller parts.",
                    limit));
  }
  uint64_t growth = bytes - std::exchange(counted_bytes_, bytes);
  context_.metrics.request_bytes.Increment(static_cast<double>(growth));
  if (context_.held_bytes.fetch_add(growth) + growth > limit) {
    throw throttled("The server holds too many request bodies at this time; retry later.");
  }
}

void Connection::count_body() {
  if (route_.refusal) return;
  try {
    hold(request_.body.size());
  } catch (const Error& error) {
    route_.refusal = error;
    if (route_.endpoint == Endpoint::kIngest && error.kind() == ErrorKind::kThrottled) {
      context_.metrics.throttled_ingestions.Increment();
    }
    parser_->discard_body = true;
    std::string().swap(request_.body);
    release_memory();
  }
}

void Connection::release_memory() {
  if (counted_bytes_ == 0) return;
  context_.metrics.request_bytes.Decrement(static_cast<double>(counted_bytes_));
  context_.held_bytes.fetch_sub(std::exchange(counted_bytes_, 0));
}

void Connection::continue_if_expected() {
  if (!expects_continue_) return;
  expects_continue_ = false;
  {
    std::lock_guard lock(output_.mutex);
    output_.pending += "HTTP/1.1 100 Continue\r\n\r\n";
    output_.unsent_size = output_.pending.size();
  }
  flush();
}

void Connection::dispatch() {
  state_ = State::kAnswering;
  no_deadline();
  expects_continue_ = false;
  if (parser_->is_too_large() && !route_.refusal) {
    route_.refusal = payload_too_large("The request body exceeds the maximum allowed size of " +
                                       format_size(route_.body_limit) + ".");
  }
  if (route_.refusal) {
    refuse(*route_.refusal);
    return;
  }
  try {
    context_.handler(shared_from_this());
  } catch (const Error& error) {
    refuse(error);
  } catch (const std::exception& error) {
    spdlog::error("request {}: {}", identity_.client_request_id, error.what());
    refuse(internal_error("The server failed to handle the request."));
  }
}

void Connection::refuse(const Error& error) {
  send_error(error, thread_.clock().now());
}

void Connection::refuse_malformed(ErrorCode error) {
  // The answer needs a head, whether or not one had arrived.
  if (!parser_->has_head()) {
    request_.clear();
    route_ = Route();
    identity_ = {"", new_guid()};
    append_unspecified_id(identity_.client_request_id);
    started_ = thread_.clock().now();
  }
  state_ = State::kAnswering;
  no_deadline();
  must_close_ = true;
  if (error == http::error::header_limit) {
    refuse(headers_too_large(
        "The request line, headers, chunk extensions and trailers of the request exceed " +
        format_size(context_.settings.max_header_size) + " together (max_header_size)."));
  } else if (parser_->fault()) {
    refuse(*parser_->fault());
  } else {
    refuse(bad_request("The request is not valid HTTP: " + error.message() + "."));
  }
}

void Connection::send(Response response) {
  send_piece(text_of(std::move(response)), true);
}

std::string Connection::text_of(Response response) {
  HeadOptions options;
  options.status = response.status;
  options.content_type = response.content_type;
  options.headers = response.headers;
  bool has_body = request_.method != Method::kHead;
  if (has_body && response.body.size() >= least_gzip_size(route_.endpoint, response.status) &&
      accepts_gzip()) {
    response.body = gzip(response.body);
    options.is_gzip = true;
  }
  options.content_length = response.body.size();
  std::string text = head(options);
  if (has_body) text += response.body;
  return text;
}

std::string Connection::head(HeadOptions options) {
  options.cors_origin = route_.cors_origin;
  options.is_http_1_0 = request_.is_http_1_0;
  options.keep_alive =
      !options.is_until_close && request_.keep_alive && !must_close_ && !context_.is_draining;
  std::string out;
  out.reserve(512 + options.content_length * (options.is_chunked ? 0 : 1));
  append_head(out, options, identity_, cached_http_date(thread_.clock().now()));
  context_.metrics.answered(route_.endpoint, options.status);
  return out;
}

bool Connection::accepts_gzip() const {
  return header_lists(request_.header("Accept-Encoding"), "gzip");
}

void Connection::send_piece(std::string piece, bool is_last) {
  add_output(std::move(piece), is_last);
  thread_.wake(shared_from_this());
}

void Connection::add_output(std::string piece, bool is_last) {
  std::lock_guard lock(output_.mutex);
  output_.unsent_size += piece.size();
  if (output_.pending.empty()) {
    output_.pending = std::move(piece);
  } else {
    output_.pending += piece;
  }
  output_.is_complete = is_last;
}

Exchange::Room Connection::wait_for_room(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(output_.mutex);
  bool is_over = output_.room.wait_until(
      lock, deadline, [&] { return output_.is_broken || output_.unsent_size < kUnsentLimit; });
  if (output_.is_broken) return Room::kGone;
  return is_over ? Room::kFree : Room::kFull;
}

void Connection::send_made_by(std::function<Response()> make) {
  bool is_abandoned;
  {
    std::lock_guard lock(output_.mutex);
    is_abandoned = output_.is_abandoned;
    if (!is_abandoned) output_.make = std::move(make);
  }
  if (is_abandoned) {
    // Nobody sends it any more; but whoever made it lets go of the request by that.
    make();
  } else {
    thread_.wake(shared_from_this());
  }
}

void Connection::abort() {
  {
    std::lock_guard lock(output_.mutex);
    output_.is_broken = true;
    output_.is_complete = true;
  }
  thread_.wake(shared_from_this());
}

void Connection::on_wake() {
  std::function<Response()> make;
  {
    std::lock_guard lock(output_.mutex);
    make.swap(output_.make);
  }
  if (make) add_output(text_of(make()), true);
  flush();
}

void Connection::flush() {
  while (!is_writing_ && state_ != State::kClosed) {
    bool is_complete = false;
    {
      std::lock_guard lock(output_.mutex);
      writing_.clear();
      writing_.swap(output_.pending);
      is_complete = output_.is_complete;
      if (output_.is_broken) writing_.clear();
    }
    if (writing_.empty()) {
      if (is_complete) end_answer();
      return;
    }
    size_t written = 0;
    if (!tls_) {
      ErrorCode error;
      written = socket_.write_some(asio::buffer(writing_), error);
      if (error && error != asio::error::would_block) {
        on_written(error);
        return;
      }
    }
    if (written < writing_.size()) {
      is_writing_ = true;
      set_deadline(context_.settings.write_timeout);
      auto done = [self = shared_from_this()](ErrorCode error, size_t) {
        self->is_writing_ = false;
        if (self->state_ != State::kClosed) self->on_written(error);
      };
      // Piece by piece, so that the deadline watches for progress and not for the whole.
      auto rest = asio::buffer(writing_) + written;
      if (tls_) {
        asio::async_write(*tls_, rest, std::move(done));
      } else {
        asio::async_write(socket_, rest, std::move(done));
      }
      return;
    }
    std::lock_guard lock(output_.mutex);
    output_.unsent_size -= writing_.size();
    output_.room.notify_all();
  }
}

void Connection::on_written(ErrorCode error) {
  if (error) {
    peer_has_gone();
  } else {
    std::lock_guard lock(output_.mutex);
    output_.unsent_size -= writing_.size();
    output_.room.notify_all();
  }
  if (state_ == State::kAnswering) no_deadline();
  flush();
}

void Connection::end_answer() {
  if (state_ != State::kAnswering) return;
  hang_up_action_ = nullptr;
  release_memory();
  bool is_broken = false;
  {
    std::lock_guard lock(output_.mutex);
    output_.is_complete = false;
    output_.unsent_size = 0;
    is_broken = output_.is_broken;
  }
  if (is_broken || has_peer_gone_) {
    close();
    return;
  }
  if (!request_.keep_alive || must_close_ || context_.is_draining) {
    linger();
    return;
  }
  state_ = State::kReading;
  parser_.reset();
  request_.clear();  // a connection that waits holds no body
  // Never under a read that is under way: it writes into this memory.
  if (!is_reading_ && buffer_.size() == 0 && buffer_.capacity() > kReadAhead) {
    buffer_.shrink_to_fit();
  }
  set_deadline(context_.settings.idle_timeout);
  parse();
}

void Connection::on_hang_up(std::function<void()> action) {
  if (has_peer_gone_) {
    action();
    return;
  }
  hang_up_action_ = std::move(action);
  if (buffer_.size() < kReadAhead) read();
}

void Connection::peer_has_gone() {
  has_peer_gone_ = true;
  if (state_ != State::kAnswering) {
    close();
    return;
  }
  // The handler still holds the request: its answer, which nobody will read, ends the connection.
  {
    std::lock_guard lock(output_.mutex);
    output_.is_broken = true;
    output_.room.notify_all();
  }
  if (auto action = std::exchange(hang_up_action_, nullptr)) action();
  flush();
}

void Connection::on_deadline() {
  no_deadline();
  if (state_ == State::kReading && parser_ && !is_writing_) {
    must_close_ = true;
    if (!parser_->has_head()) {
      close();
      return;
    }
    state_ = State::kAnswering;
    refuse(request_timed_out("The request body did not arrive in time."));
    return;
  }
  if (state_ == State::kAnswering) {
    spdlog::debug("request {}: the client takes no data", identity_.client_request_id);
    ErrorCode ignored;
    socket_.close(ignored);
    peer_has_gone();
    return;
  }
  close();
}

void Connection::linger() {
  // Closing a socket with unread data resets the connection, and the client may lose the answer: end
  // the sending side, and read until the client ends its own.
  state_ = State::kLingering;
  set_deadline(kLingerTime);
  buffer_.clear();
  if (tls_) {
    tls_->async_shutdown([self = shared_from_this()](ErrorCode) { self->close(); });
    return;
  }
  ErrorCode error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error) {
    close();
    return;
  }
  read();
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  ErrorCode ignored;
  socket_.close(ignored);
  thread_.remove(this);
}

void Connection::close_if_idle() {
  if (state_ == State::kReading && (!parser_ || !parser_->got_some())) close();
}

void Connection::abandon() {
  std::function<Response()> make;
  {
    std::lock_guard lock(output_.mutex);
    output_.is_broken = output_.is_abandoned = true;
    output_.room.notify_all();
    make.swap(output_.make);
  }
  if (make) make();
  if (auto action = std::exchange(hang_up_action_, nullptr)) action();
  close();
}

}  // namespace rivulet::server
