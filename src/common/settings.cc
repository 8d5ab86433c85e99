#include "common/settings.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <variant>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <toml++/toml.h>

namespace rivulet {
namespace {

using Milliseconds = std::chrono::milliseconds;

// Which member of Settings a setting fills, and with it what values it takes.
struct Text {
  std::string Settings::*member;
};
struct List {
  std::vector<std::string> Settings::*member;
  bool is_dangerous_empty =
      false;  // then a text without any is refused: leaving it out says so plainly
};
struct Flag {
  bool Settings::*member;
};
// Beyond any use, and far enough from where arithmetic ends.
constexpr uint64_t kMostCounted = 1'000'000'000'000;
constexpr uint64_t kMostThreads = 1024;
constexpr uint64_t kMostBytes = uint64_t{1} << 50;
constexpr uint64_t kMostRequestBytes = 1 << 30;
constexpr Milliseconds kLongest = std::chrono::days(36'500);

struct Number {
  uint64_t Settings::*member;
  uint64_t least = 0;
  uint64_t most = kMostCounted;
};
struct Size {
  uint64_t Settings::*member;
  uint64_t least = 0;
  uint64_t most = kMostBytes;
};
struct Duration {
  Milliseconds Settings::*member;
  Milliseconds least{1};
  Milliseconds most = kLongest;
};

struct Entry {
  std::string_view group;
  std::string_view name;
  std::variant<Text, List, Flag, Number, Size, Duration> slot;
  std::string_view description;
};

// The one table: what each setting is called, which member it fills, and what it means.
const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
      {"Service", "listen", Text{&Settings::listen},
       "Address and port to listen on. Port 0 takes any free port. Without `tokens`, only a "
       "loopback "
       "address is accepted (see `allow_anonymous_network`)."},
      {"Service", "data", Text{&Settings::data},
       "Directory of the database. It is created when it is not there, and only one server may use "
       "it."},
      {"Service", "port_file", Text{&Settings::port_file},
       "File that gets the port, as text, once the server is ready."},
      {"Service", "default_database", Text{&Settings::default_database},
       "Database that requests without a database use. It is made at the first start, with "
       "streaming "
       "ingestion enabled."},
      {"Service", "log_level", Text{&Settings::log_level},
       "What goes to the standard error output: `debug`, `info`, `warning`, `error` or `off`."},
      {"Service", "memory_limit", Size{&Settings::memory_limit},
       "Memory that the server may use; `.show capacity` tells how it is divided. 0: the "
       "machine's, or what its "
       "container (cgroup) leaves it. The shares that are set (`query_memory`, `tail_memory`, "
       "`request_memory`) must "
       "fit into it."},
      {"Service", "shutdown_timeout", Duration{&Settings::shutdown_timeout},
       "After SIGTERM or SIGINT, requests under way may take this long to end. Commits that have "
       "begun are waited for in any case."},

      {"Access", "tls_certificate", Text{&Settings::tls_certificate},
       "PEM file with the certificate chain; with `tls_key` it turns plain HTTP into HTTPS."},
      {"Access", "tls_key", Text{&Settings::tls_key}, "PEM file with the private key."},
      {"Access", "tokens", List{&Settings::tokens, true},
       "Bearer tokens that are accepted. When there is one, a request without a token is answered "
       "401; "
       "without any, every request is accepted, whatever token it carries."},
      {"Access", "allow_anonymous_network", Flag{&Settings::allow_anonymous_network},
       "Permits a `listen` address that other machines reach although no `tokens` are set."},
      {"Access", "allowed_hosts", List{&Settings::allowed_hosts},
       "Names by which a server without `tokens` may be asked for, beside IP addresses, localhost "
       "and the host of `listen` (`rivulet.internal`), or `*` for any."},
      {"Access", "cors_origins", List{&Settings::cors_origins},
       "Origins whose web pages may call the server (`https://dash.example`), or `*` for all."},
      {"Access", "secrets", Text{&Settings::secrets},
       "Folder of secrets that data connections may refer to as `file:NAME`, one a file. Empty: "
       "there are none."},

      {"Connections", "io_threads", Number{&Settings::io_threads, 0, kMostThreads},
       "Threads that serve connections. 0: one a core."},
      {"Connections", "max_connections", Number{&Settings::max_connections, 1},
       "Connections open at a time; more are closed at once."},
      {"Connections", "max_header_size", Size{&Settings::max_header_size, 1024, 16 << 20},
       "Largest request line with headers."},
      {"Connections", "max_request_size",
       Size{&Settings::max_request_size, 1024, kMostRequestBytes},
       "Largest body of a query or command."},
      {"Connections", "request_memory", Size{&Settings::request_memory},
       "Request bodies that are held at a time, from their arrival to their answer, with what "
       "decompression and parsing make of them. A request beyond it is answered 429; one that "
       "alone needs more, 413. 0: a sixteenth of `memory_limit`, and 512 MiB at most."},
      {"Connections", "idle_timeout", Duration{&Settings::idle_timeout},
       "A connection without a request is closed after this time."},
      {"Connections", "header_timeout", Duration{&Settings::header_timeout},
       "The headers of a request must be complete after this time."},
      {"Connections", "body_timeout", Duration{&Settings::body_timeout},
       "Longest pause in the arrival of a request body."},
      {"Connections", "write_timeout", Duration{&Settings::write_timeout},
       "Longest time in which a client takes nothing of its answer; then the connection is closed "
       "and its "
       "query cancelled."},

      {"Streaming ingestion", "streaming_ingestion", Flag{&Settings::streaming_ingestion},
       "`false` refuses all streaming ingestion, whatever the policies say."},
      {"Streaming ingestion", "ingestion_max_request_size",
       Size{&Settings::ingestion_max_request_size, 1, kMostRequestBytes},
       "Largest body as it arrives, compressed or not."},
      {"Streaming ingestion", "ingestion_max_uncompressed_size",
       Size{&Settings::ingestion_max_uncompressed_size, 1, kMostRequestBytes},
       "Largest body after decompression."},
      {"Streaming ingestion", "ingestion_concurrency", Number{&Settings::ingestion_concurrency},
       "Requests that are decompressed and parsed at a time. A request that only waits for its "
       "rows to "
       "become durable is not counted. 0: six a core."},
      {"Streaming ingestion", "ingestion_queue", Number{&Settings::ingestion_queue},
       "Requests that wait for their turn beyond `ingestion_concurrency`; more are answered 429."},
      {"Streaming ingestion", "ingestion_threads",
       Number{&Settings::ingestion_threads, 0, kMostThreads},
       "Threads that parse bodies beyond 64 KiB (smaller ones are parsed where they arrive). 0: "
       "one a core."},

      {"Queries and commands", "query_concurrency",
       Number{&Settings::query_concurrency, 0, kMostThreads},
       "Queries that run at a time. 0: two a core, at least four."},
      {"Queries and commands", "query_queue", Number{&Settings::query_queue},
       "Queries that wait for their turn; more are answered 429."},
      {"Queries and commands", "query_timeout", Duration{&Settings::query_timeout},
       "Time limit of a query that does not set `servertimeout`."},
      {"Queries and commands", "query_max_timeout", Duration{&Settings::query_max_timeout},
       "Longest `servertimeout` that is granted, and the limit under `norequesttimeout`."},
      {"Queries and commands", "query_max_records", Number{&Settings::query_max_records},
       "Records in a result (`truncationmaxrecords`, `notruncation`). 0: no limit."},
      {"Queries and commands", "query_max_result_size", Size{&Settings::query_max_result_size},
       "Bytes in a result (`truncationmaxsize`, `notruncation`). 0: no limit."},
      {"Queries and commands", "query_memory", Size{&Settings::query_memory},
       "Memory that all queries share: three quarters for the engine, which then goes on with "
       "disk, and one for the values that functions make. 0: half of `memory_limit`, or what "
       "the other shares leave of it. Else at least 64 MiB."},
      {"Queries and commands", "query_engine_threads",
       Number{&Settings::query_engine_threads, 0, kMostThreads},
       "Threads of the query engine. 0: one a core."},
      {"Queries and commands", "command_concurrency",
       Number{&Settings::command_concurrency, 1, kMostThreads},
       "Management commands that run at a time."},
      {"Queries and commands", "command_queue", Number{&Settings::command_queue},
       "Management commands that wait for their turn; more are answered 429."},

      {"Storage", "log_segment_size", Size{&Settings::log_segment_size, 1 << 20, uint64_t{4} << 30},
       "Size of a file of the write-ahead log."},
      {"Storage", "log_limit", Size{&Settings::log_limit, 4 << 20},
       "The log is cut by a checkpoint when it grows past this."},
      {"Storage", "seal_rows", Number{&Settings::seal_rows, 1},
       "A table's tail becomes an extent at this many rows."},
      {"Storage", "seal_size", Size{&Settings::seal_size, 1 << 10},
       "A table's tail becomes an extent at this size."},
      {"Storage", "seal_min_rows", Number{&Settings::seal_min_rows},
       "A tail with fewer rows is not sealed for its age."},
      {"Storage", "seal_age", Duration{&Settings::seal_age},
       "A tail older than this becomes an extent when it has `seal_min_rows`."},
      {"Storage", "tail_memory", Size{&Settings::tail_memory},
       "Memory for rows that are not in extents; an eighth of it for rows that are read again from "
       "row files. At three quarters of the rest a checkpoint moves them to a row file, from "
       "seven eighths on ingestion is slowed, beyond it ingestion is answered 429. 0: a quarter of "
       "`memory_limit`, or what the other shares leave of it."},
      {"Storage", "row_store_disk_limit", Size{&Settings::row_store_disk_limit},
       "Disk space for the log and the row files. At three quarters of it tails become extents, "
       "the "
       "largest first; beyond it ingestion is answered 429 until there is room. 0: a quarter of "
       "what "
       "is free at the start, with what they take already. Else at least `log_limit`."},
      {"Storage", "idempotency_window", Duration{&Settings::idempotency_window},
       "A retry of an ingestion request within this time stores nothing (see ingestion.md)."},
      {"Storage", "idempotency_keys", Number{&Settings::idempotency_keys},
       "Retry keys that are remembered; beyond it the oldest are forgotten before their time. "
       "About 130 bytes each."},
  };
  return table;
}

const Entry* find_entry(std::string_view name) {
  for (const Entry& entry : entries()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

uint64_t parse_number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    throw SettingsError(fmt::format("'{}' is not a whole number", text));
  }
  return value;
}

// The number and the unit of "30s" or "4 MiB".
std::pair<double, std::string> split_unit(std::string_view text) {
  text = trim(text);
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !(value >= 0))
    throw SettingsError(fmt::format("'{}' does not start with a number", text));
  return {value, lower(trim(text.substr(end - text.data())))};
}

