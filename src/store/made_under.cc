#include "store/made_under.h"

namespace rivulet::store {
namespace {

// A table is immutable: another version of it is another object.
bool is_same_for(catalog::TableId id, const catalog::Catalog& before, const catalog::Catalog& now) {
  auto table = now.find_table(id);
  if (before.find_table(id) != table) return false;
  if (table == nullptr) return true;  // one that the transaction makes
  auto old_database = before.find_database(table->database_id);
  auto database = now.find_database(table->database_id);
  // A database is another object after each change of one of its tables.
  return old_database == database || (old_database->policies == database->policies &&
                                      old_database->mappings == database->mappings);
}

}  // namespace

void check_made_under(const Transaction& transaction, const catalog::Catalog& catalog) {
  const catalog::Catalog* before = transaction.made_under.get();
  if (before == nullptr || before == &catalog) return;
  auto check = [&](catalog::TableId table) {
    if (!is_same_for(table, *before, catalog)) throw CatalogOutdated();
  };
  if (before->cluster_policies() != catalog.cluster_policies()) throw CatalogOutdated();
  for (const Append& append : transaction.appends) check(append.table);
  for (const Replace& replace : transaction.replace) check(replace.table);
}

}  // namespace rivulet::store
