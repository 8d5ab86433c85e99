#pragma once

#include <limits>
#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "common/error.h"
#include "server/http/request.h"

namespace rivulet::server {

// Told when the head of a request is complete, before its body is read.
class HeadListener {
 public:
  virtual ~HeadListener() = default;
  // May set the parser's body_limit or discard_body.
  virtual void head_arrived() = 0;
};

// Beast's parser, writing into a Request without an allocation for each header, and stricter than Beast:
//
// - All of a request that is no body counts against `header_limit`: request line, headers, extensions of
//   chunks and trailers, those that wait for the rest of their line included. So a connection never holds
//   more than that beside its body.
// - HTTP/1.1 names its host once (RFC 9112, 3.2).
// - A body whose end two readers could see in different places is refused (RFC 9112, 6.1 and 6.3): the one
//   transfer coding is `chunked`, given once, in HTTP/1.1.
class RequestParser : private boost::beast::http::basic_parser<true> {
 public:
  using Code = boost::beast::error_code;

  // A body beyond this is read and dropped, and is_too_large is set.
  uint64_t limit = 0;
  // The request is refused whatever its body holds: read it, and drop it.
  bool discard_body = false;

  RequestParser(Request& request, HeadListener& listener, uint32_t header_limit)
      : request_(request), listener_(listener), header_limit_(header_limit) {
    this->header_limit(header_limit);
    this->body_limit(std::numeric_limits<uint64_t>::max());  // `limit` counts instead
    this->eager(true);
  }

  // Takes what it can of `data`, which begins with what it left of the data before, and gives how much that
  // was. `error` is need_more when the rest has to wait for what follows it, header_limit, or what makes the
  // request no HTTP: the connection cannot go on then.
  size_t take(boost::asio::const_buffer data, Code& error);
  // Says more than the error of take(), if there is more to say.
  const std::optional<Error>& fault() const { return fault_; }

  // Whether the listener was told of the head.
  bool has_head() const { return has_head_; }
  bool is_too_large() const { return is_too_large_; }
  uint64_t body_size() const { return body_size_; }
  using basic_parser::got_some;
  using basic_parser::is_done;

 private:
  using Text = boost::beast::string_view;

  std::optional<Error> head_fault() const;
  // Sets header_limit in `code` when what is no body would be too much with so many bytes more.
  void check_room(size_t bytes, Code& code) const;
  // Counts bytes that are no body.
  void count(size_t bytes, Code& code);

  void on_request_impl(boost::beast::http::verb, Text method, Text target, int version,
                       Code& code) override;
  void on_response_impl(int, Text, int, Code&) override {}
  void on_field_impl(boost::beast::http::field field, Text name, Text value, Code& code) override;
  void on_header_impl(Code& code) override;
  void on_body_init_impl(const boost::optional<uint64_t>& content_length, Code&) override;
  size_t on_body_impl(Text body, Code&) override;
  void on_chunk_header_impl(uint64_t, Text extensions, Code& code) override {
    count(extensions.size(), code);
  }
  size_t on_chunk_body_impl(uint64_t, Text body, Code& code) override {
    return on_body_impl(body, code);
  }
  void on_finish_impl(Code&) override {}

  Request& request_;
  HeadListener& listener_;
  const size_t header_limit_;
  size_t header_size_ = 0;
  size_t hosts_ = 0;
  size_t transfer_encodings_ = 0;
  bool is_only_chunked_ = true;
  bool has_head_ = false;
  bool is_too_large_ = false;
  uint64_t body_size_ = 0;
  std::optional<Error> fault_;
};

}  // namespace rivulet::server
