#include <array>
#include <utility>

#include "common/error.h"
#include "ingest/ingest.h"
#include "types/text_scanner.h"

namespace rivulet::ingest {
namespace {

constexpr std::array<std::pair<std::string_view, Format>, 11> kFormats = {{
    {"csv", Format::kCsv},
    {"tsv", Format::kTsv},
    {"tsve", Format::kTsve},
    {"psv", Format::kPsv},
    {"scsv", Format::kScsv},
    {"sohsv", Format::kSohsv},
    {"txt", Format::kTxt},
    {"raw", Format::kRaw},
    {"json", Format::kJson},
    {"multijson", Format::kMultiJson},
    // One document, which may take several lines.
    {"singlejson", Format::kMultiJson},
}};

}  // namespace

Format parse_format(std::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (text::equals_ignoring_case(name, known)) return format;
  }
  throw format_not_supported(name);
}

std::string_view format_name(Format format) {
  for (const auto& [name, known] : kFormats) {
    if (known == format) return name;
  }
  return {};
}

bool is_json(Format format) {
  return format == Format::kJson || format == Format::kMultiJson;
}

char delimiter(Format format) {
  switch (format) {
    case Format::kTsv:
    case Format::kTsve:
      return '\t';
    case Format::kPsv:
      return '|';
    case Format::kScsv:
      return ';';
    case Format::kSohsv:
      return '\x01';
    default:
      return ',';
  }
}

std::string_view mapping_kind(Format format) {
  return is_json(format) ? "json" : "csv";
}

}  // namespace rivulet::ingest
