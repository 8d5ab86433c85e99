#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/guid.h"
#include "types/scalar_type.h"

namespace rivulet {

using Decimal = __int128;  // counts 10^-18, as DECIMAL(38,18) does
constexpr int kDecimalScale = 18;

// A string cell: the layout of DuckDB's duckdb_string_t, so that a column of them is handed to the
// query engine as it is. Up to 12 bytes stand in the cell, longer text in memory that the column owns.
struct alignas(8) StringRef {
  static constexpr uint32_t kInlineSize = 12;

  uint32_t size = 0;
  union {
    char inlined[kInlineSize];
    // Packed, or the union would start at offset 8; `data` still stands at a multiple of 8.
    struct [[gnu::packed]] {
      char prefix[4];
      const char* data;
    } pointer;
  };

  StringRef() : inlined{} {}
  // `text` must outlive the cell when it is longer than kInlineSize.
  explicit StringRef(std::string_view text) : inlined{} {
    size = static_cast<uint32_t>(text.size());
    if (size <= kInlineSize) {
      text.copy(inlined, size);  // an empty text may be a null pointer
    } else {
      std::memcpy(pointer.prefix, text.data(), sizeof(pointer.prefix));
      pointer.data = text.data();
    }
  }
  std::string_view view() const { return {size <= kInlineSize ? inlined : pointer.data, size}; }
};
static_assert(sizeof(StringRef) == 16);

// A guid cell: the layout of DuckDB's UUID (a hugeint whose top bit is flipped, low half first).
struct GuidCell {
  uint64_t lo;
  int64_t hi;

  static GuidCell from(const Guid& g) {
    return {g.lo, static_cast<int64_t>(g.hi ^ (uint64_t{1} << 63))};
  }
  Guid guid() const { return {static_cast<uint64_t>(hi) ^ (uint64_t{1} << 63), lo}; }
};

// A read-only view of one column of a batch: an array of cells (see ScalarType for the cell of each
// type) and a bitmap in which a set bit means "not null". DuckDB's vectors have the same layout, so one
// of these views either a row-store chunk or a query result. It owns nothing.
struct ColumnView {
  ScalarType type = ScalarType::kString;
  const void* cells = nullptr;
  const uint64_t* validity = nullptr;  // null pointer: every cell is valid

  bool is_null(size_t row) const {
    return validity != nullptr && ((validity[row / 64] >> (row % 64)) & 1) == 0;
  }
  template <typename T>
  const T& cell(size_t row) const {
    return static_cast<const T*>(cells)[row];
  }
  std::string_view text(size_t row) const { return cell<StringRef>(row).view(); }
};

// Memory for the text of string cells, and for the cells of small batches: blocks that never move, freed together.
class TextArena {
 public:
  TextArena() = default;
  // The first block takes at least so many bytes.
  explicit TextArena(size_t first_block_bytes) : block_size_(first_block_bytes / 2) {}

  // A copy of `text` that lives as long as the arena.
  std::string_view store(std::string_view text);
  // `size` bytes for the caller to fill; valid as long as the arena.
  char* allocate(size_t size);
  // The same, at a multiple of 16 bytes.
  char* allocate_cells(size_t size);
  size_t allocated_bytes() const { return allocated_bytes_; }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t block_size_ = 0;  // of the newest block; the next is twice that, up to a limit
  size_t allocated_bytes_ = 0;
};

// Raw memory for cells that grows at its end, aligned to 16 bytes; growing does not zero it.
class CellBuffer {
 public:
  // With an arena, which must outlive it, a few cells stand there.
  explicit CellBuffer(TextArena* arena = nullptr) : arena_(arena) {}
  CellBuffer(CellBuffer&& other) noexcept { *this = std::move(other); }
  CellBuffer& operator=(CellBuffer&& other) noexcept {
    std::swap(arena_, other.arena_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~CellBuffer() {
    if (owned_bytes() > 0) std::free(data_);
  }

  char* data() { return data_; }
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  // Heap bytes, without those of the arena.
  size_t owned_bytes() const { return is_in_arena(capacity_) ? 0 : capacity_; }
  // `bytes` more at the end, for the caller to fill.
  char* extend(size_t bytes) {
    if (bytes > capacity_ - size_) grow(size_ + bytes);
    char* end = data_ + size_;
    size_ += bytes;
    return end;
  }
  void reserve(size_t bytes) {
    if (bytes > capacity_) set_capacity(bytes);
  }
  void truncate(size_t bytes) { size_ = bytes; }

 private:
  static constexpr size_t kMostArenaBytes = 512;

  bool is_in_arena(size_t capacity) const {
    return arena_ != nullptr && capacity <= kMostArenaBytes;
  }
  void grow(size_t needed);
  void set_capacity(size_t bytes);

  TextArena* arena_ = nullptr;
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// One column that grows at its end, and owns its cells and text. Not thread-safe. A column that was
// moved from may only be assigned to or destroyed.
class Column {
 public:
  explicit Column(ScalarType type) : type_(type) {}
  // With text, and a few cells, in an arena that outlives it, and that only this thread uses.
  Column(ScalarType type, TextArena& arena) : type_(type), cells_(&arena), shared_arena_(&arena) {}
  Column(Column&&) = default;
  Column& operator=(Column&&) = default;

  ScalarType type() const { return type_; }
  size_t size() const { return size_; }
  bool has_nulls() const { return !validity_.empty(); }
  ColumnView view() const {
    return {type_, cells_.data(), validity_.empty() ? nullptr : validity_.data()};
  }

  void reserve(size_t rows);
  // Appends a cell of the type's C++ form (see ScalarType); T must be exactly that type.
  template <typename T>
  void append(const T& cell) {
    grow_validity();
    std::memcpy(cells_.extend(sizeof(T)), &cell, sizeof(T));
    ++size_;
  }
  // A null; in a string column the empty string, since Kusto's strings are never null.
  void append_null() { append_nulls(1); }
  void append_nulls(size_t count);
  // Copies the text; string and dynamic columns only.
  void append_text(std::string_view text) {
    append(StringRef(text.size() <= StringRef::kInlineSize ? text : arena().store(text)));
  }
  // Appends text that lives in `arena()` already, or for as long as this column.
  void append_text_ref(std::string_view text) { append(StringRef(text)); }
  // Appends rows [first, first + count) of a column of the same type, copying text.
  void append_from(const ColumnView& source, size_t first, size_t count);
  // Forgets the rows from `size` on (to undo a half-parsed record). Text memory stays.
  void truncate(size_t size);
  TextArena& arena() { return shared_arena_ != nullptr ? *shared_arena_ : arena_; }
  // Heap bytes held, without those of an arena that it shares.
  size_t memory_bytes() const;

 private:
  void grow_validity() {
    if (!validity_.empty() && size_ % 64 == 0) validity_.push_back(~uint64_t{0});
  }

  ScalarType type_;
  size_t size_ = 0;
  CellBuffer cells_;
  // Empty while there is no null; bits past size_ are set.
  std::vector<uint64_t> validity_;
  TextArena* shared_arena_ = nullptr;
  TextArena arena_;
};

}  // namespace rivulet
