#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "activity/failure_log.h"
#include "activity/streaming_statistics.h"
#include "common/clock.h"
#include "ingest/target_cache.h"
#include "sources/commits_under_way.h"
#include "sources/consumer.h"
#include "sources/data_connections.h"
#include "sources/event_batch.h"
#include "sources/partition_positions.h"
#include "sources/secrets.h"
#include "store/store.h"

namespace rivulet::sources {

// A data connection that runs: its thread reads the topic and stores the events, from the constructor to the end. It joins
// what the consumer gives, where the partitions are (PartitionPositions), and what is on its way into the store
// (CommitsUnderWay).
//
// The rows of a batch of events and the offsets behind it are one transaction, and a few of those are under way at a
// time. Each expects of every partition the offset that the one before it leaves, so if one fails, those behind it
// that have to do with it fail too; then the connection waits for all of them, asks the store where it is, and reads
// again from there.
class Connection {
 public:
  // Everything passed in outlives it.
  Connection(EventIngester::Connection definition, store::Store& store,
             activity::StreamingStatistics& statistics, activity::FailureLog& failures,
             const Secrets& secrets, const Clock& clock, std::chrono::milliseconds session_timeout);
  // As stop(false), and waits until it has ended.
  ~Connection();

  // Begins to end: what is under way is committed, and the broker told the offsets. With `leaves`, the member of the
  // group is not to come back, and others get its partitions at once. Returns at once.
  void stop(bool leaves);

  ConnectionStatus status() const;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  void run();
  void join_group();
  // Until the connection is stopped; throws when the consumer is of no more use.
  void read();
  void end_reading();
  // After the consumer was fenced: until no other server has its name.
  void await_name();

  // Steps of read().
  void gather();
  // One that has more events at the broker, as far as is known.
  std::optional<int32_t> partition_behind() const;
  void wake_fetching(int32_t partition);
  void drop_events();
  void take_fault();
  void follow_group();
  void start_partitions();
  // Of partitions that were never read.
  Consumer::Offsets first_offsets(const std::vector<int32_t>& partitions);
  void store_events();
  void commit(EventBatch batch, std::span<const Event> events);
  // Of a commit that was stored.
  void record(const CommitsUnderWay::Commit& commit);
  void each_second();
  void probe();
  void tell_offsets();
  void update_state();

  // After a failed commit.
  void rewind();
  // Nothing is read for so long, and then from the store's offsets.
  void pause_reading(std::chrono::milliseconds time);
  // From the store's offsets. Nothing may be under way.
  void read_again();
  // Finds where to read a partition whose position the broker does not have.
  void place(int32_t number);

  Consumer::Offsets stored_offsets() const;
  void set_state(std::string_view state);
  void set_error(std::string text);
  bool is_stopping() const;
  // Waits so long; a stop ends it.
  void pause(std::chrono::milliseconds time);

  const EventIngester::Connection definition_;
  const std::string log_name_;
  const std::chrono::milliseconds session_timeout_;
  store::Store& store_;
  const Secrets& secrets_;
  const Clock& clock_;
  ingest::TargetCache targets_;
  EventIngester ingester_;
  PartitionPositions positions_;
  CommitsUnderWay commits_;

  // Of the thread alone.
  BrokerAccess access_;
  std::unique_ptr<Consumer> consumer_;
  std::vector<Consumer::Message> messages_;
  std::vector<Event> events_;  // of messages_
  uint64_t event_bytes_ = 0;
  std::optional<SteadyTime> retry_at_;  // nothing is read until then
  SteadyTime next_start_{}, next_second_{}, next_wake_{}, next_warning_{};
  bool is_joined_ = false;
  bool is_suspect_ = false;       // something was wrong with the broker
  bool is_disconnected_ = false;  // and it was asked since

  // The thread alone writes what is guarded by it, and so reads it without. Taken before the lock of positions_.
  mutable std::mutex mutex_;
  std::condition_variable stop_came_;
  bool is_stopping_ = false;
  bool leaves_ = false;
  std::string topic_;
  ConnectionStatus status_;
  struct Sample {
    SteadyTime time;
    uint64_t rows;
  };
  std::deque<Sample> samples_;  // one a second

  std::thread thread_;
};

}  // namespace rivulet::sources
