#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "kql/sql/expr.h"

namespace rivulet::kql {

// Client request properties: what a request asks for beside its text, in its options or by `set` statements in the
// text. Their names, types and effects are one table in the .cc file; docs/http.md describes each.
struct RequestProperties {
  // What decides how the text is bound. A `set` in a function's body changes these for the rest of that body only.
  struct Binding {
    std::optional<Ticks> now;                           // query_now
    std::optional<Literal> bin_auto_size, bin_auto_at;  // query_bin_auto_size, query_bin_auto_at
    std::optional<std::string> cursor_after_default;    // query_cursor_after_default
    std::optional<std::string> cursor_before_or_at_default;  // query_cursor_before_or_at_default
    std::optional<std::string> cursor_current;               // query_cursor_current
    std::vector<std::string> cursor_scoped_tables;           // query_cursor_scoped_tables
    bool has_no_cursors = false;                             // query_cursor_disabled
    std::string datetime_scope_column;                       // query_datetimescope_column
    std::optional<Ticks> datetime_scope_from, datetime_scope_to;  // query_datetimescope_from, _to
    std::optional<uint64_t> max_union_tables;                     // query_max_entities_in_union
    bool is_best_effort = false;                                  // best_effort
    bool has_no_remote_entities = false;  // request_remote_entities_disabled
  };
  Binding binding;

  // What bounds or changes the result of a statement. The server has its own limits where one is not set.
  std::optional<std::chrono::milliseconds> timeout;  // servertimeout
  bool has_no_timeout = false;                       // norequesttimeout
  std::optional<uint64_t> max_records;               // truncationmaxrecords
  std::optional<uint64_t> max_bytes;                 // truncationmaxsize
  bool has_no_truncation = false;                    // notruncation
  uint64_t take_max_records = 0;                     // query_take_max_records; 0: all
  std::optional<uint64_t> max_output_columns;        // maxoutputcolumns
  bool gives_schema = false;                         // query_results_apply_getschema

  // What the request alone can say.
  bool is_read_only = false;                    // request_readonly, request_readonly_hardline
  bool validates_permissions = false;           // validate_permissions, validatepermissions
  bool defers_partial_failure = false;          // deferpartialqueryfailures
  bool is_progressive = false;                  // results_progressive_enabled
  bool fragments_primary_tables = false;        // results_v2_fragment_primary_tables
  bool separates_frames_by_newlines = false;    // results_v2_newlines_between_frames
  bool reports_errors_at_end_of_table = false;  // results_error_reporting_placement
  std::string user, application;                // request_user, request_app_name; empty: not given

  // The limits that hold, given what holds where a property says nothing. A timeout that was asked for is between a
  // second and the longest; 0 records or bytes are no limit.
  std::chrono::milliseconds effective_timeout(std::chrono::milliseconds usual,
                                              std::chrono::milliseconds longest) const;
  uint64_t effective_max_records(uint64_t usual) const;
  uint64_t effective_max_bytes(uint64_t usual) const;
};

enum class PropertyOrigin { kRequest, kSetStatement };

// Sets the property of that name, in any case; `value` is nothing for `set name`. Values may be text of their type.
// False when no property has the name. Throws bad_request or, for a `set`, semantic_error: when the value is of another
// type, when Rivulet cannot do what it asks for, and when the property is for the request alone.
bool set_property(RequestProperties& properties, std::string_view name,
                  const std::optional<Literal>& value, PropertyOrigin origin);

// "00:04:00", "1.00:00:00", "0:03:00", "1 day, 2:00:00", "2 days, 0:00:01.5", "50m", "30s", ….
std::optional<std::chrono::milliseconds> parse_server_timeout(std::string_view text);

}  // namespace rivulet::kql
