#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "catalog/catalog.h"
#include "store/store.h"

// Bytes of a data format in, a column batch out.
namespace rivulet::ingest {

enum class Format {
  kCsv, kTsv, kTsve, kPsv, kScsv, kSohsv, kTxt, kRaw, kJson, kMultiJson,
};

// Case-insensitive: "csv", "Csv", "singlejson" …; throws format_not_supported, which names those there are.
Format parse_format(std::string_view name);
std::string_view format_name(Format format);
// The mapping kind that goes with a format: "csv" or "json".
std::string_view mapping_kind(Format format);

// Checks the text of an ingestion mapping and that it names columns of the table, and throws
// bad_request("BadRequest_InvalidMapping", …) that says which element is wrong. `table` may be null.
void validate_mapping(std::string_view kind, std::string_view mapping_text, const catalog::Table* table);

struct ParseOptions {
  Format format = Format::kCsv;
  // Text of an ingestion mapping, or empty: identity (by ordinal for delimited text, by exact name for JSON).
  std::string_view mapping_text;
  bool ignore_first_record = false;
};

// Parses a whole request body (uncompressed) into rows for the table. A value that does not convert
// becomes null; a malformed record throws an Error with its position and nothing is kept. Pure: any thread.
store::Append parse(std::string_view body, const catalog::Table& table, const ParseOptions& options);

}  // namespace rivulet::ingest
