#include "ingest/delimited.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include "common/error.h"
#include "ingest/cell_writer.h"

namespace rivulet::ingest {
namespace {

// Finds three characters in a text, one place after the other, 64 bytes at a time. SSE2 is part of every
// x86-64; wider registers gain nothing here, since turning fields into cells takes far longer.
class MarkFinder {
 public:
  MarkFinder(std::string_view text, char a, char b, char c)
      : end_(text.data() + text.size()),
        block_(text.data()),
        a_(_mm_set1_epi8(a)),
        b_(_mm_set1_epi8(b)),
        c_(_mm_set1_epi8(c)) {
    load();
  }

  // The next place that was not given yet, or the end of the text.
  const char* next() {
    while (marks_ == 0) {
      if (end_ - block_ <= kBlock) return end_;
      block_ += kBlock;
      load();
    }
    const char* found = block_ + std::countr_zero(marks_);
    marks_ &= marks_ - 1;
    return found;
  }

 private:
  static constexpr ptrdiff_t kBlock = 64;

  void load() {
    if (end_ - block_ >= kBlock) {
      marks_ = marks(block_);
      return;
    }
    char last[kBlock];
    auto size = static_cast<size_t>(end_ - block_);
    std::memcpy(last, block_, size);
    std::memset(last + size, 0, kBlock - size);
    marks_ = marks(last);
    if (size < kBlock) marks_ &= (uint64_t{1} << size) - 1;
  }

  uint64_t marks(const char* block) const {
    uint64_t result = 0;
    for (int i = 0; i < 4; ++i) {
      __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + i);
      __m128i found =
          _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, a_), _mm_cmpeq_epi8(bytes, b_)),
                       _mm_cmpeq_epi8(bytes, c_));
      result |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(found))) << (16 * i);
    }
    return result;
  }

  const char* end_;
  const char* block_;
  uint64_t marks_ = 0;
  __m128i a_, b_, c_;
};

std::string_view span(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

// Puts the fields of a record where the mapping says.
class RecordWriter {
 public:
  RecordWriter(const Mapping& mapping, const ParseOptions& options, ColumnBatch& rows)
      : mapping_(mapping),
        options_(options),
        rows_(rows),
        is_ignored_(options.ignore_first_record) {}

  void field(std::string_view text) {
    uint32_t target =
        ordinal_ < mapping_.ordinals.size() ? mapping_.ordinals[ordinal_] : Mapping::kNone;
    ++ordinal_;
    if (is_ignored_) return;
    while (target != Mapping::kNone) {
      const Mapping::Target& to = mapping_.targets[target];
      append_text_value(rows_.column(to.column), text);
      target = to.next;
    }
  }

  // Fields that are missing are null.
  void end_record() {
    for (; !is_ignored_ && ordinal_ < mapping_.ordinals.size(); ++ordinal_) {
      uint32_t target = mapping_.ordinals[ordinal_];
      for (; target != Mapping::kNone; target = mapping_.targets[target].next) {
        rows_.column(mapping_.targets[target].column).append_null();
      }
    }
    ordinal_ = 0;
    is_ignored_ = false;
    ++records_;
    if (records_ % kWatchedRecords == 0 && options_.watch_memory) {
      options_.watch_memory(rows_.memory_bytes());
    }
  }

  size_t records() const { return records_; }
  // Makes long columns in one piece, when records() records took `used` of `size` bytes, with an eighth more:
  // growing them by and by would copy most cells once more.
  void reserve(size_t used, size_t size) {
    if (mapping_.targets.empty()) return;
    size_t expected = size / (used / records_) * 9 / 8;
    // Where no field is missing, a cell has at least a byte of the text.
    expected = std::min(expected, size / mapping_.targets.size());
    for (const Mapping::Target& target : mapping_.targets) {
      rows_.column(target.column).reserve(expected);
    }
  }

 private:
  const Mapping& mapping_;
  const ParseOptions& options_;
  ColumnBatch& rows_;
  size_t ordinal_ = 0;
  size_t records_ = 0;
  bool is_ignored_;
};

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
    throw bad_request(
        "Stream_ClosingQuoteMissing",
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

// Every line that is not empty is one field.
void parse_lines(std::string_view body, RecordWriter& writer) {
  while (!body.empty()) {
    size_t end = body.find('\n');
    std::string_view line = body.substr(0, end);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    writer.field(line);
    writer.end_record();
  }
}

}  // namespace

size_t parse_delimited(std::string_view body, const Mapping& mapping, const ParseOptions& options,
                       ColumnBatch& rows) {
  RecordWriter writer(mapping, options, rows);
  if (body.empty()) return 0;
  switch (mapping.format) {
    case Format::kTxt:
      parse_lines(body, writer);
      break;
    case Format::kRaw:
      writer.field(body);
      writer.end_record();
      break;
    case Format::kTsve:
      EscapedParser(body, delimiter(mapping.format), writer).run();
      break;
    default:
      QuotedParser(body, delimiter(mapping.format), writer).run();
  }
  return writer.records();
}

}  // namespace rivulet::ingest
