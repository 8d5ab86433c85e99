#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace rivulet::server {

// A fixed number of threads and a bounded queue before them. Thread-safe. Tasks must not throw.
class WorkerPool {
 public:
  using Task = std::function<void()>;

  WorkerPool(size_t threads, size_t queue_limit);
  // Runs what is queued, then ends the threads.
  ~WorkerPool();

  // False when all threads are busy and the queue is full; the task is then left alone.
  bool submit(Task task);
  size_t waiting() const;
  // Ends the threads once the queue is empty; submit() refuses from now on.
  void stop();

 private:
  void work();

  const size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  size_t idle_ = 0;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace rivulet::server
