#include "commands/catalog_access.h"

#include "common/error.h"

namespace rivulet::commands {

CatalogPtr commit(const Services& services, std::function<Changes(const Catalog&)> alter) {
  store::Transaction transaction;
  transaction.alter = std::move(alter);
  return services.store.commit(std::move(transaction)).catalog;
}

std::shared_ptr<const catalog::Database> need_database(const Catalog& catalog,
                                                       std::string_view name) {
  auto database = catalog.find_database(name);
  if (database == nullptr) throw database_not_found(name);
  return database;
}

std::shared_ptr<const catalog::Table> need_table(const Catalog& catalog, std::string_view database,
                                                 std::string_view name) {
  auto table = need_database(catalog, database)->find_table(name);
  if (table == nullptr) throw table_not_found(name, database);
  return table;
}

const catalog::Function& need_function(const catalog::Database& database, std::string_view name) {
  const catalog::Function* function = database.find_function(name);
  if (function == nullptr) throw entity_not_found("Function", name);
  return *function;
}

TableName table_name(const CommandContext& context, const EntityName& name) {
  if (name.is_wildcard) throw bad_request("This command takes the name of one table, not '*'");
  if (name.parts.size() > 2)
    throw bad_request("The name of a table has at most two parts: database.table");
  if (name.parts.size() == 2) return {name.parts[0], name.parts[1]};
  return {context.request.database, name.parts[0]};
}

std::string plain_name(const EntityName& name, std::string_view kind) {
  if (name.is_wildcard || name.parts.size() != 1) {
    throw bad_request("The name of a " + std::string(kind) +
                      " stands alone, without its container");
  }
  return name.parts[0];
}

std::string database_name(const CommandContext& context) {
  return context.names.empty() ? context.request.database
                               : plain_name(context.names[0], "database");
}

}  // namespace rivulet::commands
