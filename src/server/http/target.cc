#include "server/http/target.h"

#include <algorithm>

#include "server/http/request.h"

namespace rivulet::server {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_decode(std::string_view text, bool plus_is_blank) {
  if (text.find_first_of("%+") == std::string_view::npos) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else {
      out += text[i];
    }
  }
  return out;
}

Target::Target(std::string_view target) {
  // The absolute form "http://host:port/path" is legal too.
  if (target.starts_with("http://") || target.starts_with("https://")) {
    target.remove_prefix(target.find("://") + 3);
    authority_ = target.substr(0, target.find_first_of("/?#"));
    target.remove_prefix(authority_.size());
  }
  target = target.substr(0, target.find('#'));
  size_t mark = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, mark);
  query_ = target.substr(std::min(mark + 1, target.size()));
  segments_.reserve(5);  // those of an ingestion
  while (!path.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) segments_.push_back(percent_decode(path.substr(0, slash)));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
}

std::optional<std::string> Target::parameter(std::string_view name) const {
  std::string_view rest = query_;
  while (!rest.empty()) {
    size_t end = std::min(rest.find('&'), rest.size());
    std::string_view pair = rest.substr(0, end);
    size_t equals = std::min(pair.find('='), pair.size());
    if (equals_ignoring_case(pair.substr(0, equals), name)) {
      return percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

}  // namespace rivulet::server
