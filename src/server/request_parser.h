#pragma once

#include <limits>

#include <boost/beast/http/basic_parser.hpp>

#include "server/request.h"

namespace rivulet::server {

// Told when the head of a request is complete, before its body is read.
class HeadListener {
 public:
  virtual ~HeadListener() = default;
  // May set the parser's body_limit or discard_body.
  virtual void head_arrived() = 0;
};

// Beast's parser, writing into a Request without an allocation for each header.
class RequestParser : public boost::beast::http::basic_parser<true> {
 public:
  // A body beyond this is read and dropped, and is_too_large is set.
  uint64_t limit = 0;
  // The request is refused whatever its body holds: read it, and drop it.
  bool discard_body = false;

  RequestParser(Request& request, HeadListener& listener, uint32_t header_limit)
      : request_(request), listener_(listener) {
    this->header_limit(header_limit);
    this->body_limit(std::numeric_limits<uint64_t>::max());  // `limit` counts instead
    this->eager(true);
  }

  bool is_too_large() const { return is_too_large_; }
  uint64_t body_size() const { return body_size_; }

 private:
  using Code = boost::beast::error_code;
  using Text = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb, Text method, Text target, int version,
                       Code&) override {
    request_.set_start_line({method.data(), method.size()}, {target.data(), target.size()});
    request_.is_http_1_0 = version < 11;
  }
  void on_response_impl(int, Text, int, Code&) override {}
  void on_field_impl(boost::beast::http::field, Text name, Text value, Code&) override {
    if (is_head_complete_) return;  // a trailer
    request_.add_header({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_header_impl(Code&) override {
    is_head_complete_ = true;
    request_.keep_alive = keep_alive();
    listener_.head_arrived();
    if (content_length().value_or(0) > limit) is_too_large_ = true;
  }
  void on_body_init_impl(const boost::optional<uint64_t>& content_length, Code&) override {
    if (content_length && !is_too_large_ && !discard_body) request_.body.reserve(*content_length);
  }
  size_t on_body_impl(Text body, Code&) override {
    body_size_ += body.size();
    if (body_size_ > limit) is_too_large_ = true;
    if (!is_too_large_ && !discard_body) request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, Text, Code&) override {}
  size_t on_chunk_body_impl(uint64_t, Text body, Code& code) override {
    return on_body_impl(body, code);
  }
  void on_finish_impl(Code&) override {}

  Request& request_;
  HeadListener& listener_;
  bool is_head_complete_ = false;
  bool is_too_large_ = false;
  uint64_t body_size_ = 0;
};

}  // namespace rivulet::server
