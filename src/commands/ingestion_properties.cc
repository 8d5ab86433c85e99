#include "commands/ingestion_properties.h"

#include <array>

#include "commands/text.h"
#include "common/error.h"
#include "ingest/ingest.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

// The texts of a JSON array, as tags are given.
std::vector<std::string> text_list(const Properties& properties, std::string_view name) {
  std::string given = properties.find(name).value_or("");
  std::string_view text = trim(given);
  if (text.empty()) return {};
  std::optional<std::string> json = read_json(text);
  auto texts = json ? json_strings(*json) : std::nullopt;
  if (!texts) {
    throw bad_request("The ingestion property '" + std::string(name) +
                      "' must be a JSON array of strings, and is " + shortened(text));
  }
  return *std::move(texts);
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

ingest::ExtentProperties extent_properties(const Properties& properties) {
  ingest::ExtentProperties result;
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

std::string ingestion_mapping(const Properties& properties, std::string_view kind,
                              const catalog::Database& database, const catalog::Table& table) {
  std::string own = std::string(kind) + "Mapping";
  auto text = properties.find("ingestionMapping");
  if (!text) text = properties.find(own);
  if (text && !trim(*text).empty()) return *text;
  auto name = properties.find("ingestionMappingReference");
  if (!name) name = properties.find(own + "Reference");
  if (!name || name->empty()) return "";
  return ingest::find_mapping(table, database, kind, *name).text;
}

}  // namespace rivulet::commands
