#include "store/committer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <future>

#include "common/error.h"

namespace rivulet::store {
namespace {

// A group takes no more than this, unless one transaction alone is larger.
constexpr uint64_t kGroupBytes = 8 << 20;
// What a queued transaction costs beside its encoded rows.
constexpr uint64_t kQueueOverheadBytes = 512;
// A clock that stays behind the newest commit for so long is believed.
constexpr std::chrono::hours kLongestHold(1);
// When so many transactions were staged while something was under way, the next group waits until nothing is, so that
// what they staged is forgotten.
constexpr size_t kMaxStagedRecords = 1 << 16;
// Less is what time synchronisation does now and then, and nothing to tell.
constexpr Ticks kNotedLag = kTicksPerSecond;

Error key_reused() {
  return Error(ErrorKind::kConflict,
               "The request's retry key (its Idempotency-Key, or the source id in its client "
               "request id) came with "
               "other data, or with another format or mapping, a short time ago. Nothing of this "
               "request was stored: "
               "a key names one request and its retries; send this one under a key of its own.");
}

// Whether it only appends rows, with a key and progress.
template <typename Pending>
bool is_plain(const Pending& pending) {
  const Transaction& transaction = pending.transaction;
  return !pending.task && !transaction.alter && transaction.clear.empty() &&
         transaction.replace.empty() && transaction.if_empty.empty() && transaction.items.empty();
}

}  // namespace

Committer::Committer(log::Log& log, State& state, CommitListener& listener, const Clock& clock,
                     const CommitterLimits& limits, Drive drive)
    : log_(log),
      state_(state),
      listener_(listener),
      clock_(clock),
      limits_(limits),
      drive_(std::move(drive)),
      last_(state.sequence()) {
  if (!drive_) thread_ = std::thread([this] { work(); });
}

Committer::~Committer() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

template <typename T>
void Committer::drive_until(const std::future<T>& ready) {
  while (drive_ && ready.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    drive_(*this);
  }
}

void Committer::Pending::refuse(std::exception_ptr error) {
  result.error = std::move(error);
  transaction = {};
  body = std::string();
}

void Committer::submit(Transaction transaction, CommitCallback done) {
  Pending pending;
  pending.done = std::move(done);
  pending.transaction = std::move(transaction);
  try {
    encode(pending);
  } catch (...) {
    pending.refuse(std::current_exception());
  }
  enqueue(std::move(pending));
}

void Committer::encode(Pending& pending) const {
  BodyWriter body(pending.body, limits_.transaction_bytes);
  state_.encode(pending.transaction, body);
}

void Committer::run(std::function<void()> task) {
  Pending pending;
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> is_done = done->get_future();
  pending.task = std::move(task);
  pending.done = [done](const CommitResult&) { done->set_value(); };
  enqueue(std::move(pending));
  drive_until(is_done);
  is_done.wait();
}

uint64_t Committer::queued_bytes() const {
  std::lock_guard lock(mutex_);
  return queued_bytes_;
}

void Committer::enqueue(Pending pending) {
  uint64_t cost = pending.body.size() + kQueueOverheadBytes;
  bool must_wake;
  {
    std::lock_guard lock(mutex_);
    if (!pending.task && queued_bytes_ > 0 && queued_bytes_ + cost > limits_.queue_bytes) {
      pending.refuse(std::make_exception_ptr(
          throttled("Too much is waiting to be written to the log. Retry later.")));
      cost = kQueueOverheadBytes;
    }
    must_wake = queue_.empty() || pending.task;
    has_task_ |= pending.task != nullptr;
    queued_bytes_ += cost;
    queue_.push_back(std::move(pending));
  }
  if (must_wake) wake_.notify_one();
}

void Committer::commit(Transaction transaction) {
  auto outcome = std::make_shared<std::promise<std::exception_ptr>>();
  std::future<std::exception_ptr> error = outcome->get_future();
  submit(std::move(transaction),
         [outcome](const CommitResult& result) { outcome->set_value(result.error); });
  drive_until(error);
  if (std::exception_ptr refused = error.get()) std::rethrow_exception(refused);
}

bool Committer::replace(Replace replace,
                        std::function<bool(const catalog::Catalog&)> is_still_due) {
  Transaction transaction;
  transaction.replace.push_back(std::move(replace));
  if (is_still_due) {
    transaction.alter = [&](const catalog::Catalog& newest) -> std::vector<catalog::Change> {
      if (!is_still_due(newest)) throw ReplaceOutdated();
      return {};
    };
  }
  try {
    commit(std::move(transaction));
  } catch (const ReplaceOutdated&) {
    return false;
  }
  return true;
}

void Committer::work() {
  for (;;) {
    Step step;
    {
      std::unique_lock lock(mutex_);
      auto is_over = [this] { return is_stopping_ && queue_.empty() && in_flight_.empty(); };
      wake_.wait(lock, [&] { return (step = next_step()) != Step::kNone || is_over(); });
    }
    if (step == Step::kNone) return;
    carry_out(step);
  }
}

bool Committer::step() {
  Step step;
  {
    std::lock_guard lock(mutex_);
    step = next_step();
  }
  carry_out(step);
  return step != Step::kNone;
}

Committer::Step Committer::next_step() const {
  if (!in_flight_.empty() && in_flight_.front().outcome) return Step::kFinish;
  bool has_room = in_flight_.empty() || (!is_draining_ && in_flight_.size() < log_.max_in_flight());
  bool is_something_waiting = next_waiting_ < waiting_.size() || !queue_.empty();
  return has_room && is_something_waiting ? Step::kBegin : Step::kNone;
}

void Committer::carry_out(Step step) {
  if (step == Step::kBegin) begin();
  if (step == Step::kFinish) finish();
}

void Committer::begin() {
  if (!gather()) return;
  auto [count, queued_bytes] = choose_group();
  std::span<const Pending> next(waiting_.data() + next_waiting_, count);
  if (!in_flight_.empty() && !may_join(next)) {
    is_draining_ = true;
    return;
  }
  is_draining_ = !std::all_of(next.begin(), next.end(), is_plain<Pending>);
  {
    std::lock_guard lock(mutex_);
    queued_bytes_ -= queued_bytes;
  }
  Group& group = take_group(count);
  try {
    bool has_transactions =
        std::any_of(group.pendings.begin(), group.pendings.end(),
                    [](const Pending& pending) { return pending.task == nullptr; });
    if (is_unknown_ && has_transactions) resolve();
    prepare(group);
    if (group.records.empty()) return set_outcome(group, {.kind = log::Outcome::Kind::kStored});
    if (limits_.check_place) limits_.check_place();
  } catch (...) {
    return set_outcome(group,
                       {.kind = log::Outcome::Kind::kRefused, .error = std::current_exception()});
  }
  log_.submit(group.records,
              [this, &group](const log::Outcome& outcome) { set_outcome(group, outcome); });
}

void Committer::set_outcome(Group& group, const log::Outcome& outcome) {
  std::lock_guard lock(mutex_);
  group.outcome = outcome;
  // Under the lock, or this could be gone.
  wake_.notify_one();
}

bool Committer::gather() {
  if (next_waiting_ < waiting_.size()) return true;
  std::chrono::microseconds pause = drive_ ? std::chrono::microseconds() : slowdown();
  std::unique_lock lock(mutex_);
  if (pause.count() > 0) {
    ++slowed_groups_;
    auto has_outcome = [this] { return next_step() == Step::kFinish; };
    wake_.wait_for(lock, pause, [&] { return is_stopping_ || has_task_ || has_outcome(); });
    if (has_outcome()) return false;
  }
  has_task_ = false;
  // What is there makes the group. Waiting for more, 200 us from the beginning of the last group when that
  // had several transactions, cost 4 to 9 % of the requests of 64 connections, and 400 us 7 to 15 %.
  waiting_.clear();
  next_waiting_ = 0;
  waiting_.swap(queue_);
  return true;
}

std::pair<size_t, uint64_t> Committer::choose_group() const {
  uint64_t bytes = 0;
  size_t end = next_waiting_;
  for (; end < waiting_.size(); ++end) {
    uint64_t cost = waiting_[end].body.size() + kQueueOverheadBytes;
    // Whether a table has rows is known when the groups before are applied.
    bool is_first = !waiting_[end].transaction.if_empty.empty();
    if (end > next_waiting_ && (bytes + cost > kGroupBytes || is_first)) break;
    bytes += cost;
  }
  return {end - next_waiting_, bytes};
}

bool Committer::may_join(std::span<const Pending> group) const {
  // A clock that goes back is looked at when nothing is under way.
  return !failure_ && staged_records_ < kMaxStagedRecords && clock_.now() >= staged_time_ &&
         std::all_of(group.begin(), group.end(), is_plain<Pending>);
}

Committer::Group& Committer::take_group(size_t count) {
  if (in_flight_.empty()) failure_ = nullptr;
  Group& group = in_flight_.emplace_back();
  if (count == waiting_.size()) {
    group.pendings.swap(waiting_);
  } else {
    auto first = waiting_.begin() + static_cast<ptrdiff_t>(next_waiting_);
    group.pendings.assign(std::move_iterator(first),
                          std::move_iterator(first + static_cast<ptrdiff_t>(count)));
    next_waiting_ += count;
  }
  return group;
}

std::chrono::microseconds Committer::slowdown() const {
  constexpr double kFrom = 7.0 / 8, kMicrosecondsAtLimit = 20'000;
  auto share = [](uint64_t used, uint64_t limit) {
    return static_cast<double>(used) / static_cast<double>(limit);
  };
  double used = share(state_.tail_bytes(), limits_.tail_bytes);
  if (limits_.disk_usage) used = std::max(used, share(limits_.disk_usage(), limits_.disk_bytes));
  if (used <= kFrom) return {};
  double part = std::min(1.0, (used - kFrom) / (1 - kFrom));
  return std::chrono::microseconds(static_cast<int64_t>(part * kMicrosecondsAtLimit));
}

void Committer::prepare(Group& group) {
  bool is_alone = in_flight_.size() == 1;
  if (is_alone) {
    state_.begin_group();
    staged_records_ = 0;
    placed_.clear();
  }
  staged_time_ = is_alone ? next_time() : clock_.now();
  group.first_record = staged_records_;
  uint64_t disk_usage = limits_.disk_usage ? limits_.disk_usage() : 0;
  is_disk_crowded_ = disk_usage > limits_.crowded_disk_bytes;
  is_disk_short_ = disk_usage > limits_.disk_bytes;
  group.pieces.reserve(group.pendings.size());
  group.records.reserve(group.pendings.size());
  for (Pending& pending : group.pendings) {
    if (pending.result.error || pending.task || is_repeat(pending, staged_time_)) continue;
    try {
      prepare(pending, {pending.transaction, staged_time_, staged_records_});
    } catch (...) {
      pending.result.error = std::current_exception();
      continue;
    }
    group.pieces.push_back({pending.start, pending.body});
    group.records.emplace_back(group.pieces.back());
    group.bytes += pending.start.size() + pending.body.size();
    pending.record = staged_records_++;
    pending.result.time = staged_time_;
    pending.result.catalog = state_.staged_catalog();
  }
}

void Committer::resolve() {
  log_.open();
  uint64_t bytes = 0;
  // As when a group is applied: if it cannot be carried out, the process must end, and recovery says why.
  log_.tail(last_ + 1, [&](const log::StoredRecord& record) noexcept {
    state_.apply(record.position, {&record.payload, 1});
    last_ = record.position;
    bytes += record.payload.size();
    spdlog::info("Record {}, whose outcome was not known, is in the log", record.position);
  });
  is_unknown_ = false;
  if (bytes > 0) publish(bytes, {});
  // What came is adopted with its file, and may be worth merging; the files of the others go with their drafts.
  for (const auto& [table, extent] : uncertain_) listener_.on_extents_added(table);
  uncertain_.clear();
}

void Committer::finish() {
  Group& group = in_flight_.front();
  log::Outcome outcome;
  {
    std::lock_guard lock(mutex_);
    outcome = std::move(*group.outcome);
  }
  if (!outcome.error && failure_) {
    // It was checked against a group that is not stored. One without records may repeat what was in that; none with
    // records should be stored, or we look.
    outcome.error = failure_;
    if (!group.records.empty()) outcome.kind = log::Outcome::Kind::kUnknown;
  }
  if (outcome.error) {
    fail(group, outcome);
  } else {
    place(group, outcome.first);
  }
  bool has_tasks = false;
  std::vector<catalog::TableId> grown;
  for (const Pending& pending : group.pendings) {
    if (pending.task) {
      pending.task();
      has_tasks = true;
    } else if (!pending.result.error && !pending.result.is_repeat) {
      // The record is durable: this may not fail, and if memory runs out the process must end, so that recovery does
      // it.
      state_.apply(pending.result.sequence, group.records[*pending.record - group.first_record]);
      for (const Replace& replace : pending.transaction.replace) {
        if (!replace.added.empty()) grown.push_back(replace.table);
      }
    }
  }
  if (!group.records.empty() || has_tasks) publish(group.bytes, grown);
  for (Pending& pending : group.pendings) pending.done(pending.result);

  // Its memory is for those to come.
  group.pendings.clear();
  if (waiting_.empty() && waiting_.capacity() == 0) waiting_.swap(group.pendings);
  in_flight_.pop_front();
  if (in_flight_.empty()) is_draining_ = false;
}

void Committer::place(Group& group, log::Position first) {
  for (size_t i = 0; i < group.records.size(); ++i) placed_.push_back(first + i);
  for (Pending& pending : group.pendings) {
    if (pending.result.error || pending.task) continue;
    if (pending.record) pending.result.sequence = placed_[*pending.record];
    if (pending.is_conflict) pending.result = {.error = std::make_exception_ptr(key_reused())};
  }
  if (!group.records.empty()) last_ = placed_.back();
}

void Committer::fail(Group& group, const log::Outcome& outcome) {
  failure_ = outcome.error;
  bool is_unknown = outcome.kind == log::Outcome::Kind::kUnknown;
  is_unknown_ |= is_unknown;
  for (Pending& pending : group.pendings) {
    if (pending.result.error || pending.task) continue;
    pending.result = {.error = outcome.error};
    for (const Replace& replace : pending.transaction.replace) {
      for (const auto& extent : replace.added) {
        if (is_unknown) uncertain_.emplace_back(replace.table, extent);
      }
    }
  }
  group.records.clear();
  group.bytes = 0;
}

void Committer::publish(uint64_t bytes, std::span<const catalog::TableId> grown) {
  events_.clear();
  uint64_t logged = state_.publish(last_, bytes, events_);
  for (catalog::TableId table : grown) listener_.on_extents_added(table);
  listener_.on_published(events_, logged, state_.tail_bytes());
}

// Times that go back would be a surprise to whoever asks for rows by their ingestion time, so a small step of the
// clock is not followed. But a clock that was once far ahead must not hold times, retention and retry keys for good.
Ticks Committer::next_time() {
  Ticks now = clock_.now(), newest = state_.newest_time();
  if (now >= newest) {
    behind_since_.reset();
    return now;
  }
  auto steady_now = clock_.steady_now();
  auto seconds = static_cast<double>(newest - now) / kTicksPerSecond;
  if (!behind_since_) {
    behind_since_ = steady_now;
    if (newest - now >= kNotedLag) {
      spdlog::warn(
          "The machine's clock is {:.1f} s behind the newest commit: it was set back, or was ahead "
          "before. Rows get the time of that commit until the clock has caught up, or for an hour; "
          "after that the clock is believed. If it is wrong now, set it right before.",
          seconds);
    }
  }
  if (steady_now - *behind_since_ < kLongestHold) return newest;
  spdlog::warn(
      "The machine's clock has been behind the newest commit for an hour, and is believed: the "
      "time "
      "of rows goes back by {:.1f} s",
      seconds);
  behind_since_.reset();
  return now;
}

bool Committer::is_repeat(Pending& pending, Ticks now) const {
  const std::optional<IdempotencyKey>& key = pending.transaction.key;
  if (!key) return false;
  auto earlier = state_.keys().find(key->name, now);
  if (!earlier) return false;
  pending.is_conflict = !key->is_same_content(earlier->committed.content);
  pending.record = earlier->staged_record;
  pending.result.sequence = earlier->committed.sequence;
  pending.result.time = earlier->committed.time;
  pending.result.is_repeat = true;
  pending.result.catalog = state_.staged_catalog();
  return true;
}

void Committer::prepare(Pending& pending, const Turn& turn) {
  state_.check(turn);
  check_room(pending.transaction);
  state_.stage(turn, pending.start);
}

void Committer::check_room(const Transaction& transaction) const {
  for (const Append& append : transaction.appends) {
    if (!has_rows(append)) continue;
    if (state_.tail_bytes() > limits_.tail_bytes) {
      throw throttled(
          "Recent rows take all the memory that they may, and are being written to disk. Retry "
          "later.");
    }
    if (is_disk_short_) {
      throw throttled(
          "The log and the recent rows take all the disk space that they may "
          "(row_store_disk_limit), and are being sealed. Retry later.");
    }
    if (is_disk_crowded_ && limits_.is_stuck(append.table)) {
      auto table = state_.checked_catalog()->find_table(append.table);
      throw throttled(
          fmt::format("Recent rows of table '{}' could not be sealed (.show diagnostics says why), "
                      "and the disk space for recent rows (row_store_disk_limit) is running out. "
                      "Retry later.",
                      table->name));
    }
  }
}

}  // namespace rivulet::store
