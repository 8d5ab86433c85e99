#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "query/duckdb_api.h"

namespace rivulet::query {

// What can end a query from outside: its deadline and cancel(). Shared by the query, the watchdog and
// whoever may cancel. Thread-safe.
class QueryControl {
 public:
  enum class Stop { kNone, kCancelled, kTimedOut };
  using Deadline = std::chrono::steady_clock::time_point;

  explicit QueryControl(Deadline deadline) : deadline_(deadline) {}

  Deadline deadline() const { return deadline_; }
  Stop stop() const { return stop_.load(std::memory_order_acquire); }
  // The first reason stays.
  void request_stop(Stop reason);

  // The connection that works for this query: what interrupt() reaches. Detached before the connection
  // serves anyone else.
  void attach(duckdb_connection connection);
  void detach();
  void interrupt();

 private:
  const Deadline deadline_;
  std::atomic<Stop> stop_{Stop::kNone};
  std::mutex mutex_;
  duckdb_connection connection_ = nullptr;
};

// One thread that interrupts queries which have to stop. It repeats the interrupt until the query is
// removed, because the engine forgets one that arrives just before a statement starts.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();

  void add(std::shared_ptr<QueryControl> control);
  void remove(const QueryControl* control);
  // Ends the query soon, whatever it does.
  void stop(const std::shared_ptr<QueryControl>& control, QueryControl::Stop reason);

 private:
  using Clock = std::chrono::steady_clock;
  // How often a stopped query is interrupted again, and how late a far deadline may be noticed.
  static constexpr std::chrono::milliseconds kRepeat{5};
  static constexpr std::chrono::milliseconds kIdle{200};

  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::shared_ptr<QueryControl>> controls_;
  Clock::time_point next_look_;  // when the thread wakes by itself
  bool is_closing_ = false;
  std::thread thread_;
};

}  // namespace rivulet::query
