#include "store/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include "common/binary.h"
#include "store/transaction_codec.h"

namespace rivulet::store {
namespace {

// Holds its file by its run.
class StoredRunImpl final : public StoredRun {
 public:
  StoredRunImpl(catalog::TableId table, std::shared_ptr<const rowstore::RunList> runs, size_t index,
                rowstore::RunCache& cache)
      : table_(table), runs_(std::move(runs)), run_((*runs_)[index]), cache_(cache) {}

  uint64_t row_count() const override { return run_.live_rows(); }
  uint64_t value_bytes() const override { return run_.value_bytes; }
  CellRange ingestion_times() const override { return {0, run_.min_time, run_.max_time}; }
  std::span<const CellRange> ranges() const override { return run_.ranges; }
  Sequence first_sequence() const override { return run_.first_sequence; }
  Sequence last_sequence() const override { return run_.last_sequence; }
  std::shared_ptr<const std::vector<ChunkView>> read() const override {
    struct Rows {
      std::shared_ptr<const rowstore::ChunkList> chunks;
      std::vector<ChunkView> views;
    };
    auto rows = std::make_shared<Rows>();
    rows->chunks = cache_.get(table_, run_);
    for (const auto& chunk : *rows->chunks) rows->views.push_back(chunk->closed_view());
    return {rows, &rows->views};
  }

 private:
  const catalog::TableId table_;
  const std::shared_ptr<const rowstore::RunList> runs_;
  const rowstore::Run& run_;
  rowstore::RunCache& cache_;
};

class TableSnapshotImpl final : public TableSnapshot {
 public:
  TableSnapshotImpl(std::shared_ptr<const catalog::Table> table, rowstore::TailView tail,
                    std::shared_ptr<const extents::ExtentList> extents, rowstore::RunCache& cache)
      : table_(std::move(table)),
        tail_(std::move(tail)),
        extents_(std::move(extents)),
        cache_(cache) {}

