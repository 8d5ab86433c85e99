#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>

#include "common/clock.h"
#include "rowstore/row_store.h"

namespace rivulet::store {

// Tails whose turn to be sealed may have come: those that grew past a threshold, in their order, and those that
// will be old enough. What became of a tail since is looked at by who takes it. Guarded by its owner's lock.
class SealQueue {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  explicit SealQueue(Ticks seal_age) : seal_age_(seal_age) {}

  void add(const rowstore::TailEvent& event, const Clock& clock);
  // The next that is due; nothing when none is.
  std::optional<rowstore::TailEvent> take(SteadyTime now);
  // When the next of those that grow old is due.
  SteadyTime next_due() const { return aging_.empty() ? SteadyTime::max() : aging_.begin()->first; }

 private:
  const Ticks seal_age_;
  std::deque<rowstore::TailEvent> ripe_;
  std::multimap<SteadyTime, rowstore::TailEvent> aging_;  // by the time when they are due
};

}  // namespace rivulet::store
