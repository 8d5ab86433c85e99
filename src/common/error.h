#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace rivulet {

// An error that ends a request and that the client sees. It carries what Kusto's clients decide by:
// the HTTP status, the code, the exception type and whether a retry can help.
//
// Throw one of the functions below rather than filling the fields by hand; a new kind of error gets a
// new function here, so that every code a client can meet stands in this one file.
class Error : public std::exception {
 public:
  Error(int http_status, std::string code, std::string type, std::string message, bool permanent);

  const char* what() const noexcept override { return message_.c_str(); }
  int http_status() const { return http_status_; }
  // Kusto's code, e.g. "BadRequest_TableNotExist".
  const std::string& code() const { return code_; }
  // Kusto's exception type, e.g. "Kusto.Data.Exceptions.SemanticException".
  const std::string& type() const { return type_; }
  const std::string& message() const { return message_; }
  // False when the same request may succeed later: clients retry by it.
  bool is_permanent() const { return permanent_; }

 private:
  int http_status_;
  std::string code_;
  std::string type_;
  std::string message_;
  bool permanent_;
};

// 400 General_BadRequest: the request is malformed or asks for something that cannot be.
Error bad_request(std::string message);
// 400 with a more specific code than General_BadRequest, e.g. "BadRequest_DuplicateMapping".
Error bad_request(std::string code, std::string message);
// 400 "Syntax error: SYN0002: …"; line and column count from 1, column in bytes.
Error syntax_error(std::string_view message, int line, int column);
// 400 "Semantic error: SEM0100: …"; `sem_code` is e.g. "SEM0100".
Error semantic_error(std::string_view sem_code, std::string_view message);
// 400 "Semantic error: …": a construct of Kusto's that Rivulet does not carry out; `construct` names it.
Error not_supported(std::string_view construct);
// 400 BadRequest_DatabaseNotExist, BadRequest_TableNotExist, BadRequest_EntityNotFound,
// BadRequest_MappingReferenceWasNotFound, BadRequest_FormatNotSupported.
Error database_not_found(std::string_view name);
Error table_not_found(std::string_view name, std::string_view database);
// `kind` reads like "Function", "Column", "Database policy".
Error entity_not_found(std::string_view kind, std::string_view name);
Error mapping_not_found(std::string_view name, std::string_view table);
Error format_not_supported(std::string_view format);
// 400 BadRequest_EntityNameIsNotValid, and 400 BadRequest_EntityAlreadyExists.
Error invalid_entity_name(std::string_view name, std::string_view why);
Error entity_already_exists(std::string_view kind, std::string_view name);
// 400 BadRequest_StreamingIngestionPolicyNotEnabled.
Error streaming_not_enabled(std::string_view table);
// 401 Unauthorized: no bearer token that is accepted.
Error unauthorized(std::string message);
// 403 Forbidden.
Error forbidden(std::string message);
// 404 NotFound (path), 405 MethodNotAllowed.
Error path_not_found(std::string_view path);
Error method_not_allowed(std::string_view method, std::string_view path);
// 408 RequestTimeout, transient: the request did not arrive in time.
Error request_timed_out(std::string message);
// 413 PayloadTooLarge; 431 RequestHeadersTooLarge.
Error payload_too_large(std::string message);
Error headers_too_large(std::string message);
// 429 TooManyRequests, transient.
Error throttled(std::string message);
// 503 ServiceUnavailable, transient: disk full, shutting down, log failed.
Error unavailable(std::string message);
// 504 RequestExecutionTimeout.
Error timed_out(std::string message);
// 400 General_QueryCancelled: by the user, or by a closed connection.
Error cancelled(std::string message);
// LimitsExceeded (E_QUERY_RESULT_SET_TOO_LARGE, E_RUNAWAY_QUERY …).
Error limits_exceeded(std::string message);
// 500 General_InternalServerError, transient: a fault of ours.
Error internal_error(std::string message);

}  // namespace rivulet
