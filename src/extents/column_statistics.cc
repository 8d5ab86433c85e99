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

}  // namespace

const ColumnView* find_column(const ChunkView& chunk, uint32_t column_id) {
  auto found = std::find(chunk.column_ids.begin(), chunk.column_ids.end(), column_id);
  if (found == chunk.column_ids.end()) return nullptr;
  return &chunk.columns[static_cast<size_t>(found - chunk.column_ids.begin())];
}

StatisticsGatherer::StatisticsGatherer(uint32_t column_id, ScalarType type) {
  statistics_.column_id = column_id;
  statistics_.type = type;
}

void StatisticsGatherer::add(const ChunkView& chunk) {
  const ColumnView* column = find_column(chunk, statistics_.column_id);
  if (column == nullptr) {
    if (statistics_.type == ScalarType::kString) {
      add_text("");
    } else {
      statistics_.null_count += chunk.row_count;
    }
    return;
  }
  uint64_t& nulls = statistics_.null_count;
  switch (statistics_.type) {
    case ScalarType::kBool:
      gather_integers<uint8_t>(*column, chunk.row_count, statistics_);
      break;
    case ScalarType::kInt:
      gather_integers<int32_t>(*column, chunk.row_count, statistics_);
      break;
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      gather_integers<int64_t>(*column, chunk.row_count, statistics_);
      break;
    case ScalarType::kReal:
      for_each_value(*column, chunk.row_count, nulls, [&](uint32_t row) {
        double value = column->cell<double>(row);
        has_nan_ = has_nan_ || std::isnan(value);
        if (!statistics_.has_range) {
          statistics_.has_range = true;
          statistics_.min_real = statistics_.max_real = value;
        }
        statistics_.min_real = std::min(statistics_.min_real, value);
        statistics_.max_real = std::max(statistics_.max_real, value);
      });
      break;
    case ScalarType::kString:
      for (uint32_t row = 0; row < chunk.row_count; ++row) add_text(column->text(row));
      break;
    case ScalarType::kDecimal:
    case ScalarType::kGuid:
    case ScalarType::kDynamic:
      for_each_value(*column, chunk.row_count, nulls, [](uint32_t) {});
      break;
  }
}

void StatisticsGatherer::add_text(std::string_view text) {
  terms_.add(text);
  if (!has_text_) {
    has_text_ = true;
    min_text_ = max_text_ = text;
  } else if (text < min_text_) {
    min_text_ = text;
  } else if (text > max_text_) {
    max_text_ = text;
  }
}

void StatisticsGatherer::add_terms(ExtentTerms& terms) const {
  if (statistics_.type != ScalarType::kString) return;
  std::vector<uint64_t> bits = terms_.finish();
  if (!bits.empty()) terms.add(statistics_.column_id, std::move(bits));
}

ColumnStatistics StatisticsGatherer::finish() const {
  ColumnStatistics statistics = statistics_;
  if (has_nan_) statistics.has_range = false;
  if (!has_text_) return statistics;
  statistics.min_text = min_text_.substr(0, kPrefixBytes);
  statistics.max_text = max_text_.substr(0, kPrefixBytes);
  statistics.has_range = true;
  if (max_text_.size() > kPrefixBytes) {
    auto& last = reinterpret_cast<unsigned char&>(statistics.max_text.back());
    statistics.has_range = last != 0xff;
    if (statistics.has_range) ++last;
  }
  return statistics;
}

uint64_t uncompressed_bytes(const ChunkView& chunk) {
  uint64_t bytes = uint64_t{chunk.row_count} * 2 * sizeof(int64_t);
  for (const ColumnView& column : chunk.columns) {
    if (!is_text(column.type)) {
      bytes += chunk.row_count * cell_size(column.type);
      continue;
    }
    for (uint32_t row = 0; row < chunk.row_count; ++row) {
      bytes += column.cell<StringRef>(row).size;
    }
  }
  return bytes;
}

}  // namespace rivulet::extents
