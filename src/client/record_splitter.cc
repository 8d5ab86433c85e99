#include "client/record_splitter.h"

#include <algorithm>
#include <string>

namespace rivulet::client {

RecordSplitter::Shape RecordSplitter::shape_of(std::string_view format) {
  std::string name(format);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (name == "csv" || name == "tsv" || name == "psv" || name == "scsv" || name == "sohsv") {
    return Shape::kQuotedLines;
  }
  if (name == "tsve" || name == "txt" || name == "json") return Shape::kLines;
  if (name == "multijson") return Shape::kJson;
  return Shape::kWhole;
}

size_t RecordSplitter::last_cut(std::string_view text, bool is_end) const {
  if (is_end) return text.size();
  switch (shape_) {
    case Shape::kLines: {
      size_t line_end = text.rfind('\n');
      return line_end == std::string_view::npos ? 0 : line_end + 1;
    }
    case Shape::kQuotedLines: {
      size_t cut = 0;
      bool is_quoted = false;
      for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') {
          is_quoted = !is_quoted;
        } else if (text[i] == '\n' && !is_quoted) {
          cut = i + 1;
        }
      }
      return cut;
    }
    case Shape::kJson:
      return last_json_cut(text);
    case Shape::kWhole:
      return 0;
  }
  return 0;
}

size_t RecordSplitter::last_json_cut(std::string_view text) const {
  size_t cut = 0;
  int depth = 0;
  bool is_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (is_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        is_string = false;
      }
    } else if (c == '"') {
      is_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) cut = i + 1;
    }
  }
  return cut;
}

}  // namespace rivulet::client
