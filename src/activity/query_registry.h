#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace rivulet::activity {

enum class QueryState { kInProgress, kCompleted, kFailed, kCancelled };
// "InProgress", "Completed", "Failed", "Cancelled": as `.show queries` names them.
std::string_view to_string(QueryState state);

// One query, as `.show queries` tells it.
struct QueryRecord {
  uint64_t id = 0;  // given by the registry, never again used
  std::string client_activity_id;
  std::string root_activity_id;
  std::string text;  // without its secrets: kql::hide_secrets()
  std::string database;
  std::string user;
  std::string application;
  Ticks started = 0;
  Ticks last_updated = 0;
  int64_t duration = 0;  // ticks; of a running query: so far
  QueryState state = QueryState::kInProgress;
  std::string failure_reason;
  uint64_t result_rows = 0;
  uint64_t result_bytes = 0;
  uint64_t scanned_rows = 0;  // before filters
  uint64_t extents_total = 0, extents_scanned = 0;
};

// The queries that run, and the last ones that ended. Thread-safe.
class QueryRegistry {
 public:
  explicit QueryRegistry(const Clock& clock, size_t recent_limit = 1000)
      : clock_(clock), recent_limit_(recent_limit) {}

  // `cancel` is called at most while the query is in the registry's list of running ones; it must not
  // call back.
  uint64_t add(QueryRecord record, std::function<void()> cancel);
  // Changes what is told of a running query; does nothing when it has ended.
  void update(uint64_t id, const std::function<void(QueryRecord&)>& change);
  // Ends it. The first end counts.
  void finish(uint64_t id, QueryState state, std::string failure_reason = {});

  // Cancels the running queries with this client activity id; how many there were.
  size_t cancel(std::string_view client_activity_id);

  // Newest first.
  std::vector<QueryRecord> running() const;
  std::vector<QueryRecord> recent() const;
  size_t running_count() const;

 private:
  // Texts are kept up to this length once the query has ended.
  static constexpr size_t kRecentTextLimit = 4096;

  struct Running {
    QueryRecord record;
    std::function<void()> cancel;
  };

  const Clock& clock_;
  const size_t recent_limit_;
  mutable std::mutex mutex_;
  std::map<uint64_t, Running> running_;
  std::deque<QueryRecord> recent_;  // oldest first
  uint64_t next_id_ = 1;
};

}  // namespace rivulet::activity
