#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rowstore/chunk_view.h"
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
  // The batch is valid until the next call, as long as `bytes` is; its cells need not be aligned. Throws
  // std::runtime_error when the bytes are no batch.
  void decode(std::string_view bytes);

  size_t row_count() const { return row_count_; }
  const std::vector<uint32_t>& column_ids() const { return column_ids_; }
  const std::vector<ColumnView>& columns() const { return columns_; }

 private:
  // Memory for what is not in the bytes as it is needed; kept for the next batch.
  template <typename T>
  T* scratch(std::vector<std::vector<T>>& pool, size_t& used, size_t size);

  size_t row_count_ = 0;
  std::vector<uint32_t> column_ids_;
  std::vector<ColumnView> columns_;
  std::vector<std::vector<StringRef>> texts_;
  std::vector<std::vector<uint64_t>> validities_;
  std::vector<std::vector<char>> cells_;
};

// Throws std::runtime_error unless the batch is one that encode_rows wrote.
void check_rows(const BatchDecoder& batch);

}  // namespace rivulet::rowstore
