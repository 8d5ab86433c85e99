#include "extents/column_statistics.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>

namespace rivulet::extents {
namespace {

constexpr size_t kPrefixBytes = 32;

uint64_t hash_of(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
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

template <typename Cell, typename Visit>
void StatisticsGatherer::visit_cells(const ColumnView& column, uint32_t rows, Visit&& visit) {
  for (uint32_t row = 0; row < rows; ++row) {
    if (column.is_null(row)) {
      ++statistics_.null_count;
      continue;
    }
    Cell cell = column.cell<Cell>(row);
    distinct_.add(XXH3_64bits(&cell, sizeof(Cell)));
    visit(cell);
  }
}

template <typename Cell>
void StatisticsGatherer::add_integers(const ColumnView& column, uint32_t rows) {
  visit_cells<Cell>(column, rows, [this](Cell cell) {
    auto value = static_cast<int64_t>(cell);
    if (!statistics_.has_range) {
      statistics_.has_range = true;
      statistics_.min_int = statistics_.max_int = value;
    }
    statistics_.min_int = std::min(statistics_.min_int, value);
    statistics_.max_int = std::max(statistics_.max_int, value);
  });
}

void StatisticsGatherer::add(const ChunkView& chunk) {
  const uint32_t rows = chunk.row_count;
  const ColumnView* column = find_column(chunk, statistics_.column_id);
  if (column == nullptr) {
    if (statistics_.type == ScalarType::kString) {
      add_text("");
    } else {
      statistics_.null_count += rows;
    }
    return;
  }
  if (!is_text(statistics_.type)) {
    statistics_.original_size_bytes += rows * cell_size(statistics_.type);
  }
  switch (statistics_.type) {
    case ScalarType::kBool:
      add_integers<uint8_t>(*column, rows);
      break;
    case ScalarType::kInt:
      add_integers<int32_t>(*column, rows);
      break;
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      add_integers<int64_t>(*column, rows);
      break;
    case ScalarType::kReal:
      visit_cells<double>(*column, rows, [this](double value) {
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
      for (uint32_t row = 0; row < rows; ++row) add_text(column->text(row));
      break;
    case ScalarType::kDecimal:
      visit_cells<Decimal>(*column, rows, [](const Decimal&) {});
      break;
    case ScalarType::kGuid:
      visit_cells<GuidCell>(*column, rows, [](const GuidCell&) {});
      break;
    case ScalarType::kDynamic:
      for (uint32_t row = 0; row < rows; ++row) {
        if (column->is_null(row)) {
          ++statistics_.null_count;
          continue;
        }
        distinct_.add(hash_of(column->text(row)));
        statistics_.original_size_bytes += column->text(row).size();
      }
      break;
  }
}

void StatisticsGatherer::add_text(std::string_view text) {
  terms_.add(text);
  distinct_.add(hash_of(text));
  statistics_.original_size_bytes += text.size();
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
  statistics.distinct_count = distinct_.estimate();
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

}  // namespace rivulet::extents
