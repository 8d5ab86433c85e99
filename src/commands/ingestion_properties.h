#pragma once

#include <string>
#include <string_view>

#include "catalog/catalog.h"
#include "commands/form.h"
#include "commands/reader.h"
#include "ingest/pipeline.h"

namespace rivulet::commands {

// Refuses, by name, the properties of ingestion that Rivulet does not carry out, and those that are not
// known at all. Hints about where the work is done are accepted.
void check_ingestion_properties(const Properties& properties);

// What they say of the extents that the rows become.
ingest::ExtentProperties extent_properties(const Properties& properties);

// The text of the ingestion mapping that the properties give or name, for data of this mapping kind;
// empty when they say nothing. Throws mapping_not_found.
std::string ingestion_mapping(const Properties& properties, std::string_view kind,
                              const catalog::Database& database, const catalog::Table& table);

}  // namespace rivulet::commands
