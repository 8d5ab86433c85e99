// check_settings: what the settings may be, beyond the range of each.

#include <algorithm>
#include <regex>

#include <fmt/format.h>

#include "common/settings.h"

namespace rivulet {
namespace {

void check_listen(const Settings& settings) {
  HostAndPort address;
  try {
    address = parse_address(settings.listen);
  } catch (const SettingsError& error) {
    throw SettingsError(fmt::format("listen: {}", error.what()));
  }
  if (!is_loopback(address.host) && settings.tokens.empty() && !settings.allow_anonymous_network) {
    throw SettingsError(fmt::format(
        "listen: {} can be reached from other machines, and no tokens are set. Set tokens, listen "
        "on "
        "127.0.0.1, or set allow_anonymous_network if everyone who can reach the port may read and "
        "write everything",
        settings.listen));
  }
}

void check_token(std::string_view token) {
  bool is_visible =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  // Not shown: it is a secret.
  if (token.empty() || !is_visible) {
    throw SettingsError(
        "tokens: a token must be of visible ASCII characters without blanks, or no header could "
        "carry it, and must not be empty");
  }
}

void check_allowed_host(const std::string& host) {
  static const std::regex kName("[A-Za-z0-9._-]+");
  if (host == "*" || std::regex_match(host, kName)) return;
  throw SettingsError(fmt::format(
      "allowed_hosts: '{}' is no host name: give it without scheme, port and path, or * for any",
      host));
}

// As browsers send it.
void check_origin(const std::string& origin) {
  static const std::regex kOrigin(
      R"([A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?)");
  if (origin == "*" || std::regex_match(origin, kOrigin)) return;
  throw SettingsError(fmt::format(
      "cors_origins: '{}' is no origin: scheme://host or scheme://host:port, with nothing behind "
      "it, or * for all",
      origin));
}

}  // namespace

void check_settings(const Settings& settings) {
  check_listen(settings);
  for (const std::string& token : settings.tokens) check_token(token);
  for (const std::string& host : settings.allowed_hosts) check_allowed_host(host);
  for (const std::string& origin : settings.cors_origins) check_origin(origin);
  if (settings.tls_certificate.empty() != settings.tls_key.empty()) {
    throw SettingsError("tls_certificate and tls_key must be given together");
  }
  if (settings.data.empty()) throw SettingsError("data: must name a directory");
  if (settings.default_database.empty())
    throw SettingsError("default_database: must name a database");
  constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error", "off"};
  if (std::find(std::begin(kLevels), std::end(kLevels), settings.log_level) == std::end(kLevels)) {
    throw SettingsError(fmt::format("log_level: '{}' is none of debug, info, warning, error, off",
                                    settings.log_level));
  }
  if (settings.query_timeout > settings.query_max_timeout) {
    throw SettingsError("query_timeout: must not be longer than query_max_timeout");
  }
  if (settings.request_memory > 0 && settings.request_memory < 1 << 20) {
    throw SettingsError("request_memory: must be at least 1 MiB, or 0");
  }
  if (settings.log_limit < settings.log_segment_size) {
    throw SettingsError("log_limit: must not be less than log_segment_size");
  }
  constexpr uint64_t kLeastQueryMemory = 64 << 20;  // some for each of a few queries
  if (settings.query_memory != 0 && settings.query_memory < kLeastQueryMemory) {
    throw SettingsError(
        fmt::format("query_memory: must be at least {}, or 0", format_size(kLeastQueryMemory)));
  }
  if (settings.row_store_disk_limit != 0 && settings.row_store_disk_limit < settings.log_limit) {
    throw SettingsError("row_store_disk_limit: must not be less than log_limit, or 0");
  }
}

}  // namespace rivulet
