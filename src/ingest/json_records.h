#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ingest/mapping.h"
#include "types/column_batch.h"

namespace rivulet::ingest {

// Parses JSON lines and MultiJSON into the columns that the mapping's paths name, behind the rows that are there.
// The body must be valid UTF-8. `likely_next` holds what was learnt of the order of properties from body to body;
// one element for each node of the mapping, first 0. Returns the number of records there were, the ignored first
// one included.
size_t parse_json_records(std::string_view body, const Mapping& mapping,
                          const ParseOptions& options, size_t rows_before,
                          std::vector<uint32_t>& likely_next, ColumnBatch& rows);

}  // namespace rivulet::ingest
