#include "server/request_options.h"

#include <algorithm>
#include <functional>

#include <simdjson.h>

#include "common/error.h"
#include "server/request.h"
#include "types/text.h"

namespace rivulet::server {
namespace {

using simdjson::dom::element;
using Milliseconds = std::chrono::milliseconds;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// Options come as JSON values or as text of them.
std::string text_of(const element& value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  if (value.is_null()) return "";
  return simdjson::minify(value);
}

bool flag_of(const element& value) {
  return parse_bool(text_of(value)).value_or(false);
}

std::optional<uint64_t> count_of(const element& value) {
  std::optional<int64_t> number = parse_long(text_of(value));
  if (!number || *number < 0) return std::nullopt;
  return static_cast<uint64_t>(*number);
}

void set_option(RequestOptions& options, std::string_view name, const element& value) {
  using Setter = void (*)(RequestOptions&, const element&);
  static const std::map<std::string_view, Setter> kSetters = {
      {"servertimeout",
       [](RequestOptions& o, const element& v) { o.timeout = parse_server_timeout(text_of(v)); }},
      {"norequesttimeout",
       [](RequestOptions& o, const element& v) { o.has_no_timeout = flag_of(v); }},
      {"truncationmaxrecords",
       [](RequestOptions& o, const element& v) { o.max_records = count_of(v); }},
      {"truncationmaxsize", [](RequestOptions& o, const element& v) { o.max_bytes = count_of(v); }},
      {"notruncation",
       [](RequestOptions& o, const element& v) { o.has_no_truncation = flag_of(v); }},
      {"query_take_max_records",
       [](RequestOptions& o, const element& v) { o.take_max_records = count_of(v).value_or(0); }},
      {"request_readonly",
       [](RequestOptions& o, const element& v) { o.is_read_only |= flag_of(v); }},
      {"request_readonly_hardline",
       [](RequestOptions& o, const element& v) { o.is_read_only |= flag_of(v); }},
      {"validate_permissions",
       [](RequestOptions& o, const element& v) { o.validates_permissions |= flag_of(v); }},
      {"validatepermissions",
       [](RequestOptions& o, const element& v) { o.validates_permissions |= flag_of(v); }},
      {"deferpartialqueryfailures",
       [](RequestOptions& o, const element& v) { o.defers_partial_failure = flag_of(v); }},
      {"results_progressive_enabled",
       [](RequestOptions& o, const element& v) { o.is_progressive = flag_of(v); }},
      {"results_v2_fragment_primary_tables",
       [](RequestOptions& o, const element& v) { o.fragments_primary_tables = flag_of(v); }},
      {"results_v2_newlines_between_frames",
       [](RequestOptions& o, const element& v) { o.separates_frames_by_newlines = flag_of(v); }},
      {"results_error_reporting_placement",
       [](RequestOptions& o, const element& v) {
         o.reports_errors_at_end_of_table = lower(text_of(v)) == "end_of_table";
       }},
      {"query_now",
       [](RequestOptions& o, const element& v) { o.now = parse_datetime(text_of(v)); }},
      {"query_language",
       [](RequestOptions& o, const element& v) { o.language = lower(text_of(v)); }},
  };
  auto setter = kSetters.find(lower(name));
  if (setter != kSetters.end()) setter->second(options, value);
}

void read_properties(const element& properties, QueryBody& body) {
  simdjson::dom::object object;
  if (properties.get(object) != simdjson::SUCCESS) return;
  for (auto [key, value] : object) {
    simdjson::dom::object members;
    if (equals_ignoring_case(key, "ClientRequestId")) body.client_request_id = text_of(value);
    if (value.get(members) != simdjson::SUCCESS) continue;
    if (equals_ignoring_case(key, "Options")) {
      for (auto [name, option] : members) set_option(body.options, name, option);
    } else if (equals_ignoring_case(key, "Parameters")) {
      for (auto [name, parameter] : members)
        body.options.parameters[std::string(name)] = text_of(parameter);
    }
  }
}

}  // namespace

std::chrono::milliseconds RequestOptions::effective_timeout(const Settings& settings) const {
  if (has_no_timeout) return settings.query_max_timeout;
  Milliseconds wanted = timeout.value_or(settings.query_timeout);
  return std::clamp(wanted, Milliseconds(1'000),
                    std::max(Milliseconds(1'000), settings.query_max_timeout));
}

uint64_t RequestOptions::effective_max_records(const Settings& settings) const {
  return has_no_truncation ? 0 : max_records.value_or(settings.query_max_records);
}

uint64_t RequestOptions::effective_max_bytes(const Settings& settings) const {
  return has_no_truncation ? 0 : max_bytes.value_or(settings.query_max_result_size);
}

void parse_properties(std::string_view json, QueryBody& body) {
  if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) {
    throw bad_request("The request's 'properties' are not valid JSON.");
  }
  read_properties(root, body);
}

QueryBody parse_query_body(std::string_view json) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (json.starts_with(kByteOrderMark)) json.remove_prefix(kByteOrderMark.size());
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (auto error = parser.parse(json.data(), json.size()).get(root)) {
    throw bad_request(std::string("The request body is not a JSON object: ") +
                      simdjson::error_message(error) + ".");
  }
  QueryBody body;
  bool has_text = false;
  for (auto [key, value] : root) {
    if (equals_ignoring_case(key, "db")) {
      body.database = text_of(value);
    } else if (equals_ignoring_case(key, "csl")) {
      std::string_view text;
      if (value.get(text) != simdjson::SUCCESS)
        throw bad_request("The request's 'csl' is not a string.");
      body.text = text;
      has_text = true;
    } else if (equals_ignoring_case(key, "properties")) {
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS) {
        parse_properties(text, body);
      } else {
        read_properties(value, body);
      }
    }
  }
  if (!has_text) throw bad_request("The request body has no 'csl' with the text of the query.");
  return body;
}

QueryBody parse_query_target(const Target& target) {
  QueryBody body;
  std::optional<std::string> text = target.parameter("csl");
  if (!text) throw bad_request("The request has no parameter 'csl' with the text of the query.");
  body.text = std::move(*text);
  body.database = target.parameter("db").value_or("");
  if (auto properties = target.parameter("properties")) parse_properties(*properties, body);
  return body;
}

std::optional<std::chrono::milliseconds> parse_server_timeout(std::string_view text) {
  // Python prints a timedelta as "1 day, 2:00:00" or "2 days, 2:00:00.5".
  int64_t days = 0;
  size_t comma = text.find(',');
  size_t day = text.find(" day");
  if (day != std::string_view::npos && comma != std::string_view::npos && day < comma) {
    std::optional<int64_t> count = parse_long(text.substr(0, day));
    if (!count || *count < 0 || *count > 100'000) return std::nullopt;
    days = *count;
    text = text.substr(comma + 1);
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
  std::optional<int64_t> ticks = parse_timespan(text);
  if (!ticks || *ticks < 0) return std::nullopt;
  return Milliseconds(days * 86'400'000 + *ticks / kTicksPerMillisecond);
}

}  // namespace rivulet::server
