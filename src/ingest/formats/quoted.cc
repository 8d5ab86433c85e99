#include "ingest/formats/quoted.h"

#include <string>

#include <fmt/format.h>

#include "common/error.h"
#include "ingest/formats/mark_finder.h"
#include "ingest/formats/record_writer.h"

namespace rivulet::ingest {

namespace {

// Fields may stand in quotes, inside which a quote is doubled and delimiters and newlines are text; a
// quote further inside an unquoted field is text. Lines without any field are skipped.
class QuotedParser {
 public:
  QuotedParser(std::string_view body, char delimiter, RecordWriter& writer)
      : begin_(body.data()),
        end_(body.data() + body.size()),
        marks_(body, delimiter, '\n', '"'),
        writer_(writer) {}

  void run() {
    const char* at = begin_;
    while (at != end_) {
      if (*at == '\n' || (*at == '\r' && at + 1 != end_ && at[1] == '\n')) {
        at = marks_.next() + 1;
        continue;
      }
      at = record(at);
      if (writer_.records() == kSample) {
        writer_.reserve(static_cast<size_t>(at - begin_), static_cast<size_t>(end_ - begin_));
      }
    }
  }

 private:
  static constexpr size_t kSample = 64;  // records to learn the usual length from

  // Returns where the next record begins.
  const char* record(const char* at) {
    for (;;) {
      const char* close = at != end_ && *at == '"' ? quoted_field(at) : plain_field(at);
      if (close == end_ || *close == '\n') {
        writer_.end_record();
        return close == end_ ? end_ : close + 1;
      }
      at = close + 1;
    }
  }

  const char* plain_field(const char* at) {
    const char* close = field_end();
    writer_.field(span(at, without_return(at, close)));
    return close;
  }

  const char* quoted_field(const char* at) {
    marks_.next();  // the opening quote
    const char* start = at + 1;
    bool has_quotes = false;
    const char* quote = nullptr;
    for (;;) {
      quote = marks_.next();
      if (quote == end_) missing_quote(at);
      if (*quote != '"') continue;
      if (quote + 1 == end_ || quote[1] != '"') break;
      marks_.next();
      has_quotes = true;
    }
    const char* close = field_end();
    const char* rest_end = without_return(quote + 1, close);
    if (!has_quotes && rest_end == quote + 1) {
      writer_.field(span(start, quote));
      return close;
    }
    scratch_.clear();
    for (const char* c = start; c != quote; ++c) {
      if (*c == '"') ++c;
      scratch_ += *c;
    }
    // What follows the closing quote is kept as it is.
    scratch_.append(quote + 1, rest_end);
    writer_.field(scratch_);
    return close;
  }

  // The delimiter or newline that ends the field.
  const char* field_end() {
    const char* close = marks_.next();
    while (close != end_ && *close == '"') close = marks_.next();
    return close;
  }

  // A line may end in "\r\n".
  const char* without_return(const char* at, const char* close) const {
    bool ends_line = close == end_ || *close == '\n';
    return ends_line && close != at && close[-1] == '\r' ? close - 1 : close;
  }

  [[noreturn]] void missing_quote(const char* at) const {
    throw Error(ErrorKind::kMissingQuote,
                fmt::format("Invalid CSV format. Closing quote is missing: the quote is opened in "
                            "record {}, at byte {} of the input.",
                            writer_.records() + 1, at - begin_));
  }

  const char* begin_;
  const char* end_;
  MarkFinder marks_;
  RecordWriter& writer_;
  std::string scratch_;
};

}  // namespace

size_t read_csv(const FormatInput& input, ColumnBatch& rows) {
  if (input.body.empty()) return 0;
  RecordWriter writer(input.mapping, input.options, rows);
  QuotedParser(input.body, delimiter(input.mapping.format), writer).run();
  return writer.records();
}

}  // namespace rivulet::ingest
