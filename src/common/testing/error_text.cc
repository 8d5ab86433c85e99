#include "common/testing/error_text.h"

#include <string_view>

namespace rivulet {
namespace {

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kBadRequest:
      return "bad request";
    case ErrorKind::kSyntax:
      return "syntax";
    case ErrorKind::kSemantic:
      return "semantic";
    case ErrorKind::kNotACommand:
      return "not a command";
    case ErrorKind::kDatabaseNotFound:
      return "database not found";
    case ErrorKind::kTableNotFound:
      return "table not found";
    case ErrorKind::kEntityNotFound:
      return "entity not found";
    case ErrorKind::kMappingNotFound:
      return "mapping not found";
    case ErrorKind::kInvalidName:
      return "invalid name";
    case ErrorKind::kAlreadyExists:
      return "already exists";
    case ErrorKind::kSchemaMismatch:
      return "schema mismatch";
    case ErrorKind::kStreamingNotEnabled:
      return "streaming not enabled";
    case ErrorKind::kStreamingDisabled:
      return "streaming disabled";
    case ErrorKind::kFormatNotSupported:
      return "format not supported";
    case ErrorKind::kInvalidMapping:
      return "invalid mapping";
    case ErrorKind::kInconsistentMapping:
      return "inconsistent mapping";
    case ErrorKind::kInvalidArchive:
      return "invalid archive";
    case ErrorKind::kUnexpectedCharacter:
      return "unexpected character";
    case ErrorKind::kMissingQuote:
      return "missing quote";
    case ErrorKind::kNoRecords:
      return "no records";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kUnauthorized:
      return "unauthorized";
    case ErrorKind::kForbidden:
      return "forbidden";
    case ErrorKind::kPathNotFound:
      return "path not found";
    case ErrorKind::kMethodNotAllowed:
      return "method not allowed";
    case ErrorKind::kUnsupportedMedia:
      return "unsupported media";
    case ErrorKind::kNotImplemented:
      return "not implemented";
    case ErrorKind::kHeadersTooLarge:
      return "headers too large";
    case ErrorKind::kTooLarge:
      return "too large";
    case ErrorKind::kArrivedTooLate:
      return "arrived too late";
    case ErrorKind::kThrottled:
      return "throttled";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kTimedOut:
      return "timed out";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kLimitExceeded:
      return "limit exceeded";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "";
}

}  // namespace

std::string error_text(const Error& error) {
  return std::string(name_of(error.kind())) + ": " + error.message();
}

}  // namespace rivulet
