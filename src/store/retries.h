#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/clock.h"
#include "store/state.h"
#include "store/store.h"

namespace rivulet::store {

// A kind of background work.
enum class Work : uint8_t {
  kSeal,  // of one table, as the next two
  kMergeExtents,
  kRetention,
  kCheckpoint,  // of the whole store, as the next two
  kMergeRowFiles,
  kRemoveFiles
};
// What stands in the place of a table for work of the whole store.
constexpr catalog::TableId kNoTable = 0;

// The background work that failed, and when it is tried again. The one rule for all of it (docs/recovery.md): what
// failed is put off for ten seconds, and for twice as long each time that it fails again, up to ten minutes; work of
// the whole store, and what a full disk or a failed log was the reason for, for ten seconds each time. Nothing else
// waits for it meanwhile.
//
// Owned by the store. Thread-safe.
class Retries {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  Retries(const State& state, const Clock& clock) : state_(state), clock_(clock) {}

  // Does the work, and notes its outcome; gives what it threw.
  std::exception_ptr attempt(Work work, catalog::TableId table,
                             const std::function<void()>& action);
  // It need not be done any more, or somebody else has done it.
  void succeeded(Work work, catalog::TableId table);
  // It could not be tried now: again after the same time.
  void put_off(Work work, catalog::TableId table);

  bool has_failed(Work work, catalog::TableId table) const;
  // False while it is put off.
  bool is_due(Work work, catalog::TableId table) const;
  // Tables whose work failed, and is to be tried again now.
  std::vector<catalog::TableId> due(Work work) const;
  // When the next of the kind is due; SteadyTime::max() when nothing failed.
  SteadyTime next(Work work) const;

  std::vector<FailedWork> list() const;
  uint64_t count() const;                          // of list()
  uint64_t failures() const { return failures_; }  // since the store was opened

 private:
  struct Entry {
    uint64_t failures = 0;
    Ticks since = 0;
    std::string error;
    std::chrono::seconds pause{0};
    SteadyTime due;
  };
  using Key = std::pair<Work, catalog::TableId>;

  void failed(const Key& key, const std::exception& error);
  std::string describe(const Key& key) const;

  const State& state_;
  const Clock& clock_;
  std::atomic<uint64_t> failures_ = 0;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;  // guarded by mutex_
};

}  // namespace rivulet::store
