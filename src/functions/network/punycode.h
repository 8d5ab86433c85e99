#pragma once

#include <optional>
#include <string>
#include <string_view>

// RFC 3492, without the "xn--" that marks it in a domain name. Nothing for what cannot be coded.
namespace rivulet::functions {

std::optional<std::string> to_punycode(std::string_view text);
std::optional<std::string> from_punycode(std::string_view text);

}  // namespace rivulet::functions
