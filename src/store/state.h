#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "extents/extent_files.h"
#include "extents/manifest.h"
#include "rowstore/batch_codec.h"
#include "rowstore/row_store.h"
#include "rowstore/run_cache.h"
#include "store/idempotency_window.h"
#include "store/source_offsets.h"
#include "store/store.h"

namespace rivulet::store {

// Everything at one moment, for a checkpoint.
struct WholeState {
  Sequence sequence = 0;
  Ticks time = 0;
  uint64_t logged_bytes = 0;
  std::string keys;  // IdempotencyWindow::encode
  std::vector<SourceOffset> offsets;
  std::shared_ptr<const catalog::Catalog> catalog;
  std::vector<std::pair<catalog::TableId, rowstore::TailView>> tails;  // by table id
  std::vector<std::pair<catalog::TableId, std::shared_ptr<const extents::ExtentList>>> extents;
};

// Everything that the log's records fold into: the catalog, the tails, the manifest of extents. Recovery
// and then the committer change it, one record after the other, and publish; readers take snapshots of what
// is published.
class State {
 public:
  // `cache_bytes` limits the memory of runs that were read.
  State(extents::ExtentFiles& extent_files, const rowstore::SealThresholds& thresholds,
        uint64_t cache_bytes, Ticks idempotency_window = 0, size_t idempotency_keys = 0);

  // ---- The writer: recovery, then the committer.

  // The newest catalog, with what is not published yet.
  const std::shared_ptr<const catalog::Catalog>& newest_catalog() const { return newest_catalog_; }
  // A table of newest_catalog(); null when there is none. Much faster than the catalog, among very many.
  const catalog::Table* find_table(catalog::TableId id) const {
    auto found = tables_.find(id);
    return found == tables_.end() ? nullptr : found->second.get();
  }
  // Time of the newest transaction.
  Ticks newest_time() const { return newest_time_; }
  void set_newest_time(Ticks time) { newest_time_ = time; }
  // One catalog change; `after` is the catalog that it makes.
  void change(const catalog::Change& change, std::shared_ptr<const catalog::Catalog> after);
  void clear(catalog::TableId table);
  void append(const Append& append, Ticks time, Sequence sequence);
  // Whether what is to go is there, as published.
  bool is_current(const Replace& replace) const;
  void replace(const Replace& replace);
  // Whether the table has no rows, as published.
  bool is_empty(catalog::TableId table) const;
  // Whether a published extent of the table has one of the tags.
  bool has_tag(catalog::TableId table, std::span<const std::string> tags) const;
  // The keys of transactions; changed by the writer only.
  IdempotencyWindow& keys() { return keys_; }
  const IdempotencyWindow& keys() const { return keys_; }
  // Whether a data connection of newest_catalog() has this guid.
  bool has_connection(const Guid& guid) const { return connections_.contains(guid); }
  // What is published for a partition, -1 when that is nothing.
  int64_t source_offset(const SourceOffset& partition) const {
    return offsets_.find(partition).value_or(-1);
  }
  void set_offset(const SourceOffset& offset);
  // What a checkpoint did to the tail of a table: no reader sees a difference. See rowstore::RowStore.
  void spill(catalog::TableId table, rowstore::RunList runs, Sequence up_to);
  void replace_runs(catalog::TableId table, std::span<const rowstore::Run> replaced,
                    rowstore::RunList runs);
  // What the log and a checkpoint give back. They throw std::runtime_error when it cannot be carried out.
  void replay(Sequence sequence, std::string_view payload);
  void restore_changes(std::string_view content);
  void restore_extents(std::string_view content);
  void restore_keys(std::string_view content) { keys_.restore(content); }
  void restore_offsets(std::string_view content);
  void restore_runs(catalog::TableId table, rowstore::RunList runs);
  // Memory of all chunks.
  uint64_t tail_bytes() const { return rows_.published_bytes(); }
  // Makes all of that visible at once: everything up to `sequence`. Tails that got worth sealing are added to
  // `events`. Returns logged_bytes().
  uint64_t publish(Sequence sequence, uint64_t newly_logged_bytes,
                   std::vector<rowstore::TailEvent>& events);

  // ---- Readers, any thread.

  std::shared_ptr<const catalog::Catalog> catalog() const;
  std::unique_ptr<Snapshot> snapshot(std::span<const catalog::TableId> tables) const;
  Sequence sequence() const;
  std::vector<SourceOffset> source_offsets(const Guid& connection) const;
  // The definition of a table and its tail; nothing when the table does not exist.
  std::pair<std::shared_ptr<const catalog::Table>, rowstore::TailView> tail(
      catalog::TableId table) const;
  // Tables with a tail, and how many bytes each takes in memory and in row files.
  std::vector<std::pair<uint64_t, catalog::TableId>> tail_sizes() const;
  WholeState whole() const;
  // Bytes of records since the store was made, or the last checkpoint that it was opened with.
  uint64_t logged_bytes() const;
  void fill(StoreStatistics& statistics) const;

 private:
  const catalog::Table& existing_table(catalog::TableId table) const;
  // The offsets of a connection go with it.
  void drop_connection(const Guid& connection);

  // What is published, at one moment.
  struct Moment {
    Sequence sequence = 0;
    Ticks time = 0;
    uint64_t logged_bytes = 0;
    std::shared_ptr<const catalog::Catalog> catalog;
  };
  struct TableParts {
    rowstore::TailView tail;
    std::shared_ptr<const extents::ExtentList> extents;
  };
  // The parts of the tables that `begin` names, as they are at the moment when it is called. Both are taken
  // under the lock; it is let go now and then if there are many tables, since rows that come later are told by
  // their sequence.
  std::pair<Moment, std::vector<TableParts>> collect(
      const std::function<std::span<const catalog::TableId>()>& begin) const;

  extents::ExtentFiles& extent_files_;
  rowstore::RowStore rows_;
  mutable rowstore::RunCache cache_;
  extents::Manifest manifest_;
  IdempotencyWindow keys_;
  std::shared_ptr<const catalog::Catalog> newest_catalog_;
  std::unordered_map<catalog::TableId, std::shared_ptr<const catalog::Table>> tables_;
  std::set<Guid> connections_;
  // Not published yet: what was moved, and whose offsets went.
  SourceOffsets moved_offsets_;
  std::vector<Guid> dropped_connections_;
  Ticks newest_time_ = 0;
  rowstore::BatchDecoder decoder_;
  std::vector<ColumnView> columns_;
  std::vector<rowstore::TailView> old_tails_;
  std::vector<std::shared_ptr<const extents::ExtentList>> old_extents_;

  // Published, guarded by rows_.mutex(); the writer, which alone changes it, reads without.
  SourceOffsets offsets_;

  // Published, guarded by rows_.mutex().
  std::shared_ptr<const catalog::Catalog> catalog_;
  Sequence sequence_ = 0;
  Ticks time_ = 0;
  uint64_t logged_bytes_ = 0;
  uint64_t structure_version_ = 0;  // grows when something else than new rows is published

  bool is_restructured_ = false;  // the writer's: something else than new rows is prepared
  // A reader that takes the lock again and again lets the writer go first.
  mutable std::atomic<bool> is_publisher_waiting_ = false;
};

}  // namespace rivulet::store
