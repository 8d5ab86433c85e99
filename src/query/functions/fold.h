#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace rivulet::query {

// The first place at or after `from` where `needle` stands in `text`.
inline size_t find_bytes(std::string_view text, std::string_view needle, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<const char*>(found) - text.data();
}

// Text without its case. The answer lives until the next call, and is not made again for the same text
// as the last. Not thread-safe.
class Folder {
 public:
  std::string_view operator()(std::string_view text);

 private:
  bool is_made_ = false;
  std::string text_;
  std::string folded_;
};

}  // namespace rivulet::query
