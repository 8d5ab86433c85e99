// What a machine's clock that is wrong for a while does to commit times, retention and retry keys.
#include "store/parts/clock_steps.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include <fmt/format.h>

#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

constexpr Ticks kNow = 638'000'000'000'000'000;
constexpr Ticks kYear = 365 * kTicksPerDay;

TEST(ClockSteps, RowsFromBeforeAStepAreNoYoungerThanItWhileTheyClaimTheFuture) {
  ClockSteps steps;
  steps.add(10, kNow + 50 * kYear, kNow);
  Ticks later = kNow + kTicksPerDay;
  EXPECT_EQ(steps.corrected(kNow + 50 * kYear, 10, later), kNow);
  EXPECT_EQ(steps.corrected(kNow - kTicksPerDay, 9, later), kNow - kTicksPerDay);
  EXPECT_EQ(steps.corrected(kNow + kTicksPerHour, 11, later), kNow + kTicksPerHour);
}

TEST(ClockSteps, RowsFromBehindAStepAreNoOlderThanItOnceItProvesWrong) {
  ClockSteps steps;
  steps.add(10, kNow, kNow - 50 * kYear);
  // While the clock is behind, nothing has an age that it did not have.
  Ticks behind = kNow - 50 * kYear + kTicksPerHour;
  EXPECT_GE(steps.corrected(kNow, 10, behind), kNow - 50 * kYear);
  EXPECT_EQ(steps.corrected(kNow - 50 * kYear, 11, behind), kNow - 50 * kYear);
  // And when it is right again, the rows of that time are not fifty years old.
  EXPECT_EQ(steps.corrected(kNow - 50 * kYear, 11, kNow + kTicksPerHour), kNow);
  EXPECT_EQ(steps.corrected(kNow - kTicksPerDay, 9, kNow + kTicksPerHour), kNow - kTicksPerDay);
}

TEST(ClockSteps, AreBoundedAndKept) {
  ClockSteps steps;
  for (Sequence sequence = 1; sequence <= 1000; ++sequence) {
    steps.add(sequence, kNow + 50 * kYear, kNow + static_cast<Ticks>(sequence));
  }
  std::string bytes;
  steps.encode(bytes);
  EXPECT_LE(bytes.size(), 64 * 24u);
  ClockSteps restored;
  restored.restore(bytes);
  for (const ClockSteps& each : {steps, restored}) {
    EXPECT_EQ(each.corrected(kNow + 50 * kYear, 1, kNow), kNow + 1);
    EXPECT_EQ(each.corrected(kNow + 50 * kYear, 1000, kNow), kNow + 1000);
    EXPECT_EQ(each.corrected(kNow + 50 * kYear, 1001, kNow), kNow + 50 * kYear);
  }
  EXPECT_THROW(restored.restore("damaged"), std::runtime_error);
}

class WrongClockTest : public ::testing::Test {
 protected:
  WrongClockTest() { reopen(); }
  void reopen() {
    store_ = nullptr;
    store_ = Store::open(small_options(directory_.path()), posix_file_system(), clock_);
    if (!table_) table_ = create_table(*store_, "T");
  }
  Ticks append(int64_t id) {
    CommitResult result = store_->commit(one_append(make_rows(*table_, id, 1)));
    return result.time;
  }
  bool is_near_the_clock(Ticks time) const {
    return std::abs(time - clock_.now()) < kTicksPerMinute;
  }
  void set_retention(std::string_view days) {
    Transaction transaction;
    transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table changed = *catalog.find_table(table_->id);
      changed.policies.set(
          "retention",
          fmt::format(R"({{"SoftDeletePeriod":"{}.00:00:00","Recoverability":"Disabled"}})", days));
      return {catalog::PutTable{changed}};
    };
    store_->commit(std::move(transaction));
  }
  std::vector<int64_t> ids() const { return all_ids(*store_, table_->id); }

  TemporaryDirectory directory_;
  SteppedClock clock_;
  std::shared_ptr<const catalog::Table> table_;
  std::unique_ptr<Store> store_;
};

