#pragma once

#include "ingest/formats/format_definition.h"

// CSV and its relatives.
namespace rivulet::ingest {

size_t read_csv(const FormatInput& input, ColumnBatch& rows);

inline constexpr FormatDefinition kCsv{Format::kCsv, "csv", "", "csv", ',', read_csv};
inline constexpr FormatDefinition kTsv{Format::kTsv, "tsv", "", "csv", '\t', read_csv};
inline constexpr FormatDefinition kPsv{Format::kPsv, "psv", "", "csv", '|', read_csv};
inline constexpr FormatDefinition kScsv{Format::kScsv, "scsv", "", "csv", ';', read_csv};
inline constexpr FormatDefinition kSohsv{Format::kSohsv, "sohsv", "", "csv", '\x01', read_csv};

}  // namespace rivulet::ingest
