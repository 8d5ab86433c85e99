#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "common/error.h"

namespace rivulet::functions {

// The memory that native functions hold for queries: the text of their results, which stands in the vectors
// between the engine's operators, and the states of their aggregates. The engine's own memory limit counts
// neither. One account an engine, shared by all queries; thread-safe.
//
// A query is refused more (E_LOW_MEMORY_CONDITION) when it alone would hold over half of the account, or when
// the account is full and it holds over a sixteenth: a query that takes little goes on beside one that takes
// too much.
class MemoryAccount {
 public:
  explicit MemoryAccount(uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  uint64_t limit_bytes() const { return limit_bytes_; }
  uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

 private:
  friend class QueryMemory;

  const uint64_t limit_bytes_;
  std::atomic<uint64_t> used_bytes_{0};
};

// What a query ends with that is refused memory (E_LOW_MEMORY_CONDITION).
Error lack_of_memory();

// What one query holds of an account. Thread-safe. The account outlives it.
class QueryMemory {
 public:
  explicit QueryMemory(MemoryAccount& account) : account_(account) {}

  // Throws Error (limits_exceeded); then nothing was taken.
  void take(uint64_t bytes);
  void give_back(uint64_t bytes);
  // The most that the query has held.
  uint64_t peak_bytes() const { return peak_bytes_.load(std::memory_order_relaxed); }

 private:
  MemoryAccount& account_;
  std::atomic<uint64_t> used_bytes_{0};
  std::atomic<uint64_t> peak_bytes_{0};
};

// An amount that is held of a query's memory, given back at its end. Used by one thread at a time. Without an
// owner it counts nothing.
class MemoryCharge {
 public:
  // Counts in steps of so many bytes: less than a step is not counted.
  MemoryCharge(std::shared_ptr<QueryMemory> owner, uint64_t step_bytes)
      : owner_(std::move(owner)), step_bytes_(step_bytes) {}
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;
  ~MemoryCharge() { set(0); }

  // Holds so many bytes from now on. Throws Error when there are no more; what was held stays so.
  void set(uint64_t bytes) {
    const uint64_t wanted = bytes / step_bytes_ * step_bytes_;
    if (wanted != held_bytes_ && owner_ != nullptr) change(wanted);
  }

 private:
  void change(uint64_t wanted);

  std::shared_ptr<QueryMemory> owner_;
  const uint64_t step_bytes_;
  uint64_t held_bytes_ = 0;
};

}  // namespace rivulet::functions
