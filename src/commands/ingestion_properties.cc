#include "commands/ingestion_properties.h"

#include <array>

#include "commands/text.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

// An empty JSON array, or nothing at all.
bool is_empty_list(std::string_view text) {
  std::string bare;
  for (char c : text) {
    if (!is_blank(c)) bare += c;
  }
  return bare.empty() || bare == "[]";
}

}  // namespace

void check_ingestion_properties(const Properties& properties) {
  properties.check_known({"format",
                          "ingestionMapping",
                          "ingestionMappingReference",
                          "ingestionMappingType",
                          "csvMapping",
                          "csvMappingReference",
                          "jsonMapping",
                          "jsonMappingReference",
                          "ignoreFirstRecord",
                          "tags",
                          "ingestIfNotExists",
                          "creationTime",
                          "validationPolicy",
                          "persistDetails",
                          "distributed",
                          "policy_ingestiontime",
                          "folder",
                          "docstring",
                          "extend_schema",
                          "recreate_schema"});
  // Rows get their tags, and the time of creation, with their extent, which is made later.
  for (std::string_view list : {"tags", "ingestIfNotExists"}) {
    if (!is_empty_list(properties.find(list).value_or(""))) {
      throw not_supported("the ingestion property '" + std::string(list) + "'");
    }
  }
  for (std::string_view name : {"creationTime", "validationPolicy"}) {
    if (properties.find(name))
      throw not_supported("the ingestion property '" + std::string(name) + "'");
  }
  if (properties.flag("persistDetails", false)) {
    throw not_supported("the ingestion property 'persistDetails'");
  }
  if (!properties.flag("policy_ingestiontime", true)) {
    throw not_supported("the ingestion property 'policy_ingestiontime=false'");
  }
}

std::string ingestion_mapping(const Properties& properties, std::string_view kind,
                              const catalog::Database& database, const catalog::Table& table) {
  std::string own = std::string(kind) + "Mapping";
  auto text = properties.find("ingestionMapping");
  if (!text) text = properties.find(own);
  if (text && !trim(*text).empty()) return *text;
  auto name = properties.find("ingestionMappingReference");
  if (!name) name = properties.find(own + "Reference");
  if (!name || name->empty()) return "";
  if (const catalog::IngestionMapping* mapping = table.find_mapping(kind, *name))
    return mapping->text;
  for (const catalog::IngestionMapping& mapping : database.mappings) {
    if (mapping.kind == kind && mapping.name == *name) return mapping.text;
  }
  throw mapping_not_found(*name, table.name);
}

}  // namespace rivulet::commands
