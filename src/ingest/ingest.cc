#include "ingest/ingest.h"

#include <fmt/format.h>

#include "common/error.h"
#include "ingest/cell_writer.h"
#include "ingest/delimited.h"
#include "ingest/json_records.h"
#include "ingest/mapping.h"
#include "types/text.h"

namespace rivulet::ingest {
namespace {

bool is_json(Format format) {
  return format == Format::kJson || format == Format::kMultiJson;
}

std::string_view without_byte_order_mark(std::string_view body) {
  if (body.starts_with("\xEF\xBB\xBF")) return body.substr(3);
  if (body.starts_with("\xFF\xFE") || body.starts_with("\xFE\xFF")) {
    throw bad_request("BadRequest_UnexpectedCharacterInInputStream",
                      "The input begins with the byte order mark of UTF-16; text must be UTF-8.");
  }
  return body;
}

// The columns whose value does not come from a record.
void fill_computed_columns(const Mapping& mapping, size_t row_count,
                           std::string_view source_location, ColumnBatch& rows) {
  for (const Mapping::Constant& constant : mapping.constants) {
    Column& column = rows.column(constant.column);
    column.reserve(row_count);
    ColumnView cell = constant.cell.view();
    for (size_t row = 0; row < row_count; ++row) column.append_from(cell, 0, 1);
  }
  for (uint32_t index : mapping.source_location_columns) {
    for (size_t row = 0; row < row_count; ++row) {
      append_text_value(rows.column(index), source_location);
    }
  }
  for (uint32_t index : mapping.source_line_columns) {
    for (size_t row = 0; row < row_count; ++row) {
      append_whole_number(rows.column(index), static_cast<int64_t>(row) + 1);
    }
  }
}

}  // namespace

store::Append parse(std::string_view body, const catalog::Table& table,
                    const ParseOptions& options) {
  return parse(body, Mapping(options.format, options.mapping_text, table), options);
}

store::Append parse(std::string_view body, const Mapping& mapping, const ParseOptions& options) {
  body = without_byte_order_mark(body);
  std::string repaired;
  if (!is_valid_utf8(body)) {
    append_valid_utf8(repaired, body);
    body = repaired;
  }

  auto rows = std::make_shared<ColumnBatch>(mapping.types);
  size_t records = is_json(mapping.format) ? parse_json_records(body, mapping, options, *rows)
                                           : parse_delimited(body, mapping, options, *rows);
  if (records == 0) {
    throw bad_request("BadRequest_NoRecordsOrWrongFormat",
                      fmt::format("The input holds no records, or it is not of the format {}.",
                                  format_name(mapping.format)));
  }
  size_t row_count = records - (options.ignore_first_record ? 1 : 0);
  fill_computed_columns(mapping, row_count, options.source_location, *rows);
  return {mapping.table, mapping.column_ids, std::move(rows)};
}

}  // namespace rivulet::ingest
