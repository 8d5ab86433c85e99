#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "commands/form.h"

// How commands read and change the catalog.
namespace rivulet::commands {

using catalog::Catalog;
using CatalogPtr = std::shared_ptr<const Catalog>;
using Changes = std::vector<catalog::Change>;

// Commits the changes that `alter` makes of the newest catalog and gives the catalog after them. `alter`
// may run on another thread; throwing leaves everything as it was.
CatalogPtr commit(const Services& services, std::function<Changes(const Catalog&)> alter);

// Throws database_not_found, table_not_found, entity_not_found.
std::shared_ptr<const catalog::Database> need_database(const Catalog& catalog,
                                                       std::string_view name);
std::shared_ptr<const catalog::Table> need_table(const Catalog& catalog, std::string_view database,
                                                 std::string_view name);
const catalog::Function& need_function(const catalog::Database& database, std::string_view name);

// A table as a command names it: "T" in the request's database, or "db.T".
struct TableName {
  std::string database;
  std::string table;
};
// Throws bad_request when the name has more parts or is '*'.
TableName table_name(const CommandContext& context, const EntityName& name);
// A name that must stand alone.
std::string plain_name(const EntityName& name, std::string_view kind);
// The database that the form named, or the request's when it named none.
std::string database_name(const CommandContext& context);

}  // namespace rivulet::commands
