#pragma once

#include <cstdint>

#include "common/clock.h"
#include "store/store.h"

namespace rivulet::commands {

// What a table holds, for listings. Sealed extents are counted as extents; the tail is rows only.
struct TableStatistics {
  int64_t row_count = 0;
  int64_t extent_count = 0;
  double extent_bytes = 0;    // files of extents, those of their term filters included
  double original_bytes = 0;  // values before compression, tail included
  Ticks min_extent_time = 0;  // 0: no extents
  Ticks max_extent_time = 0;
};

TableStatistics statistics_of(const store::TableSnapshot& table);

}  // namespace rivulet::commands
