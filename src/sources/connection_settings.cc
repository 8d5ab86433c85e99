#include "sources/connection_settings.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>

#include "common/error.h"
#include "common/settings.h"
#include "sources/broker_access.h"
#include "sources/secrets.h"
#include "types/json.h"
#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet::sources {
namespace {

using text::equals_ignoring_case;

constexpr std::string_view kHidden = "****";
constexpr size_t kMaxValueBytes = 64 << 10;
constexpr uint64_t kMinBatchBytes = 1 << 10;
constexpr uint64_t kMaxBatchBytes = 64 << 20;
constexpr uint64_t kMaxQueuedBytes = uint64_t{16} << 30;

enum class Kinds { kBoth, kEventHub, kKafka };

// One property: how a command names it, what it takes, and where it is kept.
struct Property {
  std::string_view name;
  Kinds kinds;
  std::string_view takes;
  // False for what it does not take; may throw a bad_request of its own.
  bool (*set)(ConnectionSettings&, std::string_view value);
  std::string (*get)(const ConnectionSettings&);
  // Written without quotes in JSON.
  bool is_bare = false;
  // May be, or be mistaken for, a secret: an error does not repeat it.
  bool is_private = false;

  bool is_of(ConnectionKind kind) const {
    return kinds == Kinds::kBoth ||
           (kinds == Kinds::kEventHub) == (kind == ConnectionKind::kEventHub);
  }
};

template <std::string ConnectionSettings::*kMember>
std::string get_text(const ConnectionSettings& settings) {
  return settings.*kMember;
}
template <std::string ConnectionSettings::*kMember>
bool set_text(ConnectionSettings& settings, std::string_view value) {
  settings.*kMember = value;
  return true;
}
// One of a few words, kept in the spelling of the list; empty goes back to the default.
template <std::string ConnectionSettings::*kMember, const auto& kWords>
bool set_word(ConnectionSettings& settings, std::string_view value) {
  for (std::string_view word : kWords) {
    if (!equals_ignoring_case(word, value)) continue;
    settings.*kMember = word;
    return true;
  }
  settings.*kMember = "";
  return value.empty();
}
template <bool ConnectionSettings::*kMember>
std::string get_flag(const ConnectionSettings& settings) {
  return settings.*kMember ? "true" : "false";
}
template <uint64_t ConnectionSettings::*kMember>
std::string get_size(const ConnectionSettings& settings) {
  return std::to_string(settings.*kMember);
}
template <uint64_t ConnectionSettings::*kMember, uint64_t kMax>
bool set_size(ConnectionSettings& settings, std::string_view value) {
  try {
    settings.*kMember = parse_size(value);
  } catch (const SettingsError&) {
    return false;
  }
  return settings.*kMember >= kMinBatchBytes && settings.*kMember <= kMax;
}
// One of two words.
template <auto kMember, auto kFirst, auto kSecond>
bool set_choice(ConnectionSettings& settings, std::string_view value, std::string_view first,
                std::string_view second) {
  settings.*kMember = equals_ignoring_case(value, second) ? kSecond : kFirst;
  return equals_ignoring_case(value, first) || equals_ignoring_case(value, second);
}

constexpr std::array<std::string_view, 4> kProtocols{"plaintext", "ssl", "sasl_plaintext",
                                                     "sasl_ssl"};
constexpr std::array<std::string_view, 3> kMechanisms{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
constexpr std::array<std::string_view, 3> kGroupAheadWords{"skip", "read", "hold"};
constexpr std::array<std::string_view, 8> kSystemProperties{
    "x-opt-enqueued-time", "x-opt-sequence-number", "x-opt-offset",
    "x-opt-publisher",     "x-opt-partition-key",   "kafka-key",
    "kafka-partition",     "kafka-timestamp"};

bool set_connection_string(ConnectionSettings& settings, std::string_view value) {
  if (!Secrets::is_reference(value)) parse_connection_string(value);
  settings.connection_string = value;
  return true;
}

bool set_brokers(ConnectionSettings& settings, std::string_view value) {
  settings.brokers.clear();
  for (std::string_view rest = value;;) {
    size_t end = std::min(rest.find(','), rest.size());
    std::string_view entry = text::trim(rest.substr(0, end));
    std::string host;
    std::string port;
    if (!split_host_and_port(entry, host, port) || port.empty()) return false;
    settings.brokers += settings.brokers.empty() ? "" : ",";
    settings.brokers += entry;
    if (end == rest.size()) return true;
    rest.remove_prefix(end + 1);
  }
}

bool set_topic(ConnectionSettings& settings, std::string_view value) {
  settings.topic = value;
  return value.empty() || is_topic_name(value);
}

bool set_format(ConnectionSettings& settings, std::string_view value) {
  try {
    settings.format = ingest::parse_format(value);
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool set_routing(ConnectionSettings& settings, std::string_view value) {
  auto flag = parse_bool(value);
  settings.is_routed = flag.value_or(false);
  return flag.has_value();
}

bool set_system_properties(ConnectionSettings& settings, std::string_view value) {
  settings.event_system_properties.clear();
  for (std::string_view rest = value; !rest.empty();) {
    size_t end = std::min(rest.find(','), rest.size());
    std::string_view name = text::trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    auto known = std::ranges::find(kSystemProperties, name);
    if (known == kSystemProperties.end() ||
        std::ranges::count(settings.event_system_properties, name) != 0) {
      return false;
    }
    settings.event_system_properties.emplace_back(name);
  }
  return true;
}

std::string get_system_properties(const ConnectionSettings& settings) {
  return fmt::format("{}", fmt::join(settings.event_system_properties, ","));
}

bool set_retrieval_start(ConnectionSettings& settings, std::string_view value) {
  auto start = equals_ignoring_case(value, "earliest") ? Ticks{0} : parse_datetime(value);
  settings.retrieval_start = start.value_or(0);
  return start.has_value();
}

std::string get_retrieval_start(const ConnectionSettings& settings) {
  if (settings.retrieval_start == 0) return "earliest";
  std::string text;
  append_datetime(text, settings.retrieval_start);
  return text;
}

bool set_ca_location(ConnectionSettings& settings, std::string_view value) {
  settings.ca_location = value;
  return value.empty() || Secrets::is_reference(value);
}

using S = ConnectionSettings;

constexpr Property kProperties[] = {
    {"connectionString", Kinds::kEventHub, "a connection string, 'env:NAME' or 'file:NAME'",
     set_connection_string, get_text<&S::connection_string>, false, true},
    {"brokers", Kinds::kKafka, "'HOST:PORT,HOST:PORT'", set_brokers, get_text<&S::brokers>, false,
     true},
    {"eventHubName", Kinds::kEventHub, "the name of an event hub", set_topic, get_text<&S::topic>},
    {"topic", Kinds::kKafka, "the name of one topic: letters, digits, '.', '-' and '_'", set_topic,
     get_text<&S::topic>},
    {"consumerGroup", Kinds::kBoth, "the name of a consumer group", set_text<&S::consumer_group>,
     get_text<&S::consumer_group>},
    {"securityProtocol", Kinds::kBoth, "'plaintext', 'ssl', 'sasl_plaintext' or 'sasl_ssl'",
     set_word<&S::security_protocol, kProtocols>, get_text<&S::security_protocol>},
    {"saslMechanism", Kinds::kKafka, "'PLAIN', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'",
     set_word<&S::sasl_mechanism, kMechanisms>, get_text<&S::sasl_mechanism>},
    {"username", Kinds::kKafka, "a text", set_text<&S::username>, get_text<&S::username>, false,
     true},
    {"password", Kinds::kKafka, "a text, 'env:NAME' or 'file:NAME'", set_text<&S::password>,
     get_text<&S::password>, false, true},
    {"caLocation", Kinds::kBoth, "'file:NAME' or 'env:NAME', which holds certificates in PEM form",
     set_ca_location, get_text<&S::ca_location>, false, true},
    {"table", Kinds::kBoth, "the name of a table", set_text<&S::table>, get_text<&S::table>},
    {"format", Kinds::kBoth,
     "one of csv, tsv, tsve, psv, scsv, sohsv, txt, raw, json, singlejson, multijson", set_format,
     [](const S& s) { return std::string(ingest::format_name(s.format)); }},
    {"mappingName", Kinds::kBoth, "the name of an ingestion mapping", set_text<&S::mapping_name>,
     get_text<&S::mapping_name>},
    {"compression", Kinds::kBoth, "'none' or 'gzip'",
     [](S& s, std::string_view value) {
       return set_choice<&S::is_gzip, false, true>(s, value, "none", "gzip");
     },
     [](const S& s) { return std::string(s.is_gzip ? "gzip" : "none"); }},
    {"routing", Kinds::kBoth, "true or false", set_routing, get_flag<&S::is_routed>, true},
    {"databaseRouting", Kinds::kBoth, "'Single' or 'Multi'",
     [](S& s, std::string_view value) {
       return set_choice<&S::may_route_to_other_databases, false, true>(s, value, "Single",
                                                                        "Multi");
     },
     [](const S& s) { return std::string(s.may_route_to_other_databases ? "Multi" : "Single"); }},
    {"eventSystemProperties", Kinds::kBoth,
     "a list, separated by commas and each once, of x-opt-enqueued-time, x-opt-sequence-number, "
     "x-opt-offset, x-opt-publisher, x-opt-partition-key, kafka-key, kafka-partition and "
     "kafka-timestamp",
     set_system_properties, get_system_properties},
    {"retrievalStartDate", Kinds::kBoth, "a datetime, or 'earliest'", set_retrieval_start,
     get_retrieval_start},
    {"onMissingTarget", Kinds::kBoth, "'skip' or 'hold'",
     [](S& s, std::string_view value) {
       return set_choice<&S::on_missing_target, MissingTarget::kSkip, MissingTarget::kHold>(
           s, value, "skip", "hold");
     },
     [](const S& s) {
       return std::string(s.on_missing_target == MissingTarget::kHold ? "hold" : "skip");
     }},
    {"onGroupAhead", Kinds::kBoth, "'skip', 'read' or 'hold'",
     set_word<&S::on_group_ahead, kGroupAheadWords>, get_text<&S::on_group_ahead>},
    {"deadLetterTable", Kinds::kBoth, "the name of a table", set_text<&S::dead_letter_table>,
     get_text<&S::dead_letter_table>},
    {"maxQueuedBytes", Kinds::kBoth, "a size from 1 KiB to 16 GiB ('64 MiB', or bytes)",
     set_size<&S::max_queued_bytes, kMaxQueuedBytes>, get_size<&S::max_queued_bytes>, true},
    {"maxBatchBytes", Kinds::kBoth, "a size from 1 KiB to 64 MiB ('8 MiB', or bytes)",
     set_size<&S::max_batch_bytes, kMaxBatchBytes>, get_size<&S::max_batch_bytes>, true},
};

const Property& need_property(ConnectionKind kind, std::string_view name) {
  std::string known;
  for (const Property& property : kProperties) {
    if (!property.is_of(kind)) continue;
    if (equals_ignoring_case(property.name, name)) return property;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", property.name);
  }
  throw bad_request(fmt::format("A data connection of kind {} has no property '{}'; it has: {}",
                                kind_name(kind), name, known));
}

void set_property(ConnectionSettings& settings, std::string_view name, std::string_view value) {
  const Property& property = need_property(settings.kind, name);
  if (value.size() > kMaxValueBytes) {
    throw bad_request(fmt::format("Property '{}' of a data connection is longer than {} KiB",
                                  property.name, kMaxValueBytes >> 10));
  }
  // The client library ends a text at a zero byte, and no property has use for its like.
  if (std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
    throw bad_request(
        fmt::format("Property '{}' of a data connection holds a control character", property.name));
  }
  if (property.set(settings, value)) return;
  throw bad_request(fmt::format("Property '{}' of a data connection must be {}{}", property.name,
                                property.takes,
                                property.is_private ? "" : fmt::format(", and is '{}'", value)));
}

// What no single property shows.
void check(ConnectionSettings& settings) {
  bool has_tls = settings.security_protocol.ends_with("ssl");
  if (settings.kind == ConnectionKind::kEventHub) {
    has_tls = has_tls || settings.security_protocol.empty();
    if (!Secrets::is_reference(settings.connection_string)) {
      ConnectionSettings without_references = settings;
      without_references.ca_location.clear();
      broker_access(without_references, Secrets());
    }
  } else {
    if (settings.security_protocol.empty()) settings.security_protocol = "plaintext";
    if (settings.topic.empty()) {
      throw bad_request("Property 'topic' of a data connection of kind kafka is required");
    }
    if (settings.security_protocol.starts_with("sasl")) {
      if (settings.sasl_mechanism.empty()) settings.sasl_mechanism = "PLAIN";
      if (settings.username.empty() || settings.password.empty()) {
        throw bad_request(fmt::format(
            "Properties 'username' and 'password' of a data connection are required with "
            "securityProtocol='{}'",
            settings.security_protocol));
      }
    } else if (!settings.sasl_mechanism.empty() || !settings.username.empty() ||
               !settings.password.empty()) {
      throw bad_request(
          "Properties 'saslMechanism', 'username' and 'password' of a data connection need "
          "securityProtocol='sasl_ssl' or 'sasl_plaintext'");
    }
  }
  if (!settings.ca_location.empty() && !has_tls) {
    throw bad_request(
        "Property 'caLocation' of a data connection needs securityProtocol='ssl' or 'sasl_ssl'");
  }
  if (settings.table.empty() && !settings.is_routed) {
    throw bad_request(
        "Property 'table' of a data connection is required, unless routing=true and every event "
        "names its table");
  }
  if (settings.may_route_to_other_databases && !settings.is_routed) {
    throw bad_request(
        "Property 'databaseRouting' of a data connection is 'Multi' only with routing=true");
  }
  if (settings.max_queued_bytes < settings.max_batch_bytes) {
    throw bad_request(
        "Property 'maxQueuedBytes' of a data connection is less than 'maxBatchBytes'");
  }
}

// The property in JSON, with its secret hidden when it is for people.
std::string json_value(const Property& property, const ConnectionSettings& settings,
                       bool is_hidden) {
  std::string value = property.get(settings);
  if (property.is_bare) return value;
  if (is_hidden && !value.empty() && !Secrets::is_reference(value)) {
    if (property.name == "password") value = kHidden;
    if (property.name == "connectionString") {
      ConnectionString parsed = parse_connection_string(value);
      value = fmt::format("Endpoint=sb://{}{}{}/;SharedAccessKeyName={};SharedAccessKey={}",
                          parsed.host, parsed.port.empty() ? "" : ":", parsed.port, parsed.key_name,
                          kHidden);
      if (!parsed.entity_path.empty()) value += ";EntityPath=" + parsed.entity_path;
      if (parsed.is_emulator) value += ";UseDevelopmentEmulator=true";
    }
  }
  std::string json;
  append_json_string(json, value);
  return json;
}

std::string to_json(const ConnectionSettings& settings, bool is_hidden) {
  std::string json = fmt::format("{{\"kind\":\"{}\"", kind_name(settings.kind));
  for (const Property& property : kProperties) {
    if (!property.is_of(settings.kind)) continue;
    json += fmt::format(",\"{}\":{}", property.name, json_value(property, settings, is_hidden));
  }
  return json + "}";
}

[[noreturn]] void damaged(std::string_view why) {
  throw std::runtime_error(fmt::format("damaged settings of a data connection: {}", why));
}

}  // namespace

ConnectionSettings parse_settings(ConnectionKind kind, std::string_view source,
                                  const Properties& properties, Ticks now) {
  ConnectionSettings settings;
  settings.kind = kind;
  settings.retrieval_start = now;
  std::string_view source_name = kind == ConnectionKind::kEventHub ? "connectionString" : "brokers";
  set_property(settings, source_name, source);
  for (const auto& [name, value] : properties) {
    if (equals_ignoring_case(name, source_name)) {
      throw bad_request(fmt::format(
          "Property '{}' of a data connection stands in parentheses behind its kind", source_name));
    }
    set_property(settings, name, value);
  }
  check(settings);
  return settings;
}

ConnectionSettings change_settings(ConnectionSettings settings, const Properties& properties) {
  for (const auto& [name, value] : properties) set_property(settings, name, value);
  check(settings);
  return settings;
}

bool is_same_source(const ConnectionSettings& before, const ConnectionSettings& after) {
  if (before.kind != after.kind) return false;
  if (before.kind == ConnectionKind::kKafka || Secrets::is_reference(before.connection_string) ||
      Secrets::is_reference(after.connection_string)) {
    return true;
  }
  return equals_ignoring_case(parse_connection_string(before.connection_string).host,
                              parse_connection_string(after.connection_string).host);
}

std::span<const std::string_view> known_system_properties() {
  return kSystemProperties;
}

std::string encode_settings(const ConnectionSettings& settings) {
  return to_json(settings, false);
}

std::string show_settings(const ConnectionSettings& settings) {
  return to_json(settings, true);
}

ConnectionSettings decode_settings(std::string_view text) {
  std::optional<std::string> json = read_json(text);
  if (!json || json_kind(*json) != JsonKind::kObject) damaged("no JSON object");
  ConnectionSettings settings;
  auto text_of = [](std::string_view value) -> std::string {
    JsonKind kind = json_kind(value);
    if (kind == JsonKind::kString || kind == JsonKind::kLong || kind == JsonKind::kBool) {
      return json_text(value);
    }
    damaged("a member is neither text nor number nor truth value");
  };
  std::string_view kind = json_member(*json, "kind");
  auto parsed_kind = kind.empty() ? std::nullopt : parse_kind(text_of(kind));
  if (!parsed_kind) damaged("no kind");
  settings.kind = *parsed_kind;
  for_each_member(*json, [&](std::string_view quoted_name, std::string_view value) {
    std::string name = json_text(quoted_name);
    if (name == "kind") return true;
    try {
      set_property(settings, name, text_of(value));
    } catch (const Error& error) {
      damaged(error.message());
    }
    return true;
  });
  return settings;
}

std::string own_consumer_group(const Guid& connection) {
  return "rivulet-" + to_string(connection);
}

std::string_view kind_name(ConnectionKind kind) {
  return kind == ConnectionKind::kEventHub ? "eventhub" : "kafka";
}

std::optional<ConnectionKind> parse_kind(std::string_view name) {
  for (ConnectionKind kind : {ConnectionKind::kEventHub, ConnectionKind::kKafka}) {
    if (equals_ignoring_case(kind_name(kind), name)) return kind;
  }
  return std::nullopt;
}

}  // namespace rivulet::sources
