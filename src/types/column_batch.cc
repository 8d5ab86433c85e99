#include "types/column_batch.h"

#include <utility>

namespace rivulet {
namespace {

// What the first block has for each column: a few cells, and some text.
constexpr size_t kFirstColumnBytes = 128;

std::vector<ScalarType> types_of(const std::vector<ResultColumn>& columns) {
  std::vector<ScalarType> types;
  types.reserve(columns.size());
  for (const auto& column : columns) types.push_back(column.type);
  return types;
}

}  // namespace

ColumnBatch::ColumnBatch(const std::vector<ScalarType>& types)
    : arena_(std::make_unique<TextArena>(types.size() * kFirstColumnBytes)) {
  columns_.reserve(types.size());
  for (ScalarType type : types) columns_.emplace_back(type, *arena_);
}

size_t ColumnBatch::memory_bytes() const {
  size_t bytes = columns_.capacity() * sizeof(Column) + arena_->allocated_bytes();
  for (const auto& column : columns_) bytes += column.memory_bytes();
  return bytes;
}

ResultTable::ResultTable(std::string table_name, std::vector<ResultColumn> result_columns)
    : name(std::move(table_name)), columns(std::move(result_columns)), rows(types_of(columns)) {}

}  // namespace rivulet
