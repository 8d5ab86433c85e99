#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/mappings/mapping.h"
#include "types/column_batch.h"

// What is known of a data format. One that is added has its number in Format, a file of its own in this folder, or that of its
// relatives, and a line in format.cc.
namespace rivulet::ingest {

// What a format reads: a body in valid UTF-8 without a byte order mark, and how.
struct FormatInput {
  std::string_view body;
  const Mapping& mapping;
  const ParseOptions& options;
  size_t rows_before = 0;  // in the batch
  // What was learnt of the order of properties from body to body; one element for each node of the mapping, first 0.
  std::vector<uint32_t>& likely_next;
};

struct FormatDefinition {
  Format format;
  std::string_view name;  // as requests and messages have it
  std::string_view alias;
  std::string_view mapping_kind;
  // What stands between the fields of a record; nothing where there are no fields.
  char delimiter = ',';
  // Appends the rows to the columns that the mapping names, and gives the number of records there were, an ignored first one
  // included. Throws at what is malformed, with rows half written then.
  size_t (*read)(const FormatInput& input, ColumnBatch& rows) = nullptr;
};

const FormatDefinition& definition(Format format);

}  // namespace rivulet::ingest
