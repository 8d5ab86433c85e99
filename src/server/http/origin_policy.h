#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/settings.h"
#include "server/http/request.h"
#include "server/http/target.h"

namespace rivulet::server {

// Keeps web pages that somebody opens from using a server which that person's browser reaches, on loopback
// or in an internal network. Two rules, for every route but /healthz:
//
// - Without tokens, the request names the server by an IP address, as localhost, by the host of `listen` or
//   by one of `allowed_hosts`. Any other name may belong to a page that had it pointed here after it was
//   loaded (DNS rebinding): the browser takes server and page for one origin then, and lets it read answers.
// - What a page of another origin has its browser send (Origin, Sec-Fetch-Site) is refused unless
//   `cors_origins` allows that origin. A link to the server's first page may be followed from anywhere.
//
// Programs send none of these headers, and meet the first rule only. Immutable, so thread-safe.
class OriginPolicy {
 public:
  explicit OriginPolicy(const Settings& settings);

  // Why the request is refused; nothing if it is not.
  std::optional<Error> refusal(const Request& request, const Target& target) const;
  // Whether pages of this origin may send requests and read the answers.
  bool allows(std::string_view origin) const;

 private:
  bool is_own_name(std::string_view host) const;

  std::vector<std::string> hosts_;    // names of the server
  std::vector<std::string> origins_;  // allowed
  bool takes_any_host_ = false;
  bool takes_any_origin_ = false;
};

}  // namespace rivulet::server