  const catalog::Table& table() const override { return *table_; }
  const std::vector<std::shared_ptr<const StoredRun>>& runs() const override {
    std::call_once(runs_made_, [this] {
      for (size_t i = 0; tail_.runs && i < tail_.runs->size(); ++i) {
        runs_.push_back(std::make_shared<StoredRunImpl>(table_->id, tail_.runs, i, cache_));
      }
    });
    return runs_;
  }
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
  rowstore::RunCache& cache_;
  // Made when somebody asks: a snapshot of very many tables is taken for a few columns of each.
  mutable std::once_flag runs_made_, chunks_made_;
  mutable std::vector<std::shared_ptr<const StoredRun>> runs_;
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
             uint64_t cache_bytes, Ticks idempotency_window, size_t idempotency_keys)
    : extent_files_(extent_files),
      rows_(thresholds),
      cache_(cache_bytes),
      keys_(idempotency_window, idempotency_keys),
      newest_catalog_(std::make_shared<const catalog::Catalog>()),
      catalog_(newest_catalog_) {}

void State::change(const catalog::Change& change, std::shared_ptr<const catalog::Catalog> after) {
  auto drop = [this](catalog::TableId table) {
    clear(table);
    tables_.erase(table);
  };
  // In the catalog before the change.
  auto connection_named = [this](catalog::DatabaseId id, std::string_view name) -> const Guid* {
    auto database = newest_catalog_->find_database(id);
    if (!database) return nullptr;
    auto found = database->data_connections().find(name);
    return found == database->data_connections().end() ? nullptr : &found->second.id;
  };
  if (const auto* put_table = std::get_if<catalog::PutTable>(&change)) {
    tables_[put_table->table.id] = after->find_table(put_table->table.id);
  } else if (const auto* drop_table = std::get_if<catalog::DropTable>(&change)) {
    drop(drop_table->id);
  } else if (const auto* drop_database = std::get_if<catalog::DropDatabase>(&change)) {
    if (auto database = newest_catalog_->find_database(drop_database->id)) {
      for (const auto& table : database->tables()) drop(table->id);
      for (const auto& [name, connection] : database->data_connections()) {
        drop_connection(connection.id);
      }
    }
  } else if (const auto* put_connection = std::get_if<catalog::PutDataConnection>(&change)) {
    const Guid& id = put_connection->connection.id;
    const Guid* before =
        connection_named(put_connection->database_id, put_connection->connection.name);
    if (before != nullptr && *before != id) drop_connection(*before);
    connections_.insert(id);
  } else if (const auto* drop_named = std::get_if<catalog::DropDataConnection>(&change)) {
    const Guid* before = connection_named(drop_named->database_id, drop_named->name);
    if (before != nullptr) drop_connection(*before);
  }
  newest_catalog_ = std::move(after);
}

void State::drop_connection(const Guid& connection) {
  connections_.erase(connection);
  moved_offsets_.drop(connection);
  dropped_connections_.push_back(connection);
}

void State::clear(catalog::TableId table) {
  is_restructured_ = true;
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
  // A cut that would have to read is not for the committer's thread: it was made for the tail as it was before
  // a checkpoint, and is tried again.
  bool is_tail_current =
      replace.up_to == 0 || (rows_.first_sequence(replace.table) == replace.first_sequence &&
                             !rows_.ends_in_run(replace.table, replace.up_to));
  return is_tail_current && manifest_.contains(replace.table, replace.removed);
}

bool State::is_empty(catalog::TableId table) const {
  auto extents = manifest_.view(table);
  return rows_.first_sequence(table) == 0 && (!extents || extents->empty());
}

bool State::has_tag(catalog::TableId table, std::span<const std::string> tags) const {
  auto extents = manifest_.view(table);
  return extents && std::any_of(extents->begin(), extents->end(), [&](const auto& extent) {
           return std::find_first_of(extent->tags.begin(), extent->tags.end(), tags.begin(),
                                     tags.end()) != extent->tags.end();
         });
}

void State::replace(const Replace& replace) {
  is_restructured_ = true;
  manifest_.remove(replace.table, replace.removed);
  for (const auto& extent : replace.added) manifest_.add(replace.table, extent);
  if (replace.up_to > 0) rows_.cut(replace.table, replace.up_to);
}

void State::set_offset(const SourceOffset& offset) {
  if (!has_connection(offset.connection)) {
    throw std::runtime_error(
        fmt::format("data connection {} does not exist", to_string(offset.connection)));
  }
  moved_offsets_.set(offset);
}

void State::spill(catalog::TableId table, rowstore::RunList runs, Sequence up_to) {
  is_restructured_ = true;
  rows_.spill(table, std::move(runs), up_to);
}

void State::replace_runs(catalog::TableId table, std::span<const rowstore::Run> replaced,
                         rowstore::RunList runs) {
  is_restructured_ = true;
  rows_.replace_runs(table, replaced, std::move(runs));
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
      case Kind::kOffsets:
        for (const SourceOffset& offset : item.offsets) set_offset(offset);
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

void State::restore_offsets(std::string_view content) {
  ByteReader reader(content);
  while (!reader.at_end()) {
    for (const SourceOffset& offset : decode_source_offsets(reader)) set_offset(offset);
  }
}

void State::restore_runs(catalog::TableId table, rowstore::RunList runs) {
  rows_.restore(existing_table(table).id, std::move(runs));
}

uint64_t State::publish(Sequence sequence, uint64_t newly_logged_bytes,
                        std::vector<rowstore::TailEvent>& events) {
  std::shared_ptr<const catalog::Catalog> old_catalog;
  uint64_t logged_bytes;
  {
    is_publisher_waiting_ = true;
    std::lock_guard lock(rows_.mutex());
    is_publisher_waiting_ = false;
    if (std::exchange(is_restructured_, false)) ++structure_version_;
    rows_.publish(old_tails_, events);
    manifest_.publish(old_extents_);
    for (const Guid& connection : dropped_connections_) offsets_.drop(connection);
    offsets_.set_all(moved_offsets_);
    old_catalog = std::exchange(catalog_, newest_catalog_);
    sequence_ = sequence;
    time_ = newest_time_;
    logged_bytes = logged_bytes_ += newly_logged_bytes;
  }
  old_tails_.clear();
  old_extents_.clear();
  moved_offsets_.clear();
  dropped_connections_.clear();
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

std::vector<SourceOffset> State::source_offsets(const Guid& connection) const {
  std::lock_guard lock(rows_.mutex());
  return offsets_.of(connection);
}

std::pair<State::Moment, std::vector<State::TableParts>> State::collect(
    const std::function<std::span<const catalog::TableId>()>& begin) const {
  constexpr size_t kTablesAtATime = 256;
  std::pair<Moment, std::vector<TableParts>> result;
  auto& [moment, parts] = result;
  // Once in slices; if something was cleared, cut or moved meanwhile, once under one lock.
  for (bool is_sliced : {true, false}) {
    std::unique_lock lock(rows_.mutex());
    moment = {sequence_, time_, logged_bytes_, catalog_};
    uint64_t version = structure_version_;
    std::span<const catalog::TableId> tables = begin();
    parts.clear();
    parts.reserve(tables.size());
    for (catalog::TableId id : tables) {
      if (is_sliced && parts.size() % kTablesAtATime == kTablesAtATime - 1) {
        lock.unlock();
        while (is_publisher_waiting_) std::this_thread::yield();
        lock.lock();
        if (structure_version_ != version) break;
      }
      parts.push_back({rows_.view(id), manifest_.view(id)});
      parts.back().tail.limit = moment.sequence;
    }
    if (parts.size() == tables.size()) break;
  }
  return result;
}

std::unique_ptr<Snapshot> State::snapshot(std::span<const catalog::TableId> tables) const {
  auto result = std::make_unique<SnapshotImpl>();
  auto [moment, parts] = collect([&] { return tables; });
  result->catalog_ = std::move(moment.catalog);
  result->sequence_ = moment.sequence;
  result->tables_.reserve(tables.size());
  for (size_t i = 0; i < tables.size(); ++i) {
    auto table = result->catalog_->find_table(tables[i]);
    if (!table) continue;
    result->tables_.emplace(
        tables[i], std::make_shared<TableSnapshotImpl>(std::move(table), std::move(parts[i].tail),
                                                       std::move(parts[i].extents), cache_));
  }
  return result;
}

std::pair<std::shared_ptr<const catalog::Table>, rowstore::TailView> State::tail(
    catalog::TableId table) const {
  std::lock_guard lock(rows_.mutex());
  return {catalog_->find_table(table), rows_.view(table)};
}

std::vector<std::pair<uint64_t, catalog::TableId>> State::tail_sizes() const {
  std::lock_guard lock(rows_.mutex());
  return rows_.sizes();
}

WholeState State::whole() const {
  WholeState whole;
  std::vector<catalog::TableId> tables;
  auto [moment, parts] = collect([&]() -> std::span<const catalog::TableId> {
    tables.clear();
    whole.extents.clear();
    whole.offsets = offsets_.all();
    rows_.append_tables(tables);
    manifest_.for_each(
        [&](catalog::TableId id, const auto& list) { whole.extents.emplace_back(id, list); });
    return tables;
  });
  whole.sequence = moment.sequence;
  whole.time = moment.time;
  whole.logged_bytes = moment.logged_bytes;
  whole.catalog = std::move(moment.catalog);
  whole.tails.reserve(tables.size());
  for (size_t i = 0; i < tables.size(); ++i) {
    whole.tails.emplace_back(tables[i], std::move(parts[i].tail));
  }
  std::sort(whole.tails.begin(), whole.tails.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
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
  statistics.cache_bytes = cache_.bytes();
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
