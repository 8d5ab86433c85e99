#include "ingest/ingest.h"

#include <fmt/format.h>

#include "common/error.h"
#include "ingest/formats/cell_writer.h"
#include "ingest/formats/format_definition.h"
#include "ingest/mappings/mapping.h"
#include "types/text.h"

namespace rivulet::ingest {
namespace {

std::string_view without_byte_order_mark(std::string_view body) {
  if (body.starts_with("\xEF\xBB\xBF")) return body.substr(3);
  if (body.starts_with("\xFF\xFE") || body.starts_with("\xFE\xFF")) {
    throw Error(ErrorKind::kUnexpectedCharacter,
                "The input begins with the byte order mark of UTF-16; text must be UTF-8.");
  }
  return body;
}

void append_line_numbers(const Mapping& mapping, size_t row_count, ColumnBatch& rows) {
  for (uint32_t index : mapping.source_line_columns) {
    for (size_t row = 0; row < row_count; ++row) {
      append_whole_number(rows.column(index), static_cast<int64_t>(row) + 1);
    }
  }
}

// The columns that are the same in every row.
void fill_fixed_columns(const Mapping& mapping, size_t row_count, std::string_view source_location,
                        ColumnBatch& rows) {
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
}

}  // namespace

store::Append parse(std::string_view body, const catalog::Table& table,
                    const ParseOptions& options) {
  return parse(body, Mapping(options.format, options.mapping_text, table), options);
}

store::Append parse(std::string_view body, const Mapping& mapping, const ParseOptions& options) {
  BatchParser parser(mapping, options);
  parser.add(body);
  return parser.finish();
}

BatchParser::BatchParser(const Mapping& mapping, const ParseOptions& options)
    : mapping_(&mapping),
      options_(&options),
      rows_(std::make_shared<ColumnBatch>(mapping.types)),
      likely_next_(mapping.nodes.size(), 0) {}

BatchParser::BatchParser(BatchParser&&) noexcept = default;
BatchParser::~BatchParser() = default;

size_t BatchParser::add(std::string_view body) {
  body = without_byte_order_mark(body);
  std::string repaired;
  if (!is_valid_utf8(body)) {
    append_valid_utf8(repaired, body);
    body = repaired;
  }
  try {
    size_t records = definition(mapping_->format)
                         .read({body, *mapping_, *options_, row_count_, likely_next_}, *rows_);
    if (records == 0) {
      throw Error(ErrorKind::kNoRecords,
                  fmt::format("The input holds no records, or it is not of the format {}.",
                              format_name(mapping_->format)));
    }
    size_t row_count = records - (options_->ignore_first_record ? 1 : 0);
    append_line_numbers(*mapping_, row_count, *rows_);
    last_count_ = row_count_;
    row_count_ += row_count;
    return row_count;
  } catch (...) {
    truncate(row_count_);
    throw;
  }
}

void BatchParser::undo() {
  truncate(last_count_);
}

void BatchParser::truncate(size_t row_count) {
  for (size_t i = 0; i < rows_->column_count(); ++i) rows_->column(i).truncate(row_count);
  row_count_ = row_count;
}

size_t BatchParser::memory_bytes() const {
  return rows_->memory_bytes();
}

store::Append BatchParser::finish() {
  fill_fixed_columns(*mapping_, row_count_, options_->source_location, *rows_);
  return {mapping_->table, mapping_->column_ids, std::move(rows_)};
}

}  // namespace rivulet::ingest
