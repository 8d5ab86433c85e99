#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/clock.h"
#include "common/error.h"
#include "common/guid.h"

namespace rivulet::activity {

// One streaming ingestion request, as it ended.
struct StreamingOutcome {
  std::string_view database;
  std::string_view table;
  std::string_view principal;
  std::string_view format;
  std::string_view mapping_name;
  Ticks started = 0;
  Ticks ended = 0;
  uint64_t data_size = 0;  // bytes, uncompressed
  uint64_t row_count = 0;
  // Of a failure; a success has no error.
  std::optional<ErrorKind> error;
  std::string_view error_message;
  bool is_permanent = true;
  Guid activity_id;
};

// What streaming ingestion did of late, for `.show streamingingestion statistics` and `failures`: requests
// by table and minute, and failures by table and kind. It holds a bounded number of entries, newest first
// to stay. Thread-safe; record() costs a short lock.
class StreamingStatistics {
 public:
  struct Window {
    std::string database;
    std::string table;
    std::string principal;
    std::string format;
    std::string mapping_name;
    bool is_success = true;
    Ticks start = 0;  // of the minute
    Ticks end = 0;
    uint64_t count = 0;
    int64_t min_duration = 0, max_duration = 0, total_duration = 0;  // ticks
    uint64_t total_size = 0, min_size = 0, max_size = 0;
    uint64_t total_rows = 0, min_rows = 0, max_rows = 0;
  };
  struct Failure {
    std::string database;
    std::string table;
    std::string principal;
    std::string format;
    std::string mapping_name;
    Guid activity_id;  // of the last
    uint64_t count = 0;
    Ticks first = 0, last = 0;
    bool is_permanent = true;
    ErrorKind error = ErrorKind::kInternal;
    std::string details;  // of the last
  };

  void record(const StreamingOutcome& outcome);

  // Newest first.
  std::vector<Window> windows() const;
  std::vector<Failure> failures() const;

 private:
  // Tables spread over shards so that two threads rarely want the same lock.
  static constexpr size_t kShards = 16;
  static constexpr size_t kWindowsPerShard = 2'048;
  static constexpr size_t kFailuresPerShard = 128;

  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Window> current;  // of the newest minute
    Ticks minute = 0;
    std::vector<Window> past;  // a ring: `next_past` is the oldest once it is full
    size_t next_past = 0;
    std::map<std::string, Failure> failures;
  };
  static void keep(Shard& shard, Window window);

  std::array<Shard, kShards> shards_;
};

}  // namespace rivulet::activity
