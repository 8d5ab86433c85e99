#include "activity/streaming_statistics.h"

#include <gtest/gtest.h>

namespace rivulet::activity {
namespace {

StreamingOutcome outcome(Ticks started, Ticks ended, uint64_t rows) {
  StreamingOutcome out;
  out.database = "d";
  out.table = "t";
  out.format = "csv";
  out.started = started;
  out.ended = ended;
  out.row_count = rows;
  out.data_size = rows * 10;
  return out;
}

TEST(StreamingStatistics, SumsTheRequestsOfAMinute) {
  StreamingStatistics statistics;
  statistics.record(outcome(0, 10, 3));
  statistics.record(outcome(0, 30, 1));
  statistics.record(outcome(kTicksPerMinute, kTicksPerMinute + 5, 7));
  auto windows = statistics.windows();
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].total_rows, 7u);
  EXPECT_EQ(windows[1].count, 2u);
  EXPECT_EQ(windows[1].min_duration, 10);
  EXPECT_EQ(windows[1].max_duration, 30);
  EXPECT_EQ(windows[1].total_size, 40u);
  EXPECT_EQ(windows[1].min_rows, 1u);
  EXPECT_EQ(windows[1].end, kTicksPerMinute);
  EXPECT_TRUE(statistics.failures().empty());
}

TEST(StreamingStatistics, CountsFailuresByKind) {
  StreamingStatistics statistics;
  StreamingOutcome failed = outcome(0, 10, 0);
  failed.error = ErrorKind::kTableNotFound;
  failed.error_message = "first";
  statistics.record(failed);
  failed.error_message = "second";
  failed.ended = 20;
  statistics.record(failed);
  auto failures = statistics.failures();
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].count, 2u);
  EXPECT_EQ(failures[0].first, 10);
  EXPECT_EQ(failures[0].last, 20);
  EXPECT_EQ(failures[0].details, "second");
  ASSERT_EQ(statistics.windows().size(), 1u);
  EXPECT_FALSE(statistics.windows()[0].is_success);
}

TEST(StreamingStatistics, StaysBounded) {
  StreamingStatistics statistics;
  for (int i = 0; i < 200'000; ++i) {
    std::string table = "t" + std::to_string(i);
    StreamingOutcome out = outcome(0, i, 1);
    out.table = table;
    if (i % 2 == 0) out.error = ErrorKind::kBadRequest;
    statistics.record(out);
  }
  EXPECT_LE(statistics.windows().size(), 16u * 2 * 2'048);
  EXPECT_LE(statistics.failures().size(), 16u * 128);
}

}  // namespace
}  // namespace rivulet::activity
