#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "extents/extent_files.h"
#include "rowstore/row_files.h"
#include "rowstore/row_store.h"
#include "rowstore/run_cache.h"
#include "store/parts/catalog_part.h"
#include "store/parts/clock_part.h"
#include "store/parts/keys_part.h"
#include "store/parts/manifest_part.h"
#include "store/parts/part.h"
#include "store/parts/progress_part.h"
#include "store/parts/tails_part.h"
#include "store/store.h"

namespace rivulet::store {

// Everything at one moment, for a checkpoint.
struct WholeState {
  Sequence sequence = 0;
  Ticks time = 0;
  uint64_t logged_bytes = 0;
  TailsPart::Tails tails;
  // Of the other parts.
  std::vector<Part::Save> saves;
};

// Everything that the log's records fold into: the parts (parts/part.h), and what a reader sees of them at one moment.
// Recovery and then the committer change it, one record after the other, and publish; readers take snapshots of
// what is published.
class State {
 public:
  using Extents =
      std::vector<std::pair<catalog::TableId, std::shared_ptr<const extents::ExtentList>>>;

  // `cache_bytes` limits the memory of runs that were read.
  State(extents::ExtentFiles& extent_files, rowstore::RowFiles& row_files,
        const rowstore::SealThresholds& thresholds, uint64_t cache_bytes,
        Ticks idempotency_window = 0, size_t idempotency_keys = 0);

  // One more part, behind the others; before anything else is called. It must live as long as the state.
  void add(Part& part);

  // ---- A commit. What a function of Part says holds for all parts here.

  // Any thread. Throws what refuses the transaction.
  void encode(const Transaction& transaction, BodyWriter& body) const;
  void begin_group();
  void check(const Turn& turn);
  // Appends the beginning of the record and the items that go before those of encode().
  void stage(const Turn& turn, std::string& record);
  // The catalog as the transaction makes it that was checked last; and with what is staged.
  const std::shared_ptr<const catalog::Catalog>& checked_catalog() const {
    return catalog_.checked();
  }
  const std::shared_ptr<const catalog::Catalog>& staged_catalog() const {
    return catalog_.staged();
  }
  const KeysPart& keys() const { return keys_; }

  // ---- The writer: recovery, then the committer.

  // Carries out a record, which may be in pieces; no item lies in two of them. Throws std::runtime_error when it
  // cannot be carried out.
  void apply(Sequence sequence, std::span<const std::string_view> record);
  // A block of a base; throws std::runtime_error on damage.
  void load(rowstore::BlockKind kind, std::string_view content);
  void load_newest_time(Ticks time) { clock_.load_newest_time(time); }
  std::set<TailsPart::RowFilePtr> take_loaded_files() { return tails_.take_loaded_files(); }
  // What a checkpoint did to the tail of a table: no reader sees a difference. See rowstore::RowStore.
  void spill(catalog::TableId table, rowstore::RunList runs, Sequence up_to);
  void replace_runs(catalog::TableId table, std::span<const rowstore::Run> replaced,
                    rowstore::RunList runs);
  // The newest catalog, with what is not published yet.
  const std::shared_ptr<const catalog::Catalog>& newest_catalog() const {
    return catalog_.newest();
  }
  // Time of the newest transaction.
  Ticks newest_time() const { return clock_.newest_time(); }
  // Memory of all chunks.
  uint64_t tail_bytes() const { return tails_.rows().published_bytes(); }
  // Makes all that was applied visible at once: everything up to `sequence`. Tails that got worth sealing are added to
  // `events`. Returns logged_bytes().
  uint64_t publish(Sequence sequence, uint64_t newly_logged_bytes,
                   std::vector<rowstore::TailEvent>& events);

  // ---- Readers, any thread.

  std::shared_ptr<const catalog::Catalog> catalog() const;
  std::unique_ptr<Snapshot> snapshot(std::span<const catalog::TableId> tables) const;
  Sequence sequence() const;
  ClockSteps clock_steps() const;
  std::vector<Progress> progress(const Guid& owner) const;
  std::vector<Progress> all_progress() const;
  Extents extents() const;
  // The definition of a table and its tail; nothing when the table does not exist.
  std::pair<std::shared_ptr<const catalog::Table>, rowstore::TailView> tail(
      catalog::TableId table) const;
  std::optional<rowstore::TailEvent> ripeness(catalog::TableId table) const;
  // Tables with a tail, and how many bytes each takes in memory and in row files.
  std::vector<std::pair<uint64_t, catalog::TableId>> tail_sizes() const;
  WholeState whole() const;
  // Bytes of records since the store was made, or the last checkpoint that it was opened with.
  uint64_t logged_bytes() const;
  void fill(StoreStatistics& statistics) const;

 private:
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
  // The parts of the tables that `begin` names, as they are at the moment when it is called, which is sequence_. Both
  // are taken under the lock; it is let go now and then if there are many tables, since rows that come later are told
  // by their sequence.
  std::pair<Moment, std::vector<TableParts>> collect(
      const std::function<std::span<const catalog::TableId>()>& begin) const;
  std::mutex& mutex() const { return tails_.rows().mutex(); }

  // In the order in which they check a transaction, and their items stand in its record. What a part needs of others
  // comes before it.
  std::vector<Part*> parts_;
  KeysPart keys_;
  CatalogPart catalog_{parts_};
  ClockPart clock_{parts_};
  TailsPart tails_;
  ManifestPart manifest_;
  ProgressPart progress_{catalog_};
  std::array<Part*, 256> part_of_item_{};
  std::unordered_map<rowstore::BlockKind, Part*> part_of_block_;
  mutable rowstore::RunCache cache_;

  // Published, guarded by mutex(), as what the parts have published is.
  Sequence sequence_ = 0;
  Ticks time_ = 0;
  uint64_t logged_bytes_ = 0;
  uint64_t structure_version_ = 0;  // grows when something else than new rows is published

  // A reader that takes the lock again and again lets the writer go first.
  mutable std::atomic<bool> is_publisher_waiting_ = false;
};

}  // namespace rivulet::store
