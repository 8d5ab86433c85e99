#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rivulet::server {

enum class Method { kGet, kHead, kPost, kOptions, kOther };

// One HTTP request: its head as text with offsets into it, and its body. A connection uses the same
// object for all its requests, so that a small request allocates nothing.
class Request {
 public:
  Method method = Method::kOther;
  bool is_http_1_0 = false;
  bool keep_alive = true;
  std::string body;

  std::string_view method_name() const { return view(method_name_); }
  // Path and query as they came.
  std::string_view target() const { return view(target_); }
  // The value of the first header of that name (any case), or empty.
  std::string_view header(std::string_view name) const;

  void clear();
  void set_start_line(std::string_view method_name, std::string_view target);
  void add_header(std::string_view name, std::string_view value);

 private:
  struct Span {
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  struct Header {
    Span name;
    Span value;
  };
  std::string_view view(Span span) const {
    return std::string_view(text_).substr(span.offset, span.size);
  }
  Span keep(std::string_view text);

  std::string text_;
  Span method_name_;
  Span target_;
  std::vector<Header> headers_;
};

bool equals_ignoring_case(std::string_view a, std::string_view b);
// Whether a comma-separated header such as Accept-Encoding names `item` without q=0.
bool header_lists(std::string_view header, std::string_view item);

}  // namespace rivulet::server
