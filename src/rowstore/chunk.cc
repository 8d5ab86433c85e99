#include "rowstore/chunk.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <numeric>

namespace rivulet {}  // namespace rivulet

namespace rivulet::rowstore {
namespace {

constexpr size_t kAlignment = 16;

size_t aligned(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

size_t validity_words(size_t rows) {
  return (rows + 63) / 64;
}

// The committer is the only writer of a word, so a load and a store will do.
void clear_bit(uint64_t* words, size_t row) {
  std::atomic_ref<uint64_t> word(words[row / 64]);
  word.store(word.load(std::memory_order_relaxed) & ~(uint64_t{1} << (row % 64)),
             std::memory_order_relaxed);
}

bool is_all_valid(const uint64_t* words, size_t rows) {
  for (size_t i = 0; i < rows / 64; ++i) {
    if (words[i] != ~uint64_t{0}) return false;
  }
  uint64_t rest = (uint64_t{1} << (rows % 64)) - 1;
  return rows % 64 == 0 || (words[rows / 64] & rest) == rest;
}

StringRef load_text(const void* cells, size_t row) {
  StringRef cell;
  std::memcpy(static_cast<void*>(&cell), static_cast<const char*>(cells) + row * sizeof(StringRef),
              sizeof(cell));
  return cell;
}

}  // namespace

ChunkLayout::ChunkLayout(const catalog::Table& table) {
  column_ids.reserve(table.columns.size());
  types.reserve(table.columns.size());
  for (const catalog::ColumnDef& column : table.columns) {
    column_ids.push_back(column.id);
    types.push_back(column.type);
  }
}

ChunkLayout::ChunkLayout(std::span<const uint32_t> ids, std::span<const ColumnView> columns)
    : column_ids(ids.begin(), ids.end()) {
  types.reserve(columns.size());
  for (const ColumnView& column : columns) types.push_back(column.type);
}

int ChunkLayout::find(uint32_t column_id, size_t hint) const {
  size_t count = column_ids.size();
  for (size_t i = 0; i < count; ++i) {
    size_t index = (hint + i) % count;
    if (column_ids[index] == column_id) return static_cast<int>(index);
  }
  return -1;
}

Chunk::Chunk(std::shared_ptr<const ChunkLayout> layout, uint32_t capacity)
    : layout_(std::move(layout)), capacity_(capacity) {
  size_t word_bytes = validity_words(capacity) * sizeof(uint64_t);
  size_t column_count = layout_->types.size();
  size_t validity_start = 2 * aligned(capacity * sizeof(int64_t));
  for (ScalarType type : layout_->types) validity_start += aligned(capacity * cell_size(type));
  block_bytes_ = validity_start + column_count * word_bytes;
  block_.reset(static_cast<std::byte*>(std::malloc(block_bytes_)));
  if (!block_) throw std::bad_alloc();

  std::byte* next = block_.get();
  times_ = reinterpret_cast<int64_t*>(next);
  next += aligned(capacity * sizeof(int64_t));
  sequences_ = reinterpret_cast<int64_t*>(next);
  next += aligned(capacity * sizeof(int64_t));
  std::byte* validity = block_.get() + validity_start;
  std::memset(validity, 0xff, column_count * word_bytes);
  columns_.reserve(column_count);
  for (ScalarType type : layout_->types) {
    columns_.push_back({type, next, reinterpret_cast<uint64_t*>(validity)});
    next += aligned(capacity * cell_size(type));
    validity += word_bytes;
  }
}

size_t Chunk::memory_bytes() const {
  return sizeof(*this) + block_bytes_ + columns_.size() * sizeof(ColumnView) +
         closed_columns_.size() * sizeof(ColumnView) + (text_ ? text_->allocated_bytes() : 0);
}

void Chunk::append(const SourceRows& source, size_t first, uint32_t count) {
  if (source.times != nullptr) {
    size_t offset = first * sizeof(int64_t);
    std::memcpy(times_ + rows_, static_cast<const char*>(source.times) + offset,
                count * sizeof(int64_t));
    std::memcpy(sequences_ + rows_, static_cast<const char*>(source.sequences) + offset,
                count * sizeof(int64_t));
  } else {
    std::fill_n(times_ + rows_, count, source.time);
    std::fill_n(sequences_ + rows_, count, static_cast<int64_t>(source.sequence));
  }
  // Columns that the source does not have: null, or the empty string.
  size_t given = 0;
  for (int index : source.layout_index) given += index >= 0 ? 1 : 0;
  if (given < columns_.size()) {
    std::vector<bool> is_given(columns_.size());
    for (int index : source.layout_index) {
      if (index >= 0) is_given[static_cast<size_t>(index)] = true;
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (is_given[i]) continue;
      size_t width = cell_size(columns_[i].type);
      std::memset(static_cast<char*>(const_cast<void*>(columns_[i].cells)) + rows_ * width, 0,
                  count * width);
      if (columns_[i].type == ScalarType::kString) continue;
      auto* words = const_cast<uint64_t*>(columns_[i].validity);
      for (uint32_t row = rows_; row < rows_ + count; ++row) clear_bit(words, row);
    }
  }
  for (size_t i = 0; i < source.columns.size(); ++i) {
    if (source.layout_index[i] < 0) continue;
    const ColumnView& from = source.columns[i];
    const ColumnView& to = columns_[static_cast<size_t>(source.layout_index[i])];
    size_t width = cell_size(to.type);
    char* cells = static_cast<char*>(const_cast<void*>(to.cells)) + rows_ * width;
    if (!is_text(to.type)) {
      std::memcpy(cells, static_cast<const char*>(from.cells) + first * width, count * width);
    } else {
      size_t text_bytes = 0;
      for (size_t row = first; row < first + count; ++row) {
        uint32_t size = load_text(from.cells, row).size;
        if (size > StringRef::kInlineSize) text_bytes += size;
      }
      char* text = nullptr;
      if (text_bytes > 0) {
        if (!text_) text_ = std::make_shared<TextArena>();
        text = text_->allocate(text_bytes);
      }
      for (size_t row = first; row < first + count; ++row, cells += sizeof(StringRef)) {
        StringRef cell = load_text(from.cells, row);
        if (cell.size > StringRef::kInlineSize) {
          std::memcpy(text, cell.pointer.data, cell.size);
          cell.pointer.data = text;
          text += cell.size;
        }
        std::memcpy(cells, static_cast<const void*>(&cell), sizeof(cell));
      }
    }
    if (from.validity == nullptr || to.type == ScalarType::kString) continue;
    auto* words = const_cast<uint64_t*>(to.validity);
    for (uint32_t row = 0; row < count; ++row) {
      if (from.is_null(first + row)) clear_bit(words, rows_ + row);
    }
  }
  rows_ += count;
}

std::shared_ptr<Chunk> Chunk::copy(std::shared_ptr<const ChunkLayout> layout, uint32_t first,
                                   uint32_t capacity) const {
  auto result = std::make_shared<Chunk>(layout, capacity);
  uint32_t count = rows_ - first;
  if (first > 0) {
    std::vector<int> layout_index;
    for (size_t i = 0; i < layout_->column_ids.size(); ++i) {
      layout_index.push_back(layout->find(layout_->column_ids[i], i));
    }
    SourceRows source{layout_index, columns_, times_, sequences_};
    result->append(source, first, count);
    return result;
  }
  std::memcpy(result->times_, times_, count * sizeof(int64_t));
  std::memcpy(result->sequences_, sequences_, count * sizeof(int64_t));
  for (size_t i = 0; i < result->columns_.size(); ++i) {
    const ColumnView& to = result->columns_[i];
    size_t width = cell_size(to.type);
    int index = layout_->find(layout->column_ids[i], i);
    auto* words = const_cast<uint64_t*>(to.validity);
    if (index >= 0) {
      const ColumnView& from = columns_[static_cast<size_t>(index)];
      std::memcpy(const_cast<void*>(to.cells), from.cells, count * width);
      std::memcpy(words, from.validity, validity_words(count) * sizeof(uint64_t));
    } else {
      std::memset(const_cast<void*>(to.cells), 0, count * width);
      if (to.type == ScalarType::kString) continue;
      for (uint32_t row = 0; row < count; ++row) clear_bit(words, row);
    }
  }
  result->rows_ = count;
  result->text_ = text_;
  return result;
}

void Chunk::close() {
  closed_columns_ = columns_;
  for (ColumnView& column : closed_columns_) {
    if (is_all_valid(column.validity, rows_)) column.validity = nullptr;
  }
}

ChunkView Chunk::open_view(uint32_t rows, std::vector<ColumnView>& columns,
                           std::vector<uint64_t>& validity) const {
  columns.assign(columns_.begin(), columns_.end());
  size_t words = validity_words(rows);
  validity.resize(columns.size() * words);
  uint64_t* next = validity.data();
  for (ColumnView& column : columns) {
    for (size_t i = 0; i < words; ++i) {
      auto& word = const_cast<uint64_t&>(column.validity[i]);
      next[i] = std::atomic_ref<uint64_t>(word).load(std::memory_order_relaxed);
    }
    column.validity = is_all_valid(next, rows) ? nullptr : next;
    next += words;
  }
  return {rows, layout_->column_ids, columns, times_, sequences_};
}

std::shared_ptr<const Chunk> copy_rows(const ChunkView& rows, uint32_t first, uint32_t count) {
  auto copy =
      std::make_shared<Chunk>(std::make_shared<ChunkLayout>(rows.column_ids, rows.columns), count);
  std::vector<int> layout_index(rows.columns.size());
  std::iota(layout_index.begin(), layout_index.end(), 0);
  copy->append({layout_index, rows.columns, rows.ingestion_times, rows.sequences}, first, count);
  copy->close();
  return copy;
}

}  // namespace rivulet::rowstore
