#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "activity/failure_log.h"
#include "activity/streaming_statistics.h"
#include "common/clock.h"
#include "common/guid.h"
#include "sources/secrets.h"
#include "store/store.h"

namespace rivulet::sources {

struct PartitionStatus {
  std::string topic;
  int32_t partition = 0;
  int64_t next_offset = -1;   // stored; -1: nothing yet
  int64_t group_offset = -1;  // of the consumer group, as last read or told; -1: none, or not known
  int64_t end_offset = -1;    // of the partition, as the broker last said; -1: not known
  int64_t lag = -1;           // events between the two
  std::string state;          // "Reading", "Holding", "Waiting"
  std::string reason;         // of Holding and Waiting; of Reading: what was not read before
};

// A connection as others see it.
struct ConnectionStatus {
  Guid id;
  std::string database;
  std::string name;
  // "Disabled", "Connecting", "Running", "Holding" (a partition waits for its target), "Disconnected" (the broker
  // is away, or refuses), "Retrying" (a commit failed), "Failed" (the settings cannot be used,
  // or another server is in its place).
  std::string state;
  std::string
      state_reason;  // what Connecting and Holding wait for; of Running: what was not read before
  Ticks since = 0;
  uint64_t events = 0, rows = 0, bytes = 0, failed_events = 0;  // since the program was started
  double rows_per_second = 0;                                   // of the last ten seconds or so
  std::string last_error;
  Ticks last_error_time = 0;
  std::vector<PartitionStatus> partitions;
};

// Runs the enabled data connections of the catalog. Thread-safe. The destructor stops them: what is under way
// is committed, and the broker told the offsets.
class DataConnections {
 public:
  // How long its place in the consumer group is kept for a server that went away.
  static constexpr std::chrono::milliseconds kSessionTimeout{30'000};

  // Everything passed in outlives it. Nothing runs before start().
  DataConnections(store::Store& store, activity::StreamingStatistics& statistics,
                  activity::FailureLog& failures, const Secrets& secrets, const Clock& clock,
                  std::chrono::milliseconds session_timeout = kSessionTimeout);
  ~DataConnections();

  // Starts what the newest catalog has enabled.
  void start();
  // Starts, stops and restarts by the newest catalog: to be called after a command changed a connection or
  // dropped a database. Before start() it does nothing.
  void follow_catalog();
  // Of every connection in the catalog, by database and name.
  std::vector<ConnectionStatus> status() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rivulet::sources
