#include "rowstore/row_store.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rivulet::rowstore {
namespace {

// Small tables stay small: four rows at first, then half as much again.
uint32_t grown_capacity(uint32_t capacity, size_t needed) {
  size_t next = std::max<size_t>(needed, capacity + std::max(capacity / 2, 4u));
  return static_cast<uint32_t>(std::min<size_t>((next + 3) / 4 * 4, Chunk::kMaxRows));
}

// How many of the first `rows` rows of a chunk have a sequence up to `limit`.
uint32_t rows_up_to(const Chunk& chunk, uint32_t rows, Sequence limit) {
  const int64_t* first = chunk.sequences();
  if (rows == 0 || static_cast<Sequence>(first[rows - 1]) <= limit) return rows;
  return static_cast<uint32_t>(std::upper_bound(first, first + rows, static_cast<int64_t>(limit)) -
                               first);
}

}  // namespace

ChunkViews::ChunkViews(const TailView& tail) : tail_(tail) {
  if (tail_.closed) {
    views_.reserve(tail_.closed->size() + 1);
    for (const auto& chunk : *tail_.closed) {
      ChunkView view = chunk->closed_view();
      view.row_count = rows_up_to(*chunk, view.row_count, tail_.limit);
      if (view.row_count > 0) views_.push_back(view);
    }
  }
  if (!tail_.open) return;
  uint32_t rows = rows_up_to(*tail_.open, tail_.open_rows, tail_.limit);
  if (rows > 0) views_.push_back(tail_.open->open_view(rows, open_columns_, open_validity_));
}

RowStore::Tail& RowStore::make(catalog::TableId table) {
  Tail* tail = find(table);
  if (tail == nullptr) {
    auto made = std::make_unique<Tail>();
    tail = made.get();
    std::lock_guard lock(mutex_);
    tails_.emplace(table, std::move(made));
  }
  touch(table, *tail);
  return *tail;
}

void RowStore::restore(catalog::TableId table, RunList runs) {
  make(table).set_runs(std::move(runs));
}

void RowStore::append(const catalog::Table& table, std::span<const uint32_t> column_ids,
                      std::span<const ColumnView> columns, size_t row_count, Ticks time,
                      Sequence sequence) {
  if (row_count == 0) return;
  SourceRows source{{}, columns, nullptr, nullptr, time, sequence};
  Tail* tail = &make(table.id);

  std::shared_ptr<const ChunkLayout> layout = tail->open ? tail->open->layout() : nullptr;
  if (!layout && tail->closed) layout = tail->closed->back()->layout();
  auto has_column = [&](uint32_t id) {
    return std::any_of(table.columns.begin(), table.columns.end(),
                       [id](const catalog::ColumnDef& column) { return column.id == id; });
  };
  // Twice at most: a column that the layout lacks and the table has makes a new layout.
  for (bool is_new = false; !layout || !is_new;) {
    if (!layout) {
      layout = std::make_shared<ChunkLayout>(table);
      is_new = true;
    }
    layout_index_.assign(column_ids.size(), -1);
    bool is_complete = true;
    for (size_t i = 0; i < column_ids.size(); ++i) {
      layout_index_[i] = layout->find(column_ids[i], i);
      if (layout_index_[i] < 0 && has_column(column_ids[i])) is_complete = false;
    }
    if (is_complete) break;
    if (!is_new) layout = nullptr;
  }
  source.layout_index = layout_index_;
  if (tail->open && tail->open->layout() != layout) {
    tail->open = tail->open->copy(layout, 0, tail->open->capacity());
  }

  for (size_t done = 0; done < row_count;) {
    if (!tail->open) {
      tail->open = std::make_shared<Chunk>(layout, grown_capacity(0, row_count - done));
    }
    uint32_t rows = tail->open->rows();
    auto count = static_cast<uint32_t>(std::min<size_t>(row_count - done, Chunk::kMaxRows - rows));
    if (rows + count > tail->open->capacity()) {
      tail->open =
          tail->open->copy(layout, 0, grown_capacity(tail->open->capacity(), rows + count));
    }
    tail->open->append(source, done, count);
    done += count;
    if (tail->open->rows() == Chunk::kMaxRows) close_open(*tail);
  }
}

void RowStore::close_open(Tail& tail) {
  tail.open->close();
  tail.closed_rows += tail.open->rows();
  tail.closed_bytes += tail.open->memory_bytes();
  tail.newly_closed.push_back(std::move(tail.open));
}

void RowStore::Tail::set_runs(RunList list) {
  run_rows = run_bytes = 0;
  for (const Run& run : list) {
    run_rows += run.live_rows();
    run_bytes += run.value_bytes;
  }
  runs = list.empty() ? nullptr : std::make_shared<const RunList>(std::move(list));
}

