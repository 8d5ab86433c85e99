#include "ingest/formats/escaped.h"

#include <string>

#include "ingest/formats/mark_finder.h"
#include "ingest/formats/record_writer.h"

namespace rivulet::ingest {

namespace {

// Tab-separated, where a backslash takes the special meaning from the character after it.
class EscapedParser {
 public:
  EscapedParser(std::string_view body, char delimiter, RecordWriter& writer)
      : begin_(body.data()),
        end_(body.data() + body.size()),
        marks_(body, delimiter, '\n', '\\'),
        writer_(writer) {}

  void run() {
    const char* start = begin_;
    bool is_line_empty = true;
    for (;;) {
      const char* close = marks_.next();
      bool has_escapes = false;
      while (close != end_ && *close == '\\') {
        has_escapes = true;
        const char* escaped = close + 1;
        close = marks_.next();
        if (close == escaped && close != end_) close = marks_.next();
      }
      const char* stop = close;
      bool ends_line = close == end_ || *close == '\n';
      if (ends_line && stop != start && stop[-1] == '\r') --stop;
      if (!ends_line || stop != start || !is_line_empty) {
        writer_.field(has_escapes ? unescape(start, stop) : span(start, stop));
        is_line_empty = false;
      }
      if (ends_line && !is_line_empty) writer_.end_record();
      if (close == end_) return;
      if (ends_line) is_line_empty = true;
      start = close + 1;
      if (start == end_ && ends_line) return;
    }
  }

 private:
  std::string_view unescape(const char* at, const char* stop) {
    scratch_.clear();
    for (; at != stop; ++at) {
      if (*at != '\\' || at + 1 == stop) {
        scratch_ += *at;
        continue;
      }
      ++at;
      switch (*at) {
        case 't':
          scratch_ += '\t';
          break;
        case 'n':
          scratch_ += '\n';
          break;
        case 'r':
          scratch_ += '\r';
          break;
        default:
          scratch_ += *at;
      }
    }
    return scratch_;
  }

  const char* begin_;
  const char* end_;
  MarkFinder marks_;
  RecordWriter& writer_;
  std::string scratch_;
};

}  // namespace

size_t read_tsve(const FormatInput& input, ColumnBatch& rows) {
  if (input.body.empty()) return 0;
  RecordWriter writer(input.mapping, input.options, rows);
  EscapedParser(input.body, kTsve.delimiter, writer).run();
  return writer.records();
}

}  // namespace rivulet::ingest
