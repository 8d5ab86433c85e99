#include "sources/partition_positions.h"

#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/guid.h"
#include "sources/connection_settings.h"

namespace rivulet::sources {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Offsets = PartitionPositions::Offsets;

class PartitionPositionsTest : public ::testing::Test {
 protected:
  PartitionPositionsTest() {
    definition_.id = new_guid();
    definition_.name = "events";
    definition_.settings.consumer_group = "group";
  }

  // Where reading begins. Partitions that were never read have events from 0 on.
  Offsets begin(std::vector<int32_t> partitions, const Offsets& stored, const Offsets& group = {}) {
    positions_.assign(std::move(partitions));
    positions_.begin(stored, group, [](const std::vector<int32_t>& unread) {
      Offsets first;
      for (int32_t partition : unread) first[partition] = 0;
      return first;
    });
    return positions_.rewind(stored);
  }
  void take(int32_t partition, int64_t first, int64_t end) {
    for (int64_t offset = first; offset < end; ++offset) {
      EXPECT_TRUE(positions_.take(partition, offset)) << offset;
    }
  }
  void set_stored(int32_t partition, int64_t position) {
    positions_.set_stored({{definition_.id, "topic", partition, -1, position}});
  }
  PartitionStatus status(size_t index = 0) const { return positions_.status().at(index); }

