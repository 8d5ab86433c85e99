#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <string_view>

// The write-ahead log, behind one interface: the embedded log on the local disk (local_log.h) is one
// implementation, a topic of a message broker can be another, and testing/simulated_log.h is one that
// misbehaves in every way that such a broker may.
namespace rivulet::log {

// The place of a record in the log; it grows along the log, from 1. The log gives it, and nobody knows it before: what
// was written and does not count (a message that came twice, a record of somebody who was deposed) may take positions.
using Position = uint64_t;

// A time in which one writer has the log, growing; see Log::open().
using Epoch = uint64_t;

// A record's bytes, as pieces that are written one after the other.
using Record = std::span<const std::string_view>;

// A record as it is read.
struct StoredRecord {
  Position position = 0;
  Epoch epoch = 0;           // in which it was written
  std::string_view payload;  // valid during the call
};

// What a reading found.
struct TailResult {
  Position next = 1;     // where the next reading goes on
  uint64_t records = 0;  // that were given to the visitor
  uint64_t bytes = 0;    // of those
  bool was_cut = false;  // the end of the log was torn: `cut_message` says where
  std::string cut_message;
};

// What became of a group of records.
struct Outcome {
  enum class Kind {
    kStored,   // durable, all of it
    kRefused,  // nothing of it is in the log, nor will be: try again later
    kUnknown,  // it may be in the log, or get there yet, until open() was called
  };
  Kind kind = Kind::kRefused;
  // Of kStored: the records stand at this position and those after it, without a gap. (Between groups there may be one.)
  Position first = 0;
  // Of the other two: what a client is to be told, an Error that says that a retry can help.
  std::exception_ptr error;
};

struct LogStatistics {
  uint64_t records = 0, syncs = 0;  // since the log was opened
  uint64_t bytes = 0;               // of the segments that are needed for recovery
  uint64_t segments = 0;            // those, and the ones kept to be used again
};

// A reader calls tail() as it likes. Who is to write (one thread) does this:
//
//   tail(from)      what is there already, without touching it
//   open()          takes the log: an epoch begins
//   tail(next)      what came in between; from here on nothing can come but what is submitted here
//   submit() …      until an outcome is unknown; then open() and tail() again, before anything else is submitted
//
// tail, truncate and statistics may be called from any thread, while groups are submitted, once open() returned.
class Log {
 public:
  virtual ~Log() = default;

  using Visitor = std::function<void(const StoredRecord&)>;
  // Gives every record that counts from `from` on to the visitor, in order, up to the end that was durable when it was
  // called; records that come meanwhile are for the next call, which begins at TailResult::next. Changes nothing.
  // Throws when records from `from` on are missing or damaged, and what the visitor throws.
  //
  // It ends instead of waiting for more because every reader needs to know where the end was: recovery and who resolves
  // an unknown outcome go on to something else there, a standby and a follower publish what they read. These two call
  // again, when they were told that there is more or after a while.
  virtual TailResult tail(Position from, const Visitor& visitor) = 0;

  // Begins an epoch with this as the writer: from then on the submissions of every epoch before count only if
  // they are in the log already. Called again, it goes on in a new epoch, unless another writer has begun one
  // meanwhile: who was deposed stays a reader, and every submission is refused. Throws an Error that says so, or that
  // the log cannot be had now (`unavailable`): nothing has changed then, try again later.
  virtual void open() = 0;

  // How many groups may be under way: submitted, and without an outcome. At least 1.
  virtual size_t max_in_flight() const = 0;

  using Done = std::function<void(const Outcome&)>;
  // Hands over a group of records, at least one; their bytes must stay as they are until `done` was called. It is called
  // once, in the order of the submissions, on any thread, perhaps before submit() returns; it must be quick, and must
  // not call the log. Of the groups that were submitted behind one that is not stored, before that was told, none is
  // stored either; and once an outcome is unknown, none is before open() was called.
  virtual void submit(std::span<const Record> records, Done done) = 0;

  // Records before `before` are not needed any more.
  virtual void truncate(Position before) = 0;

  virtual LogStatistics statistics() const = 0;
};

}  // namespace rivulet::log
