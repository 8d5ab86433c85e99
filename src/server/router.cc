#include "server/router.h"

#include <algorithm>

namespace rivulet::server {
namespace {

struct Known {
  std::string_view path[4];
  size_t size;
  Endpoint endpoint;
  bool takes_get;
  bool takes_post;
};

constexpr Known kKnown[] = {
    {{"v2", "rest", "query"}, 3, Endpoint::kQueryV2, true, true},
    {{"v1", "rest", "query"}, 3, Endpoint::kQueryV1, true, true},
    {{"v1", "rest", "mgmt"}, 3, Endpoint::kCommand, false, true},
    {{"v1", "rest", "auth", "metadata"}, 4, Endpoint::kMetadata, true, false},
    {{"healthz"}, 1, Endpoint::kHealth, true, false},
    {{"metrics"}, 1, Endpoint::kMetrics, true, false},
    {{}, 0, Endpoint::kRoot, true, false},
};

// Both sides in full, whatever they hold, so that the time tells nothing of a token.
bool equals_in_constant_time(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[b.empty() ? 0 : i % b.size()]);
  }
  return difference == 0;
}

Endpoint find_endpoint(const std::vector<std::string>& path, bool& takes_get, bool& takes_post) {
  if (path.size() == 5 && path[0] == "v1" && path[1] == "rest" && path[2] == "ingest") {
    takes_get = false;
    takes_post = true;
    return Endpoint::kIngest;
  }
  for (const Known& known : kKnown) {
    if (known.size == path.size() && std::equal(path.begin(), path.end(), known.path)) {
      takes_get = known.takes_get;
      takes_post = known.takes_post;
      return known.endpoint;
    }
  }
  return Endpoint::kNone;
}

}  // namespace

bool Router::is_authenticated(const Request& request) const {
  if (settings_.tokens.empty()) return true;
  std::string_view value = request.header("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (value.size() < kScheme.size() ||
      !equals_ignoring_case(value.substr(0, kScheme.size()), kScheme)) {
    return false;
  }
  value.remove_prefix(kScheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  bool is_known = false;
  for (const std::string& token : settings_.tokens)
    is_known |= equals_in_constant_time(token, value);
  return is_known;
}

Route Router::route(const Request& request) const {
  Route route;
  route.target = Target(request.target());
  bool takes_get = false;
  bool takes_post = false;
  route.endpoint = find_endpoint(route.target.segments(), takes_get, takes_post);
  route.body_limit = route.endpoint == Endpoint::kIngest ? settings_.ingestion_max_request_size
                                                         : settings_.max_request_size;

  if (!settings_.cors_origins.empty()) {
    std::string_view origin = request.header("Origin");
    auto allows = [&](const std::string& allowed) { return allowed == "*" || allowed == origin; };
    if (!origin.empty() &&
        std::any_of(settings_.cors_origins.begin(), settings_.cors_origins.end(), allows)) {
      route.cors_origin = origin;
    }
  }

  if (route.endpoint == Endpoint::kNone) {
    std::string_view target = request.target();
    route.refusal = path_not_found(target.substr(0, target.find('?')));
    return route;
  }
  // A browser asks first, without credentials, whether its page may call.
  if (request.method == Method::kOptions &&
      !request.header("Access-Control-Request-Method").empty()) {
    route.endpoint = Endpoint::kPreflight;
    return route;
  }
  bool is_get = request.method == Method::kGet || request.method == Method::kHead;
  if (!(is_get && takes_get) && !(request.method == Method::kPost && takes_post)) {
    std::string_view target = request.target();
    route.refusal = method_not_allowed(request.method_name(), target.substr(0, target.find('?')));
    return route;
  }
  bool is_open = route.endpoint == Endpoint::kMetadata || route.endpoint == Endpoint::kHealth;
  if (!is_open && !is_authenticated(request)) {
    route.refusal = unauthorized("The request carries no bearer token that this server accepts.");
  }
  return route;
}

}  // namespace rivulet::server
