#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/clock.h"
#include "sources/broker_access.h"
#include "sources/event.h"

struct rd_kafka_s;
struct rd_kafka_message_s;

namespace rivulet::sources {

// The broker, or the way to it, did not do what was asked; another attempt may.
class BrokerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ConsumerOptions {
  BrokerAccess access;
  std::string group;
  // Names this member of the group for good (static membership): one that comes back under the name within the
  // session timeout gets its partitions back, and whoever had the name before is fenced.
  std::string instance_id;
  std::string log_name;             // begins the library's lines in the log
  uint64_t queue_bytes = 32 << 20;  // of events fetched and not yet polled
  std::chrono::milliseconds session_timeout{};
};

// A member of a consumer group that reads one topic: librdkafka, with the choices that exactly-once storage
// needs. It fetches ahead on threads of the library; everything here is for one thread.
//
// The owner polls again and again, at least every five minutes. It asks take_rebalance() after each poll, and
// answers with assign() or unassign() when it is ready: the group waits for that. Nothing commits an offset but
// commit() and commit_and_wait().
class Consumer {
 public:
  using Offsets = std::map<int32_t, int64_t>;  // by partition
  using Milliseconds = std::chrono::milliseconds;

  struct DestroyMessage {
    void operator()(rd_kafka_message_s* message) const;
  };
  using Message = std::unique_ptr<rd_kafka_message_s, DestroyMessage>;

  struct Rebalance {
    bool is_assignment = false;  // otherwise everything is taken away
    bool is_lost = false;        // the group gave it to others already
    std::vector<int32_t> partitions;
  };
  struct Fault {
    std::string text;
    // Of a partition whose position is not among the offsets that the broker has: it is read no more until the next
    // assign().
    std::optional<int32_t> out_of_range;
    bool is_fatal = false;  // the consumer is of no more use
    bool is_fenced =
        false;  // because its instance_id was used again: by another process or, after a rejoin, by this
  };

  // Joins the group in the background. Throws bad_request for settings that the library refuses.
  explicit Consumer(const ConsumerOptions& options);
  // Stays a member of the group; see leave(). Takes no longer than a second or two, whatever the broker does.
  ~Consumer();

  // The next event, waiting for it at most so long; null: none. Also null when something else happened, for which
  // take_rebalance() and take_fault() are to be asked.
  Message poll(Milliseconds timeout);
  std::optional<Rebalance> take_rebalance();
  std::optional<Fault> take_fault();

  // Reads these partitions, all of them anew, from the offsets; none is paused.
  void assign(const Offsets& offsets);
  void unassign();
  // Reads nothing from the partitions until resume(), which reads on at the offset given.
  void pause(const std::vector<int32_t>& partitions);
  void resume(int32_t partition, int64_t offset);

  // What the broker says, waiting at most so long. They throw BrokerError.
  // The group's offsets, of those partitions that have one.
  Offsets committed(const std::vector<int32_t>& partitions, Milliseconds timeout);
  // The first events that were enqueued at a time or later, in milliseconds since 1970; no offset for a partition
  // without such an event. kOldest and kEnd: the first that is there, and the next to come.
  static constexpr int64_t kOldest = -2, kEnd = -1;
  Offsets find(const std::vector<int32_t>& partitions, int64_t time, Milliseconds timeout);
  // Whether the broker answers at all; throws when it does not have the topic.
  bool probe(Milliseconds timeout);
  // Whether another process has this one's instance_id in the group. Also true when the broker does not answer; false
  // when it cannot tell.
  bool is_replaced(Milliseconds timeout);

  // Tells the group how far the partitions were read. A failure of commit() comes as a fault.
  void commit(const Offsets& offsets);
  // Whether the broker took it in that time.
  bool commit_and_wait(const Offsets& offsets, Milliseconds timeout);
  // Gives everything up, so that others of the group need not wait for the session timeout.
  void leave(Milliseconds timeout);

  // The end of the partition as of the last fetch; -1: not known.
  int64_t end_offset(int32_t partition) const;
  // Where the partition ended when everything before was polled; -1: it is not at its end since the last assign().
  // Behind the last event there may be offsets of no event: of transactions that were aborted, and their marks.
  int64_t polled_end(int32_t partition) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The event of a message; its texts are the message's.
void read_event(const rd_kafka_message_s& message, Event& event);

}  // namespace rivulet::sources
