// The simulated log keeps the rules of log.h, whatever goes wrong: what the tests of the store over it rest on.

#include "log/testing/simulated_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/error.h"

namespace rivulet::log {
namespace {

// Three writers that take the log from each other, give up and crash, in an order that is drawn from a seed.
class Writers {
 public:
  explicit Writers(uint64_t seed, const SimulatedFaults& faults = {})
      : random_(seed), topic_(std::make_shared<SimulatedTopic>(seed, faults)), nodes_(3) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    for (Node& node : nodes_) node.log = nullptr;
    topic_->set_faults(SimulatedFaults::none());
    while (topic_->step()) {
    }
  }

  // What is in the log in the end, by position.
  std::map<Position, std::string> read() {
    std::map<Position, std::string> records;
    SimulatedLog log(topic_);
    Epoch epoch = 0;
    Position last = 0;
    log.tail(1, [&](const StoredRecord& record) {
      EXPECT_GE(record.epoch, epoch);
      EXPECT_GT(record.position, last);
      epoch = record.epoch;
      last = record.position;
      records.emplace(record.position, record.payload);
    });
    return records;
  }

  const std::map<std::string, Position>& stored() const { return stored_; }
  const std::set<std::string>& refused() const { return refused_; }
  const std::set<std::string>& unknown() const { return unknown_; }
  SimulatedTopic::Voids voids() const { return topic_->voids(); }
  const std::string& trace() const { return trace_; }

 private:
  struct Node {
    std::unique_ptr<SimulatedLog> log;
    bool is_open = false;
    size_t in_flight = 0;
    int life = 0;
    std::map<Position, std::string> read;
    Position next = 1;
  };

  void step() {
    uint64_t kind = random_() % 100;
    size_t index = random_() % nodes_.size();
    Node& node = nodes_[index];
    if (kind < 60) {
      topic_->step();
    } else if (kind < 61) {
      node = {.life = node.life + 1};
      trace_ += fmt::format("{} crashes\n", index);
    } else if (kind < 67) {
      if (!node.log) node.log = std::make_unique<SimulatedLog>(topic_);
      tail(node);
    } else if (kind < 70 || (kind < 80 && node.log && !node.is_open)) {
      if (!node.log || node.in_flight > 0) return;
      try {
        node.log->open();
        node.is_open = true;
        tail(node);
        trace_ += fmt::format("{} opens\n", index);
      } catch (const Error& error) {
        EXPECT_FALSE(error.is_permanent());
        trace_ += fmt::format("{} does not open: {}\n", index, error.message());
      }
    } else if (node.is_open && node.in_flight < node.log->max_in_flight()) {
      submit(index);
    }
  }

  void submit(size_t index) {
    Node& node = nodes_[index];
    std::vector<std::string> ids;
    for (uint64_t i = 0; i <= random_() % 3; ++i) ids.push_back(fmt::format("op {}", ++ops_));
    std::vector<std::string_view> pieces(ids.begin(), ids.end());
    std::vector<Record> records;
    for (const std::string_view& piece : pieces) records.emplace_back(&piece, 1);
    ++node.in_flight;
    node.log->submit(records, [this, index, ids, life = node.life,
                               newest = newest_](const Outcome& outcome) {
      Node& node = nodes_[index];
      EXPECT_EQ(node.life, life) << "who is gone was answered";
      --node.in_flight;
      EXPECT_EQ(outcome.kind == Outcome::Kind::kStored, outcome.error == nullptr);
      for (size_t i = 0; i < ids.size(); ++i) {
        if (outcome.kind == Outcome::Kind::kStored) {
          // What was answered before this was submitted stands before it.
          EXPECT_GT(outcome.first, newest);
          newest_ = std::max(newest_, outcome.first + i);
          EXPECT_TRUE(node.is_open) << "stored behind what is not known";
          stored_[ids[i]] = outcome.first + i;
        } else {
          (outcome.kind == Outcome::Kind::kRefused ? refused_ : unknown_).insert(ids[i]);
        }
        trace_ += fmt::format("{}: {} {}\n", ids[i], static_cast<int>(outcome.kind), outcome.first);
      }
      if (outcome.kind == Outcome::Kind::kUnknown) node.is_open = false;
    });
  }

