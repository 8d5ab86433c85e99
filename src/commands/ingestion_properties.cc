#include "commands/ingestion_properties.h"

#include <rapidjson/document.h>

#include <array>

#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

// The texts of a JSON array, as tags are given.
std::vector<std::string> text_list(const Properties& properties, std::string_view name) {
  std::vector<std::string> texts;
  std::string json(trim(properties.find(name).value_or("")));
  if (json.empty()) return texts;
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  bool is_list = !document.HasParseError() && document.IsArray();
  for (size_t i = 0; is_list && i < document.Size(); ++i) {
    is_list = document[static_cast<unsigned>(i)].IsString();
  }
  if (!is_list) {
    throw bad_request("The ingestion property '" + std::string(name) +
                      "' must be a JSON array of strings, and is " + json);
  }
  for (const auto& item : document.GetArray()) {
    texts.emplace_back(item.GetString(), item.GetStringLength());
  }
  return texts;
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
  if (properties.find("validationPolicy")) {
    throw not_supported("the ingestion property 'validationPolicy'");
  }
  if (properties.flag("persistDetails", false)) {
    throw not_supported("the ingestion property 'persistDetails'");
  }
  if (!properties.flag("policy_ingestiontime", true)) {
    throw not_supported("the ingestion property 'policy_ingestiontime=false'");
  }
}

ExtentProperties extent_properties(const Properties& properties) {
  ExtentProperties result;
  result.tags = text_list(properties, "tags");
  for (const std::string& value : text_list(properties, "ingestIfNotExists")) {
    result.unless_tags.push_back("ingest-by:" + value);
  }
  if (auto created = properties.find("creationTime")) {
    result.created = parse_datetime(trim(*created));
    if (!result.created) {
      throw bad_request("The ingestion property 'creationTime' must be a datetime, and is " +
                        *created);
    }
  }
  return result;
}

Extents add_extents(const Services& services, store::Transaction& transaction,
                    const catalog::Table& table, const store::Append& rows,
                    const ExtentProperties& properties) {
  store::Replace& replace = transaction.replace.emplace_back();
  replace.table = table.id;
  replace.unless_tags = properties.unless_tags;
  replace.added = services.store.write_extents(table, rows);
  for (const auto& extent : replace.added) {
    extent->tags = properties.tags;
    if (properties.created) extent->min_created = extent->max_created = *properties.created;
  }
  return replace.added;
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
