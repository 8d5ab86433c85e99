#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "common/file_system.h"
#include "log/log.h"
#include "rowstore/row_files.h"
#include "store/retries.h"
#include "store/state.h"

// Checkpoints: docs/checkpoints.md.
namespace rivulet::store {

class Committer;

// Moves rows from memory to row files, writes bases, and merges row files. Used by one thread at a time (the
// holder of Maintenance's work mutex; recovery before that), but for the counters.
class Checkpointer {
 public:
  Checkpointer(FileSystem& files, std::filesystem::path directory, rowstore::RowFiles& row_files,
               State& state, log::Log& log, Retries& retries);

  // Recovery: loads the newest base into the state, unpublished, and gives its sequence; 0 when there is none.
  // Throws Error when it is damaged, or a row file is missing.
  Sequence load();
  // Removes unfinished and older bases, and row files that the base does not name.
  void remove_others();

  // A whole checkpoint. When it throws, what was done of it stands, and nothing is lost. Then row files are merged;
  // what fails of that is noted, and waits for a later checkpoint. When the disk is short, files are also
  // written again for the sake of fewer rows that nobody needs.
  void checkpoint(Committer& committer, bool is_disk_short);

  // Sequence and State::logged_bytes() of the newest base.
  Sequence sequence() const { return sequence_; }
  uint64_t logged_bytes() const { return logged_bytes_; }
  void fill(StoreStatistics& statistics) const;

 private:
  using RowFilePtr = std::shared_ptr<const rowstore::RowFile>;
  // Runs that take the place of others in the tail of `whole.tails[tail]`.
  struct Replacement {
    size_t tail = 0;
    rowstore::RunList old, fresh;
  };

  void spill(WholeState& whole, Committer& committer);
  void write_base(const WholeState& whole);
  void put_base(const WholeState& whole, const std::set<RowFilePtr>& row_files,
                const std::filesystem::path& path);
  // Merges one set of files that are due; false when none is.
  bool merge(WholeState& whole, Committer& committer, bool is_disk_short);
  // Files whose runs are to be written to one file; none when nothing is due.
  std::vector<RowFilePtr> choose_merge(const WholeState& whole, bool is_disk_short) const;
  void remove_other_bases(Sequence newest);

  FileSystem& files_;
  const std::filesystem::path directory_;
  rowstore::RowFiles& row_files_;
  State& state_;
  log::Log& log_;
  Retries& retries_;
  std::atomic<Sequence> sequence_ = 0;
  std::atomic<uint64_t> logged_bytes_ = 0;
  // What the base on disk names; after a rename that could not be synced, what either of two names.
  std::set<RowFilePtr> named_files_;
  // Merges leave them alone: for good, and until the next checkpoint, since reading them may succeed then.
  std::set<RowFilePtr> damaged_files_, unread_files_;
  std::atomic<uint64_t> checkpoints_ = 0, merges_ = 0;
  std::atomic<uint64_t> spill_written_ = 0, merge_written_ = 0, base_written_ = 0;
};

}  // namespace rivulet::store
