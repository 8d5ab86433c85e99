#include "store/state.h"

#include <fmt/format.h>

#include <stdexcept>
#include <unordered_map>

namespace rivulet::store {
namespace {

class TableSnapshotImpl final : public TableSnapshot {
 public:
  TableSnapshotImpl(std::shared_ptr<const catalog::Table> table, rowstore::TailView tail)
      : table_(std::move(table)), tail_(std::move(tail)) {}

  const catalog::Table& table() const override { return *table_; }
  const std::vector<ChunkView>& chunks() const override {
    std::call_once(chunks_made_,
                   [this] { chunks_ = std::make_unique<rowstore::ChunkViews>(tail_); });
    return chunks_->views();
  }
  const std::vector<std::shared_ptr<const ExtentView>>& extents() const override {
    return extents_;
  }

 private:
  std::shared_ptr<const catalog::Table> table_;
  rowstore::TailView tail_;
  std::vector<std::shared_ptr<const ExtentView>> extents_;
  // Made when somebody asks: a snapshot of very many tables is taken for a few columns of each.
  mutable std::once_flag chunks_made_;
  mutable std::unique_ptr<rowstore::ChunkViews> chunks_;
};

class SnapshotImpl final : public Snapshot {
 public:
  const std::shared_ptr<const catalog::Catalog>& catalog() const override { return catalog_; }
  Sequence sequence() const override { return sequence_; }
  std::shared_ptr<const TableSnapshot> table(catalog::TableId id) const override {
    auto found = tables_.find(id);
    return found == tables_.end() ? nullptr : found->second;
  }

  std::shared_ptr<const catalog::Catalog> catalog_;
  Sequence sequence_ = 0;
  std::unordered_map<catalog::TableId, std::shared_ptr<const TableSnapshot>> tables_;
};

}  // namespace

State::State()
    : newest_catalog_(std::make_shared<const catalog::Catalog>()), catalog_(newest_catalog_) {}

void State::change(const catalog::Change& change, std::shared_ptr<const catalog::Catalog> after) {
  if (const auto* drop = std::get_if<catalog::DropTable>(&change)) {
    drop_table(drop->id);
  } else if (const auto* drop_database = std::get_if<catalog::DropDatabase>(&change)) {
    if (auto database = newest_catalog_->find_database(drop_database->id)) {
      for (const auto& table : database->tables()) drop_table(table->id);
    }
  }
  newest_catalog_ = std::move(after);
}

void State::drop_table(catalog::TableId table) {
  clear(table);
}

void State::clear(catalog::TableId table) {
  rows_.clear(table);
}

void State::append(const Append& append, Ticks time, Sequence sequence) {
  auto table = newest_catalog_->find_table(append.table);
  if (!table) {
    throw std::runtime_error(
        fmt::format("it appends to table {}, which does not exist", append.table));
  }
  columns_.clear();
  for (size_t i = 0; i < append.rows->column_count(); ++i) {
    columns_.push_back(append.rows->column(i).view());
  }
  rows_.append(*table, append.column_ids, columns_, append.rows->row_count(), time, sequence);
}

void State::replay(Sequence sequence, std::string_view payload) {
  TransactionReader reader(payload);
  newest_time_ = std::max(newest_time_, reader.time());
  for (auto item = reader.next(); item.kind != TransactionReader::Kind::kEnd;
       item = reader.next()) {
    switch (item.kind) {
      case TransactionReader::Kind::kChange: {
        catalog::Change decoded = catalog::decode_change(item.bytes);
        change(decoded, newest_catalog_->apply(decoded));
        break;
      }
      case TransactionReader::Kind::kClear:
        clear(item.table);
        break;
      case TransactionReader::Kind::kAppend: {
        auto table = newest_catalog_->find_table(item.table);
        if (!table) {
          throw std::runtime_error(
              fmt::format("it appends to table {}, which does not exist", item.table));
        }
        decoder_.decode(item.bytes);
        rows_.append(*table, decoder_.column_ids(), decoder_.columns(), decoder_.row_count(),
                     reader.time(), sequence);
        break;
      }
      default:
        throw std::runtime_error("it has an item of an unknown kind");
    }
  }
}

void State::publish(Sequence sequence) {
  std::shared_ptr<const catalog::Catalog> old_catalog;
  {
    std::lock_guard lock(rows_.mutex());
    rows_.publish(garbage_);
    old_catalog = std::exchange(catalog_, newest_catalog_);
    sequence_ = sequence;
  }
  garbage_.clear();
}

std::shared_ptr<const catalog::Catalog> State::catalog() const {
  std::lock_guard lock(rows_.mutex());
  return catalog_;
}

Sequence State::sequence() const {
  std::lock_guard lock(rows_.mutex());
  return sequence_;
}

std::unique_ptr<Snapshot> State::snapshot(std::span<const catalog::TableId> tables) const {
  auto result = std::make_unique<SnapshotImpl>();
  std::vector<rowstore::TailView> tails;
  tails.reserve(tables.size());
  {
    std::lock_guard lock(rows_.mutex());
    result->catalog_ = catalog_;
    result->sequence_ = sequence_;
    for (catalog::TableId id : tables) tails.push_back(rows_.view(id));
  }
  result->tables_.reserve(tables.size());
  for (size_t i = 0; i < tables.size(); ++i) {
    auto table = result->catalog_->find_table(tables[i]);
    if (!table) continue;
    result->tables_.emplace(
        tables[i], std::make_shared<TableSnapshotImpl>(std::move(table), std::move(tails[i])));
  }
  return result;
}

void State::fill(StoreStatistics& statistics) const {
  std::lock_guard lock(rows_.mutex());
  statistics.tail_rows = rows_.total_rows();
  statistics.tail_bytes = rows_.total_bytes();
}

}  // namespace rivulet::store
