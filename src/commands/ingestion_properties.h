#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "commands/form.h"
#include "commands/reader.h"
#include "store/store.h"

namespace rivulet::commands {

// Refuses, by name, the properties of ingestion that Rivulet does not carry out, and those that are not
// known at all. Hints about where the work is done are accepted.
void check_ingestion_properties(const Properties& properties);

// What an ingestion says of the extent that its rows become.
struct ExtentProperties {
  std::vector<std::string> tags;
  std::vector<std::string> unless_tags;  // ingestIfNotExists, as tags: "ingest-by:…"
  std::optional<Ticks> created;          // creationTime

  bool empty() const { return tags.empty() && unless_tags.empty() && !created; }
};
ExtentProperties extent_properties(const Properties& properties);

using Extents = std::vector<std::shared_ptr<store::ExtentView>>;

// Writes the rows to extents of their own, which the transaction then adds; none when there are no rows.
// `table` is the table as it will be. The commit throws store::TagExists when the rows are not to be ingested.
Extents add_extents(const Services& services, store::Transaction& transaction,
                    const catalog::Table& table, const store::Append& rows,
                    const ExtentProperties& properties);

// The text of the ingestion mapping that the properties give or name, for data of this mapping kind;
// empty when they say nothing. Throws mapping_not_found.
std::string ingestion_mapping(const Properties& properties, std::string_view kind,
                              const catalog::Database& database, const catalog::Table& table);

}  // namespace rivulet::commands