  void tail(Node& node) {
    TailResult result = node.log->tail(node.next, [&](const StoredRecord& record) {
      EXPECT_GE(record.position, node.next);
      node.read.emplace(record.position, record.payload);
    });
    node.next = result.next;
  }

  std::mt19937_64 random_;
  std::shared_ptr<SimulatedTopic> topic_;
  std::vector<Node> nodes_;
  int ops_ = 0;
  Position newest_ = 0;  // of what was answered
  std::map<std::string, Position> stored_;
  std::set<std::string> refused_, unknown_;
  std::string trace_;
};

TEST(SimulatedLogTest, WhatIsAnsweredIsTrueWhateverGoesWrong) {
  SimulatedTopic::Voids voids;
  uint64_t stored = 0, refused = 0, unknown = 0, unknown_and_there = 0, gaps = 0;
  for (uint64_t seed = 0; seed < 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Writers writers(seed);
    writers.run(1000);
    std::map<Position, std::string> log = writers.read();
    std::map<std::string, Position> places;
    Position last = 0;
    for (const auto& [position, id] : log) {
      EXPECT_TRUE(places.emplace(id, position).second) << id << " is there twice";
      EXPECT_FALSE(writers.refused().contains(id)) << id << " was refused";
      unknown_and_there += writers.unknown().contains(id);
      gaps += position != last + 1;
      last = position;
    }
    for (const auto& [id, position] : writers.stored()) {
      auto found = places.find(id);
      EXPECT_TRUE(found != places.end() && found->second == position) << id << " is lost";
    }
    stored += writers.stored().size();
    refused += writers.refused().size();
    unknown += writers.unknown().size();
    voids.deposed += writers.voids().deposed;
    voids.repeated += writers.voids().repeated;
    voids.overtaking += writers.voids().overtaking;
  }
  EXPECT_GT(stored, 10'000u);
  // Everything that can happen did.
  for (uint64_t count : {refused, unknown, unknown_and_there, unknown - unknown_and_there, gaps,
                         voids.deposed, voids.repeated, voids.overtaking}) {
    EXPECT_GT(count, 100u);
  }
}

TEST(SimulatedLogTest, TheSameSeedGivesTheSameTrace) {
  std::set<std::string> traces;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Writers first(seed), second(seed);
    first.run(1000);
    second.run(1000);
    EXPECT_EQ(first.trace(), second.trace());
    traces.insert(first.trace());
  }
  EXPECT_EQ(traces.size(), 10u);
}

// The rule that resolves an unknown outcome: what a new epoch does not find there never comes.
TEST(SimulatedLogTest, ANewEpochEndsWhatIsNotKnown) {
  uint64_t came_late = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    auto topic = std::make_shared<SimulatedTopic>(
        seed, SimulatedFaults{.refused = 0, .lost = 0, .late = 500, .given_up = 300});
    SimulatedLog log(topic);
    log.open();
    std::string_view piece = "op";
    Record record(&piece, 1);
    bool is_unknown = false;
    for (int i = 0; i < 4; ++i) {
      log.submit({&record, 1}, [&](const Outcome& outcome) {
        is_unknown |= outcome.kind == Outcome::Kind::kUnknown;
      });
    }
    while (!is_unknown && topic->step()) {
    }
    auto count = [&] { return log.tail(1, [](const StoredRecord&) {}).records; };
    uint64_t before = count();
    log.open();
    uint64_t resolved = count();
    came_late += resolved > before;
    while (topic->step()) {
    }
    EXPECT_EQ(count(), resolved);
  }
  EXPECT_GT(came_late, 10u);
}

}  // namespace
}  // namespace rivulet::log
