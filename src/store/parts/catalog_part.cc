#include "store/parts/catalog_part.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "common/error.h"
#include "store/made_under.h"

namespace rivulet::store {
namespace {

// The id of the data connection of this name; null when there is none.
const Guid* connection_named(const catalog::Catalog& catalog, catalog::DatabaseId id,
                             std::string_view name) {
  auto database = catalog.find_database(id);
  if (!database) return nullptr;
  auto found = database->data_connections().find(name);
  return found == database->data_connections().end() ? nullptr : &found->second.id;
}

}  // namespace

CatalogPart::CatalogPart(const std::vector<Part*>& parts)
    : parts_(parts),
      newest_(std::make_shared<const catalog::Catalog>()),
      staged_(newest_),
      checked_(newest_),
      published_(newest_) {}

const catalog::Table* CatalogPart::find_table(catalog::TableId id) const {
  auto found = tables_.find(id);
  return found == tables_.end() ? nullptr : found->second.get();
}

const catalog::Table& CatalogPart::existing_table(catalog::TableId id) const {
  const catalog::Table* found = find_table(id);
  if (found == nullptr) throw std::runtime_error(fmt::format("table {} does not exist", id));
  return *found;
}

const catalog::Table* CatalogPart::find_checked_table(catalog::TableId id) const {
  return checked_ == newest_ ? find_table(id) : checked_->find_table(id).get();
}

bool CatalogPart::has_checked_owner(const Guid& owner) const {
  if (checked_ == newest_) return has_owner(owner);
  // After a change in this group.
  for (const auto& database : checked_->databases()) {
    for (const auto& [name, connection] : database->data_connections()) {
      if (connection.id == owner) return true;
    }
  }
  return false;
}

void CatalogPart::begin_group() {
  staged_ = checked_ = newest_;
  staged_steps_.clear();
}

void CatalogPart::check(const Turn& turn) {
  check_made_under(turn.transaction, *staged_);
  checked_steps_.clear();
  checked_ = staged_;
  if (turn.transaction.alter) {
    for (const catalog::Change& change : turn.transaction.alter(*staged_)) {
      Step& step = checked_steps_.emplace_back();
      step.before = checked_;
      step.encoded = catalog::encode_change(change);
      // As a replay will read it: what it could not read is refused here, where it can be.
      step.change = catalog::decode_change(step.encoded);
      checked_ = step.after = checked_->apply(step.change);
    }
  }
  for (catalog::TableId table : turn.transaction.clear) {
    if (!checked_->find_table(table)) throw table_not_found(fmt::format("#{}", table), "");
  }
}

void CatalogPart::stage(const Turn& turn, std::string& record) {
  ByteWriter writer(record);
  for (Step& step : checked_steps_) {
    put_kind(record, kChange);
    writer.string(step.encoded);
    staged_steps_.push_back(std::move(step));
  }
  for (catalog::TableId table : turn.transaction.clear) {
    put_kind(record, kClear);
    writer.varint(table);
  }
  staged_ = checked_;
}

void CatalogPart::apply(ItemKind kind, ByteReader& item, const RecordPlace& /*place*/) {
  if (kind == kChange) {
    apply_encoded(item.string());
  } else {
    clear(item.varint());
  }
}

void CatalogPart::apply_encoded(std::string_view change) {
  if (!staged_steps_.empty() && staged_steps_.front().before == newest_ &&
      staged_steps_.front().encoded == change) {
    Step step = std::move(staged_steps_.front());
    staged_steps_.pop_front();
    apply(step.change, std::move(step.after));
    return;
  }
  catalog::Change decoded = catalog::decode_change(change);
  apply(decoded, newest_->apply(decoded));
}

void CatalogPart::apply(const catalog::Change& change,
                        std::shared_ptr<const catalog::Catalog> after) {
  if (const auto* put_table = std::get_if<catalog::PutTable>(&change)) {
    tables_[put_table->table.id] = after->find_table(put_table->table.id);
  } else if (const auto* dropped = std::get_if<catalog::DropTable>(&change)) {
    drop_table(dropped->id);
  } else if (const auto* drop_database = std::get_if<catalog::DropDatabase>(&change)) {
    if (auto database = newest_->find_database(drop_database->id)) {
      for (const auto& table : database->tables()) drop_table(table->id);
      for (const auto& [name, connection] : database->data_connections()) {
        drop_owner_everywhere(connection.id);
      }
    }
  } else if (const auto* put_connection = std::get_if<catalog::PutDataConnection>(&change)) {
    const Guid& id = put_connection->connection.id;
    const Guid* before =
        connection_named(*newest_, put_connection->database_id, put_connection->connection.name);
    if (before != nullptr && *before != id) drop_owner_everywhere(*before);
    owners_.insert(id);
  } else if (const auto* drop_named = std::get_if<catalog::DropDataConnection>(&change)) {
    const Guid* before = connection_named(*newest_, drop_named->database_id, drop_named->name);
    if (before != nullptr) drop_owner_everywhere(*before);
  }
  newest_ = std::move(after);
}

void CatalogPart::clear(catalog::TableId table) {
  for (Part* part : parts_) part->clear_table(table);
}

void CatalogPart::drop_table(catalog::TableId table) {
  clear(table);
  tables_.erase(table);
}

void CatalogPart::drop_owner_everywhere(const Guid& owner) {
  owners_.erase(owner);
  for (Part* part : parts_) part->drop_owner(owner);
}

bool CatalogPart::publish() {
  if (published_ != newest_) old_ = std::exchange(published_, newest_);
  return false;
}

Part::Save CatalogPart::freeze(Sequence /*sequence*/) const {
  return [catalog = published_](rowstore::BlockFileWriter& file) {
    BlockGatherer changes(file, rowstore::BlockKind::kCatalog);
    for (const catalog::Change& change : catalog->changes()) {
      ByteWriter(changes.content()).string(catalog::encode_change(change));
      changes.end_item();
    }
    changes.flush();
  };
}

void CatalogPart::load(rowstore::BlockKind /*kind*/, std::string_view content) {
  ByteReader reader(content);
  while (!reader.at_end()) apply_encoded(reader.string());
}

}  // namespace rivulet::store
