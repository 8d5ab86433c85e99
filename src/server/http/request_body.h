#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/exchange.h"

namespace rivulet::server {

// Whether the body is compressed: gzip by its first bytes, whatever the headers say, or deflate by them.
bool is_packed(const Request& request);

// The body without its compression: in `storage` if it had any, which is held by the exchange then, else
// where it is. Nothing when it has more than `limit` bytes. Throws BadRequest_InvalidArchive for damage,
// UnsupportedMediaType for an encoding that is not known, and what Exchange::hold throws.
std::optional<std::string_view> unpack_body(Exchange& exchange, size_t limit, std::string& storage);
// The same; throws payload_too_large when it has more than `limit` bytes.
std::string_view unpacked_body(Exchange& exchange, size_t limit, std::string& storage);

}  // namespace rivulet::server
