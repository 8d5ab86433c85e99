#include "ingest/mappings/mapping_element.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "ingest/ingest.h"
#include "types/json.h"
#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet::ingest {

namespace {

constexpr uint32_t kMaxOrdinal = 100'000;

[[noreturn]] void invalid(std::string_view why) {
  throw Error(ErrorKind::kInvalidMapping, fmt::format("Invalid ingestion mapping: {}", why));
}

bool is_any_of(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](auto name) { return text::equals_ignoring_case(text, name); });
}

constexpr std::array<std::pair<std::string_view, Transform>, 10> kTransforms = {{
    {"PropertyBagArrayToDictionary", Transform::kPropertyBagArrayToDictionary},
    {"SourceLocation", Transform::kSourceLocation},
    {"SourceLineNumber", Transform::kSourceLineNumber},
    {"GetPathElement", Transform::kGetPathElement},
    {"DateTimeFromUnixSeconds", Transform::kDateTimeFromUnixSeconds},
    {"DateTimeFromUnixMilliseconds", Transform::kDateTimeFromUnixMilliseconds},
    {"DateTimeFromUnixMicroseconds", Transform::kDateTimeFromUnixMicroseconds},
    {"DateTimeFromUnixNanoseconds", Transform::kDateTimeFromUnixNanoseconds},
    {"DropMappedFields", Transform::kDropMappedFields},
    {"BytesAsBase64", Transform::kBytesAsBase64},
}};

// The steps of "$", "$.a.b", "$['a b']", "$.['a b']", "$.x[0]".
std::vector<PathStep> parse_path(std::string_view path) {
  auto fail = [&](std::string_view why) { invalid(fmt::format("path '{}': {}", path, why)); };
  std::vector<PathStep> steps;
  size_t at = 1;  // after the "$"
  while (at < path.size()) {
    bool has_dot = path[at] == '.';
    if (has_dot) ++at;
    if (at < path.size() && path[at] == '[') {
      ++at;
      if (at < path.size() && (path[at] == '\'' || path[at] == '"')) {
        size_t close = path.find(std::string{path[at], ']'}, at + 1);
        if (close == std::string_view::npos) fail("a quoted name does not end");
        steps.push_back({std::string(path.substr(at + 1, close - at - 1)), std::nullopt});
        at = close + 2;
        continue;
      }
      uint32_t index = 0;
      const char* end = path.data() + path.size();
      auto [next, error] = std::from_chars(path.data() + at, end, index);
      if (error != std::errc() || next == end || *next != ']') {
        fail("only a name in quotes or an index may stand in brackets");
      }
      steps.push_back({{}, index});
      at = static_cast<size_t>(next - path.data()) + 1;
      continue;
    }
    if (!has_dot) fail("a '.' or '[' was expected");
    size_t end = std::min(path.find_first_of(".[", at), path.size());
    if (end == at) fail("a name is missing");
    std::string_view name = path.substr(at, end - at);
    if (name == "*") fail("wildcards are not supported");
    steps.push_back({std::string(name), std::nullopt});
    at = end;
  }
  return steps;
}

// "GetPathElement(-1)" of $.a.b.c is "b": counted from the last step, which is 0.
std::string path_element(const std::vector<PathStep>& path, int index) {
  auto at = static_cast<int64_t>(path.size()) - 1 + index;
  if (at < 0 || at >= static_cast<int64_t>(path.size())) return {};
  const PathStep& step = path[static_cast<size_t>(at)];
  return step.index ? std::to_string(*step.index) : step.name;
}

class ElementParser {
 public:
  ElementParser(std::string_view kind, size_t number) : is_csv_(kind == "csv"), number_(number) {}

  MappingElement parse(std::string_view json) {
    if (json_kind(json) != JsonKind::kObject) fail("is no object");
    for_each_member(json, [this](std::string_view key, std::string_view value) {
      read(json_text(key), value);
      return true;
    });
    if (element_.column.empty()) fail("names no column");
    read_transform();
    is_csv_ ? finish_csv() : finish_json();
    return std::move(element_);
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    std::string column =
        element_.column.empty() ? "" : fmt::format(" (column '{}')", element_.column);
    invalid(fmt::format("element {}{} {}", number_, column, why));
  }

  void read(std::string_view key, std::string_view value) {
    if (is_any_of(key, {"column", "columnname", "name"})) {
      if (json_kind(value) != JsonKind::kString) fail("has a column that is no text");
      element_.column = json_text(value);
    } else if (is_any_of(key, {"datatype", "columntype", "type"})) {
      read_type(json_text(value));
    } else if (is_any_of(key, {"properties"})) {
      if (value == "null") return;
      if (json_kind(value) != JsonKind::kObject) fail("has properties that are no object");
      for_each_member(value, [this](std::string_view name, std::string_view property) {
        read_property(json_text(name), property);
        return true;
      });
    } else {
      read_property(key, value);
    }
  }

  void read_property(std::string_view key, std::string_view value) {
    if (value == "null") return;
    if (is_any_of(key, {"path"})) {
      path_ = json_text(value);
    } else if (is_any_of(key, {"field"})) {
      field_ = json_text(value);
    } else if (is_any_of(key, {"transform"})) {
      transform_ = json_text(value);
    } else if (is_any_of(key, {"constvalue", "constantvalue", "const"})) {
      element_.constant = json_text(value);
    } else if (is_any_of(key, {"ordinal"})) {
      read_ordinal(json_text(value));
    }
    // Other properties mean nothing here; CsvDataType is one that old clients send.
  }

