#include "server/http/request_parser.h"

#include <algorithm>

namespace rivulet::server {

namespace http = boost::beast::http;

size_t RequestParser::take(boost::asio::const_buffer data, Code& error) {
  size_t used = put(data, error);
  // A body is taken as it comes: what waits is the begin of a line, or of the trailers.
  if (error == http::error::need_more) check_room(data.size() - used, error);
  return used;
}

void RequestParser::check_room(size_t bytes, Code& code) const {
  if (header_size_ + bytes > header_limit_) code = http::error::header_limit;
}

void RequestParser::count(size_t bytes, Code& code) {
  check_room(bytes, code);
  header_size_ += bytes;
}

void RequestParser::on_request_impl(http::verb, Text method, Text target, int version, Code& code) {
  request_.set_start_line({method.data(), method.size()}, {target.data(), target.size()});
  request_.is_http_1_0 = version < 11;
  count(method.size() + target.size(), code);
}

void RequestParser::on_field_impl(http::field field, Text name, Text value, Code& code) {
  constexpr size_t kColonAndLineEnd = 3;
  count(name.size() + value.size() + kColonAndLineEnd, code);
  if (code || has_head_) return;  // a trailer is read over
  if (field == http::field::host) ++hosts_;
  if (field == http::field::transfer_encoding) {
    ++transfer_encodings_;
    is_only_chunked_ = equals_ignoring_case({value.data(), value.size()}, "chunked");
  }
  request_.add_header({name.data(), name.size()}, {value.data(), value.size()});
}

std::optional<Error> RequestParser::head_fault() const {
  if (hosts_ > 1 || (hosts_ == 0 && !request_.is_http_1_0)) {
    return bad_request("A request of HTTP/1.1 needs exactly one Host header.");
  }
  if (transfer_encodings_ == 0) return std::nullopt;
  if (request_.is_http_1_0) {
    return bad_request("A request of HTTP/1.0 cannot have a Transfer-Encoding header.");
  }
  if (!chunked()) {
    return bad_request(
        "The end of the request body cannot be told: its Transfer-Encoding does not end in one "
        "'chunked'.");
  }
  if (transfer_encodings_ > 1 || !is_only_chunked_) {
    return Error(ErrorKind::kNotImplemented,
                 "The only Transfer-Encoding that is supported is 'chunked'.");
  }
  return std::nullopt;
}

void RequestParser::on_header_impl(Code& code) {
  fault_ = head_fault();
  if (fault_) {
    code = http::error::bad_value;
    return;
  }
  has_head_ = true;
  request_.keep_alive = keep_alive();
  listener_.head_arrived();
  if (content_length().value_or(0) > limit) is_too_large_ = true;
}

void RequestParser::on_body_init_impl(const boost::optional<uint64_t>& content_length, Code&) {
  // A length is only said: what is beyond this has to come first.
  constexpr uint64_t kMostReserved = 4 << 20;
  if (content_length && !is_too_large_ && !discard_body) {
    request_.body.reserve(std::min(*content_length, kMostReserved));
  }
}

size_t RequestParser::on_body_impl(Text body, Code&) {
  body_size_ += body.size();
  if (body_size_ > limit) is_too_large_ = true;
  if (!is_too_large_ && !discard_body) request_.body.append(body.data(), body.size());
  return body.size();
}

}  // namespace rivulet::server
