#pragma once

#include <string_view>

#include "common/error.h"

namespace rivulet {

// How Kusto calls a kind of error. Its clients decide by this, and by Error::is_permanent(), whether they retry, fall
// back to another way of ingestion, or give up.
//
// Every code that a client can meet stands in kusto_error.cc. The room lies below `ingest`, `query` and all that they
// use, so that none of them can decide by a code or a status, and above `sources`, `commands` and `server`, which
// show codes in answers, dead letters, `.show operations`, `.show ingestion failures` and the statistics of streaming
// ingestion.
struct KustoError {
  int http_status;
  std::string_view code;  // "BadRequest_TableNotExist"
  std::string_view type;  // of the exception, "Kusto.Data.Exceptions.EntityNotFoundException"
};
KustoError kusto_error(ErrorKind kind);

}  // namespace rivulet
