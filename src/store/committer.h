#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
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
  // The appends and progress of one transaction, encoded; a larger one is refused.
  uint64_t transaction_bytes = 1 << 30;
  // Encoded transactions that wait for the log; more are refused.
  uint64_t queue_bytes = 256 << 20;
  // Memory of all tails; while there is more, appends are refused, and shortly before they are slowed.
  uint64_t tail_bytes = UINT64_MAX;
  // Throws when nothing may be stored now; asked before each group.
  std::function<void()> check_place;
  // What the log and the row files take on disk, and may take: the same.
  std::function<uint64_t()> disk_usage;
  uint64_t disk_bytes = UINT64_MAX;
  // From so much on, appends to a table are refused whose rows cannot be moved out of there: they must not take the
  // room of the others.
  uint64_t crowded_disk_bytes = UINT64_MAX;
  std::function<bool(catalog::TableId)> is_stuck;
};

// The one thread that changes the store. It takes all transactions that are queued, checks each against the
// newest catalog, hands them to the log as one group, and when that is durable applies them at the positions that the
// log gives, publishes them and calls back. While it waits for the log, the next group gathers.
//
// Where the log takes several groups at once (Log::max_in_flight), the next one is handed over before the one before
// it is durable, if both of them only append rows: these are checked against what the groups under way do, and what
// one of them does is done with if it is not stored, since then none behind it is. A group with anything else (catalog,
// extents, a task) waits until nothing is under way, and the next one for it: such are few, and their checks would
// have to know what became of each group.
//
// A group of which the log cannot say whether it is stored is answered with the log's error, transient. Before
// anything else is written, the log is opened anew, which ends what may still be coming, and read on from the newest
// position that was applied: what is there is applied as recovery does it, and a retry with the same key then finds
// it. While the log cannot be opened, because it is away or because another writer has it, every transaction is
// refused with the log's error; queries go on.
//
// Owned by the store. submit() may be called from any thread; the destructor commits what is queued, and waits for it.
class Committer {
 public:
  // What goes on while a thread waits for a commit and there is no committer's thread: a test's, which runs step()
  // and whatever else it likes.
  using Drive = std::function<void(Committer&)>;

  // The log is open, and the state is all that it holds. With `drive` no thread is started, nothing is ever slowed,
  // and the destructor drops what is queued.
  Committer(log::Log& log, State& state, CommitListener& listener, const Clock& clock,
            const CommitterLimits& limits, Drive drive = nullptr);
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
  // Without a thread: begins a group, or finishes the one whose outcome came; false when there is neither.
  bool step();
  // See slowdown().
  uint64_t slowed_groups() const { return slowed_groups_; }
  // Of the encoded transactions that wait.
  uint64_t queued_bytes() const;

 private:
  struct Pending {
    Transaction transaction;
    std::function<void()> task;  // instead of a transaction
    CommitCallback done;
    std::string body;  // Part::encode, on the caller's thread
    CommitResult result;
    // Its key names a transaction with another content: refused once that one is durable.
    bool is_conflict = false;
    // Made by the committer.
    std::string start;  // Part::stage
    // The number of its record among those that were staged since nothing was under way, or of the one of which it is a
    // repeat; none of a repeat of an older one.
    std::optional<size_t> record;

    // It takes its turn nevertheless, so that callbacks come from one thread only, and in order.
    void refuse(std::exception_ptr error);
  };
  // Transactions that go to the log together.
  struct Group {
    std::vector<Pending> pendings;
    std::vector<std::array<std::string_view, 2>> pieces;
    std::vector<log::Record> records;
    size_t first_record = 0;              // the number of the first: see Pending::record
    uint64_t bytes = 0;                   // of those
    std::optional<log::Outcome> outcome;  // guarded by mutex_
  };
  enum class Step { kNone, kBegin, kFinish };

  void encode(Pending& pending) const;
  void enqueue(Pending pending);
  // Returns when drive_ has made the future ready, if there is one.
  template <typename T>
  void drive_until(const std::future<T>& ready);
  void work();
  // What is to be done now. With mutex_ held.
  Step next_step() const;
  void carry_out(Step step);
  // How long the next group is to wait because memory or disk is nearly used up: that slows the clients while
  // the background makes room.
  std::chrono::microseconds slowdown() const;
  // Takes the next group and hands it to the log, unless it has to wait for those under way.
  void begin();
  // Has `waiting_` hold what is next; false when an outcome came while commits are slowed.
  bool gather();
  // The number of transactions that are next, and the bytes that they took in the queue.
  std::pair<size_t, uint64_t> choose_group() const;
  bool may_join(std::span<const Pending> group) const;
  Group& take_group(size_t count);
  // Checks and encodes the transactions.
  void prepare(Group& group);
  void set_outcome(Group& group, const log::Outcome& outcome);
  // Makes the state what the log holds, after an outcome that is unknown. Throws when that is not possible now.
  void resolve();
  // Applies, publishes and answers the oldest group under way, whose outcome came.
  void finish();
  // Gives the transactions their positions.
  void place(Group& group, log::Position first);
  void fail(Group& group, const log::Outcome& outcome);
  void publish(uint64_t bytes, std::span<const catalog::TableId> grown);
  // The commit time of the next group: the clock's, or for a while the newest one's when the clock went back.
  Ticks next_time();
  // Whether the transaction was committed before, or is in the group before it; its result tells then, or
  // is_conflict.
  bool is_repeat(Pending& pending, Ticks now) const;
  // Throws what refuses the transaction, and changes nothing then; otherwise it stands encoded.
  void prepare(Pending& pending, const Turn& turn);
  // Throws when there is no room for recent rows.
  void check_room(const Transaction& transaction) const;

  log::Log& log_;
  State& state_;
  CommitListener& listener_;
  const Clock& clock_;
  const CommitterLimits limits_;
  const Drive drive_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Pending> queue_;  // guarded by mutex_
  uint64_t queued_bytes_ = 0;   // guarded by mutex_
  bool has_task_ = false;       // guarded by mutex_
  bool is_stopping_ = false;    // guarded by mutex_
  std::atomic<uint64_t> slowed_groups_ = 0;

  // Of the committer's thread, as all below.
  std::vector<Pending> waiting_;  // taken from the queue
  size_t next_waiting_ = 0;       // those before it went into groups
  std::deque<Group> in_flight_;   // in their order; a group stays where it is until it is finished
  // Since in_flight_ was empty: the records that were staged, the positions of those that are applied, and the time of
  // the newest group.
  size_t staged_records_ = 0;
  std::vector<Sequence> placed_;
  Ticks staged_time_ = 0;
  bool is_draining_ = false;    // nothing is begun before in_flight_ is empty
  std::exception_ptr failure_;  // of a group that in_flight_ had since it was empty
  log::Position last_;          // of the newest record that was applied
  bool is_unknown_ = false;     // whether the log has more than that
  std::vector<rowstore::TailEvent> events_;
  bool is_disk_crowded_ = false, is_disk_short_ = false;  // as of the start of the group
  // When the clock was first seen behind the newest commit; nothing while it is not.
  std::optional<std::chrono::steady_clock::time_point> behind_since_;
  // Drafts of transactions of which it is not known whether the log holds them.
  std::vector<std::pair<catalog::TableId, std::shared_ptr<ExtentView>>> uncertain_;
  std::thread thread_;
};

}  // namespace rivulet::store
