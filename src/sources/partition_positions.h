#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sources/data_connections.h"
#include "sources/event_batch.h"
#include "store/store.h"

namespace rivulet::sources {

// Where a data connection is in each partition that the group gave it: what of it is stored, what will be when
// everything under way is, and which event is to come. It knows neither consumer nor store: whoever has them says what
// they said, and carries out what it answers.
//
// For every partition, from the first rewind() after begin() on:
// - stored <= expected <= next. What is under way lies between the first two, what was taken and is in no transaction
//   yet between the last two.
// - Reading goes on at the greater of start and stored. Where that is the start, what lies between the two was passed
//   over: begin() and place() say why.
// - The group is told stored offsets only, and none before the start, where another server may have read.
//
// One thread uses it; status() is for any thread. Nothing here fails but for want of memory; after a failed commit, of
// whatever kind, rewind() makes the store's word the truth.
class PartitionPositions {
 public:
  using Offsets = std::map<int32_t, int64_t>;  // by partition

  // The definition outlives it.
  PartitionPositions(const EventIngester::Connection& definition, std::string log_name);

  // The group gave these, and there are no others. They are unstarted until begin().
  void assign(std::vector<int32_t> partitions);
  const std::vector<int32_t>& unstarted() const { return unstarted_; }
  // Begins those by what the store and the group have of them; rewind() says where to read. `first_offsets` is asked for
  // those that were never read, and what it throws leaves them unstarted.
  void begin(const Offsets& stored, const Offsets& group,
             const std::function<Offsets(const std::vector<int32_t>&)>& first_offsets);
  // The group took them all away; nothing may be under way.
  void clear();

  // Whether an event is the next of its partition: it is then taken, to be stored. Others are of a partition that is
  // not read now, or were taken before.
  bool take(int32_t partition, int64_t offset);
  // The partition reads nothing from this offset on until resume_held(), and says why.
  void hold(int32_t partition, int64_t offset, const std::string& reason);
  // Those that are held read again, from these offsets.
  Offsets resume_held();
  // A transaction brings a partition to the offset. Returns what the store must hold before.
  int64_t advance(int32_t partition, int64_t offset);
  // One was stored; in the order of advance().
  void set_stored(const std::vector<store::Progress>& progress);
  // What the store has is the truth again, and the partitions are read from there, at the offsets returned; without
  // those that wait for somebody to choose. Nothing may be under way.
  Offsets rewind(const Offsets& stored);
  // What to do with a partition whose next event is not among those at the broker, from `oldest` to before `end`: it waits,
  // or passes over what is gone. Returns what is wrong; empty: nothing. Then comes rewind().
  std::string place(int32_t partition, int64_t oldest, int64_t end);

  // What the group is to be told: where the store is.
  Offsets stored_since_start() const;
  // The same, of those of which it was told another offset or none.
  Offsets untold() const;
  void set_told(const Offsets& offsets);
  // Perhaps the group did not hear it.
  void forget_told();

  // The end of the partition, as the broker last said.
  void set_end(int32_t partition, int64_t end);
  // Everything before this was polled: with all of it stored, nothing is left there.
  void set_polled_end(int32_t partition, int64_t polled_end);

  bool contains(int32_t partition) const { return partitions_.contains(partition); }
  std::vector<int32_t> numbers() const;
  // Of those that are read now: the event to come.
  Offsets reading() const;
  // Whether a partition waits, for its target or for somebody's choice.
  bool is_any_held() const;
  // Without the topic.
  std::vector<PartitionStatus> status() const;

 private:
  struct Partition {
    int64_t start = 0;      // where reading began, when it was assigned
    int64_t stored = -1;    // as in the store; -1: nothing
    int64_t expected = -1;  // what the store holds when everything under way is committed
    int64_t next = 0;       // the event to come
    int64_t told = -1;      // the broker
    int64_t end = -1;
    int64_t passed = -1;  // nothing that is not stored stands before it
    bool is_paused = false;
    enum class Mode { kReading, kHolding, kWaiting } mode = Mode::kReading;
    std::string reason;  // of the mode; of kReading: what was passed over at the start

    // Where reading goes on.
    int64_t position() const { return std::max(start, stored); }
    bool is_read() const { return mode == Mode::kReading && !is_paused; }
  };

  // Where to begin a partition of which the group's offset is further than the store's.
  void meet_group_ahead(int32_t number, Partition& partition) const;

  const EventIngester::Connection& definition_;
  const std::string log_name_;
  std::vector<int32_t> unstarted_;
  // The thread alone writes what is guarded by it, and so reads it without.
  mutable std::mutex mutex_;
  std::map<int32_t, Partition> partitions_;
};

}  // namespace rivulet::sources
