#include "query/error_mapping.h"

#include <spdlog/spdlog.h>

#include <string>

namespace rivulet::query {
namespace {

// "Invalid Input Error: text" → "text"; what follows a blank line quotes the SQL, and goes.
std::string_view plain_text(std::string_view message) {
  size_t colon = message.find("Error: ");
  if (colon != std::string_view::npos && colon < 40) message.remove_prefix(colon + 7);
  size_t end = message.find("\n\n");
  if (end == std::string_view::npos) end = message.find("\nLINE ");
  if (end == std::string_view::npos) end = message.find("\nPossible solutions");
  return message.substr(0, end);
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  for (std::string_view prefix : prefixes) {
    if (text.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

Error stop_error(QueryControl::Stop stop) {
  if (stop == QueryControl::Stop::kTimedOut) {
    return timed_out("Request execution timed out: the query ran longer than its time limit.");
  }
  return cancelled("Query was cancelled.");
}

Error query_error(duckdb_error_type type, std::string_view message, QueryControl::Stop stop,
                  std::string_view sql) {
  // Preparing a statement tells no type: its words do.
  if (type == DUCKDB_ERROR_INVALID) {
    if (starts_with_any(message, {"Out of Memory Error"})) type = DUCKDB_ERROR_OUT_OF_MEMORY;
    if (starts_with_any(message, {"Conversion Error"})) type = DUCKDB_ERROR_CONVERSION;
    if (starts_with_any(message, {"Out of Range Error"})) type = DUCKDB_ERROR_OUT_OF_RANGE;
    if (starts_with_any(message, {"Invalid Input Error"})) type = DUCKDB_ERROR_INVALID_INPUT;
    if (starts_with_any(message, {"INTERRUPT Error"})) type = DUCKDB_ERROR_INTERRUPT;
    if (message.find("expression depth") != std::string_view::npos) {
      return limits_exceeded(
          "The query is nested too deeply for the query engine (E_RUNAWAY_QUERY): split it, or use "
          "fewer "
          "chained expressions.");
    }
  }
  if (stop != QueryControl::Stop::kNone && type != DUCKDB_ERROR_OUT_OF_MEMORY)
    return stop_error(stop);
  switch (type) {
    case DUCKDB_ERROR_INTERRUPT:
      return cancelled("Query was cancelled.");
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return limits_exceeded(
          "Query execution lacks memory resources to complete (E_LOW_MEMORY_CONDITION): reduce the "
          "data that "
          "it sorts, joins or aggregates, or raise the query memory limit.");
    case DUCKDB_ERROR_CONVERSION:
      if (message.find("to type DECIMAL(38,18) failed") != std::string_view::npos) {
        return bad_request(
            "A decimal holds 20 digits before its point, and a value has more. That of "
            "parse_version() can be compared, sorted and grouped by, but not be a result or an "
            "argument.");
      }
      [[fallthrough]];
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_INVALID_INPUT:
    case DUCKDB_ERROR_DIVIDE_BY_ZERO:
    case DUCKDB_ERROR_DECIMAL:
      return bad_request(std::string(plain_text(message)));
    case DUCKDB_ERROR_IO:
      if (message.find("No space left") != std::string_view::npos ||
          message.find("max_temp_directory_size") != std::string_view::npos) {
        return unavailable("Query execution lacks disk space for its intermediate data.");
      }
      break;
    default:
      break;
  }
  // The message may quote the SQL.
  spdlog::error("query engine: {} in: {}", sql.empty() ? "an error" : message,
                sql.empty() ? "a query with secrets, which is not shown" : sql);
  return internal_error(
      "The query engine failed to execute the query; the server's log has the details.");
}

}  // namespace rivulet::query
