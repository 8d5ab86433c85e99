#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/clock.h"
#include "log/log.h"
#include "store/state.h"
#include "store/store.h"

namespace rivulet::store {

// Told after each publication, on the committer's thread: must be quick.
class CommitListener {
 public:
  virtual ~CommitListener() = default;
  // `logged_bytes` and `tail_bytes` are those of State.
  virtual void on_published(std::span<const rowstore::TailEvent> events, uint64_t logged_bytes,
                            uint64_t tail_bytes) = 0;
  // The table got extents; called before on_published.
  virtual void on_extents_added(catalog::TableId table) = 0;
};

struct CommitterLimits {
  // The appends and offsets of one transaction, encoded; a larger one is refused.
  uint64_t transaction_bytes = 1 << 30;
  // Encoded transactions that wait for the log; more are refused.
  uint64_t queue_bytes = 256 << 20;
  // Memory of all tails; while there is more, appends are refused, and shortly before they are slowed.
  uint64_t tail_bytes = UINT64_MAX;
  // What the log and the row files take on disk, and may take: the same.
  std::function<uint64_t()> disk_usage;
  uint64_t disk_bytes = UINT64_MAX;
};

// The one thread that changes the store. It takes all transactions that are queued, checks each against the
// newest catalog, writes them to the log as one group, and when that is durable applies and publishes them
// and calls back. While it waits for the disk, the next group gathers.
//
// Owned by the store. submit() may be called from any thread; the destructor commits what is queued.
class Committer {
 public:
  Committer(log::Log& log, State& state, CommitListener& listener, const Clock& clock,
            const CommitterLimits& limits);
  ~Committer();

  void submit(Transaction transaction, CommitCallback done);
  // Commits, and waits for it; throws what refuses it.
  void commit(Transaction transaction);
  // Commits a Replace alone, and waits for it; false when it came too late, or the newest catalog says that it
  // is not due any more. Throws what else refuses it.
  bool replace(Replace replace,
               std::function<bool(const catalog::Catalog&)> is_still_due = nullptr);
  // Has the committer's thread do something to the state between two transactions, which is published with the
  // rest of its group and stands in no record: `task` may change what no reader sees, and must be quick.
  // Returns when it is done.
  void run(std::function<void()> task);
  // See slowdown().
  uint64_t slowed_groups() const { return slowed_groups_; }

 private:
  struct Pending {
    Transaction transaction;
    std::function<void()> task;  // instead of a transaction
    CommitCallback done;
    std::string body;  // offsets and appends, encoded on the caller's thread
    CommitResult result;
    // Made by the committer.
    std::string start;
    std::vector<catalog::Change> changes;
    std::vector<std::shared_ptr<const catalog::Catalog>> catalogs;  // after each change

    // It takes its turn nevertheless, so that callbacks come from one thread only, and in order.
    void refuse(std::exception_ptr error);
  };
  // What a group has done so far, before it is applied.
  struct Staged {
    Ticks now = 0;
    std::shared_ptr<const catalog::Catalog> catalog;
    std::vector<catalog::TableId> cleared;
    std::vector<catalog::TableId> cut;
    std::set<Guid> removed;
    std::set<std::pair<catalog::TableId, std::string>> tags;  // of extents that came
    std::unordered_map<IdempotencyKey, Sequence, IdempotencyWindow::Hash> keys;
    SourceOffsets offsets;
  };

  void encode(Pending& pending) const;
  void enqueue(Pending pending);
  void work();
  // How long the next group is to wait because memory or disk is nearly used up: that slows the clients while
  // the background makes room.
  std::chrono::microseconds slowdown() const;
  void commit_group(std::span<Pending> group);
  // Whether the transaction was committed before, or is in the group before it; its result tells then.
  bool is_repeat(Pending& pending, const Staged& staged) const;
  // Throws what refuses the transaction, and changes nothing then; otherwise it stands encoded.
  void prepare(Pending& pending, Staged& staged, Sequence sequence);
  // Throws ReplaceOutdated.
  void check_tags(const Replace& replace, const Staged& staged) const;
  void check_replaces(const Transaction& transaction, const catalog::Catalog& catalog,
                      const Staged& staged) const;
  bool has_connection(const Guid& guid, const catalog::Catalog& catalog) const;
  void check_append(const Append& append, const catalog::Catalog& catalog) const;
  // What the transaction makes of its partitions. Throws OffsetOutdated.
  SourceOffsets check_offsets(const Transaction& transaction, const catalog::Catalog& catalog,
                              const Staged& staged) const;
  void apply(const Pending& pending);

  log::Log& log_;
  State& state_;
  CommitListener& listener_;
  const Clock& clock_;
  const CommitterLimits limits_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Pending> queue_;  // guarded by mutex_
  uint64_t queued_bytes_ = 0;   // guarded by mutex_
  bool has_task_ = false;       // guarded by mutex_
  bool is_stopping_ = false;    // guarded by mutex_
  std::atomic<uint64_t> slowed_groups_ = 0;
  std::vector<rowstore::TailEvent> events_;
  bool is_disk_short_ = false;  // as of the start of the group
  // Drafts of records that failed in the log: a record may still be there until another one succeeds.
  std::vector<std::shared_ptr<ExtentView>> uncertain_;
  std::thread thread_;
};

}  // namespace rivulet::store
