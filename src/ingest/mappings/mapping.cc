#include "ingest/mappings/mapping.h"

#include <fmt/format.h>

#include "common/error.h"
#include "ingest/formats/cell_writer.h"

namespace rivulet::ingest {

namespace {

[[noreturn]] void inconsistent(std::string_view why) {
  throw Error(ErrorKind::kInconsistentMapping,
              fmt::format("The ingestion mapping does not fit the table: {}", why));
}

}  // namespace

const catalog::IngestionMapping& find_mapping(const catalog::Table& table,
                                              const catalog::Database& database,
                                              std::string_view kind, std::string_view name) {
  if (const auto* mapping = table.find_mapping(kind, name)) return *mapping;
  for (const catalog::IngestionMapping& mapping : database.mappings) {
    if (mapping.kind == kind && mapping.name == name) return mapping;
  }
  throw mapping_not_found(name, table.name);
}

std::shared_ptr<const Mapping> compile_mapping(Format format, std::string_view mapping_text,
                                               const catalog::Table& table) {
  return std::make_shared<const Mapping>(format, mapping_text, table);
}

const uint32_t* Mapping::Node::find_place(std::string_view name) const {
  auto found = places.find(name);
  return found == places.end() ? nullptr : &found->second;
}

const uint32_t* Mapping::Node::find(std::string_view name) const {
  const uint32_t* place = find_place(name);
  return place == nullptr ? nullptr : &properties[*place].second;
}

Mapping::Mapping(Format mapping_format, std::string_view mapping_text,
                 const catalog::Table& target_table)
    : format(mapping_format), table(target_table.id) {
  if (is_json(format)) nodes.emplace_back();
  if (mapping_text.empty()) {
    map_identity(target_table);
    return;
  }
  for (const MappingElement& element : parse_mapping(mapping_kind(format), mapping_text)) {
    const catalog::ColumnDef* column = target_table.find_column(element.column);
    if (column == nullptr) {
      inconsistent(fmt::format("it has no column '{}'", element.column));
    }
    if (element.type && *element.type != column->type) {
      inconsistent(fmt::format("the column '{}' has the type {}, not {}", element.column,
                               kusto_name(column->type), kusto_name(*element.type)));
    }
    map_element(element, *column);
  }
}

void Mapping::map_identity(const catalog::Table& target_table) {
  for (const catalog::ColumnDef& column : target_table.columns) {
    MappingElement element;
    if (is_json(format)) {
      element.path.emplace().push_back({column.name, std::nullopt});
    } else {
      element.ordinal = static_cast<uint32_t>(column_ids.size());
    }
    map_element(element, column);
  }
}

void Mapping::map_element(const MappingElement& element, const catalog::ColumnDef& column) {
  uint32_t index = add_column(column);
  if (element.transform == Transform::kSourceLocation) {
    source_location_columns.push_back(index);
  } else if (element.transform == Transform::kSourceLineNumber) {
    source_line_columns.push_back(index);
  } else if (element.constant) {
    constants.push_back({index, Column(column.type)});
    append_text_value(constants.back().cell, *element.constant);
  } else if (element.ordinal) {
    if (ordinals.size() <= *element.ordinal) ordinals.resize(*element.ordinal + 1, kNone);
    add_target(ordinals[*element.ordinal], index, element.transform);
  } else {
    add_target(nodes[node_at(*element.path)].first_target, index, element.transform);
  }
}

uint32_t Mapping::add_column(const catalog::ColumnDef& column) {
  column_ids.push_back(column.id);
  types.push_back(column.type);
  return static_cast<uint32_t>(types.size() - 1);
}

void Mapping::add_target(uint32_t& first, uint32_t column, Transform transform) {
  targets.push_back({column, transform, first});
  first = static_cast<uint32_t>(targets.size() - 1);
}

uint32_t Mapping::node_at(const std::vector<PathStep>& path) {
  uint32_t at = 0;
  for (const PathStep& step : path) {
    auto added = static_cast<uint32_t>(nodes.size());
    uint32_t next = added;
    if (step.index) {
      next = nodes[at].elements.emplace(*step.index, added).first->second;
    } else if (const uint32_t* found = nodes[at].find(step.name)) {
      next = *found;
    } else {
      auto& properties = nodes[at].properties;
      nodes[at].places.emplace(step.name, static_cast<uint32_t>(properties.size()));
      properties.emplace_back(step.name, added);
    }
    if (next == added) nodes.emplace_back();
    at = next;
  }
  return at;
}

}  // namespace rivulet::ingest
