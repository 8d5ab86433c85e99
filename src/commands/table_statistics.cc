#include "commands/table_statistics.h"

#include <algorithm>

namespace rivulet::commands {
TableStatistics statistics_of(const store::TableSnapshot& table) {
  TableStatistics statistics;
  for (const store::ChunkView& chunk : table.chunks()) {
    statistics.row_count += chunk.row_count;
    statistics.original_bytes += static_cast<double>(value_bytes(chunk));
  }
  for (const auto& run : table.runs()) {
    statistics.row_count += static_cast<int64_t>(run->row_count());
    statistics.original_bytes += static_cast<double>(run->value_bytes());
  }
  for (const auto& extent : table.extents()) {
    bool is_first = statistics.extent_count == 0;
    statistics.row_count += static_cast<int64_t>(extent->row_count);
    statistics.extent_count += 1;
    statistics.extent_bytes += static_cast<double>(extent->size_bytes + extent->index_size_bytes);
    statistics.original_bytes += static_cast<double>(extent->original_size_bytes);
    statistics.min_extent_time =
        is_first ? extent->min_created : std::min(statistics.min_extent_time, extent->min_created);
    statistics.max_extent_time = std::max(statistics.max_extent_time, extent->max_created);
  }
  return statistics;
}

}  // namespace rivulet::commands
