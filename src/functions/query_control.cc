#include "functions/query_control.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace rivulet::functions {
namespace {

// The controls there are, by their numbers.
struct Directory {
  std::mutex mutex;
  int64_t last_id = 0;
  std::unordered_map<int64_t, std::weak_ptr<QueryControl>> controls;
};

Directory& directory() {
  static Directory directory;
  return directory;
}

}  // namespace

std::shared_ptr<QueryControl> QueryControl::make(Deadline deadline, MemoryAccount& memory) {
  Directory& all = directory();
  std::lock_guard lock(all.mutex);
  std::shared_ptr<QueryControl> control(new QueryControl(deadline, memory, ++all.last_id));
  all.controls.emplace(control->id(), control);
  return control;
}

NativeState::NativeState(QueryControl* query) : query_(query) {
  if (query_ == nullptr) return;
  std::lock_guard lock(query_->states_mutex_);
  next_ = query_->states_;
  if (next_ != nullptr) next_->previous_ = this;
  query_->states_ = this;
}

NativeState::~NativeState() {
  if (query_ == nullptr) return;
  std::lock_guard lock(query_->states_mutex_);
  (previous_ != nullptr ? previous_->next_ : query_->states_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

QueryControl::~QueryControl() {
  while (states_ != nullptr) delete states_;
  Directory& all = directory();
  std::lock_guard lock(all.mutex);
  all.controls.erase(id_);
}

std::shared_ptr<QueryControl> QueryControl::find(int64_t id) {
  Directory& all = directory();
  std::lock_guard lock(all.mutex);
  auto found = all.controls.find(id);
  return found != all.controls.end() ? found->second.lock() : nullptr;
}

Error stop_error(QueryControl::Stop stop) {
  if (stop == QueryControl::Stop::kTimedOut) {
    return timed_out("Request execution timed out: the query ran longer than its time limit.");
  }
  return cancelled("Query was cancelled.");
}

void QueryControl::request_stop(Stop reason) {
  Stop none = Stop::kNone;
  stop_.compare_exchange_strong(none, reason, std::memory_order_acq_rel);
}

void QueryControl::attach(duckdb_connection connection) {
  std::lock_guard lock(mutex_);
  connection_ = connection;
}

void QueryControl::detach() {
  std::lock_guard lock(mutex_);
  connection_ = nullptr;
}

void QueryControl::interrupt() {
  std::lock_guard lock(mutex_);
  if (connection_ != nullptr) duckdb_interrupt(connection_);
}

void QueryControl::fail(std::exception_ptr error) {
  std::lock_guard lock(mutex_);
  failure_ = std::move(error);
}

void QueryControl::throw_failure() const {
  std::exception_ptr failure;
  {
    std::lock_guard lock(mutex_);
    failure = failure_;
  }
  if (failure) std::rethrow_exception(failure);
}

Watchdog::Watchdog() : next_look_(Clock::now()), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Watchdog::add(std::shared_ptr<QueryControl> control) {
  bool is_due_earlier = false;
  {
    std::lock_guard lock(mutex_);
    is_due_earlier = control->deadline() < next_look_;
    controls_.push_back(std::move(control));
  }
  if (is_due_earlier) wake_.notify_one();
}

void Watchdog::remove(const QueryControl* control) {
  std::lock_guard lock(mutex_);
  std::erase_if(controls_, [&](const auto& c) { return c.get() == control; });
}

void Watchdog::stop(const std::shared_ptr<QueryControl>& control, QueryControl::Stop reason) {
  control->request_stop(reason);
  control->interrupt();
  {
    std::lock_guard lock(mutex_);
    next_look_ = Clock::now();
  }
  wake_.notify_one();
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!is_closing_) {
    Clock::time_point now = Clock::now();
    Clock::time_point next = now + kIdle;
    for (const auto& control : controls_) {
      if (control->deadline() <= now) control->request_stop(QueryControl::Stop::kTimedOut);
      if (control->stop() != QueryControl::Stop::kNone) {
        control->interrupt();
        next = std::min(next, now + kRepeat);
      } else {
        next = std::min(next, control->deadline());
      }
    }
    next_look_ = next;
    // When idle there is nothing to wake for: the next add() or stop() says so.
    if (controls_.empty()) {
      next_look_ = Clock::time_point::max();
      wake_.wait(lock, [this] { return is_closing_ || !controls_.empty(); });
    } else {
      wake_.wait_until(lock, next);
    }
  }
}

}  // namespace rivulet::functions