  void read_type(const std::string& name) {
    std::string lower(name.size(), '\0');
    std::transform(name.begin(), name.end(), lower.begin(), text::to_lower);
    element_.type = parse_scalar_type(name);
    if (!element_.type) element_.type = parse_scalar_type(lower);
  }

  void read_ordinal(std::string_view text) {
    auto ordinal = parse_int(text);
    if (!ordinal || *ordinal < 0) fail(fmt::format("has the ordinal '{}'", text));
    if (static_cast<uint32_t>(*ordinal) > kMaxOrdinal) fail("has an ordinal that is too large");
    element_.ordinal = static_cast<uint32_t>(*ordinal);
  }

  void read_transform() {
    std::string_view name = text::trim(transform_);
    if (name.empty() || text::equals_ignoring_case(name, "none")) return;
    if (size_t open = name.find('('); open != std::string_view::npos) {
      auto argument = name.back() == ')' ? parse_int(name.substr(open + 1, name.size() - open - 2))
                                         : std::nullopt;
      name = text::trim(name.substr(0, open));
      if (!argument || !text::equals_ignoring_case(name, "GetPathElement")) {
        fail(fmt::format("has the unknown transformation '{}'", transform_));
      }
      transform_argument_ = *argument;
    }
    for (const auto& [known, transform] : kTransforms) {
      if (text::equals_ignoring_case(name, known)) element_.transform = transform;
    }
    if (element_.transform == Transform::kNone) {
      fail(fmt::format("has the unknown transformation '{}'", transform_));
    }
  }

  bool needs_no_input() const {
    return element_.transform == Transform::kSourceLocation ||
           element_.transform == Transform::kSourceLineNumber;
  }

  void finish_csv() {
    if (!path_.empty() || !field_.empty()) fail("has a path, which a csv mapping does not know");
    if (element_.transform != Transform::kNone && !needs_no_input()) {
      fail(fmt::format("has the transformation '{}', which a csv mapping does not know",
                       transform_));
    }
    if (needs_no_input()) {
      element_.ordinal.reset();
      element_.constant.reset();
      return;
    }
    if (element_.ordinal && element_.constant) fail("has both an ordinal and a constant");
    if (!element_.ordinal && !element_.constant) fail("has neither an ordinal nor a constant");
  }

  void finish_json() {
    if (element_.ordinal) fail("has an ordinal, which a json mapping does not know");
    if (needs_no_input()) {
      element_.constant.reset();
      return;
    }
    if (!path_.empty() && !field_.empty()) fail("has both a path and a field");
    if (!path_.empty() && path_.front() != '$') {
      if (element_.constant) fail("has two constants");
      element_.constant = std::exchange(path_, {});
    }
    bool has_path = !path_.empty() || !field_.empty();
    if (has_path && element_.constant) fail("has both a path and a constant");
    if (!has_path && !element_.constant) fail("has neither a path nor a constant");
    if (!has_path) {
      if (element_.transform != Transform::kNone) fail("has a transformation but no path");
      return;
    }
    if (!field_.empty() && field_.front() != '$') {
      element_.path.emplace().push_back({field_, std::nullopt});
    } else {
      element_.path = parse_path(path_.empty() ? field_ : path_);
    }
    if (element_.transform == Transform::kGetPathElement) {
      element_.constant = path_element(*element_.path, transform_argument_);
      element_.path.reset();
      element_.transform = Transform::kNone;
    }
  }

  bool is_csv_;
  size_t number_;
  MappingElement element_;
  std::string path_;
  std::string field_;
  std::string transform_;
  int transform_argument_ = 0;
};

}  // namespace

std::vector<MappingElement> parse_mapping(std::string_view kind, std::string_view text) {
  if (kind != "csv" && kind != "json") invalid(fmt::format("the kind '{}' is not supported", kind));
  if (text::trim(text).empty()) invalid("it is empty");
  std::string json;
  if (auto fault = read_json(json, standard_json(text))) {
    invalid(fmt::format("{} (at byte {})", fault->why, fault->offset));
  }
  if (json_kind(json) != JsonKind::kArray) invalid("it is no JSON array");
  if (json == "[]") invalid("it has no elements");
  std::vector<MappingElement> elements;
  std::unordered_set<std::string> columns;
  for_each_element(json, [&](std::string_view element) {
    elements.push_back(ElementParser(kind, elements.size()).parse(element));
    if (!columns.insert(elements.back().column).second) {
      invalid(fmt::format("the column '{}' is mapped twice", elements.back().column));
    }
    return true;
  });
  return elements;
}

void validate_mapping(std::string_view kind, std::string_view mapping_text,
                      const catalog::Table* table) {
  std::vector<MappingElement> elements = parse_mapping(kind, mapping_text);
  if (table == nullptr) return;
  for (const MappingElement& element : elements) {
    const catalog::ColumnDef* column = table->find_column(element.column);
    if (column == nullptr) {
      if (element.type) continue;
      invalid(fmt::format("the table '{}' has no column '{}', and the mapping gives it no type",
                          table->name, element.column));
    }
    if (element.type && *element.type != column->type) {
      invalid(fmt::format("the column '{}' has the type {}, not {}", element.column,
                          kusto_name(column->type), kusto_name(*element.type)));
    }
  }
}

}  // namespace rivulet::ingest
