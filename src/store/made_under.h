#pragma once

#include "catalog/catalog.h"
#include "store/store.h"

namespace rivulet::store {

// Throws CatalogOutdated when the transaction's rows would come out otherwise under this catalog than under the one that
// they were made under. What decides is, of each table that it appends or adds extents to: the table itself (its columns,
// mappings and policies), its database's mappings and policies, and the cluster's policies. Cheap where the catalog
// is the same one, which is nearly always.
void check_made_under(const Transaction& transaction, const catalog::Catalog& catalog);

}  // namespace rivulet::store
