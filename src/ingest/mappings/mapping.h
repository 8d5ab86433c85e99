#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/mappings/mapping_element.h"
#include "types/column.h"

namespace rivulet::ingest {

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
    struct NameHash {
      using is_transparent = void;
      size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
    };
    std::vector<std::pair<std::string, uint32_t>> properties;                     // name and node
    std::unordered_map<std::string, uint32_t, NameHash, std::equal_to<>> places;  // in `properties`
    std::map<uint32_t, uint32_t> elements;  // array index to node
    uint32_t first_target = kNone;
    // The place of a name among the properties, and its node; null where it is not there.
    const uint32_t* find_place(std::string_view name) const;
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
