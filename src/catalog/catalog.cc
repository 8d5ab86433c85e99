#include "catalog/catalog.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace rivulet::catalog {
namespace {

[[noreturn]] void impossible(std::string_view what) {
  throw std::runtime_error(fmt::format("impossible catalog change: {}", what));
}

template <typename Map>
auto sorted_by_name(const Map& map) {
  std::vector<std::remove_cvref_t<decltype(*map.find({}))>> values;
  values.reserve(map.size());
  map.for_each([&](const auto& value) { values.push_back(value); });
  std::sort(values.begin(), values.end(),
            [](const auto& a, const auto& b) { return a->name < b->name; });
  return values;
}

}  // namespace

const ColumnDef* Table::find_column(std::string_view column_name) const {
  for (const ColumnDef& column : columns) {
    if (column.name == column_name) return &column;
  }
  return nullptr;
}

const IngestionMapping* Table::find_mapping(std::string_view kind,
                                            std::string_view mapping_name) const {
  for (const IngestionMapping& mapping : mappings) {
    if (mapping.name == mapping_name && mapping.kind == kind) return &mapping;
  }
  return nullptr;
}

std::shared_ptr<const Table> Database::find_table(std::string_view table_name) const {
  const auto* table = tables_.find(table_name);
  return table == nullptr ? nullptr : *table;
}

std::vector<std::shared_ptr<const Table>> Database::tables() const {
  return sorted_by_name(tables_);
}

const Function* Database::find_function(std::string_view function_name) const {
  auto found = functions_->find(function_name);
  return found == functions_->end() ? nullptr : &found->second;
}

std::shared_ptr<const Catalog> Catalog::apply(const Change& change) const {
  auto next = std::make_shared<Catalog>(*this);
  std::visit([&](const auto& kind) { next->put(kind); }, change);
  return next;
}

std::shared_ptr<const Database> Catalog::find_database(std::string_view name) const {
  const auto* database = databases_by_name_.find(name);
  return database == nullptr ? nullptr : *database;
}

std::shared_ptr<const Database> Catalog::find_database(DatabaseId id) const {
  const auto* database = databases_.find(id);
  return database == nullptr ? nullptr : *database;
}

std::vector<std::shared_ptr<const Database>> Catalog::databases() const {
  return sorted_by_name(databases_by_name_);
}

std::shared_ptr<const Table> Catalog::find_table(TableId id) const {
  const auto* table = tables_.find(id);
  return table == nullptr ? nullptr : *table;
}

std::vector<Change> Catalog::changes() const {
  std::vector<Change> changes;
  changes.reserve(databases_.size() + tables_.size() + 2);
  if (!cluster_policies_.empty()) changes.emplace_back(PutClusterPolicies{cluster_policies_});
  for (const auto& database : databases()) {
    changes.emplace_back(PutDatabase{database->id, database->guid, database->name,
                                     database->pretty_name, database->policies,
                                     database->mappings});
    for (const auto& table : database->tables()) changes.emplace_back(PutTable{*table});
    for (const auto& [name, function] : database->functions()) {
      changes.emplace_back(PutFunction{database->id, function});
    }
    for (const auto& [name, connection] : database->data_connections()) {
      changes.emplace_back(PutDataConnection{database->id, connection});
    }
  }
  changes.emplace_back(ReserveIds{next_database_id_, next_table_id_});
  return changes;
}

std::shared_ptr<Database> Catalog::copy_database(DatabaseId id) const {
  const auto* database = databases_.find(id);
  if (database == nullptr) impossible(fmt::format("there is no database with id {}", id));
  return std::make_shared<Database>(**database);
}

void Catalog::replace_database(std::shared_ptr<const Database> database) {
  databases_by_name_ = databases_by_name_.with(database);
  databases_ = databases_.with(std::move(database));
}