void RowStore::spill(catalog::TableId table, RunList runs, Sequence up_to) {
  Tail* tail = find(table);
  const Chunk* first = tail == nullptr ? nullptr : tail->first_chunk();
  if (first == nullptr || first->rows() == 0 ||
      static_cast<Sequence>(first->sequences()[0]) != runs.front().first_sequence) {
    return;
  }
  touch(table, *tail);
  cut_chunks(*tail, 0, up_to);
  RunList all;
  all.reserve((tail->runs ? tail->runs->size() : 0) + runs.size());
  if (tail->runs) all = *tail->runs;
  std::move(runs.begin(), runs.end(), std::back_inserter(all));
  tail->set_runs(std::move(all));
}

void RowStore::replace_runs(catalog::TableId table, std::span<const Run> replaced, RunList runs) {
  Tail* tail = find(table);
  if (tail == nullptr || !tail->runs) return;
  std::optional<RunList> list = replaced_runs(*tail->runs, replaced, std::move(runs));
  if (!list) return;
  touch(table, *tail);
  tail->set_runs(std::move(*list));
}

void RowStore::cut(catalog::TableId table, Sequence first, Sequence last) {
  Tail* tail = find(table);
  if (tail == nullptr) return;
  touch(table, *tail);
  tail->is_cut = true;
  cut_runs(table, *tail, first, last);
  cut_chunks(*tail, first, last);
}

bool RowStore::can_cut(catalog::TableId table, Sequence first, Sequence last) const {
  const Tail* tail = find(table);
  if (tail == nullptr) return false;
  bool is_there = false;
  if (tail->runs) {
    for (const Run& run : *tail->runs) {
      bool begins_inside = run.first_sequence < first && first <= run.last_sequence;
      bool ends_inside = run.first_sequence <= last && last < run.last_sequence;
      if (begins_inside || ends_inside) return false;
      is_there |= run.first_sequence == first;
    }
  }
  auto has_first = [first](const std::shared_ptr<const Chunk>& chunk) {
    const int64_t* sequences = chunk->sequences();
    return std::binary_search(sequences, sequences + chunk->rows(), static_cast<int64_t>(first));
  };
  return is_there || (tail->closed && std::ranges::any_of(*tail->closed, has_first)) ||
         std::ranges::any_of(tail->newly_closed, has_first) ||
         (tail->open && has_first(tail->open));
}

void RowStore::cut_runs(catalog::TableId table, Tail& tail, Sequence first, Sequence last) {
  if (!tail.runs || tail.runs->front().first_sequence > last) return;
  RunList kept;
  for (const Run& run : *tail.runs) {
    if (run.last_sequence < first || run.first_sequence > last) {
      kept.push_back(run);
      continue;
    }
    if (run.first_sequence >= first && run.last_sequence <= last) continue;
    std::vector<Sequence> sequences;
    for (const auto& chunk : read_run(table, run)) {
      sequences.insert(sequences.end(), chunk->sequences(), chunk->sequences() + chunk->rows());
    }
    auto from = std::ranges::lower_bound(sequences, first);
    auto to = std::ranges::upper_bound(sequences, last);
    if (from != sequences.begin()) {
      Run& before = kept.emplace_back(run);
      before.rows = run.skipped + static_cast<uint32_t>(from - sequences.begin());
      before.last_sequence = *std::prev(from);
    }
    if (to != sequences.end()) {
      Run& behind = kept.emplace_back(run);
      behind.skipped += static_cast<uint32_t>(to - sequences.begin());
      behind.first_sequence = *to;
    }
  }
  tail.set_runs(std::move(kept));
}

void RowStore::cut_chunks(Tail& tail, Sequence first, Sequence last) {
  ChunkList chunks;
  if (tail.closed) chunks = *tail.closed;
  chunks.insert(chunks.end(), tail.newly_closed.begin(), tail.newly_closed.end());

  ChunkList kept;
  tail.closed_rows = tail.closed_bytes = 0;
  auto keep = [&](std::shared_ptr<const Chunk> chunk) {
    tail.closed_rows += chunk->rows();
    tail.closed_bytes += chunk->memory_bytes();
    kept.push_back(std::move(chunk));
  };
  // Rows that go begin with this one, and end before that one.
  auto bounds = [&](const Chunk& chunk) {
    uint32_t begin = first == 0 ? 0 : rows_up_to(chunk, chunk.rows(), first - 1);
    return std::pair(begin, std::max(begin, rows_up_to(chunk, chunk.rows(), last)));
  };
  auto keep_before = [&](const Chunk& chunk, uint32_t begin) {
    ChunkView rows{chunk.rows(), chunk.layout()->column_ids, chunk.columns(), chunk.times(),
                   chunk.sequences()};
    keep(copy_rows(rows, 0, begin));
  };
  for (const auto& chunk : chunks) {
    auto [begin, end] = bounds(*chunk);
    if (begin == end) {
      keep(chunk);
      continue;
    }
    if (begin > 0) keep_before(*chunk, begin);
    if (end == chunk->rows()) continue;
    auto rest = chunk->copy(chunk->layout(), end, grown_capacity(0, chunk->rows() - end));
    rest->close();
    keep(std::move(rest));
  }
  if (tail.open) {
    auto [begin, end] = bounds(*tail.open);
    if (begin < end && begin > 0) keep_before(*tail.open, begin);
    if (begin < end && end == tail.open->rows()) {
      tail.open = nullptr;
    } else if (begin < end) {
      tail.open =
          tail.open->copy(tail.open->layout(), end, grown_capacity(0, tail.open->rows() - end));
    }
  }
  tail.newly_closed.clear();
  tail.closed = kept.empty() ? nullptr : std::make_shared<ChunkList>(std::move(kept));
}

