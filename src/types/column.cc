#include "types/column.h"

#include <algorithm>
#include <new>

namespace rivulet {
namespace {

// The first block of an arena is small, since most tables are; each next one is twice as large.
constexpr size_t kFirstBlockBytes = 64;
constexpr size_t kLargestBlockBytes = 1 << 20;
constexpr size_t kFirstCellBytes = 64;

size_t validity_words(size_t rows) {
  return (rows + 63) / 64;
}

}  // namespace

std::string_view TextArena::store(std::string_view text) {
  if (text.empty()) return {};
  char* copy = allocate(text.size());
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

char* TextArena::allocate(size_t size) {
  if (size > left_) {
    size_t next_size =
        block_size_ == 0 ? kFirstBlockBytes : std::min(2 * block_size_, kLargestBlockBytes);
    // A large text gets a block of its own, so that the rest of the newest block stays in use.
    bool is_large = size > next_size / 2 && block_size_ != 0;
    size_t bytes = is_large ? size : std::max(size, next_size);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    allocated_bytes_ += bytes;
    if (is_large) return blocks_.back().get();
    block_size_ = bytes < kLargestBlockBytes ? bytes : kLargestBlockBytes;
    next_ = blocks_.back().get();
    left_ = bytes;
  }
  char* result = next_;
  next_ += size;
  left_ -= size;
  return result;
}

char* TextArena::allocate_cells(size_t size) {
  constexpr uintptr_t kAlignment = 16;
  size = (size + kAlignment - 1) / kAlignment * kAlignment;
  size_t gap = -reinterpret_cast<uintptr_t>(next_) % kAlignment;
  if (gap + size <= left_) {
    next_ += gap;
    left_ -= gap;
  } else {
    left_ = 0;  // a new block begins at such a multiple
  }
  return allocate(size);
}

void CellBuffer::grow(size_t needed) {
  set_capacity(std::max({needed, 2 * capacity_, kFirstCellBytes}));
}

void CellBuffer::set_capacity(size_t bytes) {
  if (is_in_arena(bytes)) {
    char* data = arena_->allocate_cells(bytes);
    if (size_ > 0) std::memcpy(data, data_, size_);
    data_ = data;
  } else {
    // malloc aligns to 16 bytes, which is what an __int128 cell needs.
    void* data = std::realloc(owned_bytes() > 0 ? data_ : nullptr, bytes);
    if (data == nullptr) throw std::bad_alloc();
    if (owned_bytes() == 0 && size_ > 0) std::memcpy(data, data_, size_);
    data_ = static_cast<char*>(data);
  }
  capacity_ = bytes;
}

void Column::reserve(size_t rows) {
  cells_.reserve(rows * cell_size(type_));
}

void Column::append_nulls(size_t count) {
  if (count == 0) return;
  size_t bytes = count * cell_size(type_);
  std::memset(cells_.extend(bytes), 0, bytes);
  size_t first = size_;
  size_ += count;
  if (type_ == ScalarType::kString) {
    if (!validity_.empty()) validity_.resize(validity_words(size_), ~uint64_t{0});
    return;
  }
  validity_.resize(validity_words(size_), ~uint64_t{0});
  for (size_t row = first; row < size_; ++row) validity_[row / 64] &= ~(uint64_t{1} << (row % 64));
}

void Column::append_from(const ColumnView& source, size_t first, size_t count) {
  if (count == 0) return;
  size_t start = size_;
  if (is_text(type_)) {
    // The cell of a null holds anything.
    const auto cell_at = [&](size_t row) {
      return source.is_null(row) ? StringRef() : source.cell<StringRef>(row);
    };
    size_t text_bytes = 0;
    for (size_t row = first; row < first + count; ++row) {
      const StringRef cell = cell_at(row);
      if (cell.size > StringRef::kInlineSize) text_bytes += cell.size;
    }
    char* next = arena().allocate(text_bytes);
    char* out = cells_.extend(count * sizeof(StringRef));
    for (size_t row = first; row < first + count; ++row, out += sizeof(StringRef)) {
      StringRef cell = cell_at(row);
      if (cell.size > StringRef::kInlineSize && next != nullptr) {
        std::memcpy(next, cell.pointer.data, cell.size);
        cell.pointer.data = next;
        next += cell.size;
      }
      std::memcpy(out, &cell, sizeof(cell));
    }
  } else {
    size_t width = cell_size(type_);
    std::memcpy(cells_.extend(count * width),
                static_cast<const char*>(source.cells) + first * width, count * width);
  }
  size_ += count;
  if (!validity_.empty()) validity_.resize(validity_words(size_), ~uint64_t{0});
  if (source.validity == nullptr || type_ == ScalarType::kString) return;
  for (size_t i = 0; i < count; ++i) {
    if (!source.is_null(first + i)) continue;
    validity_.resize(validity_words(size_), ~uint64_t{0});
    validity_[(start + i) / 64] &= ~(uint64_t{1} << ((start + i) % 64));
  }
}

void Column::truncate(size_t size) {
  if (size >= size_) return;
  size_ = size;
  cells_.truncate(size * cell_size(type_));
  if (validity_.empty()) return;
  validity_.resize(validity_words(size));
  if (size % 64 != 0) validity_.back() |= ~uint64_t{0} << (size % 64);
}

size_t Column::memory_bytes() const {
  return cells_.owned_bytes() + validity_.capacity() * sizeof(uint64_t) + arena_.allocated_bytes();
}

}  // namespace rivulet
