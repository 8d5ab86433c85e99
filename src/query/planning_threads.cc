#include "query/planning_threads.h"

#include <fmt/format.h>
#include <pthread.h>

#include <exception>
#include <memory>
#include <utility>

#include "common/error.h"

namespace rivulet::query {

using functions::QueryControl;
namespace {

// 1.3 KB were measured for a SELECT inside another; only what is touched takes memory.
constexpr size_t kStackBytes = 64 << 20;
// How soon a plan is left behind.
constexpr std::chrono::milliseconds kLook{5};

}  // namespace

struct PlanningThreads::Job {
  PlanningThreads& threads;
  std::function<void()> plan;
  std::exception_ptr error;  // guarded by the threads' mutex_, as all below
  bool is_done = false;
  bool is_left = false;
};

PlanningThreads::~PlanningThreads() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return running_ == 0; });
}

void* PlanningThreads::work(void* argument) {
  const std::unique_ptr<std::shared_ptr<Job>> held(static_cast<std::shared_ptr<Job>*>(argument));
  Job& job = **held;
  std::exception_ptr error;
  try {
    job.plan();
  } catch (...) {
    error = std::current_exception();
  }
  job.plan = nullptr;
  PlanningThreads& threads = job.threads;
  std::lock_guard lock(threads.mutex_);
  job.error = std::exchange(error, nullptr);
  job.is_done = true;
  --threads.running_;
  if (job.is_left) --threads.left_;
  threads.changed_.notify_all();
  return nullptr;
}

void PlanningThreads::run(const QueryControl& control, std::function<void()> plan) {
  auto job = std::make_shared<Job>(Job{*this, std::move(plan), nullptr, false, false});
  std::unique_lock lock(mutex_);
  if (left_ >= max_left_) {
    throw throttled(
        fmt::format("{} queries whose time was over are still being planned: send a shorter query, "
                    "or try again later",
                    left_));
  }
  auto held = std::make_unique<std::shared_ptr<Job>>(job);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  const int failure = pthread_create(&thread, &attributes, work, held.get());
  pthread_attr_destroy(&attributes);
  if (failure != 0)
    throw throttled("The system allows no more threads to plan queries: try again later");
  (void)held.release();  // the thread has it
  ++running_;
  while (!job->is_done) {
    changed_.wait_for(lock, kLook);
    if (job->is_done || control.stop() == QueryControl::Stop::kNone) continue;
    job->is_left = true;
    ++left_;
    throw functions::stop_error(control.stop());
  }
  if (job->error) std::rethrow_exception(std::exchange(job->error, nullptr));
}

bool PlanningThreads::wait_for_all(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return running_ == 0; });
}

}  // namespace rivulet::query
