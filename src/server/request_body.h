#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "server/exchange.h"

namespace rivulet::server {

// Whether the body is compressed: gzip by its first bytes, whatever the headers say, or deflate by them.
bool is_packed(const Request& request);

// The body without its compression: in `storage` if it had any, which is held by the exchange then, else
// where it is. Throws payload_too_large when it holds more than `limit` bytes, BadRequest_InvalidArchive
// for damage, and what Exchange::hold throws.
std::string_view unpacked_body(Exchange& exchange, size_t limit, std::string& storage);

}  // namespace rivulet::server
