#pragma once

#include <string>
#include <string_view>

#include "extents/distinct_counter.h"
#include "extents/extent.h"
#include "extents/term_filter.h"
#include "types/chunk_view.h"

namespace rivulet::extents {

// Gathers the statistics of one column, chunk by chunk; a chunk without the column has nulls (strings: empty).
class StatisticsGatherer {
 public:
  StatisticsGatherer(uint32_t column_id, ScalarType type);
  void add(const ChunkView& chunk);
  ColumnStatistics finish() const;
  // Adds the column's term filter, if it has one.
  void add_terms(ExtentTerms& terms) const;

 private:
  // Calls `visit(cell)` for each cell that is not null.
  template <typename Cell, typename Visit>
  void visit_cells(const ColumnView& column, uint32_t rows, Visit&& visit);
  template <typename Cell>
  void add_integers(const ColumnView& column, uint32_t rows);
  void add_text(std::string_view text);

  ColumnStatistics statistics_;
  DistinctCounter distinct_;
  bool has_nan_ = false;
  bool has_text_ = false;
  std::string min_text_, max_text_;
  TermGatherer terms_;
};

// The column of a chunk, or null.
const ColumnView* find_column(const ChunkView& chunk, uint32_t column_id);

}  // namespace rivulet::extents
