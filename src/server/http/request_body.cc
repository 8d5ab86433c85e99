#include "server/http/request_body.h"

#include "common/error.h"
#include "common/settings.h"
#include "ingest/compression.h"

namespace rivulet::server {
namespace {

// Throws for encodings that are not known: their bytes would be taken for text.
ingest::ContentEncoding encoding_of(const Request& request) {
  std::string_view header = request.header("Content-Encoding");
  if (header.empty() || equals_ignoring_case(header, "identity"))
    return ingest::ContentEncoding::kIdentity;
  if (equals_ignoring_case(header, "deflate")) return ingest::ContentEncoding::kDeflate;
  if (equals_ignoring_case(header, "gzip") || equals_ignoring_case(header, "x-gzip"))
    return ingest::ContentEncoding::kGzip;
  throw Error(ErrorKind::kUnsupportedMedia,
              "The Content-Encoding '" + std::string(header) +
                  "' is not supported: send the body as it is, or as gzip or deflate.");
}

}  // namespace

bool is_packed(const Request& request) {
  return ingest::is_gzip(request.body) || ingest::is_zip(request.body) ||
         equals_ignoring_case(request.header("Content-Encoding"), "deflate");
}

std::optional<std::string_view> unpack_body(Exchange& exchange, size_t limit,
                                            std::string& storage) {
  const Request& request = exchange.request();
  ingest::ContentEncoding encoding = encoding_of(request);
  if (is_packed(request)) {
    auto text = ingest::decompress(request.body, encoding, limit, [&](size_t bytes) {
      exchange.hold(request.body.size() + bytes);
    });
    if (!text) return std::nullopt;
    storage = std::move(*text);
    return storage;
  }
  if (request.body.size() > limit) return std::nullopt;
  return request.body;
}

std::string_view unpacked_body(Exchange& exchange, size_t limit, std::string& storage) {
  std::optional<std::string_view> body = unpack_body(exchange, limit, storage);
  if (!body) {
    throw payload_too_large("The request body exceeds the maximum allowed size of " +
                            format_size(limit) +
                            (is_packed(exchange.request()) ? " uncompressed." : "."));
  }
  return *body;
}

}  // namespace rivulet::server
