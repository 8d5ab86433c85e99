#include "server/http/response_stream.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/http/gzip.h"

namespace rivulet::server {
namespace {

// How long a client may keep a place when no more tasks can be paused.
constexpr std::chrono::seconds kLongestHold{1};

}  // namespace

ResponseStream::ResponseStream(ExchangePtr exchange, WorkerPool& pool,
                               std::string_view content_type)
    : exchange_(std::move(exchange)), pool_(pool), content_type_(content_type) {}

ResponseStream::~ResponseStream() {
  if (is_started_ && !is_finished_) exchange_->abort();
}

void ResponseStream::take(std::string& text) {
  send(text, false);
}

void ResponseStream::send(std::string& text, bool is_last) {
  std::string piece;
  if (!is_started_) {
    is_chunked_ = exchange_->accepts_chunks();
    HeadOptions head;
    head.content_type = content_type_;
    head.is_chunked = is_chunked_;
    head.is_until_close = !is_chunked_;
    if (exchange_->accepts_gzip()) gzip_ = std::make_unique<GzipEncoder>();
    head.is_gzip = gzip_ != nullptr;
    piece = exchange_->head(head);
    is_started_ = true;
  }
  std::string packed;
  if (gzip_ != nullptr) gzip_->encode(text, is_last, packed);
  const std::string& content = gzip_ != nullptr ? packed : text;
  if (!content.empty()) {
    if (is_chunked_) fmt::format_to(std::back_inserter(piece), "{:x}\r\n", content.size());
    piece += content;
    if (is_chunked_) piece += "\r\n";
  }
  if (is_last && is_chunked_) piece += "0\r\n\r\n";
  text.clear();
  if (is_last) {
    exchange_->send_piece(std::move(piece), true);
    return;
  }
  if (!piece.empty()) exchange_->send_piece(std::move(piece), false);
  wait_for_client();
}

void ResponseStream::wait_for_client() {
  const auto now = std::chrono::steady_clock::now();
  Exchange::Room room = exchange_->wait_for_room(now);
  if (room == Exchange::Room::kFull) {
    const WorkerPool::Pause pause(pool_);
    room = exchange_->wait_for_room(pause.is_granted() ? deadline_
                                                       : std::min(deadline_, now + kLongestHold));
  }
  if (room == Exchange::Room::kFree) return;
  if (room == Exchange::Room::kGone) {
    throw cancelled("The client closed its connection, or took no data for too long.");
  }
  if (std::chrono::steady_clock::now() >= deadline_) {
    throw timed_out("Request execution timed out: its client takes the answer too slowly.");
  }
  throw cancelled("Too many requests wait for their clients to take more of the answers.");
}

void ResponseStream::finish() {
  is_finished_ = true;
  if (is_started_) {
    send(text_, true);
    return;
  }
  Response response;
  response.content_type = content_type_;
  response.body = std::move(text_);
  exchange_->send(std::move(response));
}

}  // namespace rivulet::server
