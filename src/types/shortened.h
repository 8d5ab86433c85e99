#pragma once

#include <string>
#include <string_view>

namespace rivulet {

// What a message shows of a text that it complains of: no more than its first 200 bytes.
inline std::string shortened(std::string_view text) {
  constexpr size_t kShown = 200;
  if (text.size() <= kShown) return std::string(text);
  return std::string(text.substr(0, kShown)) + "…";
}

}  // namespace rivulet
