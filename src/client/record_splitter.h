#pragma once

#include <cstddef>
#include <string_view>

namespace rivulet::client {

// Where a file may be cut between two records.
class RecordSplitter {
 public:
  enum class Shape {
    kLines,        // a record a line
    kQuotedLines,  // a record a line, but not where a line end stands in double quotes
    kJson,         // values one after the other, or the elements of one array
    kWhole,        // no cut at all
  };

  // By the name of a data format, in any case.
  static Shape shape_of(std::string_view format);

  explicit RecordSplitter(Shape shape) : shape_(shape) {}

  // The end of the last record that lies within `text`, which begins at a record; 0 when none ends there.
  // `is_end` says that nothing follows, so that what is left is a record too.
  size_t last_cut(std::string_view text, bool is_end) const;

 private:
  size_t last_json_cut(std::string_view text) const;

  Shape shape_;
};

}  // namespace rivulet::client
