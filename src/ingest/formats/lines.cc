#include "ingest/formats/lines.h"

#include "ingest/formats/record_writer.h"

namespace rivulet::ingest {

// Every line that is not empty is one field.
size_t read_txt(const FormatInput& input, ColumnBatch& rows) {
  RecordWriter writer(input.mapping, input.options, rows);
  std::string_view body = input.body;
  while (!body.empty()) {
    size_t end = body.find('\n');
    std::string_view line = body.substr(0, end);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    writer.field(line);
    writer.end_record();
  }
  return writer.records();
}

size_t read_raw(const FormatInput& input, ColumnBatch& rows) {
  if (input.body.empty()) return 0;
  RecordWriter writer(input.mapping, input.options, rows);
  writer.field(input.body);
  writer.end_record();
  return writer.records();
}

}  // namespace rivulet::ingest
