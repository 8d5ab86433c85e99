#pragma once

#include <string>
#include <string_view>

namespace rivulet::sources {

// Whether text in the encoding is UTF-8 as it stands: UTF-8 itself, ASCII, and the empty name.
bool is_utf8_name(std::string_view encoding);

// The UTF-8 of bytes in another encoding, by the names that .NET gives encodings, in any case. What the encoding does
// not know becomes U+FFFD. Throws bad_request for a name that is not known.
std::string to_utf8(std::string_view encoding, std::string_view bytes);

}  // namespace rivulet::sources
