#include "sources/broker_access.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/error.h"
#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet::sources {
namespace {

// The Kafka endpoint of Event Hubs, and of its emulator.
constexpr std::string_view kPort = "9093";
constexpr std::string_view kEmulatorPort = "9092";

[[noreturn]] void refuse(std::string_view why) {
  throw bad_request(fmt::format(
      "The connection string {}. It reads 'Endpoint=sb://NAMESPACE.servicebus.windows.net/;"
      "SharedAccessKeyName=POLICY;SharedAccessKey=KEY;EntityPath=HUB'",
      why));
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 2 && host.ends_with(']') &&
           host.find_first_not_of("0123456789abcdefABCDEF:.", 1) == host.size() - 1;
  }
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_';
  });
}

bool is_port(std::string_view port) {
  auto number = port.find_first_not_of("0123456789") == std::string_view::npos ? parse_int(port)
                                                                               : std::nullopt;
  return number && *number > 0 && *number < 65536;
}

// "sb://host[:port][/]"
void parse_endpoint(std::string_view text, ConnectionString& result) {
  constexpr std::string_view kScheme = "sb://";
  if (!text::equals_ignoring_case(text.substr(0, kScheme.size()), kScheme)) {
    refuse("has an Endpoint that does not begin with 'sb://'");
  }
  text.remove_prefix(kScheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  if (!split_host_and_port(text, result.host, result.port)) {
    refuse("has an Endpoint that is not 'sb://HOST/' or 'sb://HOST:PORT/'");
  }
}

}  // namespace

bool split_host_and_port(std::string_view text, std::string& host, std::string& port) {
  size_t colon = text.rfind(':');
  if (text.ends_with(']')) colon = std::string_view::npos;
  host = text.substr(0, colon);
  port = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  return is_host(host) && (colon == std::string_view::npos || is_port(port));
}

bool is_topic_name(std::string_view name) {
  constexpr std::string_view kCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !name.empty() && name.size() <= 249 && name != "." && name != ".." &&
         name.find_first_not_of(kCharacters) == std::string_view::npos;
}

ConnectionString parse_connection_string(std::string_view text) {
  ConnectionString result;
  bool has_endpoint = false;
  for (std::string_view rest = text; !rest.empty();) {
    size_t end = std::min(rest.find(';'), rest.size());
    std::string_view part = text::trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty()) continue;
    size_t equals = std::min(part.find('='), part.size());
    std::string_view name = text::trim(part.substr(0, equals));
    std::string_view value = text::trim(part.substr(std::min(equals + 1, part.size())));
    auto is = [&](std::string_view known) { return text::equals_ignoring_case(name, known); };
    if (is("Endpoint")) {
      parse_endpoint(value, result);
      has_endpoint = true;
    } else if (is("SharedAccessKeyName")) {
      result.key_name = value;
    } else if (is("SharedAccessKey")) {
      result.key = value;
    } else if (is("EntityPath")) {
      result.entity_path = value;
    } else if (is("UseDevelopmentEmulator")) {
      auto is_emulator = parse_bool(value);
      if (!is_emulator) refuse("has a UseDevelopmentEmulator that is neither true nor false");
      result.is_emulator = *is_emulator;
    } else if (is("SharedAccessSignature")) {
      refuse("has a SharedAccessSignature, which is not supported: give the policy and its key");
    } else {
      refuse(
          "has a part other than Endpoint, SharedAccessKeyName, SharedAccessKey, EntityPath and "
          "UseDevelopmentEmulator");
    }
  }
  if (!has_endpoint) refuse("has no Endpoint");
  if (result.key_name.empty()) refuse("has no SharedAccessKeyName");
  if (result.key.empty()) refuse("has no SharedAccessKey");
  if (!result.entity_path.empty() && !is_topic_name(result.entity_path)) {
    refuse(
        "has an EntityPath that is no name of an event hub: letters, digits, '.', '-' and '_', at "
        "most 249");
  }
  return result;
}

BrokerAccess broker_access(const ConnectionSettings& settings, const Secrets& secrets) {
  BrokerAccess access;
  access.topic = settings.topic;
  access.security_protocol = settings.security_protocol;
  if (!settings.ca_location.empty()) access.ca_pem = secrets.resolve(settings.ca_location);
  if (settings.kind == ConnectionKind::kKafka) {
    access.brokers = settings.brokers;
    access.sasl_mechanism = settings.sasl_mechanism;
    access.username = settings.username;
    access.password = secrets.resolve(settings.password);
    return access;
  }
  std::string text = secrets.resolve(settings.connection_string);
  ConnectionString parsed = parse_connection_string(text);
  if (access.topic.empty()) access.topic = parsed.entity_path;
  if (access.topic.empty()) {
    throw bad_request(
        "The event hub is not known: the connection string has no EntityPath, and the property "
        "'eventHubName' is not given");
  }
  if (!parsed.entity_path.empty() && parsed.entity_path != access.topic) {
    throw bad_request(
        "The property 'eventHubName' names another event hub than the EntityPath of the connection "
        "string");
  }
  std::string port(!parsed.port.empty() ? parsed.port : parsed.is_emulator ? kEmulatorPort : kPort);
  access.brokers = parsed.host + ":" + port;
  if (access.security_protocol.empty()) {
    access.security_protocol = parsed.is_emulator ? "sasl_plaintext" : "sasl_ssl";
  }
  if (access.security_protocol.starts_with("sasl")) {
    access.sasl_mechanism = "PLAIN";
    access.username = "$ConnectionString";
    access.password = std::move(text);
  }
  return access;
}

}  // namespace rivulet::sources
