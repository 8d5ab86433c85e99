#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/ingest.h"
#include "types/column.h"

namespace rivulet::ingest {

enum class Transform {
  kNone,
  kPropertyBagArrayToDictionary,
  kSourceLocation,
  kSourceLineNumber,
  kGetPathElement,
  kDateTimeFromUnixSeconds,
  kDateTimeFromUnixMilliseconds,
  kDateTimeFromUnixMicroseconds,
  kDateTimeFromUnixNanoseconds,
  kDropMappedFields,
  kBytesAsBase64,
};

// One step of a JSON path: a property, or an element of an array.
struct PathStep {
  std::string name;
  std::optional<uint32_t> index;
};

// One element of an ingestion mapping as the user wrote it, checked. Exactly one of path, ordinal,
// constant and a transform that needs none of them is there.
struct MappingElement {
  std::string column;
  std::optional<ScalarType> type;
  std::optional<std::vector<PathStep>> path;
  std::optional<uint32_t> ordinal;
  std::optional<std::string> constant;
  Transform transform = Transform::kNone;
};

// Parses the text of a mapping of kind "csv" or "json". Throws BadRequest_InvalidMapping.
std::vector<MappingElement> parse_mapping(std::string_view kind, std::string_view text);

class Mapping {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // A column of the batch that a value of the input goes to.
  struct Target {
    uint32_t column = 0;
    Transform transform = Transform::kNone;
    uint32_t next = kNone;  // the next target of the same value
  };

  // A place in the tree of all JSON paths of the mapping; node 0 is the whole record.
  struct Node {
    std::vector<std::pair<std::string, uint32_t>> properties;
    std::vector<std::pair<uint32_t, uint32_t>> elements;  // array index to node
    uint32_t first_target = kNone;
    // Some target needs the text of the value, even when it is an object or an array.
    bool has_children() const { return !properties.empty() || !elements.empty(); }
    const uint32_t* find(std::string_view name) const;
  };

  // A column with the same value in every row, as a column of one cell.
  struct Constant {
    uint32_t column = 0;
    Column cell;
  };

  Mapping(Format format, std::string_view mapping_text, const catalog::Table& table);

  Format format;
  catalog::TableId table = 0;
  // Of the batch's columns.
  std::vector<uint32_t> column_ids;
  std::vector<ScalarType> types;

  std::vector<Target> targets;
  // Delimited text: the first target of each field, or kNone.
  std::vector<uint32_t> ordinals;
  // JSON.
  std::vector<Node> nodes;
  // Filled when all rows are there.
  std::vector<Constant> constants;
  std::vector<uint32_t> source_location_columns;
  std::vector<uint32_t> source_line_columns;

 private:
  void map_identity(const catalog::Table& table);
  void map_element(const MappingElement& element, const catalog::ColumnDef& column);
  uint32_t add_column(const catalog::ColumnDef& column);
  void add_target(uint32_t& first, uint32_t column, Transform transform);
  uint32_t node_at(const std::vector<PathStep>& path);
};

}  // namespace rivulet::ingest
