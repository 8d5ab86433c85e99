#pragma once

#include <string>
#include <string_view>

#include "sources/connection_settings.h"
#include "sources/secrets.h"

namespace rivulet::sources {

// The connection string of an Event Hubs namespace or of one hub, in its parts.
struct ConnectionString {
  std::string host;  // "[…]" for an IPv6 address
  std::string port;  // empty: the endpoint names none
  std::string key_name;
  std::string key;          // a secret
  std::string entity_path;  // the hub; empty in the string of a namespace
  bool is_emulator = false;
};
// Throws bad_request; as a string that is wrong may have its key anywhere, the message repeats nothing of it.
ConnectionString parse_connection_string(std::string_view text);

// "host", "host:port" or "[v6]:port" in its parts; false for anything else.
bool split_host_and_port(std::string_view text, std::string& host, std::string& port);
// Letters, digits, '.', '-' and '_', at most 249 of them.
bool is_topic_name(std::string_view name);

// What the client library has to be told to reach a connection's topic, with secrets looked up.
struct BrokerAccess {
  std::string brokers;  // "host:port,host:port"
  std::string topic;
  std::string
      security_protocol;  // as librdkafka names it: "plaintext", "ssl", "sasl_plaintext", "sasl_ssl"
  std::string sasl_mechanism;  // empty without SASL
  std::string username;
  std::string password;
  std::string ca_pem;  // certificates to trust; empty: the system's

  bool operator==(const BrokerAccess&) const = default;
};
// Throws bad_request when a reference cannot be looked up, or leads to what is no connection string.
BrokerAccess broker_access(const ConnectionSettings& settings, const Secrets& secrets);

}  // namespace rivulet::sources
