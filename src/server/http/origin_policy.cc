#include "server/http/origin_policy.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/asio/ip/address.hpp>

namespace rivulet::server {
namespace {

constexpr std::string_view kAny = "*";

bool is_ip_address(std::string_view host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

// Browsers ask nobody for these names.
bool is_localhost(std::string_view host) {
  constexpr std::string_view kBelow = ".localhost";
  return equals_ignoring_case(host, "localhost") ||
         (host.size() > kBelow.size() &&
          equals_ignoring_case(host.substr(host.size() - kBelow.size()), kBelow));
}

// Of "name:80", "10.0.0.1", "[::1]:80", without the brackets.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    authority.remove_prefix(1);
    return authority.substr(0, authority.find(']'));
  }
  std::string_view host = authority.substr(0, authority.rfind(':'));
  return host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
}

// Whether the origin "scheme://host:port" is that of the server the request was sent to. Only host and port
// count: a proxy that ends TLS changes the scheme.
bool is_own_origin(std::string_view origin, std::string_view authority) {
  size_t end = origin.find("://");
  if (end == std::string_view::npos) return false;
  std::string_view scheme = origin.substr(0, end);
  std::string_view port = scheme == "https" ? ":443" : ":80";
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  return equals_ignoring_case(origin.substr(end + 3), authority);
}

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& each) { return equals_ignoring_case(each, item); });
}

bool is_link_to_first_page(const Request& request, const Target& target) {
  return target.segments().empty() &&
         (request.method == Method::kGet || request.method == Method::kHead) &&
         request.header("Sec-Fetch-Mode") == "navigate" &&
         request.header("Sec-Fetch-Dest") == "document";
}

}  // namespace

OriginPolicy::OriginPolicy(const Settings& settings)
    : hosts_(settings.allowed_hosts), origins_(settings.cors_origins) {
  takes_any_host_ = !settings.tokens.empty() || contains(hosts_, kAny);
  takes_any_origin_ = contains(origins_, kAny);
  hosts_.push_back(parse_address(settings.listen).host);
}

bool OriginPolicy::is_own_name(std::string_view host) const {
  if (takes_any_host_) return true;
  return !host.empty() && (is_ip_address(host) || is_localhost(host) || contains(hosts_, host));
}

bool OriginPolicy::allows(std::string_view origin) const {
  return !origin.empty() && (takes_any_origin_ || contains(origins_, origin));
}

std::optional<Error> OriginPolicy::refusal(const Request& request, const Target& target) const {
  // A target with a host stands above the header (RFC 9112, 3.2.2).
  std::string_view authority =
      target.authority().empty() ? request.header("Host") : target.authority();
  if (!request.is_http_1_0 || !authority.empty()) {
    std::string_view host = host_of(authority);
    if (!is_own_name(host)) {
      return forbidden(fmt::format(
          "The server does not go by the name '{}'. Ask for it by its IP address or as localhost, "
          "or add the name to its setting allowed_hosts.",
          host));
    }
  }
  std::string_view origin = request.header("Origin");
  if (takes_any_origin_ || allows(origin)) return std::nullopt;
  if (!origin.empty() && !is_own_origin(origin, authority)) {
    return forbidden(fmt::format(
        "Web pages of the origin '{}' may not use this server: add it to the setting cors_origins "
        "if they should.",
        origin));
  }
  std::string_view site = request.header("Sec-Fetch-Site");
  bool is_foreign = !site.empty() && site != "same-origin" && site != "none";
  if (is_foreign && !is_link_to_first_page(request, target)) {
    return forbidden(
        "Web pages of other sites may not use this server: add their origin to the setting "
        "cors_origins if they should, and have them send it (mode 'cors').");
  }
  return std::nullopt;
}

}  // namespace rivulet::server
