#pragma once

#include <cstddef>
#include <string_view>

// Small helpers of the text parsers in this folder. ASCII only.
namespace rivulet::text {

inline bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

// A place in a text that moves forward.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  // 0 at the end.
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool at_digit() const { return is_digit(peek()); }
  void skip(size_t count) { rest_.remove_prefix(count); }
  bool skip_if(char c) {
    if (peek() != c || rest_.empty()) return false;
    skip(1);
    return true;
  }
  size_t skip_blanks() {
    size_t count = 0;
    while (count < rest_.size() && is_blank(rest_[count])) ++count;
    skip(count);
    return count;
  }
  std::string_view take_letters() {
    size_t count = 0;
    while (count < rest_.size() && is_letter(rest_[count])) ++count;
    std::string_view letters = rest_.substr(0, count);
    skip(count);
    return letters;
  }
  // A run of digits and how many there were; more than nine are no number (`digits` is then 0).
  int take_number(int& digits) {
    int value = 0;
    for (digits = 0; at_digit(); ++digits, skip(1)) {
      if (digits == 9) {
        digits = 0;
        return 0;
      }
      value = value * 10 + (peek() - '0');
    }
    return value;
  }

 private:
  std::string_view rest_;
};

}  // namespace rivulet::text