void Catalog::put(const PutDatabase& change) {
  const auto* namesake = databases_by_name_.find(change.name);
  if (namesake != nullptr && (*namesake)->id != change.id) {
    impossible(fmt::format("there is another database named '{}'", change.name));
  }
  std::shared_ptr<Database> database;
  if (const auto* present = databases_.find(change.id); present != nullptr) {
    databases_by_name_ = databases_by_name_.without((*present)->name);
    database = std::make_shared<Database>(**present);
  } else {
    database = std::make_shared<Database>();
    database->id = change.id;
    next_database_id_ = std::max(next_database_id_, change.id + 1);
  }
  database->guid = change.guid;
  database->name = change.name;
  database->pretty_name = change.pretty_name;
  database->policies = change.policies;
  database->mappings = change.mappings;
  replace_database(std::move(database));
}

void Catalog::put(const DropDatabase& change) {
  const auto* found = databases_.find(change.id);
  if (found == nullptr) impossible(fmt::format("there is no database with id {}", change.id));
  std::shared_ptr<const Database> database = *found;
  database->tables_.for_each([&](const auto& table) { tables_ = tables_.without(table->id); });
  databases_by_name_ = databases_by_name_.without(database->name);
  databases_ = databases_.without(database->id);
}

void Catalog::put(const PutTable& change) {
  auto database = copy_database(change.table.database_id);
  const auto* namesake = database->tables_.find(change.table.name);
  if (namesake != nullptr && (*namesake)->id != change.table.id) {
    impossible(fmt::format("there is another table named '{}'", change.table.name));
  }
  if (const auto* present = tables_.find(change.table.id); present != nullptr) {
    if ((*present)->database_id != change.table.database_id) {
      impossible(fmt::format("table {} is in another database", change.table.id));
    }
    if ((*present)->name != change.table.name) {
      database->tables_ = database->tables_.without((*present)->name);
    }
  } else {
    next_table_id_ = std::max(next_table_id_, change.table.id + 1);
  }
  auto table = std::make_shared<Table>(change.table);
  table->columns = column_lists_->share(table->columns);
  database->tables_ = database->tables_.with(table);
  tables_ = tables_.with(std::move(table));
  replace_database(std::move(database));
}

void Catalog::put(const DropTable& change) {
  const auto* found = tables_.find(change.id);
  if (found == nullptr) impossible(fmt::format("there is no table with id {}", change.id));
  std::shared_ptr<const Table> table = *found;
  auto database = copy_database(table->database_id);
  database->tables_ = database->tables_.without(table->name);
  tables_ = tables_.without(table->id);
  replace_database(std::move(database));
}

namespace {

template <typename T>
using ByName = std::shared_ptr<const std::map<std::string, T, std::less<>>>;

template <typename T>
void put_entry(ByName<T>& entries, const T& entry) {
  auto copy = std::make_shared<std::map<std::string, T, std::less<>>>(*entries);
  copy->insert_or_assign(entry.name, entry);
  entries = std::move(copy);
}

template <typename T>
void drop_entry(ByName<T>& entries, std::string_view kind, const std::string& name) {
  auto copy = std::make_shared<std::map<std::string, T, std::less<>>>(*entries);
  if (copy->erase(name) == 0) impossible(fmt::format("there is no {} named '{}'", kind, name));
  entries = std::move(copy);
}

}  // namespace

void Catalog::put(const PutFunction& change) {
  auto database = copy_database(change.database_id);
  put_entry(database->functions_, change.function);
  replace_database(std::move(database));
}

void Catalog::put(const DropFunction& change) {
  auto database = copy_database(change.database_id);
  drop_entry(database->functions_, "function", change.name);
  replace_database(std::move(database));
}

void Catalog::put(const PutDataConnection& change) {
  auto database = copy_database(change.database_id);
  put_entry(database->data_connections_, change.connection);
  replace_database(std::move(database));
}

void Catalog::put(const DropDataConnection& change) {
  auto database = copy_database(change.database_id);
  drop_entry(database->data_connections_, "data connection", change.name);
  replace_database(std::move(database));
}

void Catalog::put(const PutClusterPolicies& change) {
  cluster_policies_ = change.policies;
}

void Catalog::put(const ReserveIds& change) {
  next_database_id_ = std::max(next_database_id_, change.next_database_id);
  next_table_id_ = std::max(next_table_id_, change.next_table_id);
}

}  // namespace rivulet::catalog
