#include "functions/memory_account.h"

namespace rivulet::functions {

Error lack_of_memory() {
  return limits_exceeded(
      "Query execution lacks memory resources to complete (E_LOW_MEMORY_CONDITION): the strings "
      "and dynamic "
      "values that it makes take too much memory at a time. Make them of fewer rows or shorter, or "
      "raise the "
      "query memory limit.");
}

void QueryMemory::take(uint64_t bytes) {
  const uint64_t own = used_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const uint64_t all = account_.used_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const uint64_t limit = account_.limit_bytes_;
  if (own > limit / 2 || (all > limit && own > limit / 16)) {
    give_back(bytes);
    throw lack_of_memory();
  }
  uint64_t peak = peak_bytes_.load(std::memory_order_relaxed);
  while (own > peak && !peak_bytes_.compare_exchange_weak(peak, own, std::memory_order_relaxed)) {
  }
}

void QueryMemory::give_back(uint64_t bytes) {
  used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  account_.used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void MemoryCharge::change(uint64_t wanted) {
  if (wanted > held_bytes_) {
    owner_->take(wanted - held_bytes_);
  } else {
    owner_->give_back(held_bytes_ - wanted);
  }
  held_bytes_ = wanted;
}

}  // namespace rivulet::functions
