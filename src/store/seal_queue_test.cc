#include "store/seal_queue.h"

#include <gtest/gtest.h>

#include "store/memory_trim.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace std::chrono_literals;
using rowstore::Ripeness;
using testing::SteppedClock;

constexpr Ticks kAge = kTicksPerMinute;

TEST(SealQueue, ATailIsTakenWhenItIsWorthItOrOldEnough) {
  SteppedClock clock;
  SealQueue queue(kAge);
  auto take = [&]() -> catalog::TableId {
    auto event = queue.take(clock.steady_now());
    return event ? event->table : 0;
  };
  EXPECT_EQ(take(), 0u);
  EXPECT_EQ(queue.next_due(), SealQueue::SteadyTime::max());
  queue.add({.table = 1, .ripeness = Ripeness::kAging, .oldest = clock.now()}, clock);
  queue.add({.table = 2, .ripeness = Ripeness::kRipe, .oldest = clock.now()}, clock);
  queue.add({.table = 3, .ripeness = Ripeness::kAging, .oldest = clock.now() - kAge / 2}, clock);
  EXPECT_EQ(take(), 2u);
  EXPECT_EQ(take(), 0u);
  clock.pass(31s);
  EXPECT_EQ(take(), 3u);
  EXPECT_EQ(take(), 0u);
  clock.pass(30s);
  EXPECT_EQ(take(), 1u);
  EXPECT_EQ(take(), 0u);
}

TEST(SealQueue, ATimeOfDayThatIsWrongPutsOffForAnAgeAtMost) {
  SteppedClock clock;
  SealQueue queue(kAge);
  queue.add({.table = 1, .ripeness = Ripeness::kAging, .oldest = clock.now() + 1000 * kAge}, clock);
  EXPECT_FALSE(queue.take(clock.steady_now()));
  clock.pass(60s);
  EXPECT_TRUE(queue.take(clock.steady_now()));
}

TEST(MemoryTrim, WaitsUntilHardlyAnythingComesIn) {
  using Turn = MemoryTrim::Turn;
  SealQueue::SteadyTime now{};
  MemoryTrim trim;
  EXPECT_EQ(trim.take(now, 0), Turn::kNotDue);
  trim.put_off(now, 100);
  EXPECT_EQ(trim.take(now + 9s, 100), Turn::kNotDue);
  EXPECT_EQ(trim.take(now + 10s, 101 + MemoryTrim::kRestBytes), Turn::kPutOff);
  EXPECT_EQ(trim.take(now + 19s, 101 + MemoryTrim::kRestBytes), Turn::kNotDue);
  EXPECT_EQ(trim.take(now + 20s, 102 + MemoryTrim::kRestBytes), Turn::kTrim);
  // Once for what was freed.
  EXPECT_EQ(trim.take(now + 90s, 102 + MemoryTrim::kRestBytes), Turn::kNotDue);
}

}  // namespace
}  // namespace rivulet::store