TEST_F(WrongClockTest, TimesStandStillForASmallStepBack) {
  Ticks first = append(1);
  clock_.step(-30 * kTicksPerMinute);
  EXPECT_EQ(append(2), first);
  clock_.pass(std::chrono::hours(1));
  EXPECT_GT(append(3), first);
  EXPECT_TRUE(is_near_the_clock(append(4)));
}

TEST_F(WrongClockTest, AClockThatWasOnceAheadHoldsTimesForAnHour) {
  append(1);
  clock_.step(50 * kYear);
  Ticks ahead = append(2);
  EXPECT_TRUE(is_near_the_clock(ahead));
  clock_.step(-50 * kYear);
  EXPECT_EQ(append(3), ahead);
  clock_.pass(std::chrono::hours(1));
  EXPECT_TRUE(is_near_the_clock(append(4)));
  EXPECT_TRUE(is_near_the_clock(append(5)));
  // Also for the store that is opened next: from the log, and from a checkpoint.
  for (int64_t id : {6, 7}) {
    reopen();
    EXPECT_TRUE(is_near_the_clock(append(id)));
    store_->checkpoint();
  }
  EXPECT_EQ(ids(), (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(WrongClockTest, RetryKeysEndAgain) {
  auto keyed = [&](std::string_view key) {
    Transaction transaction = one_append(make_rows(*table_, 1, 1));
    transaction.key = make_idempotency_key(table_->id, key, "", "");
    return store_->commit(std::move(transaction)).is_repeat;
  };
  clock_.step(50 * kYear);
  EXPECT_FALSE(keyed("a"));
  clock_.step(-50 * kYear);
  EXPECT_TRUE(keyed("a"));
  append(2);
  clock_.pass(std::chrono::hours(1));
  append(3);  // the clock is believed
  EXPECT_TRUE(keyed("a"));
  clock_.pass(std::chrono::hours(1));
  for (bool is_reopened : {false, true}) {
    if (is_reopened) {
      reopen();
      clock_.pass(std::chrono::hours(1));
    }
    EXPECT_FALSE(keyed("a"));
    EXPECT_TRUE(keyed("a"));
  }
}

// In the tail, in row files and in extents, those of rows from before and from behind the step included.
TEST_F(WrongClockTest, RowsOfATimeThatNeverCameGoWithTheirRetention) {
  for (int where = 0; where < 4; ++where) {
    SCOPED_TRACE(where);
    set_retention("1000");
    int64_t first = 10 * where;
    append(first + 1);
    clock_.step(50 * kYear);
    append(first + 2);
    if (where == 1) store_->seal({});
    clock_.step(-50 * kYear);
    append(first + 3);
    clock_.pass(std::chrono::hours(1));
    append(first + 4);
    if (where == 2) store_->seal({});
    if (where == 3) store_->checkpoint();
    append(first + 5);
    reopen();
    set_retention("10");
    clock_.pass(std::chrono::hours(9 * 24));
    store_->upkeep();
    EXPECT_EQ(ids().size(), 5u);
    append(first + 6);
    clock_.pass(std::chrono::hours(2 * 24));
    store_->upkeep();
    EXPECT_EQ(ids(), std::vector<int64_t>{first + 6});
    store_->checkpoint();
    reopen();
    clock_.pass(std::chrono::hours(11 * 24));
    store_->upkeep();
    EXPECT_EQ(ids(), std::vector<int64_t>{});
  }
}

TEST_F(WrongClockTest, AClockThatIsOnceBehindRemovesNothing) {
  set_retention("10");
  append(1);
  clock_.step(-50 * kYear);
  append(2);
  clock_.pass(std::chrono::hours(1));
  Ticks behind = append(3);
  EXPECT_TRUE(is_near_the_clock(behind));
  store_->upkeep();
  store_->seal({});
  append(4);
  store_->checkpoint();
  append(5);
  store_->upkeep();
  EXPECT_EQ(ids(), (std::vector<int64_t>{1, 2, 3, 4, 5}));
  clock_.step(50 * kYear);
  append(6);
  for (bool is_reopened : {false, true}) {
    if (is_reopened) reopen();
    store_->upkeep();
    EXPECT_EQ(ids(), (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
  }
  clock_.pass(std::chrono::hours(11 * 24));
  store_->upkeep();
  EXPECT_EQ(ids(), std::vector<int64_t>{});
}

}  // namespace
}  // namespace rivulet::store