void RowStore::clear(catalog::TableId table) {
  Tail* tail = find(table);
  if (tail == nullptr) return;
  touch(table, *tail);
  tail->set_runs({});
  tail->closed = nullptr;
  tail->newly_closed.clear();
  tail->open = nullptr;
  tail->closed_rows = tail->closed_bytes = 0;
}

const Chunk* RowStore::Tail::first_chunk() const {
  if (closed) return closed->front().get();
  if (!newly_closed.empty()) return newly_closed.front().get();
  return open.get();
}

Ticks RowStore::Tail::first_time() const {
  return runs ? runs->front().min_time : first_chunk()->times()[0];
}

Sequence RowStore::first_sequence(catalog::TableId table) const {
  const Tail* tail = find(table);
  if (tail == nullptr) return 0;
  if (tail->runs) return tail->runs->front().first_sequence;
  const Chunk* first = tail->first_chunk();
  if (first == nullptr || first->rows() == 0) return 0;
  return static_cast<Sequence>(first->sequences()[0]);
}

void RowStore::publish(std::vector<TailView>& garbage, std::vector<TailEvent>& events) {
  for (auto& [id, tail] : touched_) {
    tail->is_touched = false;
    if (!tail->newly_closed.empty()) {
      auto list = std::make_shared<ChunkList>();
      if (tail->closed) {
        list->reserve(tail->closed->size() + tail->newly_closed.size());
        *list = *tail->closed;
      }
      list->insert(list->end(), tail->newly_closed.begin(), tail->newly_closed.end());
      tail->closed = std::move(list);
      tail->newly_closed.clear();
    }
    uint64_t rows = tail->rows(), bytes = tail->bytes();
    total_rows_ += rows - tail->published_rows;
    total_bytes_ += bytes - tail->published_bytes;
    tail->published_rows = rows;
    tail->published_bytes = bytes;
    if (tail->published.closed != tail->closed || tail->published.open != tail->open ||
        tail->published.runs != tail->runs) {
      garbage.push_back(std::move(tail->published));
      tail->published.runs = tail->runs;
      tail->published.closed = tail->closed;
      tail->published.open = tail->open;
    }
    tail->published.open_rows = tail->open ? tail->open->rows() : 0;
    Ripeness ripeness = rows >= thresholds_.rows || bytes + tail->run_bytes >= thresholds_.bytes
                            ? Ripeness::kRipe
                        : rows >= thresholds_.aging_rows ? Ripeness::kAging
                                                         : Ripeness::kUnripe;
    Ripeness before = std::exchange(tail->is_cut, false) ? Ripeness::kUnripe : tail->ripeness;
    if (ripeness > before) events.push_back({id, ripeness, tail->first_time()});
    tail->ripeness = ripeness;
    if (rows == 0) tails_.erase(id);
  }
  touched_.clear();
}

TailView RowStore::view(catalog::TableId table) const {
  const Tail* tail = find(table);
  return tail == nullptr ? TailView() : tail->published;
}

std::optional<TailEvent> RowStore::ripeness(catalog::TableId table) const {
  const Tail* tail = find(table);
  if (tail == nullptr || tail->published.empty()) return std::nullopt;
  const TailView& view = tail->published;
  Ticks oldest = view.runs     ? view.runs->front().min_time
                 : view.closed ? view.closed->front()->times()[0]
                               : view.open->times()[0];
  return TailEvent{table, tail->ripeness, oldest};
}

void RowStore::append_tables(std::vector<catalog::TableId>& tables) const {
  tables.reserve(tables.size() + tails_.size());
  for (const auto& [id, tail] : tails_) {
    if (!tail->published.empty()) tables.push_back(id);
  }
}

std::vector<std::pair<uint64_t, catalog::TableId>> RowStore::sizes() const {
  std::vector<std::pair<uint64_t, catalog::TableId>> sizes;
  sizes.reserve(tails_.size());
  for (const auto& [id, tail] : tails_) {
    uint64_t bytes = tail->published_bytes;
    if (tail->published.runs) {
      for (const Run& run : *tail->published.runs) bytes += run.length;
    }
    if (!tail->published.empty()) sizes.emplace_back(bytes, id);
  }
  return sizes;
}

RowStore::Tail* RowStore::find(catalog::TableId table) const {
  auto found = tails_.find(table);
  return found == tails_.end() ? nullptr : found->second.get();
}

void RowStore::touch(catalog::TableId id, Tail& tail) {
  if (tail.is_touched) return;
  tail.is_touched = true;
  touched_.emplace_back(id, &tail);
}

}  // namespace rivulet::rowstore
