#pragma once

#include <string>
#include <string_view>

// Search in text, with and without regard to case.
namespace rivulet::functions {

// The first place at or after `from` where `needle` stands in `text`.
size_t find_bytes(std::string_view text, std::string_view needle, size_t from);
// Likewise without regard to the case of ASCII letters; those of `lower` are lower-case.
size_t find_ascii_folded(std::string_view text, std::string_view lower, size_t from);

// Refuses to look for `needles` texts one after the other in one of `bytes` where that would take too long.
void check_search(size_t needles, size_t bytes);

// Text without its case, by Unicode's rules. The answer lives until the next call. Not thread-safe.
class Folder {
 public:
  std::string_view operator()(std::string_view text);

 private:
  std::string folded_;
};

// What is searched for, folded once while it stays the same from row to row. Not thread-safe.
class FoldedNeedle {
 public:
  void set(std::string_view text);
  std::string_view folded() const { return folded_; }
  bool is_ascii() const { return is_ascii_; }

 private:
  bool is_set_ = false;
  bool is_ascii_ = true;
  std::string text_;
  std::string folded_;
};

}  // namespace rivulet::functions