  EventIngester::Connection definition_;
  PartitionPositions positions_{definition_, "data connection D.events"};
};

TEST_F(PartitionPositionsTest, BeginAtTheGreaterOfStoreAndGroup) {
  EXPECT_EQ(begin({0, 1, 2, 3}, {{0, 7}, {1, 7}, {9, 1}}, {{0, 5}, {2, 4}}),
            (Offsets{{0, 7}, {1, 7}, {2, 4}, {3, 0}}));
  EXPECT_THAT(positions_.unstarted(), IsEmpty());
  EXPECT_THAT(positions_.numbers(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(status(0).next_offset, 7);
  EXPECT_EQ(status(0).group_offset, 5);
  EXPECT_EQ(status(3).next_offset, -1);
  EXPECT_EQ(status(3).state, "Reading");
}

TEST_F(PartitionPositionsTest, OnlyThoseNeverReadAreLookedFor) {
  positions_.assign({0, 1, 2});
  std::vector<int32_t> looked_for;
  positions_.begin({{0, 7}}, {{1, 0}}, [&](const std::vector<int32_t>& unread) {
    looked_for = unread;
    return Offsets{{2, 30}};
  });
  EXPECT_THAT(looked_for, ElementsAre(2));
  EXPECT_EQ(positions_.rewind({{0, 7}}), (Offsets{{0, 7}, {1, 0}, {2, 30}}));
}

TEST_F(PartitionPositionsTest, StayUnstartedWhenTheBrokerDoesNotAnswer) {
  positions_.assign({0});
  auto fail = [](const std::vector<int32_t>&) -> Offsets { throw std::runtime_error("away"); };
  EXPECT_THROW(positions_.begin({}, {}, fail), std::runtime_error);
  EXPECT_THAT(positions_.unstarted(), ElementsAre(0));
  EXPECT_THAT(positions_.status(), IsEmpty());
}

TEST_F(PartitionPositionsTest, TakeEachEventOnce) {
  EXPECT_FALSE(positions_.take(0, 0));
  begin({0}, {{0, 5}});
  EXPECT_FALSE(positions_.take(0, 4));
  EXPECT_TRUE(positions_.take(0, 5));
  EXPECT_FALSE(positions_.take(0, 5));
  // Marks of transactions leave gaps.
  EXPECT_TRUE(positions_.take(0, 8));
  EXPECT_EQ(positions_.reading(), (Offsets{{0, 9}}));
  EXPECT_FALSE(positions_.take(1, 8));
}

TEST_F(PartitionPositionsTest, EachTransactionExpectsWhatTheOneBeforeLeaves) {
  begin({0, 1}, {{1, 5}});
  take(0, 0, 9);
  take(1, 5, 7);
  EXPECT_EQ(positions_.advance(0, 3), -1);
  EXPECT_EQ(positions_.advance(0, 9), 3);
  EXPECT_EQ(positions_.advance(1, 7), 5);
  EXPECT_EQ(status(0).next_offset, -1);
  set_stored(0, 3);
  EXPECT_EQ(status(0).next_offset, 3);
}

TEST_F(PartitionPositionsTest, RewindToWhatTheStoreSays) {
  begin({0, 1}, {{0, 5}});
  take(0, 5, 9);
  take(1, 0, 4);
  positions_.advance(0, 9);
  positions_.advance(1, 4);
  // One of the two had failed with an outcome that is not known, and is there after all.
  EXPECT_EQ(positions_.rewind({{0, 9}}), (Offsets{{0, 9}, {1, 0}}));
  EXPECT_FALSE(positions_.take(0, 8));
  take(0, 9, 10);
  EXPECT_EQ(positions_.advance(0, 10), 9);
  take(1, 0, 1);
  EXPECT_EQ(positions_.advance(1, 1), -1);
}

TEST_F(PartitionPositionsTest, AHeldPartitionReadsAgainFromWhereItStopped) {
  begin({0, 1}, {});
  take(0, 0, 4);
  take(1, 0, 4);
  positions_.hold(0, 2, "the table is missing");
  positions_.advance(0, 2);
  EXPECT_TRUE(positions_.is_any_held());
  EXPECT_EQ(positions_.reading(), (Offsets{{1, 4}}));
  EXPECT_FALSE(positions_.take(0, 4));
  EXPECT_EQ(status(0).state, "Holding");
  EXPECT_EQ(status(0).reason, "the table is missing");
  EXPECT_EQ(status(1).state, "Reading");

  EXPECT_EQ(positions_.resume_held(), (Offsets{{0, 2}}));
  EXPECT_EQ(positions_.resume_held(), Offsets());
  take(0, 2, 3);
  // Until a transaction takes the event that it waited with.
  EXPECT_EQ(status(0).state, "Holding");
  EXPECT_EQ(positions_.advance(0, 3), 2);
  EXPECT_EQ(status(0).state, "Reading");
  EXPECT_EQ(status(0).reason, "");
  EXPECT_FALSE(positions_.is_any_held());
}

TEST_F(PartitionPositionsTest, ARewindLooksAtAHeldPartitionAgain) {
  begin({0}, {});
  take(0, 0, 4);
  positions_.hold(0, 2, "the table is missing");
  EXPECT_EQ(positions_.rewind({}), (Offsets{{0, 0}}));
  EXPECT_TRUE(positions_.take(0, 0));
  EXPECT_EQ(status().state, "Holding");
}

TEST_F(PartitionPositionsTest, TheGroupIsToldWhatIsStoredAndNotYetTold) {
  begin({0, 1, 2}, {{0, 5}, {1, 5}}, {{0, 5}});
  EXPECT_EQ(positions_.stored_since_start(), (Offsets{{0, 5}, {1, 5}}));
  EXPECT_EQ(positions_.untold(), (Offsets{{1, 5}}));
  positions_.set_told(positions_.untold());
  EXPECT_EQ(positions_.untold(), Offsets());
  EXPECT_EQ(status(1).group_offset, 5);
  positions_.forget_told();
  EXPECT_EQ(positions_.untold(), (Offsets{{0, 5}, {1, 5}}));
}

TEST_F(PartitionPositionsTest, WhatAnotherServerReadSinceIsSkippedAndNotTakenBack) {
  EXPECT_EQ(begin({0}, {{0, 10}}, {{0, 20}}), (Offsets{{0, 20}}));
  EXPECT_EQ(status().state, "Reading");
  EXPECT_THAT(status().reason,
              AllOf(HasSubstr("the consumer group 'group' is at offset 20, but this store at 10"),
                    HasSubstr("left to the server that read them")));
  EXPECT_EQ(positions_.stored_since_start(), Offsets());
  take(0, 20, 21);
  EXPECT_EQ(positions_.advance(0, 21), 10);
  set_stored(0, 21);
  EXPECT_EQ(positions_.untold(), (Offsets{{0, 21}}));
}

TEST_F(PartitionPositionsTest, InItsOwnGroupAPartitionWaitsForAChoice) {
  definition_.settings.consumer_group = own_consumer_group(definition_.id);
  EXPECT_EQ(begin({0, 1}, {{0, 10}, {1, 10}}, {{0, 20}}), (Offsets{{1, 10}}));
  EXPECT_TRUE(positions_.is_any_held());
  EXPECT_EQ(status(0).state, "Waiting");
  EXPECT_THAT(status(0).reason,
              AllOf(HasSubstr("at offset 20, but this store at 10"),
                    HasSubstr(".alter data-connection events with (onGroupAhead='read')")));
  EXPECT_FALSE(positions_.take(0, 20));
  EXPECT_EQ(positions_.resume_held(), Offsets());
  EXPECT_EQ(positions_.rewind({{0, 10}, {1, 10}}), (Offsets{{1, 10}}));
  EXPECT_EQ(positions_.stored_since_start(), (Offsets{{1, 10}}));
}

TEST_F(PartitionPositionsTest, ReadsAgainWhatTheStoreLostAndPutsTheGroupBack) {
  definition_.settings.on_group_ahead = "read";
  EXPECT_EQ(begin({0, 1}, {{0, 10}}, {{0, 20}, {1, 20}}), (Offsets{{0, 10}, {1, 0}}));
  EXPECT_EQ(status(0).reason, "");
  EXPECT_EQ(positions_.untold(), (Offsets{{0, 10}}));
}

TEST_F(PartitionPositionsTest, PassOverWhatIsNoLongerAtTheBroker) {
  begin({0}, {{0, 5}});
  EXPECT_EQ(positions_.place(0, 8, 12),
            "Partition 0: events 5 to 7 are no longer at the broker, and were not read");
  EXPECT_EQ(positions_.rewind({{0, 5}}), (Offsets{{0, 8}}));
  EXPECT_EQ(status().next_offset, 5);
  EXPECT_EQ(status().lag, 4);
  take(0, 8, 9);
  EXPECT_EQ(positions_.advance(0, 9), 5);
}

TEST_F(PartitionPositionsTest, APositionThatIsThereAfterAllIsReadAgain) {
  begin({0}, {{0, 5}});
  EXPECT_EQ(positions_.place(0, 5, 5), "");
  EXPECT_EQ(positions_.rewind({{0, 5}}), (Offsets{{0, 5}}));
  EXPECT_EQ(status().lag, 0);
}

TEST_F(PartitionPositionsTest, APositionBeyondTheEndWaits) {
  begin({0, 1}, {{0, 1000}});
  std::string reason =
      "Event 1000 is to come next, but the partition ends at 50. If the topic was made anew, drop "
      "the data connection and create it again";
  EXPECT_EQ(positions_.place(0, 0, 50), "Partition 0: " + reason);
  EXPECT_EQ(positions_.rewind({{0, 1000}}), (Offsets{{1, 0}}));
  EXPECT_EQ(status(0).state, "Waiting");
  EXPECT_EQ(status(0).reason, reason);
  EXPECT_EQ(status(0).lag, 0);
}

TEST_F(PartitionPositionsTest, TheLagIsWhatIsNotStored) {
  begin({0}, {});
  EXPECT_EQ(status().lag, -1);
  positions_.set_end(0, 12);
  positions_.set_end(0, -1);
  EXPECT_EQ(status().end_offset, 12);
  EXPECT_EQ(status().lag, 12);
  take(0, 0, 10);
  positions_.advance(0, 10);
  // At the end are the marks of a transaction; but not everything before is stored.
  positions_.set_polled_end(0, 12);
  EXPECT_EQ(status().lag, 12);
  set_stored(0, 10);
  EXPECT_EQ(status().lag, 2);
  positions_.set_polled_end(0, 12);
  EXPECT_EQ(status().lag, 0);
}

TEST_F(PartitionPositionsTest, NothingIsLeftOfWhatWasTakenAway) {
  begin({0, 1}, {{0, 5}});
  positions_.assign({2});
  positions_.clear();
  EXPECT_FALSE(positions_.contains(0));
  EXPECT_FALSE(positions_.take(0, 5));
  EXPECT_THAT(positions_.unstarted(), IsEmpty());
  EXPECT_THAT(positions_.status(), IsEmpty());
  EXPECT_EQ(positions_.stored_since_start(), Offsets());
  // Given again, it begins where the store is then.
  EXPECT_EQ(begin({0}, {{0, 9}}, {{0, 9}}), (Offsets{{0, 9}}));
}

}  // namespace
}  // namespace rivulet::sources
