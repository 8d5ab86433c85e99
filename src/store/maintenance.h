#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "extents/extent_files.h"
#include "rowstore/row_files.h"
#include "store/checkpointer.h"
#include "store/committer.h"
#include "store/extent_upkeep.h"
#include "store/memory_trim.h"
#include "store/retries.h"
#include "store/seal_queue.h"
#include "store/state.h"

namespace rivulet::store {

struct MaintenanceLimits {
  uint64_t log_bytes = 0;                      // a checkpoint when the log has grown by this
  uint64_t extent_rows = 0, extent_bytes = 0;  // a longer tail becomes several extents
  uint64_t tail_bytes = 0;                     // a checkpoint when all chunks take this
  Ticks seal_age = 0;
  // What the log and the row files take on disk; a checkpoint, and then seals, when it is more than this.
  std::function<uint64_t()> disk_usage;
  uint64_t disk_bytes = 0;
};

// The background work: seals tails, makes checkpoints, removes files that nobody needs any more. One thread, asleep while
// there is nothing to do; commits and readers never wait for it.
//
// Owned by the store, which makes it before the committer and starts it, and its thread, after. What fails is tried again as Retries
// says, and the rest goes on.
class Maintenance final : public CommitListener {
 public:
  Maintenance(Checkpointer& checkpointer, State& state, extents::ExtentFiles& extent_files,
              rowstore::RowFiles& row_files, ExtentUpkeep& upkeep, Retries& retries,
              const Clock& clock, const MaintenanceLimits& limits);
  ~Maintenance() override;

  // `events` are those of recovery.
  void start(Committer& committer, std::span<const rowstore::TailEvent> events);
  void start_thread();
  // Without the thread: does one thing that is due; false when nothing is.
  bool step();
  // Ends the thread, after the file that it is writing, and removes what nobody needs.
  void stop();

  void on_published(std::span<const rowstore::TailEvent> events, uint64_t logged_bytes,
                    uint64_t tail_bytes) override;

  void on_extents_added(catalog::TableId table) override { upkeep_.on_extents_added(table); }

  // Now, on the caller's thread, whether it is put off or not. They throw what fails, after the rest.
  void seal(std::span<const catalog::TableId> tables);
  void checkpoint();

  uint64_t seals() const { return seals_; }
  uint64_t extent_bytes_written() const { return extent_bytes_written_; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  void run();
  // Does one thing that is due, with mutex_ released; false when nothing is.
  bool work(std::unique_lock<std::mutex>& lock);
  // With mutex_ held. A tail that is to be looked at.
  std::optional<rowstore::TailEvent> take_ripe();
  // Seals the tail if it is worth an extent now.
  void seal_if_worth(const rowstore::TailEvent& event);
  // With work_mutex_ held, as the next two. Gives what it failed with.
  std::exception_ptr seal_table(catalog::TableId table);
  void write_extents(catalog::TableId table);
  // Of all rows of the tail, or of a part of it.
  void write_extents(const catalog::Table& table, const rowstore::TailView& rows);
  // Seals tails, the largest first, until the log and the row files take less than they may: docs/checkpoints.md.
  void make_room();
  bool is_disk_short() const { return limits_.disk_usage() > limits_.disk_bytes; }
  bool needs_room(uint64_t logged_bytes) const;
  bool needs_checkpoint() const;
  void collect_garbage();
  SteadyTime next_due() const;

  Checkpointer& checkpointer_;
  State& state_;
  extents::ExtentFiles& extent_files_;
  rowstore::RowFiles& row_files_;
  ExtentUpkeep& upkeep_;
  Retries& retries_;
  const Clock& clock_;
  const MaintenanceLimits limits_;
  Committer* committer_ = nullptr;

  // One seal or checkpoint at a time. Held without mutex_.
  std::mutex work_mutex_;
  std::atomic<uint64_t> seals_ = 0, extent_bytes_written_ = 0;
  // make_room() alone sets them: it is not called again before so much has been logged, or this time has come.
  std::atomic<uint64_t> next_room_logged_ = 0;
  std::atomic<SteadyTime> next_room_at_ = SteadyTime::min();

  // on_published() alone sets them: as last published. Not asked of the state, whose lock is not to be taken inside of mutex_: a file may become
  // garbage, which takes mutex_, inside of that.
  std::atomic<uint64_t> logged_bytes_ = 0, tail_bytes_ = 0;
  std::atomic<bool> is_stopping_ = false;  // set by stop()
  // What others tell the thread, which takes it in work().
  std::mutex mutex_;
  std::condition_variable wake_;
  SealQueue seal_queue_;                // guarded by mutex_, as the next two
  bool has_garbage_ = false;            // there is something to remove
  bool is_checkpoint_noticed_ = false;  // that one is needed; so that it is told once
  // Of work() alone.
  SteadyTime checkpoint_due_since_ = SteadyTime::max();  // and not made
  MemoryTrim trim_;
  std::thread thread_;
};

}  // namespace rivulet::store