std::string shown(const Number&, uint64_t value) {
  return fmt::to_string(value);
}
std::string shown(const Size&, uint64_t value) {
  return format_size(value);
}
std::string shown(const Duration&, Milliseconds value) {
  return format_duration(value);
}

template <typename Slot, typename T>
T in_range(const Slot& slot, const T& value) {
  if (value < slot.least) {
    throw SettingsError(fmt::format("must be at least {}", shown(slot, slot.least)));
  }
  if (value > slot.most) {
    throw SettingsError(fmt::format("must be at most {}", shown(slot, slot.most)));
  }
  return value;
}

void set_from_text(Settings& settings, const Entry& entry, std::string_view value) {
  std::visit(
      [&](const auto& slot) {
        using Slot = std::decay_t<decltype(slot)>;
        auto& member = settings.*slot.member;
        if constexpr (std::is_same_v<Slot, Text>) {
          member = value;
        } else if constexpr (std::is_same_v<Slot, List>) {
          member.clear();
          std::string_view rest = trim(value);
          if (rest.starts_with('[')) {
            throw SettingsError(
                "as text it is a list with commas between, without brackets and quotes");
          }
          while (!rest.empty()) {
            size_t comma = std::min(rest.find(','), rest.size());
            std::string_view item = trim(rest.substr(0, comma));
            if (!item.empty()) member.emplace_back(item);
            rest.remove_prefix(std::min(comma + 1, rest.size()));
          }
          if (member.empty() && slot.is_dangerous_empty) {
            throw SettingsError("is given and names none: leave it out if there shall be none");
          }
        } else if constexpr (std::is_same_v<Slot, Flag>) {
          std::string word = lower(trim(value));
          if (word == "true" || word == "1" || word == "yes" || word == "on") {
            member = true;
          } else if (word == "false" || word == "0" || word == "no" || word == "off") {
            member = false;
          } else {
            throw SettingsError(fmt::format("'{}' is neither true nor false", value));
          }
        } else if constexpr (std::is_same_v<Slot, Number>) {
          member = in_range(slot, parse_number(trim(value)));
        } else if constexpr (std::is_same_v<Slot, Size>) {
          member = in_range(slot, parse_size(value));
        } else {
          member = in_range(slot, parse_duration(value));
        }
      },
      entry.slot);
}

