#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/guid.h"
#include "ingest/ingest.h"

// Data connections: streams of an Azure Event Hub or a Kafka topic, stored exactly once.
// docs/data-connections.md.
namespace rivulet::sources {

enum class ConnectionKind { kEventHub, kKafka };

// What an event without a table, or with one that is not there, comes to.
enum class MissingTarget { kSkip, kHold };

// What a user gave for a data connection. Secrets stand here as they were given: a literal, or a reference
// ("env:NAME", "file:NAME") that is looked up when the connection is made (sources/secrets.h).
struct ConnectionSettings {
  ConnectionKind kind = ConnectionKind::kKafka;
  // kEventHub: the connection string of the namespace or the hub, or a reference to one. A secret.
  std::string connection_string;
  // kKafka: "host:port,host:port".
  std::string brokers;
  // The topic or event hub. kEventHub: empty when the EntityPath of the connection string names it.
  std::string topic;
  // parse_settings() leaves it empty when it is not given: whoever makes the connection gives it its own.
  std::string consumer_group;

  // "plaintext", "ssl", "sasl_plaintext", "sasl_ssl". kEventHub: empty for what the endpoint has.
  std::string security_protocol;
  // kKafka only.
  std::string sasl_mechanism;  // "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"; empty without SASL
  std::string username;
  std::string password;  // a secret
  // A reference to the PEM certificates to trust ("file:ca.pem"); empty: the system's.
  std::string ca_location;

  // Where an event goes that does not say so itself. The table may be empty when routing is on.
  std::string table;
  ingest::Format format = ingest::Format::kMultiJson;
  std::string mapping_name;
  bool is_gzip = false;
  // Event properties (Database, Table, Format, …) are looked at; and Database may name another than the
  // connection's own.
  bool is_routed = false;
  bool may_route_to_other_databases = false;
  // System properties to embed, "x-opt-enqueued-time" and so on, in the order given.
  std::vector<std::string> event_system_properties;
  // Where to begin a partition that was never read: events enqueued from then on.
  Ticks retrieval_start = 0;

  MissingTarget on_missing_target = MissingTarget::kSkip;
  // Where a partition begins of which the consumer group's offset is further than the store's: "skip" at the group's,
  // "read" at the store's, "hold" waits for one of the two to be chosen. Empty: "hold" in a group that is the
  // connection's own, else "skip".
  std::string on_group_ahead;
  // A table of the connection's database that failed events are kept in; empty: they are only counted.
  std::string dead_letter_table;
  // Limits: bytes of events fetched and not yet stored, and of one transaction.
  uint64_t max_queued_bytes = 64 << 20;
  uint64_t max_batch_bytes = 8 << 20;

  bool operator==(const ConnectionSettings&) const = default;
};

// Property name, in any case, to its value as text: `table` → "Events", `routing` → "true". A new connection's
// settings from what a command gave; throws bad_request, which names the property and what it may be.
// `source` is the text in parentheses of the command: a connection string, or the brokers.
using Properties = std::map<std::string, std::string, std::less<>>;
ConnectionSettings parse_settings(ConnectionKind kind, std::string_view source,
                                  const Properties& properties, Ticks now);
// The same settings with some properties changed: `connectionString` and `brokers` are properties here.
ConnectionSettings change_settings(ConnectionSettings settings, const Properties& properties);
// Whether offsets of the one still mean something for the other: not when the connection strings of both are
// there to be read and name different namespaces. A cluster of Kafka may be reached by other brokers.
bool is_same_source(const ConnectionSettings& before, const ConnectionSettings& after);

// The system properties that events may have embedded.
std::span<const std::string_view> known_system_properties();

// JSON for the catalog, and back. Throws std::runtime_error on damage.
std::string encode_settings(const ConnectionSettings& settings);
ConnectionSettings decode_settings(std::string_view json);
// The same JSON for people: every secret that is no reference is "****", in a connection string its key.
std::string show_settings(const ConnectionSettings& settings);

// The consumer group that a connection has for itself.
std::string own_consumer_group(const Guid& connection);

std::string_view kind_name(ConnectionKind kind);  // "eventhub", "kafka"
std::optional<ConnectionKind> parse_kind(std::string_view name);

}  // namespace rivulet::sources
