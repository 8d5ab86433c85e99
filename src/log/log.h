#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

// The write-ahead log, behind one interface: the embedded log on the local disk (local_log.h) is one
// implementation, a topic of a message broker can be another.
namespace rivulet::log {

// The place of a record in the log: 1, 2, 3, … without a gap.
using Position = uint64_t;

// A record's bytes, as pieces that are written one after the other.
using Record = std::span<const std::string_view>;

// What replay found.
struct ReplayResult {
  uint64_t records = 0;  // that were given to the visitor
  uint64_t bytes = 0;    // of those
  bool was_cut = false;  // the end of the log was torn: `cut_message` says where
  std::string cut_message;
};

struct LogStatistics {
  uint64_t records = 0, syncs = 0;  // since the log was opened
  uint64_t bytes = 0;               // of the segments that are needed for recovery
  uint64_t segments = 0;            // those, and the ones kept to be used again
};

// One thread calls replay, and then append; truncate and statistics may come from any thread.
class Log {
 public:
  virtual ~Log() = default;

  using Visitor = std::function<void(Position, std::string_view)>;
  // Gives every record from `from` on to the visitor, in order: called once, before the first append.
  // Throws when records from `from` on are missing or damaged; nothing is changed then.
  virtual ReplayResult replay(Position from, const Visitor& visitor) = 0;

  // The position that the next record will get.
  virtual Position next_position() const = 0;

  // Appends the records as one group, at next_position() and the positions after it. When it returns,
  // all of them are durable. When it throws (`unavailable`: try again later), none of them is in the log,
  // unless the process dies before another append succeeds: then they may be.
  virtual void append(std::span<const Record> records) = 0;

  // Records before `before` are not needed any more.
  virtual void truncate(Position before) = 0;

  virtual LogStatistics statistics() const = 0;
};

}  // namespace rivulet::log
