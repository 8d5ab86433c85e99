#pragma once

#include <string_view>

#include "ingest/mapping.h"
#include "types/column_batch.h"

namespace rivulet::ingest {

// Parses CSV and its relatives, TXT and RAW into the columns that the mapping's ordinals name, behind the rows
// that are there. The body must be valid UTF-8. Returns the number of records there were, the ignored first one included.
size_t parse_delimited(std::string_view body, const Mapping& mapping, const ParseOptions& options,
                       ColumnBatch& rows);

}  // namespace rivulet::ingest