void set_from_toml(Settings& settings, const Entry& entry, const toml::node& node) {
  if (const auto* list = std::get_if<List>(&entry.slot)) {
    const toml::array* array = node.as_array();
    if (array == nullptr) throw SettingsError("must be an array of strings");
    std::vector<std::string> values;
    for (const toml::node& element : *array) {
      std::optional<std::string> text = element.value_exact<std::string>();
      if (!text) throw SettingsError("must be an array of strings");
      values.push_back(std::move(*text));
    }
    settings.*list->member = std::move(values);
    return;
  }
  if (std::holds_alternative<Flag>(entry.slot)) {
    if (!node.is_boolean()) throw SettingsError("must be true or false");
    settings.*std::get<Flag>(entry.slot).member = *node.value<bool>();
    return;
  }
  if (auto text = node.value_exact<std::string>()) {
    if (std::holds_alternative<Number>(entry.slot)) throw SettingsError("must be a whole number");
    set_from_text(settings, entry, *text);
    return;
  }
  auto number = node.value_exact<int64_t>();
  if (number && *number >= 0 &&
      (std::holds_alternative<Number>(entry.slot) || std::holds_alternative<Size>(entry.slot))) {
    set_from_text(settings, entry, fmt::to_string(*number));
    return;
  }
  if (std::holds_alternative<Number>(entry.slot)) throw SettingsError("must be a whole number");
  if (std::holds_alternative<Size>(entry.slot))
    throw SettingsError("must be a size such as \"4 MiB\"");
  if (std::holds_alternative<Duration>(entry.slot))
    throw SettingsError("must be a duration such as \"30s\"");
  throw SettingsError("must be a string");
}

