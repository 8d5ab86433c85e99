#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rivulet {

// Every setting of the server with its default. A setting has one name: `max_connections` in the TOML
// file, `--max-connections` as a flag, RIVULET_MAX_CONNECTIONS in the environment. The table in
// settings.cc describes each, and docs/configuration.md is made from that table.
struct Settings {
  using Milliseconds = std::chrono::milliseconds;

  // Service
  std::string listen = "127.0.0.1:8080";
  std::string data = "rivulet-data";
  std::string port_file;
  std::string default_database = "NetDefaultDB";
  std::string log_level = "info";
  uint64_t memory_limit = 0;
  Milliseconds shutdown_timeout{30'000};

  // Access
  std::string tls_certificate;
  std::string tls_key;
  std::vector<std::string> tokens;
  bool allow_anonymous_network = false;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> cors_origins;
  std::string secrets;

  // Connections
  uint64_t io_threads = 0;
  uint64_t max_connections = 10'000;
  uint64_t max_header_size = 32 << 10;
  uint64_t max_request_size = 16 << 20;
  uint64_t request_memory = 0;
  Milliseconds idle_timeout{300'000};
  Milliseconds header_timeout{30'000};
  Milliseconds body_timeout{60'000};
  Milliseconds write_timeout{60'000};

  // Streaming ingestion
  bool streaming_ingestion = true;
  uint64_t ingestion_max_request_size = 4 << 20;
  uint64_t ingestion_max_uncompressed_size = 64 << 20;
  uint64_t ingestion_concurrency = 0;
  uint64_t ingestion_queue = 1'000;
  uint64_t ingestion_threads = 0;

  // Queries and commands
  uint64_t query_concurrency = 0;
  uint64_t query_queue = 200;
  Milliseconds query_timeout{240'000};
  Milliseconds query_max_timeout{3'600'000};
  uint64_t query_max_records = 500'000;
  uint64_t query_max_result_size = 64 << 20;
  uint64_t query_memory = 0;
  uint64_t query_engine_threads = 0;
  uint64_t command_concurrency = 16;
  uint64_t command_queue = 1'000;

  // Storage
  uint64_t log_segment_size = 64 << 20;
  uint64_t log_limit = 512 << 20;
  uint64_t seal_rows = 1'000'000;
  uint64_t seal_size = 128 << 20;
  uint64_t seal_min_rows = 10'000;
  Milliseconds seal_age{1'800'000};
  uint64_t tail_memory = 0;
  uint64_t row_store_disk_limit = 0;
  Milliseconds idempotency_window{600'000};
  uint64_t idempotency_keys = 1'000'000;
};

// A setting that is refused. The message names the setting and where it stands ("rivulet.toml:7: …").
class SettingsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct SettingDescription {
  std::string_view group;  // "Service", "Access", … : the headings of the documentation
  std::string_view name;
  std::string_view unit;  // "size", "duration", "number", "list of texts", …: what it takes
  std::string_view description;
  std::string default_text;  // as it would stand in the TOML file
};

// All of them, in the order of the documentation.
std::vector<SettingDescription> describe_settings();

// The four ways to fill Settings; each overwrites only what it is given. All throw SettingsError.
//
// One setting from text, as flags and the environment give it. Lists are separated by commas.
void set_setting(Settings& settings, std::string_view name, std::string_view value);
// The TOML file; an unknown name, a wrong type or a bad value is refused with file and line.
void load_settings_file(Settings& settings, const std::filesystem::path& file);
void load_settings_toml(Settings& settings, std::string_view toml, std::string_view file_name);
// RIVULET_<NAME> for every setting; `variables` are "NAME=value" strings that end with a null pointer, as
// environ. Other variables that begin with RIVULET_ are refused, but for secrets, for those that other
// commands and this project's scripts read, and for what Kubernetes sets for a service named `rivulet`.
void load_settings_environment(Settings& settings, const char* const* variables);

// What is wrong with the settings themselves beyond the range of one value: a certificate without a key, an
// open address without a token, an origin that is none, …. Looks at nothing outside.
void check_settings(const Settings& settings);

// The reference table of docs/configuration.md.
std::string settings_reference_markdown();

// "250ms", "30s", "5m", "2h", "1d"; and "4 MiB", "512KiB", "1GB" or plain bytes. Throw SettingsError.
std::chrono::milliseconds parse_duration(std::string_view text);
uint64_t parse_size(std::string_view text);
std::string format_duration(std::chrono::milliseconds duration);
std::string format_size(uint64_t bytes);

// "host:port" in two parts; "[::1]:80", and ":80" with an empty host. Throws SettingsError.
struct HostAndPort {
  std::string host;
  uint16_t port = 0;
};
HostAndPort parse_address(std::string_view text);
// Whether only this machine can reach the address: 127.0.0.0/8, ::1 or localhost.
bool is_loopback(std::string_view host);

}  // namespace rivulet
