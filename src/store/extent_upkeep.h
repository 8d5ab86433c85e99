#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "catalog/policies/effective.h"
#include "common/clock.h"
#include "extents/extent_files.h"
#include "store/committer.h"
#include "store/retries.h"
#include "store/state.h"

namespace rivulet::store {

// Merges extents, removes rows and tags of extents that are older than their table's policies say, and drops tables
// whose auto_delete policy says so; removes objects that belong to nothing. One thread of its
// own, so that sealing and checkpoints never wait for a merge; it reads snapshots, and its results are
// transactions like any other: a reader or a commit never waits for it either. What fails for a table is tried again
// as Retries says, and the other tables go on; an extent that cannot be read is left out of the merges of its table.
//
// Owned by the store, which makes it before the committer and starts it, and its thread, after.
class ExtentUpkeep {
 public:
  ExtentUpkeep(State& state, extents::ExtentFiles& extent_files, objects::Orphans& orphans,
               Retries& retries, const Clock& clock);
  ~ExtentUpkeep();

  void start(Committer& committer);
  void start_thread();
  // Without the thread: looks once at what is due; false when nothing was.
  bool step();
  // Ends the thread, after what it is doing.
  void stop();

  // The table got extents: some may be worth merging. Any thread; quick.
  void on_extents_added(catalog::TableId table);

  // While the result is held, no merge of the table begins. Any thread; not to be held longer than this lives.
  std::shared_ptr<void> hold_merges(catalog::TableId table);

  // All that there is to do, on the caller's thread, whether it is put off or not. Throws what fails, after the rest.
  void run_once();

  uint64_t merges() const { return merges_; }

 private:
  using Tables = std::vector<catalog::TableId>;
  using SteadyTime = std::chrono::steady_clock::time_point;

  void run();
  // Carries out what is due; false when nothing is.
  bool work(SteadyTime now);
  SteadyTime next_due() const;
  // Tables that got extents.
  std::set<catalog::TableId> take_grown();
  Tables all_tables() const;
  // They give what failed last, after all tables.
  std::exception_ptr merge(const std::set<catalog::TableId>& tables);
  std::exception_ptr carry_out_retention(const Tables& tables);
  void merge_table(catalog::TableId table);
  // What is to be merged of the table without some of its extents; null when nothing is.
  struct Merge;
  std::unique_ptr<Merge> plan(catalog::TableId table, const std::set<Guid>& left_out) const;
  void remove_expired(const catalog::Catalog& catalog, const catalog::Table& table);
  void drop_expired_tags(const catalog::Catalog& catalog, const catalog::Table& table);
  void drop(const catalog::Table& table, const catalog::AutoDeletePolicy& policy);

  State& state_;
  extents::ExtentFiles& extent_files_;
  objects::Orphans& orphans_;
  Retries& retries_;
  const Clock& clock_;
  Committer* committer_ = nullptr;
  std::mutex work_mutex_;  // one merge or removal at a time; held without mutex_
  std::atomic<uint64_t> merges_ = 0;
  std::atomic<bool> is_stopping_ = false;
  SteadyTime next_removal_ = SteadyTime::min();  // of the thread, or who steps

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::set<catalog::TableId> grown_;      // guarded by mutex_
  std::multiset<catalog::TableId> held_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace rivulet::store
