#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "log/log.h"

namespace rivulet::log {

// How often things go wrong, in parts of a thousand.
struct SimulatedFaults {
  uint32_t refused = 30;  // a submission that is refused at once, an epoch that cannot be begun now
  uint32_t lost = 80;     // a message on its way; the writer sends it again
  uint32_t doubled = 80;  // a message that arrives twice
  uint32_t late = 100;    // a message that others overtake
  uint32_t given_up =
      10;  // of the steps: a writer waits no longer, and nobody knows what became of its groups
  uint32_t gap = 50;  // of the messages: something else takes positions before it

  static SimulatedFaults none() { return {0, 0, 0, 0, 0, 0}; }
};

// The replicated log itself, which several writers send to over a network: one order of messages, of which those count
// that the rule of readers (a message carries its writer's epoch, and its number within that) lets count. Everything
// that is left to chance is drawn from the seed, so the same calls have the same answers.
//
// A message is an epoch, which counts if it is higher than all before it, or a group of records, which counts if it is
// of the newest epoch, and the next one of it by its number: not one that came twice, nor one that overtook another.
// What does not count takes positions nevertheless.
//
// Nothing happens by itself: step() makes messages and answers arrive. Any thread may call, but one at a time step().
class SimulatedTopic {
 public:
  explicit SimulatedTopic(uint64_t seed, const SimulatedFaults& faults = {});

  // One thing that is under way goes on, and if that is an answer, its callback is called. False when nothing is.
  bool step();
  // What goes wrong from now on.
  void set_faults(const SimulatedFaults& faults);
  // Records are kept, whatever is said of them with truncate(): for a reader that comes later, and has no base.
  void keep_all() { is_keeping_all_ = true; }

  // What did not count.
  struct Voids {
    uint64_t deposed = 0, repeated = 0, overtaking = 0;
  };
  Voids voids() const;

 private:
  friend class SimulatedLog;

  struct Message {
    Epoch epoch = 0;
    uint64_t number = 0;
    std::shared_ptr<const std::vector<std::string>> records;
  };
  struct Stored {
    Position first = 0;
    Epoch epoch = 0;
    std::shared_ptr<const std::vector<std::string>> records;
  };
  struct Writer {
    Epoch epoch = 0;  // 0: has not taken the log
    uint64_t next_number = 0;
    bool is_unknown = false;  // until it begins another epoch
    struct Group {
      Message message;
      Position first = 0;  // 0: does not count yet
      Log::Done done;
    };
    std::deque<Group> in_flight;
  };

  using Answer = std::pair<Log::Done, Outcome>;

  // With mutex_ held, as all below.
  bool chance(uint32_t of_thousand) { return random_() % 1000 < of_thousand; }
  // The writer waits no longer.
  std::vector<Answer> give_up(Writer& writer);
  bool is_under_way(const Message& message) const;
  void send(const Message& message);
  void deliver();
  void take(const Message& message);
  bool is_deposed(const Writer& writer) const { return writer.epoch != epoch_; }

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  SimulatedFaults faults_;
  bool is_keeping_all_ = false;
  std::vector<std::shared_ptr<Writer>> writers_;
  std::deque<Message> network_;
  // What the log is.
  std::deque<Stored> stored_;
  Position next_ = 1, first_kept_ = 1;
  Epoch epoch_ = 0;
  uint64_t expected_number_ = 0;
  uint64_t records_ = 0, groups_ = 0;
  Voids voids_;
};

// A writer to a topic, and a reader of it; what it gives of a write is read back from the topic. A writer that goes
// away has crashed: what it sent may arrive nevertheless, and nobody is told.
class SimulatedLog final : public Log {
 public:
  explicit SimulatedLog(std::shared_ptr<SimulatedTopic> topic);
  ~SimulatedLog() override;

  TailResult tail(Position from, const Visitor& visitor) override;
  void open() override;
  size_t max_in_flight() const override { return 4; }
  void submit(std::span<const Record> records, Done done) override;
  void truncate(Position before) override;
  LogStatistics statistics() const override;

 private:
  std::shared_ptr<SimulatedTopic> topic_;
  std::shared_ptr<SimulatedTopic::Writer> writer_;
};

}  // namespace rivulet::log
