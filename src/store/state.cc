#include "store/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "common/binary.h"
#include "store/checkpoint_file.h"
#include "store/transaction_codec.h"

namespace rivulet::store {
namespace {

class TableSnapshotImpl final : public TableSnapshot {
 public:
  TableSnapshotImpl(std::shared_ptr<const catalog::Table> table, rowstore::TailView tail,
                    std::shared_ptr<const extents::ExtentList> extents)
      : table_(std::move(table)), tail_(std::move(tail)), extents_(std::move(extents)) {}

  const catalog::Table& table() const override { return *table_; }
  const std::vector<ChunkView>& chunks() const override {
    std::call_once(chunks_made_,
                   [this] { chunks_ = std::make_unique<rowstore::ChunkViews>(tail_); });
    return chunks_->views();
  }
  const extents::ExtentList& extents() const override {
    static const extents::ExtentList kNone;
    return extents_ ? *extents_ : kNone;
  }

 private:
  std::shared_ptr<const catalog::Table> table_;
  rowstore::TailView tail_;
  std::shared_ptr<const extents::ExtentList> extents_;
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

State::State(extents::ExtentFiles& extent_files, const rowstore::SealThresholds& thresholds,
             Ticks idempotency_window, size_t idempotency_keys)
    : extent_files_(extent_files),
      rows_(thresholds),
      keys_(idempotency_window, idempotency_keys),
      newest_catalog_(std::make_shared<const catalog::Catalog>()),
      catalog_(newest_catalog_) {}

void State::change(const catalog::Change& change, std::shared_ptr<const catalog::Catalog> after) {
  auto drop = [this](catalog::TableId table) {
    clear(table);
    tables_.erase(table);
  };
  if (const auto* put_table = std::get_if<catalog::PutTable>(&change)) {
    tables_[put_table->table.id] = after->find_table(put_table->table.id);
  } else if (const auto* drop_table = std::get_if<catalog::DropTable>(&change)) {
    drop(drop_table->id);
  } else if (const auto* drop_database = std::get_if<catalog::DropDatabase>(&change)) {
    if (auto database = newest_catalog_->find_database(drop_database->id)) {
      for (const auto& table : database->tables()) drop(table->id);
    }
  }
  newest_catalog_ = std::move(after);
}

void State::clear(catalog::TableId table) {
  rows_.clear(table);
  manifest_.clear(table);
}

void State::append(const Append& append, Ticks time, Sequence sequence) {
  columns_.clear();
  for (size_t i = 0; i < append.rows->column_count(); ++i) {
    columns_.push_back(append.rows->column(i).view());
  }
  rows_.append(existing_table(append.table), append.column_ids, columns_, append.rows->row_count(),
               time, sequence);
}

bool State::is_current(const Replace& replace) const {
  bool is_tail_current =
      replace.up_to == 0 || rows_.first_sequence(replace.table) == replace.first_sequence;
  return is_tail_current && manifest_.contains(replace.table, replace.removed);
}

void State::replace(const Replace& replace) {
  manifest_.remove(replace.table, replace.removed);
  for (const auto& extent : replace.added) manifest_.add(replace.table, extent);
  if (replace.up_to > 0) rows_.cut(replace.table, replace.up_to);
}

void State::replay(Sequence sequence, std::string_view payload) {
  using Kind = TransactionReader::Kind;
  TransactionReader reader(payload);
  newest_time_ = std::max(newest_time_, reader.time());
  for (auto item = reader.next(); item.kind != Kind::kEnd; item = reader.next()) {
    switch (item.kind) {
      case Kind::kChange: {
        catalog::Change decoded = catalog::decode_change(item.bytes);
        change(decoded, newest_catalog_->apply(decoded));
        break;
      }
      case Kind::kClear:
        clear(item.table);
        break;
      case Kind::kAppend:
        decoder_.decode(item.bytes);
        rows_.append(existing_table(item.table), decoder_.column_ids(), decoder_.columns(),
                     decoder_.row_count(), reader.time(), sequence);
        break;
      case Kind::kReplace:
        existing_table(item.table);
        if (!manifest_.remove(item.table, item.removed)) {
          throw std::runtime_error(fmt::format("table {} lacks an extent to remove", item.table));
        }
        for (std::string_view extent : item.added) {
          manifest_.add(item.table, extent_files_.adopt(extents::decode_extent(extent)));
        }
        if (item.up_to > 0) rows_.cut(item.table, item.up_to);
        break;
      case Kind::kKey:
        keys_.add(item.key, {sequence, reader.time()});
        break;
      case Kind::kEnd:
        break;
    }
  }
}

void State::restore_changes(std::string_view content) {
  ByteReader reader(content);
  while (!reader.at_end()) {
    catalog::Change decoded = catalog::decode_change(reader.string());
    change(decoded, newest_catalog_->apply(decoded));
  }
}

void State::restore_extents(std::string_view content) {
  ByteReader reader(content);
  while (!reader.at_end()) {
    catalog::TableId table = existing_table(reader.varint()).id;
    manifest_.add(table, extent_files_.adopt(extents::decode_extent(reader.string())));
  }
}

void State::restore_rows(catalog::TableId table, std::string_view content) {
  decoder_.decode(content);
  const std::vector<uint32_t>& ids = decoder_.column_ids();
  size_t count = ids.size();
  if (count < 2 || ids[count - 2] != kTimeColumnId || ids[count - 1] != kSequenceColumnId) {
    throw std::runtime_error("rows have no ingestion time or no sequence");
  }
  rows_.restore(existing_table(table), std::span(ids).first(count - 2),
                std::span(decoder_.columns()).first(count - 2), decoder_.row_count(),
                decoder_.columns()[count - 2].cells, decoder_.columns()[count - 1].cells);
}

uint64_t State::publish(Sequence sequence, uint64_t newly_logged_bytes,
                        std::vector<rowstore::TailEvent>& events) {
  std::shared_ptr<const catalog::Catalog> old_catalog;
  uint64_t logged_bytes;
  {
    std::lock_guard lock(rows_.mutex());
    rows_.publish(old_tails_, events);
    manifest_.publish(old_extents_);
    old_catalog = std::exchange(catalog_, newest_catalog_);
    sequence_ = sequence;
    time_ = newest_time_;
    logged_bytes = logged_bytes_ += newly_logged_bytes;
  }
  old_tails_.clear();
  old_extents_.clear();
  return logged_bytes;
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
  struct Parts {
    rowstore::TailView tail;
    std::shared_ptr<const extents::ExtentList> extents;
  };
  std::vector<Parts> parts;
  parts.reserve(tables.size());
  {
    std::lock_guard lock(rows_.mutex());
    result->catalog_ = catalog_;
    result->sequence_ = sequence_;
    for (catalog::TableId id : tables) parts.push_back({rows_.view(id), manifest_.view(id)});
  }
  result->tables_.reserve(tables.size());
  for (size_t i = 0; i < tables.size(); ++i) {
    auto table = result->catalog_->find_table(tables[i]);
    if (!table) continue;
    result->tables_.emplace(
        tables[i], std::make_shared<TableSnapshotImpl>(std::move(table), std::move(parts[i].tail),
                                                       std::move(parts[i].extents)));
  }
  return result;
}

std::pair<std::shared_ptr<const catalog::Table>, rowstore::TailView> State::tail(
    catalog::TableId table) const {
  std::lock_guard lock(rows_.mutex());
  return {catalog_->find_table(table), rows_.view(table)};
}

std::vector<std::pair<uint64_t, catalog::TableId>> State::tail_sizes() const {
  std::vector<std::pair<uint64_t, catalog::TableId>> sizes;
  std::lock_guard lock(rows_.mutex());
  rows_.for_each([&](catalog::TableId id, const rowstore::TailView&, uint64_t bytes) {
    sizes.emplace_back(bytes, id);
  });
  return sizes;
}

WholeState State::whole() const {
  WholeState whole;
  std::unique_lock lock(rows_.mutex());
  whole.sequence = sequence_;
  whole.time = time_;
  whole.logged_bytes = logged_bytes_;
  whole.catalog = catalog_;
  rows_.for_each([&](catalog::TableId id, const rowstore::TailView& tail, uint64_t) {
    whole.tails.emplace_back(id, tail);
  });
  manifest_.for_each(
      [&](catalog::TableId id, const auto& list) { whole.extents.emplace_back(id, list); });
  lock.unlock();
  keys_.encode(whole.keys, whole.sequence);
  return whole;
}

uint64_t State::logged_bytes() const {
  std::lock_guard lock(rows_.mutex());
  return logged_bytes_;
}

void State::fill(StoreStatistics& statistics) const {
  statistics.idempotency_keys = keys_.size();
  std::lock_guard lock(rows_.mutex());
  statistics.tail_rows = rows_.total_rows();
  statistics.tail_bytes = rows_.total_bytes();
  statistics.extent_count = manifest_.extent_count();
  statistics.extent_rows = manifest_.row_count();
  statistics.extent_bytes = manifest_.size_bytes();
}

const catalog::Table& State::existing_table(catalog::TableId table) const {
  const catalog::Table* found = find_table(table);
  if (found == nullptr) throw std::runtime_error(fmt::format("table {} does not exist", table));
  return *found;
}

}  // namespace rivulet::store
