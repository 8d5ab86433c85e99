#include "store/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include "common/binary.h"
#include "common/error.h"

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

// The version of a record's form.
constexpr uint8_t kRecordVersion = 2;

}  // namespace

State::State(extents::ExtentFiles& extent_files, rowstore::RowFiles& row_files,
             const rowstore::SealThresholds& thresholds, uint64_t cache_bytes,
             Ticks idempotency_window, size_t idempotency_keys)
    : keys_(idempotency_window, idempotency_keys),
      tails_(catalog_, row_files, thresholds),
      manifest_(catalog_, tails_, clock_, extent_files),
      cache_(cache_bytes) {
  add(keys_);
  add(catalog_);
  add(clock_);
  add(manifest_);
  add(progress_);
  add(tails_);
}

void State::add(Part& part) {
  parts_.push_back(&part);
  for (ItemKind kind : part.item_kinds()) {
    Part*& place = part_of_item_[static_cast<uint8_t>(kind)];
    assert(place == nullptr);
    place = &part;
  }
  for (rowstore::BlockKind kind : part.block_kinds()) {
    [[maybe_unused]] bool is_new = part_of_block_.emplace(kind, &part).second;
    assert(is_new);
  }
}

void State::encode(const Transaction& transaction, BodyWriter& body) const {
  for (const Part* part : parts_) part->encode(transaction, body);
  for (const PartItem& item : transaction.items) {
    if (item.kind < kFirstPartItem || part_of_item_[static_cast<uint8_t>(item.kind)] == nullptr) {
      throw internal_error("A transaction has an item of an unknown kind");
    }
    put_kind(body.bytes(), item.kind);
    ByteWriter(body.bytes()).string(item.content);
    body.end_item();
  }
}

void State::begin_group() {
  for (Part* part : parts_) part->begin_group();
}

void State::check(const Turn& turn) {
  for (Part* part : parts_) part->check(turn);
}

void State::stage(const Turn& turn, std::string& record) {
  ByteWriter writer(record);
  writer.byte(kRecordVersion);
  writer.fixed(turn.time);
  for (Part* part : parts_) part->stage(turn, record);
}

void State::apply(Sequence sequence, std::span<const std::string_view> record) {
  RecordPlace place{sequence, 0};
  bool is_begun = false;
  for (std::string_view piece : record) {
    ByteReader reader(piece);
    if (!std::exchange(is_begun, true)) {
      if (reader.byte() != kRecordVersion) {
        throw std::runtime_error("a transaction is of an unknown version");
      }
      place.time = reader.fixed<Ticks>();
      clock_.begin_record(place);
    }
    while (!reader.at_end()) {
      uint8_t kind = reader.byte();
      Part* part = part_of_item_[kind];
      if (part == nullptr) {
        throw std::runtime_error("a transaction has an item of an unknown kind");
      }
      part->apply(ItemKind{kind}, reader, place);
    }
  }
}

void State::load(rowstore::BlockKind kind, std::string_view content) {
  auto part = part_of_block_.find(kind);
  if (part == part_of_block_.end()) throw std::runtime_error("a block is of an unknown kind");
  part->second->load(kind, content);
}

void State::spill(catalog::TableId table, rowstore::RunList runs, Sequence up_to) {
  tails_.spill(table, std::move(runs), up_to);
}

void State::replace_runs(catalog::TableId table, std::span<const rowstore::Run> replaced,
                         rowstore::RunList runs) {
  tails_.replace_runs(table, replaced, std::move(runs));
}

uint64_t State::publish(Sequence sequence, uint64_t newly_logged_bytes,
                        std::vector<rowstore::TailEvent>& events) {
  uint64_t logged_bytes;
  {
    is_publisher_waiting_ = true;
    std::lock_guard lock(mutex());
    is_publisher_waiting_ = false;
    bool is_restructured = false;
    for (Part* part : parts_) is_restructured |= part->publish();
    if (is_restructured) ++structure_version_;
    sequence_ = sequence;
    time_ = clock_.newest_time();
    logged_bytes = logged_bytes_ += newly_logged_bytes;
  }
  for (Part* part : parts_) part->free_garbage();
  tails_.take_events(events);
  return logged_bytes;
}

std::shared_ptr<const catalog::Catalog> State::catalog() const {
  std::lock_guard lock(mutex());
  return catalog_.published();
}

Sequence State::sequence() const {
  std::lock_guard lock(mutex());
  return sequence_;
}

ClockSteps State::clock_steps() const {
  std::lock_guard lock(mutex());
  return clock_.published();
}

std::vector<Progress> State::progress(const Guid& owner) const {
  std::lock_guard lock(mutex());
  return progress_.published().of(owner);
}

std::vector<Progress> State::all_progress() const {
  std::lock_guard lock(mutex());
  return progress_.published().all();
}

State::Extents State::extents() const {
  Extents extents;
  std::lock_guard lock(mutex());
  manifest_.manifest().for_each(
      [&](catalog::TableId id, const auto& list) { extents.emplace_back(id, list); });
  return extents;
}

std::pair<State::Moment, std::vector<State::TableParts>> State::collect(
    const std::function<std::span<const catalog::TableId>()>& begin) const {
  constexpr size_t kTablesAtATime = 256;
  std::pair<Moment, std::vector<TableParts>> result;
  auto& [moment, parts] = result;
  // Once in slices; if something was cleared, cut or moved meanwhile, once under one lock.
  for (bool is_sliced : {true, false}) {
    std::unique_lock lock(mutex());
    moment = {sequence_, time_, logged_bytes_, catalog_.published()};
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
      parts.push_back({tails_.rows().view(id), manifest_.manifest().view(id)});
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
  std::lock_guard lock(mutex());
  return {catalog_.published()->find_table(table), tails_.rows().view(table)};
}

std::optional<rowstore::TailEvent> State::ripeness(catalog::TableId table) const {
  std::lock_guard lock(mutex());
  return tails_.rows().ripeness(table);
}

std::vector<std::pair<uint64_t, catalog::TableId>> State::tail_sizes() const {
  std::lock_guard lock(mutex());
  return tails_.rows().sizes();
}

WholeState State::whole() const {
  WholeState whole;
  std::vector<catalog::TableId> tables;
  auto [moment, parts] = collect([&]() -> std::span<const catalog::TableId> {
    tables.clear();
    whole.saves.clear();
    for (const Part* part : parts_) {
      if (Part::Save save = part->freeze(sequence_)) whole.saves.push_back(std::move(save));
    }
    tails_.rows().append_tables(tables);
    return tables;
  });
  whole.sequence = moment.sequence;
  whole.time = moment.time;
  whole.logged_bytes = moment.logged_bytes;
  whole.tails.reserve(tables.size());
  for (size_t i = 0; i < tables.size(); ++i) {
    whole.tails.emplace_back(tables[i], std::move(parts[i].tail));
  }
  std::sort(whole.tails.begin(), whole.tails.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return whole;
}

uint64_t State::logged_bytes() const {
  std::lock_guard lock(mutex());
  return logged_bytes_;
}

void State::fill(StoreStatistics& statistics) const {
  statistics.idempotency_keys = keys_.size();
  std::lock_guard lock(mutex());
  statistics.tail_rows = tails_.rows().total_rows();
  statistics.tail_bytes = tails_.rows().total_bytes();
  statistics.cache_bytes = cache_.bytes();
  const extents::Manifest& manifest = manifest_.manifest();
  statistics.extent_count = manifest.extent_count();
  statistics.extent_rows = manifest.row_count();
  statistics.extent_bytes = manifest.size_bytes();
}

}  // namespace rivulet::store
