#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "functions/query_control.h"

// Which query a native function works for, and what it owes to it: to end soon after the query, and to hold no
// more memory than the query may.
//
// The engine runs a function on any of its threads, and tells it only what was attached when the call was bound.
// It binds where a statement is prepared or started, on the thread that does so, hence:
//
//  1. That thread has a PlanningScope. Binding a scalar function attaches the scope's QueryControl to the call
//     (udf.h); an aggregate, which the engine cannot bind, gets the number of the control from the argument
//     k_query() that its SQL ends with (udaf.h).
//  2. While a block of rows is worked on, a NativeCall makes the control known to the thread.
//  3. Every loop whose length comes from data says count_work() for each of its steps. That counts down a number
//     of the thread and looks at the query's stop flag each time it is used up: every few milliseconds. What is
//     thrown then ends the query.
//
// Without a PlanningScope (unit tests) a function works for no query: it is never stopped and not counted.
namespace rivulet::functions {

// What one call may make for one block of rows (2,048), whatever the query's memory.
constexpr uint64_t kMaxBlockBytes = uint64_t{512} << 20;

// On the thread that prepares or starts a statement for a query.
class PlanningScope {
 public:
  explicit PlanningScope(std::shared_ptr<QueryControl> control);
  ~PlanningScope();
  PlanningScope(const PlanningScope&) = delete;
  PlanningScope& operator=(const PlanningScope&) = delete;

  // That of this thread's scope; null outside of one.
  static const std::shared_ptr<QueryControl>& current();

 private:
  std::shared_ptr<QueryControl> outer_;
};

// What a call in one thread keeps from block to block, such as a set made of a constant argument.
struct KeptByCall {
  explicit KeptByCall(std::shared_ptr<QueryMemory> query) : memory(std::move(query), 1) {}

  std::shared_ptr<void> value;
  MemoryCharge memory;
};

// While this thread works on a block of rows for a query. Not nested.
class NativeCall {
 public:
  // What the block makes is charged to `memory`, which may be null, until the next block of the same call.
  explicit NativeCall(const QueryControl* control, MemoryCharge* memory = nullptr,
                      KeptByCall* kept = nullptr);
  ~NativeCall();
  NativeCall(const NativeCall&) = delete;
  NativeCall& operator=(const NativeCall&) = delete;
};

namespace native_detail {

// Some milliseconds of work, in the units of count_work().
constexpr int64_t kWorkBetweenLooks = 1 << 20;

struct Work {
  const QueryControl* control = nullptr;
  MemoryCharge* memory = nullptr;
  KeptByCall* kept = nullptr;
  uint64_t block_bytes = 0;
  int64_t left = kWorkBetweenLooks;
};
inline thread_local constinit Work work;

// Throws Error when the query is over.
void look();

}  // namespace native_detail

// Counts work: a byte that is read or written is one, a step that allocates or searches some 50. Throws Error
// when the query of this thread's call is over: the function lets it through, and leaves nothing half done.
inline void count_work(size_t units) {
  native_detail::Work& work = native_detail::work;
  work.left -= static_cast<int64_t>(units);
  if (work.left < 0) native_detail::look();
}

// Says that the block makes the engine hold so many bytes more, such as the text of a result. Throws Error
// (limits_exceeded) when the query may not hold them, std::length_error beyond kMaxBlockBytes.
inline void hold_in_block(uint64_t bytes) {
  native_detail::Work& work = native_detail::work;
  work.block_bytes += bytes;
  if (work.block_bytes > kMaxBlockBytes) {
    throw std::length_error("the values of one block of rows take more than 512 MiB");
  }
  if (work.memory != nullptr) work.memory->set(work.block_bytes);
}

// The T that this call keeps, which is always of the same T; to be called within a call of a scalar function.
template <typename T>
T& kept_by_call() {
  std::shared_ptr<void>& value = native_detail::work.kept->value;
  if (value == nullptr) value = std::make_shared<T>();
  return *static_cast<T*>(value.get());
}

// Says that what the call keeps takes so many bytes. Throws Error (limits_exceeded) when the query may not hold them.
inline void hold_in_call(uint64_t bytes) {
  native_detail::work.kept->memory.set(bytes);
}

}  // namespace rivulet::functions
