#include "server/http/worker_pool.h"

#include <system_error>

#include <fmt/format.h>

#include "common/settings.h"

namespace rivulet::server {

WorkerPool::WorkerPool(size_t places, size_t queue_limit, std::string_view setting,
                       size_t pause_limit)
    : places_(places), queue_limit_(queue_limit), pause_limit_(pause_limit), free_places_(places) {
  try {
    for (size_t i = 0; i < places; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    size_t started = threads_.size();
    stop();
    throw SettingsError(
        fmt::format("{}: the system allows {} threads here, and not {}", setting, started, places));
  } catch (...) {
    stop();  // those that were started
    throw;
  }
}

WorkerPool::~WorkerPool() {
  stop();
}

bool WorkerPool::submit(Task task) {
  {
    std::lock_guard lock(mutex_);
    // A task that finds a free place at once does not wait.
    if (is_stopping_ || queue_.size() >= free_places_ + queue_limit_) return false;
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

size_t WorkerPool::waiting() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

void WorkerPool::stop() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] {
      if (queue_.empty()) return is_stopping_;
      return free_places_ > wanting_;
    });
    if (queue_.empty()) return;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    --free_places_;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    free_place();
  }
}

void WorkerPool::free_place() {
  ++free_places_;
  if (wanting_ > 0) resuming_.notify_one();
  // Those that want one may be fewer than the places, and have been told already.
  if (free_places_ > wanting_) wake_.notify_one();
}

bool WorkerPool::pause() {
  std::lock_guard lock(mutex_);
  if (paused_ >= pause_limit_) return false;
  if (threads_.size() <= places_ + paused_ && !is_stopping_) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      return false;
    }
  }
  ++paused_;
  free_place();
  return true;
}

void WorkerPool::resume() {
  std::unique_lock lock(mutex_);
  ++wanting_;
  resuming_.wait(lock, [&] { return free_places_ > 0; });
  --wanting_;
  --free_places_;
  --paused_;
}

}  // namespace rivulet::server
