#pragma once

#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/error.h"
#include "common/guid.h"

namespace rivulet::server {

// A whole answer, small enough to be held.
struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // static text
  std::string headers;                                 // further lines, each ending in "\r\n"
  std::string body;
};

// Names one request in answers, errors and logs.
struct RequestIdentity {
  std::string client_request_id;  // x-ms-client-request-id, or "unspecified;<guid>"
  Guid activity_id;
};

// The id of a request that has none: "unspecified;<guid>".
void append_unspecified_id(std::string& out);

struct HeadOptions {
  int status = 200;
  std::string_view content_type;
  std::string_view headers;
  std::string_view cors_origin;  // empty: no CORS headers
  bool keep_alive = true;
  bool is_http_1_0 = false;
  bool is_gzip = false;
  bool is_chunked = false;  // else content_length counts
  bool is_until_close = false;
  size_t content_length = 0;
};

// Appends the status line and the headers, with the empty line.
void append_head(std::string& out, const HeadOptions& options, const RequestIdentity& identity,
                 std::string_view date);
// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(Ticks now);
// The same, made once a second in each thread; valid until the thread's next call.
const std::string& cached_http_date(Ticks now);
std::string_view reason_phrase(int status);

// The error as Kusto's clients expect it: {"error":{"code":…,"message":…,"@type":…,"@message":…,…}}.
std::string error_body(const Error& error, const RequestIdentity& identity, Ticks now);
// The inner object alone, without "error": what OneApiErrors holds is {"error":<this>}.
void append_error_object(std::string& out, const Error& error, const RequestIdentity& identity,
                         Ticks now);
Response error_response(const Error& error, const RequestIdentity& identity, Ticks now);

}  // namespace rivulet::server
