#include "kusto/kusto_error.h"

#define DATA_EXCEPTION(name) "Kusto.Data.Exceptions." name

namespace rivulet {
namespace {

constexpr std::string_view kBadRequestException = DATA_EXCEPTION("KustoBadRequestException");
constexpr std::string_view kEntityNotFoundException = DATA_EXCEPTION("EntityNotFoundException");
constexpr std::string_view kTimeoutException = DATA_EXCEPTION("KustoServiceTimeoutException");

}  // namespace

KustoError kusto_error(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kBadRequest:
      return {400, "General_BadRequest", kBadRequestException};
    case ErrorKind::kSyntax:
      return {400, "BadRequest_SyntaxError", DATA_EXCEPTION("SyntaxException")};
    case ErrorKind::kSemantic:
      return {400, "General_BadRequest", DATA_EXCEPTION("SemanticException")};
    case ErrorKind::kNotACommand:
      return {400, "BadRequest_SyntaxError", kBadRequestException};
    case ErrorKind::kDatabaseNotFound:
      return {400, "BadRequest_DatabaseNotExist", DATA_EXCEPTION("DatabaseNotFoundException")};
    case ErrorKind::kTableNotFound:
      return {400, "BadRequest_TableNotExist", kEntityNotFoundException};
    case ErrorKind::kEntityNotFound:
      return {400, "BadRequest_EntityNotFound", kEntityNotFoundException};
    case ErrorKind::kMappingNotFound:
      return {400, "BadRequest_MappingReferenceWasNotFound", kEntityNotFoundException};
    case ErrorKind::kInvalidName:
      return {400, "BadRequest_EntityNameIsNotValid",
              DATA_EXCEPTION("EntityNameIsNotValidException")};
    case ErrorKind::kAlreadyExists:
      return {400, "BadRequest_EntityAlreadyExists",
              DATA_EXCEPTION("EntityAlreadyExistsException")};
    case ErrorKind::kSchemaMismatch:
      return {400, "BadRequest_QuerySchemaDoesNotMatchTableSchema", kBadRequestException};
    case ErrorKind::kStreamingNotEnabled:
      return {400, "BadRequest_StreamingIngestionPolicyNotEnabled",
              "Kusto.Common.Svc.Exceptions.StreamingIngestionPolicyNotEnabledException"};
    case ErrorKind::kStreamingDisabled:
      return {404, "NotFound_StreamingIngestionDisabledForCluster",
              "Kusto.DataNode.Exceptions.StreamingIngestionServiceException"};
    case ErrorKind::kFormatNotSupported:
      return {400, "BadRequest_FormatNotSupported", kBadRequestException};
    case ErrorKind::kInvalidMapping:
      return {400, "BadRequest_InvalidMapping", kBadRequestException};
    case ErrorKind::kInconsistentMapping:
      return {400, "BadRequest_InconsistentMapping", kBadRequestException};
    case ErrorKind::kInvalidArchive:
      return {400, "BadRequest_InvalidArchive", kBadRequestException};
    case ErrorKind::kUnexpectedCharacter:
      return {400, "BadRequest_UnexpectedCharacterInInputStream", kBadRequestException};
    case ErrorKind::kMissingQuote:
      return {400, "Stream_ClosingQuoteMissing", kBadRequestException};
    case ErrorKind::kNoRecords:
      return {400, "BadRequest_NoRecordsOrWrongFormat", kBadRequestException};
    case ErrorKind::kConflict:
      return {409, "Conflict", DATA_EXCEPTION("KustoConflictException")};
    case ErrorKind::kUnauthorized:
      return {401, "Unauthorized", DATA_EXCEPTION("KustoUnauthorizedException")};
    case ErrorKind::kForbidden:
      return {403, "Forbidden", DATA_EXCEPTION("KustoRequestDeniedException")};
    case ErrorKind::kPathNotFound:
      return {404, "NotFound", kBadRequestException};
    case ErrorKind::kMethodNotAllowed:
      return {405, "MethodNotAllowed", kBadRequestException};
    case ErrorKind::kUnsupportedMedia:
      return {415, "UnsupportedMediaType", kBadRequestException};
    case ErrorKind::kNotImplemented:
      return {501, "NotImplemented", kBadRequestException};
    case ErrorKind::kHeadersTooLarge:
      return {431, "RequestHeadersTooLarge", kBadRequestException};
    case ErrorKind::kTooLarge:
      return {413, "PayloadTooLarge", DATA_EXCEPTION("KustoRequestPayloadTooLargeException")};
    case ErrorKind::kArrivedTooLate:
      return {408, "RequestTimeout", kTimeoutException};
    case ErrorKind::kThrottled:
      return {429, "TooManyRequests", DATA_EXCEPTION("KustoRequestThrottledException")};
    case ErrorKind::kUnavailable:
      return {503, "ServiceUnavailable", DATA_EXCEPTION("KustoServiceUnavailableException")};
    case ErrorKind::kTimedOut:
      return {504, "RequestExecutionTimeout", kTimeoutException};
    case ErrorKind::kCancelled:
      return {400, "General_QueryCancelled", DATA_EXCEPTION("KustoQueryCancelledException")};
    case ErrorKind::kLimitExceeded:
      return {400, "LimitsExceeded",
              DATA_EXCEPTION("KustoServicePartialQueryFailureLimitsExceededException")};
    case ErrorKind::kInternal:
      break;
  }
  return {500, "General_InternalServerError", "Kusto.DataNode.Exceptions.InternalServerError"};
}

}  // namespace rivulet
