#include "activity/query_registry.h"

#include <utility>

namespace rivulet::activity {

std::string_view to_string(QueryState state) {
  switch (state) {
    case QueryState::kInProgress:
      return "InProgress";
    case QueryState::kCompleted:
      return "Completed";
    case QueryState::kFailed:
      return "Failed";
    case QueryState::kCancelled:
      return "Cancelled";
  }
  return "Failed";
}

uint64_t QueryRegistry::add(QueryRecord record, std::function<void()> cancel) {
  record.started = record.last_updated = clock_.now();
  std::lock_guard lock(mutex_);
  uint64_t id = next_id_++;
  record.id = id;
  running_.emplace(id, Running{std::move(record), std::move(cancel)});
  return id;
}

void QueryRegistry::update(uint64_t id, const std::function<void(QueryRecord&)>& change) {
  std::lock_guard lock(mutex_);
  auto found = running_.find(id);
  if (found != running_.end()) change(found->second.record);
}

void QueryRegistry::finish(uint64_t id, QueryState state, std::string failure_reason) {
  Ticks now = clock_.now();
  std::lock_guard lock(mutex_);
  auto found = running_.find(id);
  if (found == running_.end()) return;
  QueryRecord& record = found->second.record;
  record.state = state;
  record.failure_reason = std::move(failure_reason);
  record.last_updated = now;
  record.duration = now - record.started;
  if (record.text.size() > kRecentTextLimit) record.text.resize(kRecentTextLimit);
  recent_.push_back(std::move(record));
  if (recent_.size() > recent_limit_) recent_.pop_front();
  running_.erase(found);
}

size_t QueryRegistry::cancel(std::string_view client_activity_id) {
  std::lock_guard lock(mutex_);
  size_t count = 0;
  for (auto& [id, running] : running_) {
    if (running.record.client_activity_id != client_activity_id) continue;
    running.cancel();
    ++count;
  }
  return count;
}

std::vector<QueryRecord> QueryRegistry::running() const {
  Ticks now = clock_.now();
  std::lock_guard lock(mutex_);
  std::vector<QueryRecord> records;
  for (auto it = running_.rbegin(); it != running_.rend(); ++it) {
    QueryRecord& record = records.emplace_back(it->second.record);
    record.duration = now - record.started;
    record.last_updated = now;
  }
  return records;
}

std::vector<QueryRecord> QueryRegistry::recent() const {
  std::lock_guard lock(mutex_);
  return {recent_.rbegin(), recent_.rend()};
}

size_t QueryRegistry::running_count() const {
  std::lock_guard lock(mutex_);
  return running_.size();
}

}  // namespace rivulet::activity
