#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "types/column.h"

namespace rivulet {

// Rows by column: what ingestion makes and the store commits. Every column has row_count() cells. Its columns share an
// arena, so that a few rows take an allocation or two; no column can be moved out of it. Not thread-safe.
class ColumnBatch {
 public:
  explicit ColumnBatch(const std::vector<ScalarType>& types);

  size_t row_count() const { return columns_.empty() ? 0 : columns_.front().size(); }
  size_t column_count() const { return columns_.size(); }
  Column& column(size_t i) { return columns_[i]; }
  const Column& column(size_t i) const { return columns_[i]; }
  size_t memory_bytes() const;

 private:
  std::unique_ptr<TextArena> arena_;
  std::vector<Column> columns_;
};

// A named, typed column of a result or a command's answer.
struct ResultColumn {
  std::string name;
  ScalarType type;
};

// A whole small table, such as a management command's answer.
struct ResultTable {
  std::string name;
  std::vector<ResultColumn> columns;
  ColumnBatch rows;
  // Rows and columns of the strings that an answer shows as JSON null, in order. Whatever else reads them takes them
  // for empty, as KQL knows no null string.
  using NullTexts = std::vector<std::pair<size_t, size_t>>;
  NullTexts null_texts;

  ResultTable(std::string table_name, std::vector<ResultColumn> result_columns);
};

}  // namespace rivulet
