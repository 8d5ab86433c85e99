#include "server/http/router.h"

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

// A media type that no web page can give a request without asking the server first.
bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return equals_ignoring_case(type, "application/json");
}

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

  if (std::string_view origin = request.header("Origin"); origins_.allows(origin)) {
    route.cors_origin = origin;
  }
  if (route.endpoint != Endpoint::kHealth) {
    route.refusal = origins_.refusal(request, route.target);
    if (route.refusal) return route;
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
    return route;
  }
  bool is_query = route.endpoint == Endpoint::kQueryV1 || route.endpoint == Endpoint::kQueryV2 ||
                  route.endpoint == Endpoint::kCommand;
  if (is_query && request.method == Method::kPost && !is_json(request.header("Content-Type"))) {
    route.refusal =
        Error(ErrorKind::kUnsupportedMedia,
              "The body of a query or command is JSON, and a header must say so: 'Content-Type: "
              "application/json'.");
  }
  return route;
}

}  // namespace rivulet::server
