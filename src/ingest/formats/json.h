#pragma once

#include "ingest/formats/format_definition.h"

namespace rivulet::ingest {

// JSON lines: an object a line.
size_t read_json(const FormatInput& input, ColumnBatch& rows);
// Objects with blanks between them, or arrays of objects.
size_t read_multijson(const FormatInput& input, ColumnBatch& rows);

inline constexpr FormatDefinition kJson{Format::kJson, "json", "", "json", ',', read_json};
// "singlejson": one document, which may take several lines.
inline constexpr FormatDefinition kMultiJson{
    Format::kMultiJson, "multijson", "singlejson", "json", ',', read_multijson};

}  // namespace rivulet::ingest
