#pragma once

#include <chrono>
#include <cstdint>

#include "common/clock.h"

namespace rivulet::store {

// When memory that was freed is given back to the system: after a time in which hardly anything came in. Under load it is
// needed again at once, and while it is given back nobody who shares its arena can allocate. Guarded by its owner's lock.
class MemoryTrim {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kRest{10};
  static constexpr uint64_t kRestBytes = 1 << 20;

  // Something freed memory, when so many bytes had been logged.
  void put_off(SteadyTime now, uint64_t logged_bytes) {
    due_ = now + kRest;
    logged_bytes_ = logged_bytes;
  }
  SteadyTime next_due() const { return due_; }
  enum class Turn { kNotDue, kPutOff, kTrim };
  // What is to be done now. kTrim: by the caller, and then no more until something is freed again.
  Turn take(SteadyTime now, uint64_t logged_bytes) {
    if (now < due_) return Turn::kNotDue;
    if (logged_bytes - logged_bytes_ > kRestBytes) {
      put_off(now, logged_bytes);
      return Turn::kPutOff;
    }
    due_ = SteadyTime::max();
    return Turn::kTrim;
  }

 private:
  SteadyTime due_ = SteadyTime::max();
  uint64_t logged_bytes_ = 0;  // when that was set
};

}  // namespace rivulet::store
