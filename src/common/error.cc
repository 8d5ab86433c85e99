#include "common/error.h"

#include <utility>

#include <fmt/format.h>

namespace rivulet {
namespace {

constexpr std::string_view kDataExceptions = "Kusto.Data.Exceptions.";

Error make(int http_status, std::string_view code, std::string_view exception, std::string message,
           bool permanent = true) {
  return Error(http_status, std::string(code), fmt::format("{}{}", kDataExceptions, exception),
               std::move(message), permanent);
}

}  // namespace

Error::Error(int http_status, std::string code, std::string type, std::string message,
             bool permanent)
    : http_status_(http_status),
      code_(std::move(code)),
      type_(std::move(type)),
      message_(std::move(message)),
      permanent_(permanent) {}

Error bad_request(std::string message) {
  return make(400, "General_BadRequest", "KustoBadRequestException", std::move(message));
}

Error bad_request(std::string code, std::string message) {
  return Error(400, std::move(code), fmt::format("{}KustoBadRequestException", kDataExceptions),
               std::move(message), true);
}

Error syntax_error(std::string_view message, int line, int column) {
  return make(
      400, "BadRequest_SyntaxError", "SyntaxException",
      fmt::format("Syntax error: SYN0002: {} [line:position={}:{}]", message, line, column));
}

Error semantic_error(std::string_view sem_code, std::string_view message) {
  return make(400, "General_BadRequest", "SemanticException",
              fmt::format("Semantic error: {}: {}", sem_code, message));
}

Error not_supported(std::string_view construct) {
  return make(400, "General_BadRequest", "SemanticException",
              fmt::format("Semantic error: {} is not supported", construct));
}

Error database_not_found(std::string_view name) {
  return make(400, "BadRequest_DatabaseNotExist", "DatabaseNotFoundException",
              fmt::format("Entity ID '{}' of kind 'Database' was not found.", name));
}

Error table_not_found(std::string_view name, std::string_view database) {
  return make(400, "BadRequest_TableNotExist", "EntityNotFoundException",
              fmt::format("Entity ID '{}' of kind 'Table' was not found in database '{}'.", name,
                          database));
}

Error entity_not_found(std::string_view kind, std::string_view name) {
  return make(400, "BadRequest_EntityNotFound", "EntityNotFoundException",
              fmt::format("Entity ID '{}' of kind '{}' was not found.", name, kind));
}

Error mapping_not_found(std::string_view name, std::string_view table) {
  return make(
      400, "BadRequest_MappingReferenceWasNotFound", "EntityNotFoundException",
      fmt::format("Ingestion mapping reference '{}' of table '{}' was not found.", name, table));
}

Error format_not_supported(std::string_view format) {
  return make(
      400, "BadRequest_FormatNotSupported", "KustoBadRequestException",
      fmt::format(
          "Data format '{}' is not supported. Supported formats: csv, tsv, tsve, psv, scsv, "
          "sohsv, txt, raw, json, singlejson, multijson.",
          format));
}

Error invalid_entity_name(std::string_view name, std::string_view why) {
  return make(400, "BadRequest_EntityNameIsNotValid", "EntityNameIsNotValidException",
              fmt::format("Entity name '{}' is not valid: {}", name, why));
}

Error entity_already_exists(std::string_view kind, std::string_view name) {
  return make(400, "BadRequest_EntityAlreadyExists", "EntityAlreadyExistsException",
              fmt::format("Entity ID '{}' of kind '{}' already exists.", name, kind));
}

Error streaming_not_enabled(std::string_view table) {
  return Error(400, "BadRequest_StreamingIngestionPolicyNotEnabled",
               "Kusto.Common.Svc.Exceptions.StreamingIngestionPolicyNotEnabledException",
               fmt::format("Streaming ingestion policy is not enabled for the table '{}'.", table),
               true);
}

Error unauthorized(std::string message) {
  return make(401, "Unauthorized", "KustoUnauthorizedException", std::move(message));
}

Error forbidden(std::string message) {
  return make(403, "Forbidden", "KustoRequestDeniedException", std::move(message));
}

Error path_not_found(std::string_view path) {
  return make(404, "NotFound", "KustoBadRequestException",
              fmt::format("There is nothing at '{}'.", path));
}

Error method_not_allowed(std::string_view method, std::string_view path) {
  return make(405, "MethodNotAllowed", "KustoBadRequestException",
              fmt::format("'{}' does not take the method {}.", path, method));
}

Error request_timed_out(std::string message) {
  return make(408, "RequestTimeout", "KustoServiceTimeoutException", std::move(message), false);
}

Error headers_too_large(std::string message) {
  return make(431, "RequestHeadersTooLarge", "KustoBadRequestException", std::move(message));
}

Error payload_too_large(std::string message) {
  return make(413, "PayloadTooLarge", "KustoRequestPayloadTooLargeException", std::move(message));
}

Error throttled(std::string message) {
  return make(429, "TooManyRequests", "KustoRequestThrottledException", std::move(message), false);
}

Error unavailable(std::string message) {
  return make(503, "ServiceUnavailable", "KustoServiceUnavailableException", std::move(message),
              false);
}

Error timed_out(std::string message) {
  return make(504, "RequestExecutionTimeout", "KustoServiceTimeoutException", std::move(message),
              false);
}

Error cancelled(std::string message) {
  return make(400, "General_QueryCancelled", "KustoQueryCancelledException", std::move(message));
}

Error limits_exceeded(std::string message) {
  return make(400, "LimitsExceeded", "KustoServicePartialQueryFailureLimitsExceededException",
              std::move(message), false);
}

Error internal_error(std::string message) {
  return Error(500, "General_InternalServerError", "Kusto.DataNode.Exceptions.InternalServerError",
               std::move(message), false);
}

}  // namespace rivulet
