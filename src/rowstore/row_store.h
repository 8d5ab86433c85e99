#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "rowstore/chunk.h"
#include "rowstore/run.h"
#include "types/chunk_view.h"

namespace rivulet::rowstore {

// A table's tail at one moment: whoever holds it keeps its chunks and the files of its runs. Cheap to copy.
struct TailView {
  std::shared_ptr<const RunList> runs;      // before the chunks; may be null
  std::shared_ptr<const ChunkList> closed;  // may be null
  std::shared_ptr<const Chunk> open;        // may be null
  uint32_t open_rows = 0;
  Sequence limit = UINT64_MAX;  // later rows of the chunks do not count

  bool has_chunks() const { return closed || open; }
  bool empty() const { return !runs && !has_chunks(); }
};

// The chunks of a TailView as views, and what those refer to. The runs are not among them.
class ChunkViews {
 public:
  explicit ChunkViews(const TailView& tail);
  ChunkViews(const ChunkViews&) = delete;
  ChunkViews& operator=(const ChunkViews&) = delete;

  const std::vector<ChunkView>& views() const { return views_; }

 private:
  TailView tail_;
  std::vector<ChunkView> views_;
  std::vector<ColumnView> open_columns_;
  std::vector<uint64_t> open_validity_;
};

// At what size a tail is worth sealing at once, and from what number of rows on when it is old enough.
struct SealThresholds {
  uint64_t rows = UINT64_MAX;
  uint64_t bytes = UINT64_MAX;
  uint64_t aging_rows = UINT64_MAX;
};

enum class Ripeness : uint8_t { kUnripe, kAging, kRipe };

// How much a tail is worth sealing.
struct TailEvent {
  catalog::TableId table = 0;
  Ripeness ripeness = Ripeness::kUnripe;
  Ticks oldest = 0;  // ingestion time of its first row
};

// The tails of all tables. A table without recent rows takes nothing.
//
// One thread, the committer, changes it: append, cut and clear prepare a change that no reader sees, and
// publish() makes all that was prepared visible. mutex() orders readers against publish(): whoever holds it
// sees all of a publication or nothing, and the store publishes the catalog and the manifest under it too.
class RowStore {
 public:
  explicit RowStore(const SealThresholds& thresholds = {}) : thresholds_(thresholds) {}

  std::mutex& mutex() const { return mutex_; }

  // Appends rows to the tail of the table. `table` is the newest definition: columns that it does not have
  // are ignored, columns that are not given are null.
  void append(const catalog::Table& table, std::span<const uint32_t> column_ids,
              std::span<const ColumnView> columns, size_t row_count, Ticks time, Sequence sequence);
  // The runs of a table that has no rows yet, as a checkpoint holds them.
  void restore(catalog::TableId table, RunList runs);
  // Puts runs in the place of the chunks' rows up to and including a sequence. Does nothing when the chunks do
  // not begin with the rows of the runs any more.
  void spill(catalog::TableId table, RunList runs, Sequence up_to);
  // Puts runs in the place of others. Does nothing when the tail does not have those any more.
  void replace_runs(catalog::TableId table, std::span<const Run> replaced, RunList runs);
  // Removes rows of the sequences from `first` to `last`. Reads a run that begins before them, or ends after them, and
  // throws as read_run() does.
  void cut(catalog::TableId table, Sequence first, Sequence last);
  // Whether the tail has a row of sequence `first`, and such a cut would not have to read.
  bool can_cut(catalog::TableId table, Sequence first, Sequence last) const;
  // Removes all rows.
  void clear(catalog::TableId table);
  // Sequence of the first row of the tail, with what is prepared; 0 when it is empty.
  Sequence first_sequence(catalog::TableId table) const;
  // What all chunks take, as published: for the committer, without mutex().
  uint64_t published_bytes() const { return total_bytes_; }

  // Makes visible what was prepared. The caller holds mutex(). Memory that nobody uses any more is put
  // into `garbage`, to be freed after the mutex. Tails that have grown past a threshold are added to `events`: once
  // for each threshold until they are cut.
  void publish(std::vector<TailView>& garbage, std::vector<TailEvent>& events);

  // What is published. The caller holds mutex().
  TailView view(catalog::TableId table) const;
  // Nothing when the table has no rows.
  std::optional<TailEvent> ripeness(catalog::TableId table) const;
  // Tables with a tail. The caller holds mutex(), as for what follows.
  void append_tables(std::vector<catalog::TableId>& tables) const;
  // Tables with a tail, and what each takes in memory and in row files.
  std::vector<std::pair<uint64_t, catalog::TableId>> sizes() const;
  uint64_t total_rows() const { return total_rows_; }
  uint64_t total_bytes() const { return total_bytes_; }

 private:
  // The published state, guarded by mutex_, and the prepared one, the committer's.
  struct Tail {
    TailView published;
    uint64_t published_rows = 0, published_bytes = 0;

    std::shared_ptr<const RunList> runs;
    std::shared_ptr<const ChunkList> closed;
    ChunkList newly_closed;
    std::shared_ptr<Chunk> open;
    uint64_t run_rows = 0, run_bytes = 0;
    uint64_t closed_rows = 0, closed_bytes = 0;
    bool is_touched = false, is_cut = false;
    Ripeness ripeness = Ripeness::kUnripe;  // as published

    uint64_t rows() const { return run_rows + closed_rows + (open ? open->rows() : 0); }
    uint64_t bytes() const { return closed_bytes + (open ? open->memory_bytes() : 0); }
    const Chunk* first_chunk() const;
    Ticks first_time() const;
    void set_runs(RunList list);
  };

  void close_open(Tail& tail);
  Tail& make(catalog::TableId table);
  static void cut_runs(catalog::TableId table, Tail& tail, Sequence first, Sequence last);
  static void cut_chunks(Tail& tail, Sequence first, Sequence last);
  Tail* find(catalog::TableId table) const;
  void touch(catalog::TableId id, Tail& tail);

  const SealThresholds thresholds_;
  mutable std::mutex mutex_;
  // Changed by the committer under mutex_, so that it may read without.
  std::unordered_map<catalog::TableId, std::unique_ptr<Tail>> tails_;
  uint64_t total_rows_ = 0, total_bytes_ = 0;  // guarded by mutex_
  std::vector<std::pair<catalog::TableId, Tail*>> touched_;
  std::vector<int> layout_index_;
};

}  // namespace rivulet::rowstore
