#include <algorithm>
#include <array>

#include "common/error.h"
#include "ingest/formats/escaped.h"
#include "ingest/formats/format_definition.h"
#include "ingest/formats/json.h"
#include "ingest/formats/lines.h"
#include "ingest/formats/quoted.h"
#include "types/text_scanner.h"

namespace rivulet::ingest {

namespace {

// By their numbers.
constexpr std::array kFormats{
    kCsv, kTsv, kTsve, kPsv, kScsv, kSohsv, kTxt, kRaw, kJson, kMultiJson,
};

constexpr bool are_in_order() {
  for (size_t i = 0; i < kFormats.size(); ++i) {
    if (static_cast<size_t>(kFormats[i].format) != i) return false;
  }
  return true;
}
static_assert(are_in_order());

}  // namespace

const FormatDefinition& definition(Format format) {
  return kFormats[static_cast<size_t>(format)];
}

Format parse_format(std::string_view name) {
  auto found = std::ranges::find_if(kFormats, [name](const FormatDefinition& known) {
    return text::equals_ignoring_case(name, known.name) ||
           (!known.alias.empty() && text::equals_ignoring_case(name, known.alias));
  });
  if (found == kFormats.end()) throw format_not_supported(name);
  return found->format;
}

std::string_view format_name(Format format) {
  return definition(format).name;
}

bool is_json(Format format) {
  return mapping_kind(format) == "json";
}

char delimiter(Format format) {
  return definition(format).delimiter;
}

std::string_view mapping_kind(Format format) {
  return definition(format).mapping_kind;
}

}  // namespace rivulet::ingest
