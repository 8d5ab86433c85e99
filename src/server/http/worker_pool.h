#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

namespace rivulet::server {

// A number of places for tasks that run at a time, and a bounded queue before them. Thread-safe. Tasks must not
// throw.
//
// A task that has to wait for somebody else gives its place to another meanwhile (Pause). It keeps its thread, so
// at most `pause_limit` tasks are paused.
class WorkerPool {
 public:
  using Task = std::function<void()>;

  // Throws SettingsError, with the name of the setting that gave the number, when the system does not allow
  // so many threads.
  WorkerPool(size_t places, size_t queue_limit, std::string_view setting, size_t pause_limit = 0);
  // Runs what is queued, then ends the threads.
  ~WorkerPool();

  // False when all places are taken and the queue is full; the task is then left alone.
  bool submit(Task task);
  size_t waiting() const;
  // Ends the threads once the queue is empty; submit() refuses from now on.
  void stop();

  // In a task: gives its place to another until the end of this object, which waits for a place, before all that
  // is queued.
  class Pause {
   public:
    explicit Pause(WorkerPool& pool) : pool_(pool), is_granted_(pool.pause()) {}
    ~Pause() {
      if (is_granted_) pool_.resume();
    }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

    // False when too many tasks are paused, or the system allows no more threads: this one has kept its place.
    bool is_granted() const { return is_granted_; }

   private:
    WorkerPool& pool_;
    const bool is_granted_;
  };

 private:
  void work();
  bool pause();
  void resume();
  void free_place();

  const size_t places_;
  const size_t queue_limit_;
  const size_t pause_limit_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;      // of threads that look for a task
  std::condition_variable resuming_;  // of paused tasks that look for a place
  std::deque<Task> queue_;
  size_t free_places_;
  size_t paused_ = 0;
  size_t wanting_ = 0;  // paused tasks that wait for a place
  bool is_stopping_ = false;
  // One for each place and for each task that was ever paused at a time.
  std::vector<std::thread> threads_;
};

}  // namespace rivulet::server
