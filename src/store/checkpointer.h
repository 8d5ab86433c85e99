#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "log/log.h"
#include "objects/object_store.h"
#include "objects/orphans.h"
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
  Checkpointer(objects::ObjectStore& objects, rowstore::RowFiles& row_files, State& state,
               log::Log& log, Retries& retries);

  // Recovery: loads the newest base into the state, unpublished, and gives its sequence; 0 when there is none.
  // Throws Error when it is damaged.
  Sequence load();
  // Then, when the log was read too: what there is beside the base and the row files that it names goes to `orphans`.
  void reconcile(objects::Orphans& orphans);

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
  void encode_base(const WholeState& whole, const std::set<RowFilePtr>& row_files,
                   objects::StagedObject& staged);
  // Merges one set of files that are due; false when none is.
  bool merge(WholeState& whole, Committer& committer, bool is_disk_short);
  // Files whose runs are to be written to one file; none when nothing is due.
  std::vector<RowFilePtr> choose_merge(const WholeState& whole, bool is_disk_short) const;

  objects::ObjectStore& objects_;
  rowstore::RowFiles& row_files_;
  State& state_;
  log::Log& log_;
  Retries& retries_;
  std::atomic<Sequence> sequence_ = 0;
  std::atomic<uint64_t> logged_bytes_ = 0;
  // The base that was loaded or written last, and those before it, or after it, of which it is not certain that they
  // are gone. Of several the newest counts: that of the greatest sequence, and the last attempt at it.
  std::vector<std::string> bases_;
  uint64_t attempt_ = 0;              // of the newest
  std::set<RowFilePtr> named_files_;  // what any of them names
  // Merges leave them alone: for good, and until the next checkpoint, since reading them may succeed then.
  std::set<RowFilePtr> damaged_files_, unread_files_;
  std::atomic<uint64_t> checkpoints_ = 0, merges_ = 0;
  std::atomic<uint64_t> spill_written_ = 0, merge_written_ = 0, base_written_ = 0;
};

}  // namespace rivulet::store
