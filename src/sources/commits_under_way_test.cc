#include "sources/commits_under_way.h"

#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"

namespace rivulet::sources {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

// A store whose outcomes the test gives.
class CommitsUnderWayTest : public ::testing::Test {
 protected:
  // Each is known by its number of events.
  void add(uint64_t events, uint64_t memory_bytes = 0) {
    commits_.add({.events = events, .memory_bytes = memory_bytes},
                 [this](store::CommitCallback done) { handed_over_.push_back(std::move(done)); });
  }
  void set_stored(size_t index) { handed_over_.at(index)(store::CommitResult()); }
  template <typename E>
  void set_failed(size_t index, E error) {
    handed_over_.at(index)({.error = std::make_exception_ptr(std::move(error))});
  }
  // One is made, and fails.
  template <typename E>
  CommitsUnderWay::Failure fail_once(E error) {
    add(1);
    set_failed(handed_over_.size() - 1, std::move(error));
    return commits_.take_failure();
  }
  void store_once() {
    add(1);
    set_stored(handed_over_.size() - 1);
    commits_.wait_for_all();
  }

  std::vector<store::CommitCallback> handed_over_;
  std::vector<uint64_t> recorded_;
  CommitsUnderWay commits_{100, 1, [this](const CommitsUnderWay::Commit& commit) {
                             recorded_.push_back(commit.events);
                           }};
};

TEST_F(CommitsUnderWayTest, AreRecordedWhenTheyAreStored) {
  add(1);
  add(2);
  commits_.take_outcomes();
  EXPECT_THAT(recorded_, IsEmpty());
  set_stored(0);
  commits_.take_outcomes();
  EXPECT_THAT(recorded_, ElementsAre(1));
  set_stored(1);
  commits_.wait_for_all();
  EXPECT_THAT(recorded_, ElementsAre(1, 2));
  EXPECT_FALSE(commits_.has_failed());
}

TEST_F(CommitsUnderWayTest, AreRecordedInOrderWhateverOrderTheOutcomesComeIn) {
  add(1);
  add(2);
  add(3);
  set_stored(2);
  set_failed(1, std::runtime_error("disk"));
  commits_.take_outcomes();
  EXPECT_THAT(recorded_, IsEmpty());
  EXPECT_FALSE(commits_.has_failed());
  set_stored(0);
  commits_.take_outcomes();
  EXPECT_THAT(recorded_, ElementsAre(1, 3));
  EXPECT_TRUE(commits_.has_failed());
}

TEST_F(CommitsUnderWayTest, AreWaitedForWhileAnotherThreadStoresThem) {
  for (uint64_t events = 1; events <= CommitsUnderWay::kMostCommits; ++events) add(events);
  std::thread store([this] {
    for (size_t index = 0; index < CommitsUnderWay::kMostCommits; ++index) set_stored(index);
  });
  commits_.wait_for_room(0);
  EXPECT_THAT(recorded_, ::testing::Contains(1));
  commits_.wait_for_all();
  EXPECT_THAT(recorded_, ElementsAre(1, 2, 3, 4));
  store.join();
}

TEST_F(CommitsUnderWayTest, RoomIsForSoManyTransactions) {
  for (uint64_t events = 1; events < CommitsUnderWay::kMostCommits; ++events) add(events);
  set_stored(0);
  // Nothing to wait for, and nothing is taken.
  commits_.wait_for_room(0);
  EXPECT_THAT(recorded_, IsEmpty());
  add(4);
  commits_.wait_for_room(0);
  EXPECT_THAT(recorded_, ElementsAre(1));
  set_stored(1);
  set_stored(2);
  set_stored(3);
  commits_.wait_for_all();
}

TEST_F(CommitsUnderWayTest, RoomIsForSoManyBytes) {
  add(1, 40);
  add(2, 40);
  set_stored(0);
  set_stored(1);
  commits_.wait_for_room(20);
  EXPECT_THAT(recorded_, IsEmpty());
  commits_.wait_for_room(21);
  EXPECT_THAT(recorded_, ElementsAre(1, 2));
  // One that alone takes more does not wait for ever.
  commits_.wait_for_room(1000);
}

TEST_F(CommitsUnderWayTest, NobodyWaitsForRoomBehindAFailure) {
  add(1, 60);
  add(2, 60);
  set_failed(0, std::runtime_error("disk"));
  commits_.wait_for_room(50);
  EXPECT_TRUE(commits_.has_failed());
  set_failed(1, store::ProgressOutdated());
  commits_.wait_for_all();
}

TEST_F(CommitsUnderWayTest, WhatCouldNotBeHandedOverIsNotUnderWay) {
  auto fail = [](const store::CommitCallback&) { throw std::bad_alloc(); };
  EXPECT_THROW(commits_.add({.memory_bytes = 90}, fail), std::bad_alloc);
  commits_.wait_for_all();
  add(2, 60);
  set_stored(0);
  commits_.wait_for_room(40);
  EXPECT_THAT(recorded_, IsEmpty());
  commits_.wait_for_all();
}

TEST_F(CommitsUnderWayTest, AreNotWaitedForAgainWhenOneCannotBeRecorded) {
  CommitsUnderWay commits(100, 1, [this](const CommitsUnderWay::Commit& commit) {
    if (commit.events == 1) throw std::bad_alloc();
    recorded_.push_back(commit.events);
  });
  for (uint64_t events : {1, 2}) {
    commits.add({.events = events}, [](const store::CommitCallback& done) { done({}); });
  }
  EXPECT_THROW(commits.take_outcomes(), std::bad_alloc);
  commits.wait_for_all();
  EXPECT_THAT(recorded_, ElementsAre(2));
}

TEST_F(CommitsUnderWayTest, TheFirstFailureIsTheOneThatCounts) {
  add(1);
  add(2);
  add(3);
  set_failed(0, std::runtime_error("disk"));
  set_failed(1, store::ProgressOutdated());
  set_stored(2);
  EXPECT_EQ(commits_.take_failure().text, "disk");
  EXPECT_FALSE(commits_.has_failed());
  EXPECT_THAT(recorded_, ElementsAre(3));
}

TEST_F(CommitsUnderWayTest, OneThatCouldNotBeMadeIsAFailureBehindThoseUnderWay) {
  add(1);
  commits_.fail(std::make_exception_ptr(std::runtime_error("memory")));
  EXPECT_TRUE(commits_.has_failed());
  set_stored(0);
  EXPECT_EQ(commits_.take_failure().text, "memory");
  EXPECT_THAT(recorded_, ElementsAre(1));
  EXPECT_TRUE(commits_.is_retrying());
}

TEST_F(CommitsUnderWayTest, NothingIsWrongWhenTheCatalogChanged) {
  CommitsUnderWay::Failure failure = fail_once(store::CatalogOutdated());
  EXPECT_TRUE(failure.is_outdated);
  EXPECT_FALSE(commits_.is_retrying());
}

TEST_F(CommitsUnderWayTest, RetriesUntilOneIsStored) {
  CommitsUnderWay::Failure failure = fail_once(std::runtime_error("disk"));
  EXPECT_FALSE(failure.is_outdated);
  EXPECT_EQ(failure.text, "disk");
  EXPECT_GT(failure.pause, 0ms);
  EXPECT_TRUE(commits_.is_retrying());
  add(7);
  EXPECT_TRUE(commits_.is_retrying());
  set_stored(1);
  commits_.take_outcomes();
  EXPECT_FALSE(commits_.is_retrying());
}

TEST_F(CommitsUnderWayTest, TriesAtOnceWhatMaySucceedThenButNotAgainAndAgain) {
  CommitsUnderWay::Failure failure = fail_once(store::ProgressOutdated());
  EXPECT_EQ(failure.text, "the store holds another offset for the partition");
  EXPECT_EQ(failure.pause, 0ms);
  EXPECT_GT(fail_once(store::ProgressOutdated()).pause, 0ms);
  store_once();
  EXPECT_EQ(fail_once(bad_request("no such table")).pause, 0ms);
  store_once();
  EXPECT_GT(fail_once(throttled("memory")).pause, 0ms);
  store_once();
  fail_once(throttled("memory"));
  commits_.stop_retrying();
  EXPECT_EQ(fail_once(store::ProgressOutdated()).pause, 0ms);
}

TEST_F(CommitsUnderWayTest, AFailureThatIsNoLongerOursIsForgotten) {
  add(1);
  set_failed(0, std::runtime_error("disk"));
  commits_.wait_for_all();
  EXPECT_TRUE(commits_.has_failed());
  commits_.forget_failure();
  EXPECT_FALSE(commits_.has_failed());
  EXPECT_FALSE(commits_.is_retrying());
}

TEST_F(CommitsUnderWayTest, PausesGrowUntilOneIsStored) {
  using C = CommitsUnderWay;
  for (auto longest = C::kShortestPause; longest < C::kLongestPause; longest *= 2) {
    auto pause = commits_.next_pause();
    EXPECT_GE(pause, longest / 2);
    EXPECT_LE(pause, longest);
  }
  for (int i = 0; i < 20; ++i) {
    auto pause = commits_.next_pause();
    EXPECT_GE(pause, C::kLongestPause / 2);
    EXPECT_LE(pause, C::kLongestPause);
  }
  store_once();
  EXPECT_LE(commits_.next_pause(), C::kShortestPause);
}

}  // namespace
}  // namespace rivulet::sources
