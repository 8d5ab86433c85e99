#include "ingest/pipeline.h"

#include <utility>

#include <fmt/format.h>

namespace rivulet::ingest {

Ingestion::Ingestion(store::Store& store, std::shared_ptr<const catalog::Catalog> catalog)
    : store_(store) {
  transaction_.made_under = std::move(catalog);
}

void Ingestion::add(store::Append rows) {
  transaction_.appends.push_back(std::move(rows));
}

Extents Ingestion::add(const catalog::Table& table, store::Append rows,
                       const ExtentProperties& properties) {
  bool is_large = properties.is_bulk && rows.rows->memory_bytes() >= kExtentBytes;
  if (!is_large && !properties.need_extents()) {
    add(std::move(rows));
    return {};
  }
  store::Replace& replace = transaction_.replace.emplace_back();
  replace.table = table.id;
  replace.unless_tags = properties.unless_tags;
  replace.added = store_.write_extents(table, rows);
  for (const auto& extent : replace.added) {
    extent->tags = properties.tags;
    if (properties.created) extent->min_created = extent->max_created = *properties.created;
  }
  return replace.added;
}

void Ingestion::commit(store::CommitCallback done) && {
  store_.commit(std::move(transaction_), std::move(done));
}

bool is_outdated(const std::exception_ptr& error) {
  if (error == nullptr) return false;
  try {
    std::rethrow_exception(error);
  } catch (const store::CatalogOutdated&) {
    return true;
  } catch (...) {
    return false;
  }
}

Error keeps_changing(std::string_view table) {
  return throttled(fmt::format("The schema of table '{}' keeps changing; retry later", table));
}

store::CommitResult ingest(store::Store& store, std::string_view table,
                           const std::function<void(Ingestion&)>& make) {
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    Ingestion ingestion(store, store.catalog());
    make(ingestion);
    try {
      return store.commit(std::move(ingestion.transaction()));
    } catch (const store::CatalogOutdated&) {
    }
  }
  throw keeps_changing(table);
}

}  // namespace rivulet::ingest
