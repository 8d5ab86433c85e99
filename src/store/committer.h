#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "log/log.h"
#include "store/state.h"
#include "store/store.h"

namespace rivulet::store {

// The one thread that changes the store. It takes all transactions that are queued, checks each against the
// newest catalog, writes them to the log as one group, and when that is durable applies and publishes them
// and calls back. While it waits for the disk, the next group gathers.
//
// Owned by the store. submit() may be called from any thread; the destructor commits what is queued.
class Committer {
 public:
  Committer(log::Log& log, State& state, const Clock& clock, uint64_t queue_limit_bytes);
  ~Committer();

  void submit(Transaction transaction, CommitCallback done);

 private:
  struct Pending {
    Transaction transaction;
    CommitCallback done;
    std::string appends;  // encoded on the caller's thread, to keep the committer's work small
    CommitResult result;
    // Made by the committer.
    std::string start;
    std::vector<catalog::Change> changes;
    std::vector<std::shared_ptr<const catalog::Catalog>> catalogs;  // after each change
  };

  void run();
  void commit_group(std::vector<Pending>& group);
  // Throws what refuses the transaction; otherwise it stands encoded, and `catalog` is what it makes.
  void prepare(Pending& pending, Ticks now, std::shared_ptr<const catalog::Catalog>& catalog);
  void apply(Pending& pending);

  log::Log& log_;
  State& state_;
  const Clock& clock_;
  const uint64_t queue_limit_bytes_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;  // guarded by mutex_
  uint64_t queued_bytes_ = 0;  // guarded by mutex_
  bool is_stopping_ = false;   // guarded by mutex_
  std::thread thread_;
};

}  // namespace rivulet::store