std::string in_quotes(std::string_view text) {
  return fmt::format("\"{}\"", text);
}

std::string default_text(const Entry& entry) {
  static const Settings defaults;
  return std::visit(
      [&](const auto& slot) -> std::string {
        using Slot = std::decay_t<decltype(slot)>;
        const auto& member = defaults.*slot.member;
        if constexpr (std::is_same_v<Slot, Text>) return in_quotes(member);
        if constexpr (std::is_same_v<Slot, List>) return "[]";
        if constexpr (std::is_same_v<Slot, Flag>) return member ? "true" : "false";
        if constexpr (std::is_same_v<Slot, Number>) return fmt::to_string(member);
        if constexpr (std::is_same_v<Slot, Size>)
          return member == 0 ? "0" : in_quotes(format_size(member));
        if constexpr (std::is_same_v<Slot, Duration>) return in_quotes(format_duration(member));
      },
      entry.slot);
}

std::string_view unit_of(const Entry& entry) {
  constexpr std::string_view kUnits[] = {"text",   "list of texts", "true or false",
                                         "number", "size",          "duration"};
  return kUnits[entry.slot.index()];
}

constexpr std::string_view kVariablePrefix = "RIVULET_";

std::string environment_name(std::string_view name) {
  std::string out(kVariablePrefix);
  for (char c : name) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

// Whether RIVULET_<name> is read by something other than the settings.
bool is_variable_of_others(std::string_view name, std::string_view value) {
  constexpr std::string_view kKnown[] = {
      "CONFIG",                                               // the server: its file of settings
      "SERVER",        "TOKEN",                               // the client commands
      "BINARY",        "CACHE_DIR",   "CCACHE",      "FUZZ",  // building and testing
      "DUCKDB_DIR",    "SANITIZE",    "KQL_CASES",   "URL",        "PID",
      "BENCH_HISTORY", "CRASH_KILLS", "FAULT_SEEDS", "KAFKA_KILLS"};
  if (std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown)) return true;
  if (name.starts_with("SECRET_")) return true;
  // Kubernetes tells every pod of a service `rivulet` in this way: RIVULET_SERVICE_HOST,
  // RIVULET_PORT=tcp://10.0.0.1:8080, RIVULET_PORT_8080_TCP_ADDR, ….
  return name.starts_with("SERVICE_") || name.starts_with("PORT_") ||
         (name == "PORT" && value.find("://") != std::string_view::npos);
}

}  // namespace

