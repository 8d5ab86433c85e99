#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/settings.h"
#include "server/target.h"

namespace rivulet::server {

// Client request properties: what a query or command sends beside its text. Unknown ones are ignored.
struct RequestOptions {
  std::optional<std::chrono::milliseconds> timeout;  // servertimeout
  bool has_no_timeout = false;                       // norequesttimeout
  std::optional<uint64_t> max_records;               // truncationmaxrecords
  std::optional<uint64_t> max_bytes;                 // truncationmaxsize
  bool has_no_truncation = false;                    // notruncation
  uint64_t take_max_records = 0;                     // query_take_max_records
  bool is_read_only = false;                         // request_readonly
  bool validates_permissions = false;                // validate_permissions, validatepermissions
  bool defers_partial_failure = false;               // deferpartialqueryfailures
  bool is_progressive = false;                       // results_progressive_enabled
  bool fragments_primary_tables = false;             // results_v2_fragment_primary_tables
  bool separates_frames_by_newlines = false;         // results_v2_newlines_between_frames
  bool reports_errors_at_end_of_table = false;       // results_error_reporting_placement
  std::optional<Ticks> now;                          // query_now
  std::string language;                              // query_language, lower case
  std::map<std::string, std::string> parameters;

  // The limits that hold, with the server's own where the client named none. 0: no limit.
  std::chrono::milliseconds effective_timeout(const Settings& settings) const;
  uint64_t effective_max_records(const Settings& settings) const;
  uint64_t effective_max_bytes(const Settings& settings) const;
};

// A query or command as its body, or the URL of a GET, gives it.
struct QueryBody {
  std::string database;  // as sent: may be empty
  std::string text;
  std::string client_request_id;  // of the properties, where clients without headers put it
  RequestOptions options;
};

// Throws bad_request for what is no such JSON.
QueryBody parse_query_body(std::string_view json);
QueryBody parse_query_target(const Target& target);
// `properties` as text: {"Options":{…},"Parameters":{…}}.
void parse_properties(std::string_view json, QueryBody& body);

// "00:04:00", "1.00:00:00", "0:03:00", "1 day, 2:00:00", "2 days, 0:00:01.5", "50m", "30s", ….
std::optional<std::chrono::milliseconds> parse_server_timeout(std::string_view text);

}  // namespace rivulet::server
