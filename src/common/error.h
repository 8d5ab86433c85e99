#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace rivulet {

// What went wrong, as far as anyone decides by it. How Kusto calls each of them (its code, its exception type, its
// HTTP status) is made at the edge, by kusto/kusto_error.h: a new kind gets its line there.
enum class ErrorKind {
  // What was asked for is malformed, or cannot be.
  kBadRequest,
  kSyntax,       // the text is none of the language
  kSemantic,     // it is, and means nothing that can be carried out here
  kNotACommand,  // a query, where a management command is taken
  kDatabaseNotFound,
  kTableNotFound,
  kEntityNotFound,
  kMappingNotFound,
  kInvalidName,
  kAlreadyExists,
  kSchemaMismatch,  // the rows of a query do not fit the table that they go to
  // What was to be ingested cannot be.
  kStreamingNotEnabled,  // by the policies of the table and its database
  kStreamingDisabled,    // on this server
  kFormatNotSupported,
  kInvalidMapping,
  kInconsistentMapping,  // a valid mapping of another table
  kInvalidArchive,
  kUnexpectedCharacter,
  kMissingQuote,
  kNoRecords,
  kConflict,  // a retry key was used for other data
  // Who asks may not.
  kUnauthorized,
  kForbidden,
  // What a connection brings is not what can be read.
  kPathNotFound,
  kMethodNotAllowed,
  kUnsupportedMedia,
  kNotImplemented,
  kHeadersTooLarge,
  kTooLarge,
  kArrivedTooLate,
  // The state of the server: disk full, memory short, overload, a fault of ours.
  kThrottled,
  kUnavailable,
  kTimedOut,
  kCancelled,
  kLimitExceeded,
  kInternal,
};

// Whether the same request cannot succeed later either.
bool is_permanent(ErrorKind kind);

// A place in the text of a query or command: both count from 1, the column in bytes.
struct TextPosition {
  int line = 1;
  int column = 1;
};

// An error that ends a request and that the client sees: what kind it is, a sentence, and where in the text of the
// request it was found, if it was found in a text. The sentence is whole without the rest.
//
// The functions below make those that are met in many places, or whose words are always the same.
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message, std::optional<TextPosition> where = std::nullopt);

  const char* what() const noexcept override { return message_.c_str(); }
  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  std::optional<TextPosition> where() const { return where_; }
  // False when the same request may succeed later: clients retry by it.
  bool is_permanent() const { return rivulet::is_permanent(kind_); }

 private:
  ErrorKind kind_;
  std::string message_;
  std::optional<TextPosition> where_;
};

Error bad_request(std::string message);
// "Syntax error: SYN0002: … [line:position=1:9]".
Error syntax_error(std::string_view message, TextPosition where);
// "Semantic error: SEM0100: …"; `sem_code` is e.g. "SEM0100".
Error semantic_error(std::string_view sem_code, std::string_view message);
// "Semantic error: …": a construct of Kusto's that Rivulet does not carry out; `construct` names it.
Error not_supported(std::string_view construct);
Error database_not_found(std::string_view name);
Error table_not_found(std::string_view name, std::string_view database);
// `kind` reads like "Function", "Column", "Database policy".
Error entity_not_found(std::string_view kind, std::string_view name);
Error mapping_not_found(std::string_view name, std::string_view table);
Error format_not_supported(std::string_view format);
Error invalid_entity_name(std::string_view name, std::string_view why);
Error entity_already_exists(std::string_view kind, std::string_view name);
Error streaming_not_enabled(std::string_view table);
// No bearer token that is accepted.
Error unauthorized(std::string message);
Error forbidden(std::string message);
Error path_not_found(std::string_view path);
Error method_not_allowed(std::string_view method, std::string_view path);
// The request did not arrive in time.
Error request_timed_out(std::string message);
Error payload_too_large(std::string message);
Error headers_too_large(std::string message);
Error throttled(std::string message);
// Disk full, shutting down, log failed.
Error unavailable(std::string message);
Error timed_out(std::string message);
// By the user, or by a closed connection.
Error cancelled(std::string message);
// A limit of a query (E_QUERY_RESULT_SET_TOO_LARGE, E_RUNAWAY_QUERY …).
Error limits_exceeded(std::string message);
// A fault of ours.
Error internal_error(std::string message);

}  // namespace rivulet