std::vector<SettingDescription> describe_settings() {
  std::vector<SettingDescription> out;
  for (const Entry& entry : entries()) {
    out.push_back(
        {entry.group, entry.name, unit_of(entry), entry.description, default_text(entry)});
  }
  return out;
}

void set_setting(Settings& settings, std::string_view name, std::string_view value) {
  const Entry* entry = find_entry(name);
  if (entry == nullptr) throw SettingsError(fmt::format("there is no setting '{}'", name));
  try {
    set_from_text(settings, *entry, value);
  } catch (const SettingsError& error) {
    throw SettingsError(fmt::format("{}: {}", name, error.what()));
  }
}

void load_settings_toml(Settings& settings, std::string_view toml, std::string_view file_name) {
  toml::table table;
  try {
    table = toml::parse(toml, file_name);
  } catch (const toml::parse_error& error) {
    throw SettingsError(
        fmt::format("{}:{}: {}", file_name, error.source().begin.line, error.description()));
  }
  for (auto&& [key, node] : table) {
    auto fail = [&, line = key.source().begin.line, name = key.str()](std::string_view why) {
      throw SettingsError(fmt::format("{}:{}: {}: {}", file_name, line, name, why));
    };
    const Entry* entry = find_entry(key.str());
    if (entry == nullptr) fail("there is no such setting");
    try {
      set_from_toml(settings, *entry, node);
    } catch (const SettingsError& error) {
      fail(error.what());
    }
  }
}

void load_settings_file(Settings& settings, const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  if (in) text << in.rdbuf();
  if (!in || !text) throw SettingsError(fmt::format("{}: cannot be read", file.string()));
  load_settings_toml(settings, text.str(), file.string());
}

void load_settings_environment(Settings& settings, const char* const* variables) {
  for (; variables != nullptr && *variables != nullptr; ++variables) {
    std::string_view variable = *variables;
    size_t equals = variable.find('=');
    if (!variable.starts_with(kVariablePrefix) || equals == std::string_view::npos) continue;
    std::string_view name = variable.substr(0, equals), value = variable.substr(equals + 1);
    const Entry* entry = find_entry(lower(name.substr(kVariablePrefix.size())));
    if (entry == nullptr || name != environment_name(entry->name)) {
      if (is_variable_of_others(name.substr(kVariablePrefix.size()), value)) continue;
      throw SettingsError(fmt::format("{}: there is no such setting", name));
    }
    try {
      set_from_text(settings, *entry, value);
    } catch (const SettingsError& error) {
      throw SettingsError(fmt::format("{}: {}", name, error.what()));
    }
  }
}

