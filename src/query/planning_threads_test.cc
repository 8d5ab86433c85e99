#include "query/planning_threads.h"

#include <gtest/gtest.h>

#include <chrono>
#include <latch>
#include <memory>
#include <stdexcept>
#include <thread>

#include "common/error.h"
#include "functions/memory_account.h"

namespace rivulet::query {
namespace {

using functions::QueryControl;
using namespace std::chrono_literals;

class PlanningThreadsTest : public ::testing::Test {
 protected:
  std::shared_ptr<QueryControl> make_control() {
    return QueryControl::make(QueryControl::Deadline::max(), memory_);
  }
  // Leaves a plan behind that goes on until the latch is counted down, and holds `held`.
  void leave_behind(PlanningThreads& threads, std::latch& end, std::shared_ptr<int> held) {
    auto control = make_control();
    try {
      threads.run(*control, [&end, control, held = std::move(held)] {
        control->request_stop(QueryControl::Stop::kTimedOut);
        end.wait();
      });
      FAIL() << "the query was not stopped";
    } catch (const Error& error) {
      EXPECT_EQ(error.message(), functions::stop_error(QueryControl::Stop::kTimedOut).message());
    }
  }

  functions::MemoryAccount memory_{1 << 20};
};

// A frame of this takes more than 1 KiB.
int descend(int depth) {
  volatile char frame[1024];
  frame[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : descend(depth - 1) + (frame[0] == static_cast<char>(depth) ? 1 : 0);
}

TEST_F(PlanningThreadsTest, APlanHasAStackOfItsOwn) {
  PlanningThreads threads(1);
  std::thread::id thread;
  int depth = 0;
  threads.run(*make_control(), [&] {
    thread = std::this_thread::get_id();
    depth = descend(20'000);
  });
  EXPECT_NE(thread, std::this_thread::get_id());
  EXPECT_EQ(depth, 20'000);
}

TEST_F(PlanningThreadsTest, WhatAPlanThrowsReachesTheCaller) {
  PlanningThreads threads(1);
  EXPECT_THROW(threads.run(*make_control(), [] { throw std::out_of_range("x"); }),
               std::out_of_range);
  threads.run(*make_control(), [] {});
}

TEST_F(PlanningThreadsTest, AQueryThatIsStoppedLeavesItsPlanBehindWithAllThatItHolds) {
  PlanningThreads threads(2);
  std::latch end(1);
  auto held = std::make_shared<int>();
  leave_behind(threads, end, held);
  leave_behind(threads, end, held);
  EXPECT_EQ(held.use_count(), 3);
  EXPECT_FALSE(threads.wait_for_all(0ms));
  // No more are begun now.
  try {
    threads.run(*make_control(), [] { FAIL(); });
    FAIL() << "it was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kThrottled);
    EXPECT_FALSE(error.is_permanent());
  }
  end.count_down();
  EXPECT_TRUE(threads.wait_for_all(1min));
  EXPECT_EQ(held.use_count(), 1);
  bool is_called = false;
  threads.run(*make_control(), [&] { is_called = true; });
  EXPECT_TRUE(is_called);
}

}  // namespace
}  // namespace rivulet::query
