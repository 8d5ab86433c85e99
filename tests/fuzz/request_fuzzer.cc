// What a client sends on one connection: requests one after the other, taken in as a connection does, then read as
// the endpoints do.
//
// The first byte is how many bytes arrive at a time, 0 for all at once; the stream follows.
#include <algorithm>
#include <chrono>
#include <optional>

#include <simdjson.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "common/settings.h"
#include "input.h"
#include "server/http/request_body.h"
#include "server/http/request_parser.h"
#include "server/rest/request_options.h"

using namespace rivulet;
using namespace rivulet::server;

namespace {

constexpr uint64_t kMaxRequestSize = 2048;  // enough for JSON that nests too deeply

Settings make_settings() {
  Settings settings;
  settings.tokens = {"t"};
  settings.cors_origins = {"*"};
  settings.max_header_size = 1024;
  settings.max_request_size = kMaxRequestSize;
  settings.ingestion_max_request_size = 256;
  return settings;
}

// Takes requests and drops their answers.
class Client final : public HeadListener, public Exchange {
 public:
  explicit Client(std::string_view stream) : stream_(stream) {}

  void receive(size_t piece) {
    std::string buffer;
    std::string_view stream = stream_;
    while (is_open_ && !stream.empty()) {
      size_t size = std::min(piece, stream.size());
      buffer.append(stream.substr(0, size));
      stream.remove_prefix(size);
      parse(buffer);
    }
  }

  Request& request() override { return request_; }
  const Route& route() const override { return route_; }
  const RequestIdentity& identity() const override { return identity_; }
  Ticks started() const override { return 0; }
  void hold(uint64_t bytes) override {
    if (bytes > kMemory) throw throttled("The server holds too many request bodies.");
  }
  void send(Response response) override {
    HeadOptions options;
    options.status = response.status;
    options.headers = response.headers;
    options.content_length = response.body.size();
    std::string text = head(options);
    size_t lines = std::count(text.begin(), text.end(), '\n');
    fuzz::require(text.find("\r\n\r\n") == text.size() - 4, "a head ends where it says");
    identity_.client_request_id = "x";
    if (!route_.cors_origin.empty()) route_.cors_origin = "x";
    text = head(options);
    fuzz::require(lines == size_t(std::count(text.begin(), text.end(), '\n')),
                  "a request adds no line to the head of its answer");
    simdjson::dom::parser parser;
    fuzz::require(response.body.empty() || parser.parse(response.body).error() == simdjson::SUCCESS,
                  "an error is valid JSON");
  }
  void send_made_by(std::function<Response()> make) override { send(make()); }
  void abort() override {}
  void send_piece(std::string, bool) override {}
  void on_hang_up(std::function<void()>) override {}
  Room wait_for_room(std::chrono::steady_clock::time_point) override { return Room::kFree; }
  bool accepts_gzip() const override {
    return header_lists(request_.header("Accept-Encoding"), "gzip");
  }
  bool accepts_chunks() const override { return !request_.is_http_1_0; }
  std::string head(HeadOptions options) override {
    options.cors_origin = route_.cors_origin;
    options.is_gzip = accepts_gzip();
    options.is_http_1_0 = !accepts_chunks();
    options.keep_alive = request_.keep_alive;
    std::string out;
    append_head(out, options, identity_, "now");
    return out;
  }

 private:
  static constexpr size_t kMemory = 64 << 10;

  void head_arrived() override {
    identity_.client_request_id = request_.header("x-ms-client-request-id");
    route_ = router().route(request_);
    parser_->limit = route_.body_limit;
    parser_->discard_body = route_.refusal.has_value();
  }

  static const Router& router() {
    static const Settings kSettings = make_settings();
    static const Router kRouter(kSettings);
    return kRouter;
  }

  void parse(std::string& buffer) {
    while (is_open_) {
      if (!parser_) buffer.erase(0, buffer.find_first_not_of("\r\n"));
      if (buffer.empty()) return;
      if (!parser_) {
        request_.clear();
        parser_.emplace(request_, *this, 1024);
      }
      boost::beast::error_code error;
      size_t used = parser_->take(boost::asio::buffer(buffer), error);
      fuzz::require(used <= buffer.size(), "no more is read than there is");
      buffer.erase(0, used);
      fuzz::require(request_.body.size() <= kMaxRequestSize, "a body is kept up to its limit");
      if (error && error != boost::beast::http::error::need_more) {
        is_open_ = false;
      } else if (parser_->is_done()) {
        answer();
        is_open_ = request_.keep_alive;
        parser_.reset();
      } else if (used == 0 || error) {
        return;
      }
    }
  }

  void answer() {
    try {
      if (route_.refusal) throw Error(*route_.refusal);
      if (parser_->is_too_large()) throw payload_too_large("The request body is too large.");
      std::string unpacked;
      switch (route_.endpoint) {
        case Endpoint::kQueryV1:
        case Endpoint::kQueryV2:
        case Endpoint::kCommand:
          if (request_.method == Method::kPost) {
            parse_query_body(unpacked_body(*this, kMemory, unpacked));
          } else {
            parse_query_target(route_.target);
          }
          break;
        case Endpoint::kIngest:
          kql::parse_server_timeout(request_.header("servertimeout"));
          fuzz::require(route_.target.segments().size() == 5, "an ingestion names its table");
          fuzz::require(unpacked_body(*this, kMemory, unpacked).size() <= kMemory,
                        "a body is unpacked up to its limit");
          break;
        default:
          break;
      }
      send({});
    } catch (const Error& error) {
      fuzz::require_presentable(error, stream_);
      send_error(error, 0);
    }
  }

  std::string_view stream_;
  Request request_;
  std::optional<RequestParser> parser_;
  Route route_;
  RequestIdentity identity_;
  bool is_open_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view stream = fuzz::as_text(data, size);
  size_t piece = fuzz::take_byte(stream);
  Client(stream).receive(piece == 0 ? stream.size() : piece);
  return 0;
}
