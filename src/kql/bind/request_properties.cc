#include "kql/bind/request_properties.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "kql/syntax/literal.h"
#include "kql/syntax/parser.h"
#include "kql/syntax/syntax.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::kql {
namespace {

constexpr auto kBool = ScalarType::kBool;
constexpr auto kLong = ScalarType::kLong;
constexpr auto kString = ScalarType::kString;
constexpr auto kTimeSpan = ScalarType::kTimeSpan;
constexpr auto kDateTime = ScalarType::kDateTime;
constexpr auto kDynamic = ScalarType::kDynamic;
constexpr std::optional<ScalarType> kAnyType = std::nullopt;

// Thrown by a setter for a value of the right type that stands for nothing.
struct WrongValue {
  std::string_view wanted;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

bool flag(const Literal& value) {
  return std::get<bool>(value.value);
}

const std::string& text(const Literal& value) {
  return std::get<std::string>(value.value);
}

uint64_t count(const Literal& value) {
  int64_t number = std::get<int64_t>(value.value);
  if (number < 0) throw WrongValue{"a number that is not negative"};
  return static_cast<uint64_t>(number);
}

// A literal in the text, such as datetime(2020-01-01) or 1h.
std::optional<Literal> literal_in(const std::string& text) {
  try {
    ExpressionPtr expression = parse_scalar(text);
    if (expression->kind == Expression::Kind::kLiteral) return expression->literal;
  } catch (const Error&) {
  }
  return std::nullopt;
}

std::optional<Literal> read_text(ScalarType type, const std::string& text) {
  Literal result{type, {}};
  switch (type) {
    case ScalarType::kBool:
      if (auto value = parse_bool(text)) return Literal{type, *value};
      break;
    case ScalarType::kLong:
      if (auto value = parse_long(text)) return Literal{type, *value};
      break;
    case ScalarType::kTimeSpan:
      if (auto value = parse_server_timeout(text)) {
        return Literal{type, int64_t{value->count()} * kTicksPerMillisecond};
      }
      break;
    case ScalarType::kDateTime:
      if (auto value = parse_datetime(text)) return Literal{type, int64_t{*value}};
      break;
    case ScalarType::kDynamic:
      if (text.starts_with('[') || text.starts_with('{')) return Literal{type, text};
      break;
    default:
      break;
  }
  std::optional<Literal> literal = literal_in(text);
  return literal && literal->type == type && !literal->is_null() ? literal : std::nullopt;
}

// The value as one of the type; nothing when it is none.
std::optional<Literal> read_value(ScalarType type, const Literal& given) {
  if (given.is_null()) return std::nullopt;
  if (given.type == type) return given;
  if (given.type == kString) return read_text(type, text(given));
  if (const auto* small = std::get_if<int32_t>(&given.value)) {
    return read_value(type, Literal{kLong, int64_t{*small}});
  }
  const auto* whole = given.type == kLong ? std::get_if<int64_t>(&given.value) : nullptr;
  if (whole != nullptr) {
    if (type == kBool) return Literal{type, *whole != 0};
    if (type == kString) return Literal{type, std::to_string(*whole)};
    if (type == kTimeSpan) return read_text(type, std::to_string(*whole));
  }
  const auto* real = std::get_if<double>(&given.value);
  bool is_whole = real != nullptr && std::floor(*real) == *real && std::abs(*real) < 9e15;
  if (is_whole && type == kLong) return Literal{type, static_cast<int64_t>(*real)};
  return std::nullopt;
}

Ticks ticks(const Literal& value) {
  return Ticks{std::get<int64_t>(value.value)};
}

struct Property {
  enum class Scope { kAnywhere, kRequest };
  std::string_view name;
  std::optional<ScalarType> type;  // nothing: any literal
  Scope scope;
  void (*set)(RequestProperties& properties, const Literal& value);  // null: a hint without effect
};

constexpr auto kAnywhere = Property::Scope::kAnywhere;
constexpr auto kRequest = Property::Scope::kRequest;

using P = RequestProperties;
using L = Literal;

void set_data_scope(P&, const L& v) {
  std::string scope = lower(text(v));
  if (scope == "hotcache") throw not_supported("query_datascope 'hotcache'");
  if (scope != "default" && scope != "all") throw WrongValue{"'default', 'all' or 'hotcache'"};
}

void set_language(P&, const L& v) {
  std::string language = lower(text(v));
  if (language != "csl" && language != "kql") {
    throw not_supported("query_language '" + language + "'");
  }
}

void set_scoped_tables(P& p, const L& v) {
  auto names = json_strings(read_json(text(v)).value_or(""));
  if (!names) throw WrongValue{"an array of names of tables"};
  p.binding.cursor_scoped_tables = std::move(*names);
}

void set_max_records(P& p, const L& v) {
  p.max_records = count(v);
}
void set_max_bytes(P& p, const L& v) {
  p.max_bytes = count(v);
}
void set_validates(P& p, const L& v) {
  p.validates_permissions |= flag(v);
}
void set_read_only(P& p, const L& v) {
  p.is_read_only |= flag(v);
}

const Property kProperties[] = {
    // How the text is bound.
    {"best_effort", kBool, kAnywhere, [](P& p, const L& v) { p.binding.is_best_effort = flag(v); }},
    {"query_bin_auto_at", kAnyType, kAnywhere, [](P& p, const L& v) { p.binding.bin_auto_at = v; }},
    {"query_bin_auto_size", kAnyType, kAnywhere,
     [](P& p, const L& v) { p.binding.bin_auto_size = v; }},
    {"query_cursor_after_default", kString, kAnywhere,
     [](P& p, const L& v) { p.binding.cursor_after_default = text(v); }},
    {"query_cursor_before_or_at_default", kString, kAnywhere,
     [](P& p, const L& v) { p.binding.cursor_before_or_at_default = text(v); }},
    {"query_cursor_current", kString, kAnywhere,
     [](P& p, const L& v) { p.binding.cursor_current = text(v); }},
    {"query_cursor_disabled", kBool, kAnywhere,
     [](P& p, const L& v) { p.binding.has_no_cursors = flag(v); }},
    {"query_cursor_scoped_tables", kDynamic, kAnywhere, set_scoped_tables},
    {"query_datascope", kString, kAnywhere, set_data_scope},
    {"query_datetimescope_column", kString, kAnywhere,
     [](P& p, const L& v) { p.binding.datetime_scope_column = text(v); }},
    {"query_datetimescope_from", kDateTime, kAnywhere,
     [](P& p, const L& v) { p.binding.datetime_scope_from = ticks(v); }},
    {"query_datetimescope_to", kDateTime, kAnywhere,
     [](P& p, const L& v) { p.binding.datetime_scope_to = ticks(v); }},
    {"query_language", kString, kAnywhere, set_language},
    {"query_max_entities_in_union", kLong, kAnywhere,
     [](P& p, const L& v) { p.binding.max_union_tables = count(v); }},
    {"query_now", kDateTime, kAnywhere, [](P& p, const L& v) { p.binding.now = ticks(v); }},
    {"request_remote_entities_disabled", kBool, kAnywhere,
     [](P& p, const L& v) { p.binding.has_no_remote_entities = flag(v); }},

    // What bounds or changes the result.
    {"maxoutputcolumns", kLong, kAnywhere,
     [](P& p, const L& v) { p.max_output_columns = count(v); }},
    {"norequesttimeout", kBool, kAnywhere, [](P& p, const L& v) { p.has_no_timeout = flag(v); }},
    {"notruncation", kBool, kAnywhere, [](P& p, const L& v) { p.has_no_truncation = flag(v); }},
    {"query_results_apply_getschema", kBool, kAnywhere,
     [](P& p, const L& v) { p.gives_schema = flag(v); }},
    {"query_take_max_records", kLong, kAnywhere,
     [](P& p, const L& v) { p.take_max_records = count(v); }},
    {"servertimeout", kTimeSpan, kAnywhere,
     [](P& p, const L& v) {
       if (ticks(v) < 0) throw WrongValue{"a timespan that is not negative"};
       p.timeout = std::chrono::milliseconds(ticks(v) / kTicksPerMillisecond);
     }},
    {"truncation_max_records", kLong, kAnywhere, set_max_records},
    {"truncation_max_size", kLong, kAnywhere, set_max_bytes},
    {"truncationmaxrecords", kLong, kAnywhere, set_max_records},
    {"truncationmaxsize", kLong, kAnywhere, set_max_bytes},

    // What only the request can say: how the answer is written, and what it is allowed to do.
    {"deferpartialqueryfailures", kBool, kRequest,
     [](P& p, const L& v) { p.defers_partial_failure = flag(v); }},
    {"request_app_name", kString, kRequest, [](P& p, const L& v) { p.application = text(v); }},
    {"request_readonly", kBool, kRequest, set_read_only},
    {"request_readonly_hardline", kBool, kRequest, set_read_only},
    {"request_user", kString, kRequest, [](P& p, const L& v) { p.user = text(v); }},
    {"results_error_reporting_placement", kString, kRequest,
     [](P& p, const L& v) { p.reports_errors_at_end_of_table = lower(text(v)) == "end_of_table"; }},
    {"results_progressive_enabled", kBool, kRequest,
     [](P& p, const L& v) { p.is_progressive = flag(v); }},
    {"results_v2_fragment_primary_tables", kBool, kRequest,
     [](P& p, const L& v) { p.fragments_primary_tables = flag(v); }},
    {"results_v2_newlines_between_frames", kBool, kRequest,
     [](P& p, const L& v) { p.separates_frames_by_newlines = flag(v); }},
    {"validate_permissions", kBool, kRequest, set_validates},
    {"validatepermissions", kBool, kRequest, set_validates},

    // Hints, and bounds on what Rivulet does not do: any value of the type is as good.
    {"client_max_redirect_count", kLong, kAnywhere, nullptr},
    {"materialized_view_shuffle", kDynamic, kAnywhere, nullptr},
    {"materialized_view_shuffle_query", kDynamic, kAnywhere, nullptr},
    {"max_memory_consumption_per_query_per_node", kLong, kAnywhere, nullptr},
    {"maxmemoryconsumptionperiterator", kLong, kAnywhere, nullptr},
    {"push_selection_through_aggregation", kBool, kAnywhere, nullptr},
    {"query_distribution_nodes_span", kLong, kAnywhere, nullptr},
    {"query_fanout_nodes_percent", kLong, kAnywhere, nullptr},
    {"query_fanout_threads_percent", kLong, kAnywhere, nullptr},
    {"query_force_row_level_security", kBool, kAnywhere, nullptr},
    {"query_log_query_parameters", kBool, kAnywhere, nullptr},
    {"query_python_debug", kAnyType, kAnywhere, nullptr},
    {"query_results_cache_force_refresh", kBool, kAnywhere, nullptr},
    {"query_results_cache_max_age", kTimeSpan, kAnywhere, nullptr},
    {"query_results_cache_per_shard", kBool, kAnywhere, nullptr},
    {"query_results_progressive_row_count", kLong, kAnywhere, nullptr},
    {"query_results_progressive_update_period", kTimeSpan, kAnywhere, nullptr},
    {"query_weakconsistency_session_id", kString, kAnywhere, nullptr},
    {"queryconsistency", kString, kAnywhere, nullptr},
    {"querytrace", kAnyType, kAnywhere, nullptr},
    {"request_block_row_level_security", kBool, kAnywhere, nullptr},
    {"request_callout_disabled", kBool, kAnywhere, nullptr},
    {"request_description", kString, kAnywhere, nullptr},
    {"request_external_data_disabled", kBool, kAnywhere, nullptr},
    {"request_external_table_disabled", kBool, kAnywhere, nullptr},
    {"request_impersonation_disabled", kBool, kAnywhere, nullptr},
    {"request_sandboxed_execution_disabled", kBool, kAnywhere, nullptr},
};

Error property_error(PropertyOrigin origin, std::string message) {
  return origin == PropertyOrigin::kRequest ? bad_request(std::move(message))
                                            : semantic_error("SEM0003", message);
}

}  // namespace

std::chrono::milliseconds RequestProperties::effective_timeout(
    std::chrono::milliseconds usual, std::chrono::milliseconds longest) const {
  constexpr std::chrono::milliseconds kShortest{1'000};
  if (has_no_timeout) return longest;
  return timeout ? std::clamp(*timeout, kShortest, std::max(kShortest, longest)) : usual;
}

uint64_t RequestProperties::effective_max_records(uint64_t usual) const {
  return has_no_truncation ? 0 : max_records.value_or(usual);
}

uint64_t RequestProperties::effective_max_bytes(uint64_t usual) const {
  return has_no_truncation ? 0 : max_bytes.value_or(usual);
}

bool set_property(RequestProperties& properties, std::string_view name,
                  const std::optional<Literal>& value, PropertyOrigin origin) {
  std::string known = lower(name);
  const auto* property = std::find_if(std::begin(kProperties), std::end(kProperties),
                                      [&](const Property& p) { return p.name == known; });
  if (property == std::end(kProperties)) return false;
  bool is_set_statement = origin == PropertyOrigin::kSetStatement;
  if (is_set_statement && property->scope == Property::Scope::kRequest) {
    throw property_error(origin, "The request property '" + known +
                                     "' is for the options of a request: no set statement can "
                                     "change it");
  }
  auto fail = [&](std::string_view wanted) {
    throw property_error(origin,
                         "The request property '" + known + "' takes " + std::string(wanted));
  };
  // `set name` is a flag that is raised.
  Literal given = value ? *value : Literal{kBool, true};
  std::optional<Literal> read;
  if (property->type) {
    read = read_value(*property->type, given);
    if (!read) fail("a " + std::string(kusto_name(*property->type)));
  } else {
    read = given;
    if (given.type == kString && !given.is_null()) {
      if (std::optional<Literal> literal = literal_in(text(given))) read = literal;
    }
  }
  if (property->set == nullptr) return true;
  try {
    property->set(properties, *read);
  } catch (const WrongValue& wrong) {
    fail(wrong.wanted);
  }
  return true;
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
  return std::chrono::milliseconds(days * 86'400'000 + *ticks / kTicksPerMillisecond);
}

}  // namespace rivulet::kql
