#include "server/request_body.h"

#include "common/error.h"
#include "common/settings.h"
#include "ingest/compression.h"

namespace rivulet::server {
namespace {

ingest::ContentEncoding encoding_of(const Request& request) {
  std::string_view header = request.header("Content-Encoding");
  if (equals_ignoring_case(header, "deflate")) return ingest::ContentEncoding::kDeflate;
  if (equals_ignoring_case(header, "gzip")) return ingest::ContentEncoding::kGzip;
  return ingest::ContentEncoding::kIdentity;
}

}  // namespace

bool is_packed(const Request& request) {
  return ingest::is_gzip(request.body) || ingest::is_zip(request.body) ||
         encoding_of(request) == ingest::ContentEncoding::kDeflate;
}

std::string_view unpacked_body(Exchange& exchange, size_t limit, std::string& storage) {
  const Request& request = exchange.request();
  if (is_packed(request)) {
    storage = ingest::decompress(request.body, encoding_of(request), limit,
                                 [&](size_t bytes) { exchange.hold(request.body.size() + bytes); });
    return storage;
  }
  if (request.body.size() > limit) {
    throw payload_too_large("The request body exceeds the maximum allowed size of " +
                            format_size(limit) + ".");
  }
  return request.body;
}

}  // namespace rivulet::server
