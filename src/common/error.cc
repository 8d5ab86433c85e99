#include "common/error.h"

#include <utility>

#include <fmt/format.h>

namespace rivulet {

bool is_permanent(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kArrivedTooLate:
    case ErrorKind::kThrottled:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimedOut:
    case ErrorKind::kLimitExceeded:
    case ErrorKind::kInternal:
      return false;
    default:
      return true;
  }
}

Error::Error(ErrorKind kind, std::string message, std::optional<TextPosition> where)
    : kind_(kind), message_(std::move(message)), where_(where) {}

Error bad_request(std::string message) {
  return Error(ErrorKind::kBadRequest, std::move(message));
}

Error syntax_error(std::string_view message, TextPosition where) {
  return Error(ErrorKind::kSyntax,
               fmt::format("Syntax error: SYN0002: {} [line:position={}:{}]", message, where.line,
                           where.column),
               where);
}

Error semantic_error(std::string_view sem_code, std::string_view message) {
  return Error(ErrorKind::kSemantic, fmt::format("Semantic error: {}: {}", sem_code, message));
}

Error not_supported(std::string_view construct) {
  return Error(ErrorKind::kSemantic, fmt::format("Semantic error: {} is not supported", construct));
}

Error database_not_found(std::string_view name) {
  return Error(ErrorKind::kDatabaseNotFound,
               fmt::format("Entity ID '{}' of kind 'Database' was not found.", name));
}

Error table_not_found(std::string_view name, std::string_view database) {
  return Error(ErrorKind::kTableNotFound,
               fmt::format("Entity ID '{}' of kind 'Table' was not found in database '{}'.", name,
                           database));
}

Error entity_not_found(std::string_view kind, std::string_view name) {
  return Error(ErrorKind::kEntityNotFound,
               fmt::format("Entity ID '{}' of kind '{}' was not found.", name, kind));
}

Error mapping_not_found(std::string_view name, std::string_view table) {
  return Error(
      ErrorKind::kMappingNotFound,
      fmt::format("Ingestion mapping reference '{}' of table '{}' was not found.", name, table));
}

Error format_not_supported(std::string_view format) {
  return Error(
      ErrorKind::kFormatNotSupported,
      fmt::format(
          "Data format '{}' is not supported. Supported formats: csv, tsv, tsve, psv, scsv, "
          "sohsv, txt, raw, json, singlejson, multijson.",
          format));
}

Error invalid_entity_name(std::string_view name, std::string_view why) {
  return Error(ErrorKind::kInvalidName,
               fmt::format("Entity name '{}' is not valid: {}", name, why));
}

Error entity_already_exists(std::string_view kind, std::string_view name) {
  return Error(ErrorKind::kAlreadyExists,
               fmt::format("Entity ID '{}' of kind '{}' already exists.", name, kind));
}

Error streaming_not_enabled(std::string_view table) {
  return Error(ErrorKind::kStreamingNotEnabled,
               fmt::format("Streaming ingestion policy is not enabled for the table '{}'.", table));
}

Error unauthorized(std::string message) {
  return Error(ErrorKind::kUnauthorized, std::move(message));
}

Error forbidden(std::string message) {
  return Error(ErrorKind::kForbidden, std::move(message));
}

Error path_not_found(std::string_view path) {
  return Error(ErrorKind::kPathNotFound, fmt::format("There is nothing at '{}'.", path));
}

Error method_not_allowed(std::string_view method, std::string_view path) {
  return Error(ErrorKind::kMethodNotAllowed,
               fmt::format("'{}' does not take the method {}.", path, method));
}

Error request_timed_out(std::string message) {
  return Error(ErrorKind::kArrivedTooLate, std::move(message));
}

Error headers_too_large(std::string message) {
  return Error(ErrorKind::kHeadersTooLarge, std::move(message));
}

Error payload_too_large(std::string message) {
  return Error(ErrorKind::kTooLarge, std::move(message));
}

Error throttled(std::string message) {
  return Error(ErrorKind::kThrottled, std::move(message));
}

Error unavailable(std::string message) {
  return Error(ErrorKind::kUnavailable, std::move(message));
}

Error timed_out(std::string message) {
  return Error(ErrorKind::kTimedOut, std::move(message));
}

Error cancelled(std::string message) {
  return Error(ErrorKind::kCancelled, std::move(message));
}

Error limits_exceeded(std::string message) {
  return Error(ErrorKind::kLimitExceeded, std::move(message));
}

Error internal_error(std::string message) {
  return Error(ErrorKind::kInternal, std::move(message));
}

}  // namespace rivulet
