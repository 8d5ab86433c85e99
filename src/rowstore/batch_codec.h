#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "types/chunk_view.h"
#include "types/column.h"

// Rows by column as bytes, in the log and in checkpoints: docs/log-format.md.
namespace rivulet::rowstore {

// Appends the rows to `out`. `columns[i]` is the column with id `column_ids[i]`.
void encode_batch(std::string& out, std::span<const uint32_t> column_ids,
                  std::span<const ColumnView> columns, size_t row_count);

// The columns that a chunk's ingestion times and sequences are in row files: both long, the last two of a batch.
constexpr uint32_t kTimeColumnId = 4294967294;
constexpr uint32_t kSequenceColumnId = 4294967295;

// Appends a chunk as a batch, with its ingestion times and sequences.
void encode_rows(std::string& out, const ChunkView& chunk);

// Reads what encode_batch wrote. Reused from batch to batch, it allocates nothing in the end.
class BatchDecoder {
 public:
  // The whole batch; it is valid until the next call, as long as `bytes` is; its cells need not be aligned. Throws
  // std::runtime_error when the bytes are no batch.
  void decode(std::string_view bytes);

  // The same, some rows at a time, so that a batch of very many takes little memory: begin() checks the bytes, and each
  // next() gives the next `max_rows` rows (a multiple of 64), or the rest; false when there is none.
  void begin(std::string_view bytes);
  bool next(size_t max_rows);

  size_t row_count() const { return row_count_; }
  const std::vector<uint32_t>& column_ids() const { return column_ids_; }
  const std::vector<ColumnView>& columns() const { return columns_; }

 private:
  // A column of the batch, and what of it comes next.
  struct Cursor {
    uint8_t nulls = 0, encoding = 0;
    const char* bitmap = nullptr;
    const char* cells = nullptr;  // or offsets, or lengths of texts; the one cell of a constant
    const char* text = nullptr;
    uint64_t least = 0;        // of offsets
    size_t constant_size = 0;  // of a constant text
  };

  // Memory for what is not in the bytes as it is needed; kept for the next rows.
  template <typename T>
  T* scratch(std::vector<std::vector<T>>& pool, size_t& used, size_t size);

  size_t rows_left_ = 0, row_count_ = 0;
  std::vector<Cursor> cursors_;
  std::vector<uint32_t> column_ids_;
  std::vector<ColumnView> columns_;
  std::vector<std::vector<StringRef>> texts_;
  std::vector<std::vector<uint64_t>> validities_;
  std::vector<std::vector<char>> cells_;
};

// Throws std::runtime_error unless the batch is one that encode_rows wrote.
void check_rows(const BatchDecoder& batch);

}  // namespace rivulet::rowstore
