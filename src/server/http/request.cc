#include "server/http/request.h"

#include <algorithm>

namespace rivulet::server {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool header_lists(std::string_view header, std::string_view item) {
  while (!header.empty()) {
    size_t comma = std::min(header.find(','), header.size());
    std::string_view element = header.substr(0, comma);
    size_t semicolon = std::min(element.find(';'), element.size());
    if (equals_ignoring_case(trim(element.substr(0, semicolon)), item)) {
      std::string_view parameters = trim(element.substr(std::min(semicolon + 1, element.size())));
      bool is_refused = parameters.starts_with("q=0") &&
                        parameters.find_first_not_of("0.", 2) == std::string_view::npos;
      return !is_refused;
    }
    header.remove_prefix(std::min(comma + 1, header.size()));
  }
  return false;
}

std::string_view Request::header(std::string_view name) const {
  for (const Header& header : headers_) {
    if (header.name.size == name.size() && equals_ignoring_case(view(header.name), name))
      return view(header.value);
  }
  return {};
}

void Request::clear() {
  method = Method::kOther;
  is_http_1_0 = false;
  keep_alive = true;
  text_.clear();
  headers_.clear();
  method_name_ = target_ = {};
  constexpr size_t kKeptBody = 16 << 10;
  if (body.capacity() > kKeptBody) {
    std::string().swap(body);
  } else {
    body.clear();
  }
}

Request::Span Request::keep(std::string_view text) {
  Span span{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  text_.append(text);
  return span;
}

void Request::set_start_line(std::string_view method_name, std::string_view target) {
  method_name_ = keep(method_name);
  target_ = keep(target);
  if (method_name == "POST") {
    method = Method::kPost;
  } else if (method_name == "GET") {
    method = Method::kGet;
  } else if (method_name == "HEAD") {
    method = Method::kHead;
  } else if (method_name == "OPTIONS") {
    method = Method::kOptions;
  }
}

void Request::add_header(std::string_view name, std::string_view value) {
  Span name_span = keep(name);
  headers_.push_back({name_span, keep(value)});
}

}  // namespace rivulet::server
