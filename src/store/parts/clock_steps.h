#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "store/store.h"

namespace rivulet::store {

// Where commit times went back, because the machine's clock did and stayed there (Committer::next_time()). The time
// of a row stays what it was given; for its age, which retention goes by, it is corrected with what is known of
// the order of commits:
//
// * While a time from before a step lies in the future, the clock was ahead before the step: rows up to it are
//   no younger than the first time after it.
// * Once that time has passed, either it was only a little ahead, or the clock was behind after the step: rows after
//   it are no older than the last time before it.
//
// So neither a clock that was once ahead keeps rows, nor one that was once behind removes rows, for as long as it was
// wrong. A value; of one thread at a time.
class ClockSteps {
 public:
  // Rows up to `sequence` may have times up to `from`, but were committed by `to`. In the order of sequences.
  void add(Sequence sequence, Ticks from, Ticks to);
  bool empty() const { return steps_.empty(); }

  // When a row was committed, as far as its age goes: `time` is what it says, `now` the clock.
  Ticks corrected(Ticks time, Sequence sequence, Ticks now) const;

  // As bytes, for checkpoints: docs/checkpoints.md. restore() adds them, and throws std::runtime_error on damage.
  void encode(std::string& out) const;
  void restore(std::string_view bytes);

 private:
  struct Step {
    Sequence sequence = 0;
    Ticks from = 0, to = 0;
  };
  std::vector<Step> steps_;
};

}  // namespace rivulet::store
