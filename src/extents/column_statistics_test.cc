#include "extents/column_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "extents/distinct_counter.h"
#include "extents/testing/extents_fixture.h"

namespace rivulet::extents {
namespace {

using namespace testing;

ColumnStatistics gather_statistics(uint32_t column_id, ScalarType type,
                                   const std::vector<ChunkView>& chunks) {
  StatisticsGatherer gatherer(column_id, type);
  for (const ChunkView& chunk : chunks) gatherer.add(chunk);
  return gatherer.finish();
}

TEST(ColumnStatistics, RangesOfNumbersAndNulls) {
  Chunks chunks({ScalarType::kInt, ScalarType::kReal, ScalarType::kBool});
  for (int i : {5, -7, 3}) {
    chunks.column(0).append(int32_t{i});
    chunks.column(1).append(i / 2.0);
    chunks.column(2).append_null();
  }
  chunks.column(0).append_null();
  chunks.column(1).append_null();
  chunks.column(2).append_null();
  auto ints = gather_statistics(1, ScalarType::kInt, chunks.views());
  EXPECT_TRUE(ints.has_range);
  EXPECT_EQ(ints.min_int, -7);
  EXPECT_EQ(ints.max_int, 5);
  EXPECT_EQ(ints.null_count, 1u);
  auto reals = gather_statistics(2, ScalarType::kReal, chunks.views());
  EXPECT_EQ(reals.min_real, -3.5);
  EXPECT_EQ(reals.max_real, 2.5);
  auto bools = gather_statistics(3, ScalarType::kBool, chunks.views());
  EXPECT_FALSE(bools.has_range);
  EXPECT_EQ(bools.null_count, 4u);
  chunks.column(1).append(std::numeric_limits<double>::quiet_NaN());
  chunks.column(0).append_null();
  chunks.column(2).append_null();
  EXPECT_FALSE(gather_statistics(2, ScalarType::kReal, chunks.views()).has_range);
}

TEST(ColumnStatistics, DistinctValuesAreCountedWithinAFewPercent) {
  for (size_t distinct : {0, 1, 7, 100, 5'000, 40'000, 300'000}) {
    DistinctCounter counter;
    for (size_t i = 0; i < 2 * distinct; ++i) {
      uint64_t value = i % distinct;
      counter.add(XXH3_64bits(&value, sizeof(value)));
    }
    auto allowed = static_cast<double>(distinct) * 0.05;
    EXPECT_NEAR(static_cast<double>(counter.estimate()), static_cast<double>(distinct), allowed);
  }
  DistinctCounter ends;
  ends.add(0);
  ends.add(UINT64_MAX);
  EXPECT_EQ(ends.estimate(), 2u);
}

TEST(ColumnStatistics, EveryTextLiesWithinItsRange) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    Chunks chunks({ScalarType::kString});
    for (int i = 0; i < 5; ++i) {
      std::string text(random() % 50, 'm');
      if (!text.empty()) text.back() = static_cast<char>(random());
      if (round % 20 == 0) text.assign(40, '\xff');
      chunks.column(0).append_text(text);
    }
    ColumnStatistics statistics = gather_statistics(1, ScalarType::kString, chunks.views());
    EXPECT_LE(statistics.max_text.size(), 32u);
    if (!statistics.has_range) continue;
    ColumnView view = chunks.column(0).view();
    for (size_t row = 0; row < 5; ++row) {
      EXPECT_LE(statistics.min_text, view.text(row));
      EXPECT_GE(statistics.max_text, view.text(row));
    }
  }
}

}  // namespace
}  // namespace rivulet::extents
