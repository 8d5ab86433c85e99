#pragma once

#include "ingest/formats/format_definition.h"

namespace rivulet::ingest {

size_t read_tsve(const FormatInput& input, ColumnBatch& rows);

inline constexpr FormatDefinition kTsve{Format::kTsve, "tsve", "", "csv", '\t', read_tsve};

}  // namespace rivulet::ingest
