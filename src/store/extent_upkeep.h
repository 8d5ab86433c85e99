#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "catalog/policy.h"
#include "common/clock.h"
#include "extents/extent_files.h"
#include "store/committer.h"
#include "store/state.h"

namespace rivulet::store {

// Merges extents, removes rows and tags of extents that are older than their table's policies say, and drops tables
// whose auto_delete policy says so. One thread of its
// own, so that sealing and checkpoints never wait for a merge; it reads snapshots, and its results are
// transactions like any other: a reader or a commit never waits for it either. A failure (a full disk) is
// logged, and tried again a minute later.
//
// Owned by the store, which makes it before the committer and starts it after.
class ExtentUpkeep {
 public:
  ExtentUpkeep(State& state, extents::ExtentFiles& extent_files, const Clock& clock);
  ~ExtentUpkeep();

  void start(Committer& committer);
  // Ends the thread, after what it is doing.
  void stop();

  // The table got extents: some may be worth merging. Any thread; quick.
  void on_extents_added(catalog::TableId table);

  // All that is due, on the caller's thread. Throws what fails.
  void run_once();

  uint64_t merges() const { return merges_; }

 private:
  void run();
  void merge_all();
  // One merge; false when none is worth it, or another transaction was first.
  bool merge(catalog::TableId table);
  void remove_expired();
  void remove_expired(const catalog::Catalog& catalog, const catalog::Table& table);
  void drop_expired_tags(const catalog::Catalog& catalog, const catalog::Table& table);
  void drop(const catalog::Table& table, const catalog::AutoDeletePolicy& policy);

  State& state_;
  extents::ExtentFiles& extent_files_;
  const Clock& clock_;
  Committer* committer_ = nullptr;
  std::mutex work_mutex_;  // one merge or removal at a time; held without mutex_
  std::atomic<uint64_t> merges_ = 0;
  std::atomic<bool> is_stopping_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::set<catalog::TableId> grown_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace rivulet::store
