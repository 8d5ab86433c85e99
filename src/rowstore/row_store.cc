#include "rowstore/row_store.h"

#include <algorithm>
#include <cassert>

namespace rivulet::rowstore {
namespace {

// Small tables stay small: four rows at first, then half as much again.
uint32_t grown_capacity(uint32_t capacity, size_t needed) {
  size_t next = std::max<size_t>(needed, capacity + std::max(capacity / 2, 4u));
  return static_cast<uint32_t>(std::min<size_t>((next + 3) / 4 * 4, Chunk::kMaxRows));
}

}  // namespace

ChunkViews::ChunkViews(const TailView& tail) : tail_(tail) {
  if (tail_.closed) {
    views_.reserve(tail_.closed->size() + 1);
    for (const auto& chunk : *tail_.closed) views_.push_back(chunk->closed_view());
  }
  if (tail_.open && tail_.open_rows > 0) {
    views_.push_back(tail_.open->open_view(tail_.open_rows, open_columns_, open_validity_));
  }
}

void RowStore::append(const catalog::Table& table, std::span<const uint32_t> column_ids,
                      std::span<const ColumnView> columns, size_t row_count, Ticks time,
                      Sequence sequence) {
  append_rows(table, column_ids, {{}, columns, nullptr, nullptr, time, sequence}, row_count);
}

void RowStore::restore(const catalog::Table& table, std::span<const uint32_t> column_ids,
                       std::span<const ColumnView> columns, size_t row_count, const void* times,
                       const void* sequences) {
  append_rows(table, column_ids, {{}, columns, times, sequences}, row_count);
}

void RowStore::append_rows(const catalog::Table& table, std::span<const uint32_t> column_ids,
                           SourceRows source, size_t row_count) {
  if (row_count == 0) return;
  Tail* tail = find(table.id);
  if (tail == nullptr) {
    auto made = std::make_unique<Tail>();
    tail = made.get();
    std::lock_guard lock(mutex_);
    tails_.emplace(table.id, std::move(made));
  }
  touch(table.id, *tail);

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

void RowStore::cut(catalog::TableId table, Sequence up_to) {
  Tail* tail = find(table);
  if (tail == nullptr) return;
  touch(table, *tail);
  tail->reported = Ripeness::kUnripe;
  ChunkList chunks;
  if (tail->closed) chunks = *tail->closed;
  chunks.insert(chunks.end(), tail->newly_closed.begin(), tail->newly_closed.end());

  auto limit = static_cast<int64_t>(up_to);
  auto first_kept = [limit](const Chunk& chunk) {
    return static_cast<uint32_t>(
        std::upper_bound(chunk.sequences(), chunk.sequences() + chunk.rows(), limit) -
        chunk.sequences());
  };
  ChunkList kept;
  tail->closed_rows = tail->closed_bytes = 0;
  for (const auto& chunk : chunks) {
    uint32_t first = first_kept(*chunk);
    if (first == chunk->rows()) continue;
    std::shared_ptr<const Chunk> remaining = chunk;
    if (first > 0) {
      auto rest = chunk->copy(chunk->layout(), first, grown_capacity(0, chunk->rows() - first));
      rest->close();
      remaining = std::move(rest);
    }
    tail->closed_rows += remaining->rows();
    tail->closed_bytes += remaining->memory_bytes();
    kept.push_back(std::move(remaining));
  }
  if (tail->open) {
    uint32_t first = first_kept(*tail->open);
    if (first == tail->open->rows()) {
      tail->open = nullptr;
    } else if (first > 0) {
      tail->open = tail->open->copy(tail->open->layout(), first,
                                    grown_capacity(0, tail->open->rows() - first));
    }
  }
  tail->newly_closed.clear();
  tail->closed = kept.empty() ? nullptr : std::make_shared<ChunkList>(std::move(kept));
}

void RowStore::clear(catalog::TableId table) {
  Tail* tail = find(table);
  if (tail == nullptr) return;
  touch(table, *tail);
  tail->closed = nullptr;
  tail->newly_closed.clear();
  tail->open = nullptr;
  tail->closed_rows = tail->closed_bytes = 0;
}

const Chunk* RowStore::Tail::first() const {
  if (closed) return closed->front().get();
  if (!newly_closed.empty()) return newly_closed.front().get();
  return open.get();
}

Sequence RowStore::first_sequence(catalog::TableId table) const {
  const Tail* tail = find(table);
  const Chunk* first = tail == nullptr ? nullptr : tail->first();
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
    if (tail->published.closed != tail->closed || tail->published.open != tail->open) {
      garbage.push_back(std::move(tail->published));
      tail->published.closed = tail->closed;
      tail->published.open = tail->open;
    }
    tail->published.open_rows = tail->open ? tail->open->rows() : 0;
    Ripeness ripeness = rows >= thresholds_.rows || bytes >= thresholds_.bytes ? Ripeness::kRipe
                        : rows >= thresholds_.aging_rows                       ? Ripeness::kAging
                                                                               : Ripeness::kUnripe;
    if (ripeness > tail->reported) events.push_back({id, ripeness, tail->first()->times()[0]});
    tail->reported = ripeness;
    if (rows == 0) tails_.erase(id);
  }
  touched_.clear();
}

TailView RowStore::view(catalog::TableId table) const {
  const Tail* tail = find(table);
  return tail == nullptr ? TailView() : tail->published;
}

void RowStore::for_each(const Visit& visit) const {
  for (const auto& [id, tail] : tails_) {
    if (!tail->published.empty()) visit(id, tail->published, tail->published_bytes);
  }
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
