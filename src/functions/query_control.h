#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/error.h"
#include "duckdb/api.h"
#include "functions/memory_account.h"

namespace rivulet::functions {

class QueryControl;

// The state of a native aggregate for one group of rows. The engine frees it, but of a query that ends early it loses
// some: those the query frees at its end. Made and freed by any thread.
class NativeState {
 public:
  explicit NativeState(QueryControl* query);  // null: of no query
  virtual ~NativeState();
  NativeState(const NativeState&) = delete;
  NativeState& operator=(const NativeState&) = delete;

  QueryControl* query() const { return query_; }

 private:
  QueryControl* const query_;
  NativeState* previous_ = nullptr;
  NativeState* next_ = nullptr;
};

// What can end a query from outside: its deadline, which each of its statements may move, cancel() and a lack of
// memory. Shared by the query, the watchdog, the native functions that work for it (native_call.h) and whoever may
// cancel. Thread-safe.
class QueryControl {
 public:
  enum class Stop { kNone, kCancelled, kTimedOut };
  using Deadline = std::chrono::steady_clock::time_point;

  // The account outlives it.
  static std::shared_ptr<QueryControl> make(Deadline deadline, MemoryAccount& memory);
  ~QueryControl();

  Deadline deadline() const { return deadline_.load(std::memory_order_relaxed); }
  // The watchdog notices within its kIdle.
  void set_deadline(Deadline deadline) { deadline_.store(deadline, std::memory_order_relaxed); }
  Stop stop() const { return stop_.load(std::memory_order_acquire); }
  // The first reason stays.
  void request_stop(Stop reason);

  // The connection that works for this query: what interrupt() reaches. Detached before the connection
  // serves anyone else.
  void attach(duckdb_connection connection);
  void detach();
  void interrupt();

  QueryMemory& memory() { return memory_; }

  // A number by which find() knows the control, and no other ever; find() gives null once it is gone.
  int64_t id() const { return id_; }
  static std::shared_ptr<QueryControl> find(int64_t id);

  // Keeps what a native function threw, since the engine would keep its words only, and throws it.
  void fail(std::exception_ptr error);
  void throw_failure() const;

 private:
  friend class NativeState;

  QueryControl(Deadline deadline, MemoryAccount& memory, int64_t id)
      : memory_(memory), id_(id), deadline_(deadline) {}

  QueryMemory memory_;
  const int64_t id_;
  std::atomic<Deadline> deadline_;
  std::atomic<Stop> stop_{Stop::kNone};
  mutable std::mutex mutex_;
  duckdb_connection connection_ = nullptr;
  std::exception_ptr failure_;  // guarded by mutex_
  std::mutex states_mutex_;
  NativeState* states_ = nullptr;  // the first; guarded by states_mutex_
};

// The reason why a query was stopped; not for kNone.
Error stop_error(QueryControl::Stop stop);

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

}  // namespace rivulet::functions
