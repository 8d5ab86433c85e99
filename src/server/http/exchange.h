#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/clock.h"
#include "server/http/body_sink.h"
#include "server/http/request.h"
#include "server/http/response.h"
#include "server/http/router.h"

namespace rivulet::server {

// One request and the way to answer it: what an endpoint sees of a connection. The request stays valid
// until the answer is given; then the connection goes on to the next, and the endpoint must let go.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual Request& request() = 0;
  virtual const Route& route() const = 0;
  virtual const RequestIdentity& identity() const = 0;
  // When the head of the request had arrived.
  virtual Ticks started() const = 0;
  // Says how much memory the request takes until its answer, its body included; `throttled` is thrown
  // when all requests together would take more than they may. By one thread at a time, before the answer.
  virtual void hold(uint64_t bytes) = 0;

  // Gives the whole answer; exactly once, from any thread, and not together with stream().
  virtual void send(Response response) = 0;
  // The same, with the answer made on the connection's thread: for callers who must not linger.
  virtual void send_made_by(std::function<Response()> make) = 0;
  // Closes the connection in the middle of an answer that cannot be completed.
  virtual void abort() = 0;
  // For answers that may be large: see ResponseStream.
  virtual void send_piece(std::string piece, bool is_last) = 0;

  // `action` runs once, on the connection's thread, if the client goes away before the answer is
  // complete; at once if it has gone already. Call it before the answer begins.
  virtual void on_hang_up(std::function<void()> action) = 0;
  // Waits until few enough bytes wait to be sent, at most until the deadline.
  enum class Room {
    kFree,
    kFull,  // the deadline has passed
    kGone,  // the client has gone or took nothing for too long
  };
  virtual Room wait_for_room(std::chrono::steady_clock::time_point deadline) = 0;

  // What the head of a streamed answer needs to know.
  virtual bool accepts_gzip() const = 0;
  virtual bool accepts_chunks() const = 0;
  // The head of an answer to this request, with the headers that every answer carries.
  virtual std::string head(HeadOptions options) = 0;

  void send_error(const Error& error, Ticks now) { send(error_response(error, identity(), now)); }
};

using ExchangePtr = std::shared_ptr<Exchange>;

}  // namespace rivulet::server
