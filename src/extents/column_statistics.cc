#include "extents/column_statistics.h"

#include <algorithm>
#include <cmath>

namespace rivulet::extents {
namespace {

constexpr size_t kPrefixBytes = 32;

// Calls `visit(row)` for each row that is not null, and counts the others.
template <typename Visit>
void for_each_value(const ColumnView& column, uint32_t rows, uint64_t& nulls, Visit&& visit) {
  for (uint32_t row = 0; row < rows; ++row) {
    if (column.is_null(row)) {
      ++nulls;
    } else {
      visit(row);
    }
  }
}

template <typename Cell>
void gather_integers(const ColumnView& column, uint32_t rows, ColumnStatistics& statistics) {
  for_each_value(column, rows, statistics.null_count, [&](uint32_t row) {
    auto value = static_cast<int64_t>(column.cell<Cell>(row));
    if (!statistics.has_range) {
      statistics.has_range = true;
      statistics.min_int = statistics.max_int = value;
    }
    statistics.min_int = std::min(statistics.min_int, value);
    statistics.max_int = std::max(statistics.max_int, value);
  });
}

struct TextRange {
  bool is_set = false;
  std::string_view min, max;

  void add(std::string_view text) {
    if (!is_set) {
      is_set = true;
      min = max = text;
    } else if (text < min) {
      min = text;
    } else if (text > max) {
      max = text;
    }
  }
  void store(ColumnStatistics& statistics) const {
    if (!is_set) return;
    statistics.min_text = min.substr(0, kPrefixBytes);
    statistics.max_text = max.substr(0, kPrefixBytes);
    if (max.size() > kPrefixBytes) {
      auto& last = reinterpret_cast<unsigned char&>(statistics.max_text.back());
      if (last == 0xff) return;
      ++last;
    }
    statistics.has_range = true;
  }
};

}  // namespace

const ColumnView* find_column(const ChunkView& chunk, uint32_t column_id) {
  auto found = std::find(chunk.column_ids.begin(), chunk.column_ids.end(), column_id);
  if (found == chunk.column_ids.end()) return nullptr;
  return &chunk.columns[static_cast<size_t>(found - chunk.column_ids.begin())];
}

ColumnStatistics gather_statistics(uint32_t column_id, ScalarType type,
                                   std::span<const ChunkView> chunks) {
  ColumnStatistics statistics;
  statistics.column_id = column_id;
  statistics.type = type;
  TextRange texts;
  bool has_nan = false;
  for (const ChunkView& chunk : chunks) {
    const ColumnView* column = find_column(chunk, column_id);
    if (column == nullptr) {
      if (type == ScalarType::kString) {
        texts.add("");
      } else {
        statistics.null_count += chunk.row_count;
      }
      continue;
    }
    switch (type) {
      case ScalarType::kBool:
        gather_integers<uint8_t>(*column, chunk.row_count, statistics);
        break;
      case ScalarType::kInt:
        gather_integers<int32_t>(*column, chunk.row_count, statistics);
        break;
      case ScalarType::kLong:
      case ScalarType::kDateTime:
      case ScalarType::kTimeSpan:
        gather_integers<int64_t>(*column, chunk.row_count, statistics);
        break;
      case ScalarType::kReal:
        for_each_value(*column, chunk.row_count, statistics.null_count, [&](uint32_t row) {
          double value = column->cell<double>(row);
          has_nan = has_nan || std::isnan(value);
          if (!statistics.has_range) {
            statistics.has_range = true;
            statistics.min_real = statistics.max_real = value;
          }
          statistics.min_real = std::min(statistics.min_real, value);
          statistics.max_real = std::max(statistics.max_real, value);
        });
        break;
      case ScalarType::kString:
        for_each_value(*column, chunk.row_count, statistics.null_count,
                       [&](uint32_t row) { texts.add(column->text(row)); });
        break;
      case ScalarType::kDecimal:
      case ScalarType::kGuid:
      case ScalarType::kDynamic:
        for_each_value(*column, chunk.row_count, statistics.null_count, [](uint32_t) {});
        break;
    }
  }
  texts.store(statistics);
  if (has_nan) statistics.has_range = false;
  return statistics;
}

uint64_t uncompressed_bytes(std::span<const ChunkView> chunks) {
  uint64_t bytes = 0;
  for (const ChunkView& chunk : chunks) {
    bytes += uint64_t{chunk.row_count} * 2 * sizeof(int64_t);
    for (const ColumnView& column : chunk.columns) {
      if (!is_text(column.type)) {
        bytes += chunk.row_count * cell_size(column.type);
        continue;
      }
      for (uint32_t row = 0; row < chunk.row_count; ++row) {
        bytes += column.cell<StringRef>(row).size;
      }
    }
  }
  return bytes;
}

}  // namespace rivulet::extents
