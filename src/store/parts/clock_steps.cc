#include "store/parts/clock_steps.h"

#include <algorithm>

#include "common/binary.h"

namespace rivulet::store {
namespace {

// Beyond so many the last two become one, which tells less exactly what both do.
constexpr size_t kMostSteps = 64;

}  // namespace

void ClockSteps::add(Sequence sequence, Ticks from, Ticks to) {
  if (steps_.size() == kMostSteps) {
    from = std::max(from, steps_.back().from);
    to = std::max(to, steps_.back().to);
    steps_.pop_back();
  }
  steps_.push_back({sequence, from, to});
}

Ticks ClockSteps::corrected(Ticks time, Sequence sequence, Ticks now) const {
  for (const Step& step : steps_) {
    if (step.from > now) {
      if (sequence <= step.sequence) time = std::min(time, step.to);
    } else if (sequence > step.sequence) {
      time = std::max(time, step.from);
    }
  }
  return time;
}

void ClockSteps::encode(std::string& out) const {
  ByteWriter writer(out);
  for (const Step& step : steps_) {
    writer.fixed(step.sequence);
    writer.fixed(step.from);
    writer.fixed(step.to);
  }
}

void ClockSteps::restore(std::string_view bytes) {
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    auto sequence = reader.fixed<Sequence>();
    auto from = reader.fixed<Ticks>();
    add(sequence, from, reader.fixed<Ticks>());
  }
}

}  // namespace rivulet::store
