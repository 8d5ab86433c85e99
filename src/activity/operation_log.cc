#include "activity/operation_log.h"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "common/error.h"

namespace rivulet::activity {

OperationLog::~OperationLog() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return threads_ == 0; });
}

Guid OperationLog::start(Operation& operation) {
  operation.id = new_guid();
  operation.started = operation.updated = clock_.now();
  std::lock_guard lock(mutex_);
  operations_.push_back(operation);
  if (operations_.size() > kKept) {
    // The oldest that has ended goes.
    auto ended = std::ranges::find_if(
        operations_, [](const Operation& each) { return each.state != "InProgress"; });
    if (ended != operations_.end()) operations_.erase(ended);
  }
  return operation.id;
}

void OperationLog::finish(const Guid& id, const std::function<void(Operation&)>& tell) {
  std::lock_guard lock(mutex_);
  auto found = std::ranges::find(operations_, id, &Operation::id);
  if (found == operations_.end()) return;
  found->updated = clock_.now();
  tell(*found);
}

void OperationLog::work_and_finish(const Guid& id, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    finish(id, [&](Operation& operation) {
      operation.state = error.is_permanent() ? "BadInput" : "Failed";
      operation.status = error.message();
      operation.error = error.kind();
      operation.should_retry = !error.is_permanent();
    });
    throw;
  } catch (const std::exception& error) {
    finish(id, [&](Operation& operation) {
      operation.state = "Failed";
      operation.status = "The server failed to carry out the operation; its log has the details.";
      operation.should_retry = true;
    });
    throw;
  }
  finish(id, [](Operation& operation) { operation.state = "Completed"; });
}

void OperationLog::run(Operation operation, const std::function<void()>& work) {
  work_and_finish(start(operation), work);
}

Guid OperationLog::run_async(Operation operation, std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (threads_ >= kMaxThreads) {
      throw throttled("Too many asynchronous commands are running; retry later");
    }
    ++threads_;
  }
  auto end = [this] {
    // Notified under the lock: the log may be gone right after it.
    std::lock_guard lock(mutex_);
    --threads_;
    idle_.notify_all();
  };
  Guid id;
  try {
    id = start(operation);
    std::thread([this, id, end, work = std::move(work)] {
      try {
        work_and_finish(id, work);
      } catch (...) {
        // What went wrong stands in the operation.
      }
      end();
    }).detach();
  } catch (const std::exception& error) {
    // Out of threads or memory. Nothing of the work was done.
    spdlog::error("an asynchronous command could not be started: {}", error.what());
    Error refusal =
        unavailable("The server cannot start another thread for the command; retry later");
    finish(id, [&](Operation& failed) {
      failed.state = "Failed";
      failed.status = refusal.message();
      failed.error = refusal.kind();
      failed.should_retry = true;
    });
    end();
    throw refusal;
  }
  return id;
}

std::vector<Operation> OperationLog::list() const {
  std::lock_guard lock(mutex_);
  return {operations_.rbegin(), operations_.rend()};
}

size_t OperationLog::running_count() const {
  std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::ranges::count(operations_, "InProgress", &Operation::state));
}

}  // namespace rivulet::activity
