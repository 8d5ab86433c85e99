#include "store/seal_queue.h"

#include <algorithm>

namespace rivulet::store {

void SealQueue::add(const rowstore::TailEvent& event, const Clock& clock) {
  if (event.ripeness == rowstore::Ripeness::kRipe) {
    ripe_.push_back(event);
    return;
  }
  // By the steady clock, and no later than a whole age from now, whatever the other clock does.
  Ticks left = std::clamp<Ticks>(event.oldest + seal_age_ - clock.now(), 0, seal_age_);
  auto due = clock.steady_now() + std::chrono::microseconds(left / kTicksPerMicrosecond);
  aging_.emplace(due, event);
}

std::optional<rowstore::TailEvent> SealQueue::take(SteadyTime now) {
  while (!aging_.empty() && aging_.begin()->first <= now) {
    ripe_.push_back(aging_.begin()->second);
    aging_.erase(aging_.begin());
  }
  if (ripe_.empty()) return std::nullopt;
  rowstore::TailEvent event = ripe_.front();
  ripe_.pop_front();
  return event;
}

}  // namespace rivulet::store
