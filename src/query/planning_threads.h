#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "functions/query_control.h"

namespace rivulet::query {

// Where long statements are planned: each on a thread of its own. The engine plans by recursion over what stands inside
// each other, so the thread has a stack for the deepest statement that the binder makes; and it looks at an interrupt
// only between two passes, so a query that has to end leaves its plan behind, which is dropped when the engine is
// through with it. Thread-safe.
class PlanningThreads {
 public:
  // A statement with less SQL is planned where it is: in a few milliseconds, and on any stack.
  static constexpr size_t kLongSql = 8 << 10;

  // More than `max_left` plans that were left behind are too many to begin another.
  explicit PlanningThreads(int max_left) : max_left_(max_left) {}
  // Waits for all of them.
  ~PlanningThreads();
  PlanningThreads(const PlanningThreads&) = delete;
  PlanningThreads& operator=(const PlanningThreads&) = delete;

  // Calls `plan` on a thread of its own, and gives what it throws. Throws the query's stop_error() once it is stopped:
  // `plan` goes on then, and with it all that it holds. It is destroyed on its thread, before this returns or later.
  // Throws `throttled` when too many are left behind, or the system gives no more threads.
  void run(const functions::QueryControl& control, std::function<void()> plan);

  // Waits for those that are under way; false when the time is over before.
  bool wait_for_all(std::chrono::milliseconds limit);

 private:
  struct Job;
  static void* work(void* job);

  const int max_left_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int running_ = 0;  // guarded by mutex_, as all below
  int left_ = 0;     // of those, behind
};

}  // namespace rivulet::query
