#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sources/event_batch.h"
#include "store/store.h"

namespace rivulet::sources {

// The transactions of a data connection that wait for their commit, what became of them, and when to try again what
// failed.
//
// - Outcomes are taken in the order in which the transactions were handed over, whatever order they come in: each was
//   stored, or failed. Of one that failed it may be unknown whether the store has it (a disk that failed while it was
//   written), which is no different here: the owner waits until nothing is under way and reads again from where the
//   store is, and should the store find the transaction later, it refuses what expects less (store::ProgressOutdated).
// - Only the first failure since the last take_failure() is kept: the others follow from it, as each transaction
//   expects the offsets that the one before it leaves.
// - Bytes and number of what is under way are bounded by wait_for_room().
//
// One thread uses it; the store's callbacks only leave an outcome. Before it is destroyed, wait_for_all().
class CommitsUnderWay {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // Transactions under way, at most: while one is written to the log, others are made.
  static constexpr size_t kMostCommits = 4;
  static constexpr Milliseconds kShortestPause{100}, kLongestPause{30'000};

  struct Commit {
    EventBatch batch;  // its appends are in the transaction
    std::vector<store::Progress> progress;
    uint64_t events = 0, event_bytes = 0;
    uint64_t memory_bytes = 0;  // of its rows
  };
  struct Failure {
    // Nothing is wrong: the same events make other rows now. The others are not set.
    bool is_outdated = false;
    std::string text;
    Milliseconds pause{};  // before the next attempt
  };

  // `record` is told of each that was stored, on the thread, as its outcome is taken.
  CommitsUnderWay(uint64_t most_bytes, unsigned seed, std::function<void(const Commit&)> record);

  // `hand_over` gives the transaction to the store, with this callback. When it throws, nothing is under way of it.
  void add(Commit commit, const std::function<void(store::CommitCallback)>& hand_over);
  // A transaction could not be made: as if it had failed.
  void fail(std::exception_ptr error);

  // Takes the outcomes that are there. The others wait: until there is room for another transaction of so many bytes, or
  // one failed; and until nothing is under way.
  void take_outcomes();
  void wait_for_room(uint64_t bytes);
  void wait_for_all();

  bool has_failed() const { return failure_ != nullptr; }
  // Waits for all; has_failed() before, and not after.
  Failure take_failure();
  // What failed is not this owner's to try again.
  void forget_failure() { failure_ = nullptr; }

  // From a failure that was taken to the next transaction that is stored, or to stop_retrying().
  bool is_retrying() const { return is_retrying_; }
  void stop_retrying() { is_retrying_ = false; }
  // After one more failure, also of what the owner needs beside the store: grows until a transaction is stored.
  Milliseconds next_pause();

 private:
  struct UnderWay {
    Commit commit;
    std::optional<std::exception_ptr> outcome;  // null: stored
  };

  void wait_for_outcome();

  const uint64_t most_bytes_;
  const std::function<void(const Commit&)> record_;
  uint64_t bytes_ = 0;
  std::exception_ptr failure_;
  bool is_retrying_ = false;
  int failures_in_a_row_ = 0;
  std::minstd_rand random_;

  // Guards the outcomes; what else is in the list is the thread's.
  std::mutex mutex_;
  std::condition_variable outcome_came_;
  std::deque<UnderWay> under_way_;
};

}  // namespace rivulet::sources
