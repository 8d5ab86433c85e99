#pragma once

#include "ingest/formats/format_definition.h"

// Text without fields.
namespace rivulet::ingest {

size_t read_txt(const FormatInput& input, ColumnBatch& rows);
// The whole body is one record.
size_t read_raw(const FormatInput& input, ColumnBatch& rows);

inline constexpr FormatDefinition kTxt{Format::kTxt, "txt", "", "csv", ',', read_txt};
inline constexpr FormatDefinition kRaw{Format::kRaw, "raw", "", "csv", ',', read_raw};

}  // namespace rivulet::ingest
