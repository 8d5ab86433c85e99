#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rivulet::server {

// The path and the query of a request target, taken leniently: several slashes count as one, a slash at
// the end as none, and a percent sign that starts no escape stands for itself, because official clients
// put database and table names into the path without encoding them.
class Target {
 public:
  explicit Target(std::string_view target);

  // "host:port" of a target in absolute form, else empty.
  std::string_view authority() const { return authority_; }
  // Decoded.
  const std::vector<std::string>& segments() const { return segments_; }
  // Decoded value of a query parameter; the name in any case.
  std::optional<std::string> parameter(std::string_view name) const;

 private:
  std::string_view authority_;
  std::vector<std::string> segments_;
  std::string_view query_;
};

// Undoes percent-encoding; with `plus_is_blank` also "+".
std::string percent_decode(std::string_view text, bool plus_is_blank = false);

}  // namespace rivulet::server
