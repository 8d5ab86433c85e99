#include "query/testing/fake_store.h"

#include <utility>

namespace rivulet::query {

std::shared_ptr<FakeTable> FakeStore::add_table(const std::string& database,
                                                const std::string& name,
                                                const std::vector<ResultColumn>& columns) {
  if (catalog()->find_database(database) == nullptr) {
    catalog::PutDatabase put;
    put.id = catalog()->next_database_id();
    put.guid = new_guid();
    put.name = database;
    apply(put);
  }
  catalog::Table table = make_table(catalog()->next_table_id(), name, columns);
  table.database_id = catalog()->find_database(database)->id;
  table.guid = new_guid();
  apply(catalog::PutTable{table});
  auto fake = std::make_shared<FakeTable>(table);
  std::lock_guard lock(mutex_);
  tables_[table.id] = fake;
  return fake;
}

void FakeStore::apply(const catalog::Change& change) {
  std::lock_guard lock(mutex_);
  catalog_ = catalog_->apply(change);
}

void FakeStore::commit(store::Transaction transaction, store::CommitCallback done) {
  store::CommitResult result;
  {
    std::lock_guard lock(mutex_);
    result.sequence = ++sequence_;
    for (const store::Append& append : transaction.appends) {
      tables_.at(append.table)
          ->append(append.column_ids, append.rows, static_cast<int64_t>(sequence_), result.time);
    }
    if (transaction.alter) {
      for (const catalog::Change& change : transaction.alter(*catalog_))
        catalog_ = catalog_->apply(change);
    }
    result.catalog = catalog_;
  }
  done(result);
}

std::shared_ptr<const catalog::Catalog> FakeStore::catalog() const {
  std::lock_guard lock(mutex_);
  return catalog_;
}

std::unique_ptr<store::Snapshot> FakeStore::snapshot(
    std::span<const catalog::TableId> tables) const {
  std::lock_guard lock(mutex_);
  auto snapshot = std::make_unique<FakeSnapshot>(sequence_, catalog_);
  for (catalog::TableId id : tables) {
    auto found = tables_.find(id);
    if (found != tables_.end()) snapshot->add(found->second);
  }
  return snapshot;
}

}  // namespace rivulet::query
