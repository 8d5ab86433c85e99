#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/error.h"
#include "common/guid.h"

namespace rivulet::activity {

// One ingestion from a query, as `.show operations` tells it.
struct Operation {
  Guid id;
  std::string kind;  // "TableSetOrAppend"
  std::string state = "InProgress";
  std::string status;  // why it failed
  std::optional<ErrorKind>
      error;  // and what kind that is; none for a fault that has no words for clients
  Ticks started = 0;
  Ticks updated = 0;
  bool should_retry = false;
  std::string database;
  std::string table;
  std::string principal;
  std::string user;
};

// The operations that run and the last that ended, and the threads of those that nobody waits for.
// Thread-safe. The destructor waits for the threads.
class OperationLog {
 public:
  explicit OperationLog(const Clock& clock) : clock_(clock) {}
  ~OperationLog();

  // Runs `work` on this thread and keeps what became of it; its error is thrown on.
  void run(Operation operation, const std::function<void()>& work);
  // Runs `work` on a thread of its own and returns the operation's id; throws throttled when there are
  // too many already.
  Guid run_async(Operation operation, std::function<void()> work);

  // Newest first.
  std::vector<Operation> list() const;
  size_t running_count() const;

 private:
  static constexpr size_t kKept = 1000;
  static constexpr size_t kMaxThreads = 8;

  Guid start(Operation& operation);
  void finish(const Guid& id, const std::function<void(Operation&)>& tell);
  void work_and_finish(const Guid& id, const std::function<void()>& work);

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<Operation> operations_;  // oldest first
  size_t threads_ = 0;
};

}  // namespace rivulet::activity