std::string settings_reference_markdown() {
  std::string out;
  std::string_view group;
  for (const Entry& entry : entries()) {
    if (entry.group != group) {
      group = entry.group;
      out += fmt::format("{}### {}\n\n| setting | takes | default | meaning |\n|---|---|---|---|\n",
                         out.empty() ? "" : "\n", group);
    }
    out += fmt::format("| `{}` | {} | `{}` | {} |\n", entry.name, unit_of(entry),
                       default_text(entry), entry.description);
  }
  return out;
}

std::chrono::milliseconds parse_duration(std::string_view text) {
  auto [value, unit] = split_unit(text);
  double milliseconds = 0;
  if (unit == "ms") {
    milliseconds = value;
  } else if (unit == "s") {
    milliseconds = value * 1e3;
  } else if (unit == "m") {
    milliseconds = value * 60e3;
  } else if (unit == "h") {
    milliseconds = value * 3600e3;
  } else if (unit == "d") {
    milliseconds = value * 86400e3;
  } else {
    throw SettingsError(fmt::format("'{}' needs a unit: ms, s, m, h or d", text));
  }
  if (milliseconds > 1e15) throw SettingsError(fmt::format("'{}' is too long", text));
  return std::chrono::milliseconds(static_cast<int64_t>(milliseconds));
}

uint64_t parse_size(std::string_view text) {
  auto [value, unit] = split_unit(text);
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1},         {"b", 1},    {"kib", 0x1p10}, {"mib", 0x1p20}, {"gib", 0x1p30},
      {"tib", 0x1p40}, {"kb", 1e3}, {"mb", 1e6},     {"gb", 1e9},     {"tb", 1e12}};
  for (auto [name, factor] : kUnits) {
    if (unit != name) continue;
    if (value * factor > 1e18) throw SettingsError(fmt::format("'{}' is too large", text));
    return static_cast<uint64_t>(value * factor);
  }
  throw SettingsError(
      fmt::format("'{}' has an unknown unit: B, KiB, MiB, GiB, KB, MB or GB", text));
}

std::string format_duration(std::chrono::milliseconds duration) {
  int64_t ms = duration.count();
  constexpr std::pair<int64_t, std::string_view> kUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}};
  for (auto [factor, name] : kUnits) {
    if (ms != 0 && ms % factor == 0) return fmt::format("{}{}", ms / factor, name);
  }
  return fmt::format("{}ms", ms);
}

std::string format_size(uint64_t bytes) {
  constexpr std::pair<uint64_t, std::string_view> kUnits[] = {
      {uint64_t{1} << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}};
  for (auto [factor, name] : kUnits) {
    if (bytes != 0 && bytes % factor == 0) return fmt::format("{} {}", bytes / factor, name);
  }
  return fmt::format("{} B", bytes);
}

HostAndPort parse_address(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    throw SettingsError(fmt::format("'{}' is not of the form host:port", text));
  }
  std::string_view host = text.substr(0, colon);
  uint64_t port = 65'536;
  try {
    port = parse_number(text.substr(colon + 1));
  } catch (const SettingsError&) {
  }
  if (port > 65'535) throw SettingsError(fmt::format("'{}' has no port from 0 to 65535", text));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    throw SettingsError(fmt::format("'{}': an IPv6 address needs brackets, [::1]:8080", text));
  }
  return {std::string(host), static_cast<uint16_t>(port)};
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  in_addr address{};
  return host.starts_with("127.") && ::inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

}  // namespace rivulet
