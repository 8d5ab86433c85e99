#include "query/error_mapping.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <string>

#include "common/guid.h"
#include "functions/json/json.h"
#include "kql/sql/failure_mark.h"

namespace rivulet::query {

using functions::QueryControl;
namespace {

// A failure as the engine tells it.
struct Failure {
  duckdb_error_type type = DUCKDB_ERROR_INVALID;
  std::string text;
};

std::optional<duckdb_error_type> type_named(std::string_view name) {
  struct Named {
    std::string_view name;
    duckdb_error_type type;
  };
  static constexpr Named kTypes[] = {{"Out of Memory", DUCKDB_ERROR_OUT_OF_MEMORY},
                                     {"Conversion", DUCKDB_ERROR_CONVERSION},
                                     {"Out of Range", DUCKDB_ERROR_OUT_OF_RANGE},
                                     {"Invalid Input", DUCKDB_ERROR_INVALID_INPUT},
                                     {"Divide by Zero", DUCKDB_ERROR_DIVIDE_BY_ZERO},
                                     {"INTERRUPT", DUCKDB_ERROR_INTERRUPT},
                                     {"Parser", DUCKDB_ERROR_PARSER},
                                     {"IO", DUCKDB_ERROR_IO}};
  for (const Named& named : kTypes) {
    if (named.name == name) return named.type;
  }
  return std::nullopt;
}

// Preparing a statement, and a stream, tell no type: it stands in the message, as "Conversion Error: text" or as
// {"exception_type":"Conversion","exception_message":"text",…}. One may be inside the other.
Failure read_failure(duckdb_error_type type, std::string_view message) {
  Failure failure{type, std::string(message)};
  for (int level = 0; level < 4; ++level) {
    std::string name, inside;
    constexpr std::string_view kError = " Error: ";
    size_t json = failure.text.find("{\"exception_type\"");
    size_t colon = failure.text.find(kError);
    if (json != std::string::npos && json < 40) {
      for_each_member(std::string_view(failure.text).substr(json),
                      [&](std::string_view key, std::string_view value) {
                        if (json_key_is(key, "exception_type")) name = json_text(value);
                        if (json_key_is(key, "exception_message")) inside = json_text(value);
                        return true;
                      });
    } else if (colon < 40) {
      name = failure.text.substr(0, colon);
      inside = failure.text.substr(colon + kError.size());
    }
    std::optional<duckdb_error_type> named = type_named(name);
    if (!named) break;
    failure.type = *named;
    failure.text = std::move(inside);
  }
  return failure;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The words of a function of ours; the engine may quote the SQL behind them.
std::optional<std::string> own_words(std::string_view text) {
  size_t mark = text.find(kql::kFailureMark);
  if (mark == std::string_view::npos) return std::nullopt;
  text.remove_prefix(mark + kql::kFailureMark.size());
  return std::string(text.substr(0, text.find("\n\nLINE ")));
}

Error low_memory() {
  return limits_exceeded(
      "Query execution lacks memory resources to complete (E_LOW_MEMORY_CONDITION): reduce the "
      "data "
      "that it sorts, joins or aggregates, or raise the query memory limit.");
}

}  // namespace

bool is_out_of_memory(duckdb_error_type type, std::string_view message) {
  return read_failure(type, message).type == DUCKDB_ERROR_OUT_OF_MEMORY;
}

bool is_of_a_file(duckdb_error_type type, std::string_view message) {
  type = read_failure(type, message).type;
  return type == DUCKDB_ERROR_IO || type == DUCKDB_ERROR_SERIALIZATION;
}

Error query_error(duckdb_error_type type, std::string_view message, QueryControl::Stop stop,
                  std::string_view sql) {
  Failure failure = read_failure(type, message);
  if (failure.type == DUCKDB_ERROR_OUT_OF_MEMORY) return low_memory();
  if (stop != QueryControl::Stop::kNone) return functions::stop_error(stop);
  if (std::optional<std::string> words = own_words(failure.text)) return bad_request(*words);
  bool is_too_long = contains(failure.text, "expression depth") ||
                     (failure.type == DUCKDB_ERROR_PARSER && contains(failure.text, "exhausted"));
  if (is_too_long) {
    return limits_exceeded(
        "The query is too long, or nested too deeply, for the query engine (E_RUNAWAY_QUERY): "
        "split "
        "it, or use fewer chained operators and expressions.");
  }
  bool is_of_data = false;
  switch (failure.type) {
    case DUCKDB_ERROR_INTERRUPT:
      return cancelled("Query was cancelled.");
    case DUCKDB_ERROR_CONVERSION:
      if (contains(failure.text, "to type DECIMAL(38,18) failed")) {
        return bad_request(
            "A decimal holds 20 digits before its point, and a value has more. That of "
            "parse_version() can be compared, sorted and grouped by, but not be a result or an "
            "argument.");
      }
      return bad_request("A value is outside the range of the type that the query converts it to.");
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_DECIMAL:
      return bad_request("Arithmetic overflow: a result is outside the range of its type.");
    case DUCKDB_ERROR_DIVIDE_BY_ZERO:
      return bad_request("Division by zero.");
    case DUCKDB_ERROR_INVALID_INPUT:
      is_of_data = true;
      break;
    case DUCKDB_ERROR_IO:
      if (contains(failure.text, "No space left") ||
          contains(failure.text, "max_temp_directory_size")) {
        return unavailable("Query execution lacks disk space for its intermediate data.");
      }
      break;
    default:
      break;
  }
  // The message may quote the SQL.
  std::string id = to_string(new_guid());
  spdlog::error("query engine, error {}: {} in: {}", id, sql.empty() ? "an error" : message,
                sql.empty() ? "a query with secrets, which is not shown" : sql);
  std::string where = " (error " + id + "; the server's log has the details under this id)";
  if (is_of_data) {
    return bad_request("The query engine cannot take a value that the query gives it" + where +
                       ".");
  }
  return internal_error("The query engine failed to execute the query" + where + ".");
}

}  // namespace rivulet::query
