#include "store/maintenance.h"

#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>

#include "catalog/policies/effective.h"
#include "common/thread_priority.h"
#include "store/tail_rows.h"

namespace rivulet::store {
namespace {

using namespace std::chrono_literals;

// So long a checkpoint waits for tails that are worth an extent.
constexpr auto kSealsFirst = 10s;
// When room is to be made, tails are sealed until half of the limit is left; smaller ones, which make files of next
// to nothing, only until one part of so many is.
constexpr uint64_t kSmallTail = 256 << 10;
constexpr uint64_t kLargeShare = 2, kSmallShare = 8;
// So much is sealed between two checkpoints, so that appends go on as soon as there is some room.
constexpr uint64_t kRoomShare = 8;
// Room is not made again before one part of so many of the limit was logged, or this time has gone.
constexpr uint64_t kRoomLoggedShare = 16;
constexpr auto kRoomPause = 10s;

}  // namespace

Maintenance::Maintenance(Checkpointer& checkpointer, State& state,
                         extents::ExtentFiles& extent_files, rowstore::RowFiles& row_files,
                         ExtentUpkeep& upkeep, Retries& retries, const Clock& clock,
                         const MaintenanceLimits& limits)
    : checkpointer_(checkpointer),
      state_(state),
      extent_files_(extent_files),
      row_files_(row_files),
      upkeep_(upkeep),
      retries_(retries),
      clock_(clock),
      limits_(limits),
      seal_queue_(limits.seal_age) {
  auto on_garbage = [this] {
    std::lock_guard lock(mutex_);
    has_garbage_ = true;
    wake_.notify_one();
  };
  extent_files_.set_on_garbage(on_garbage);
  row_files_.set_on_garbage(on_garbage);
}

Maintenance::~Maintenance() {
  stop();
  extent_files_.set_on_garbage(nullptr);
  row_files_.set_on_garbage(nullptr);
}

void Maintenance::start(Committer& committer, std::span<const rowstore::TailEvent> events) {
  committer_ = &committer;
  on_published(events, state_.logged_bytes(), state_.tail_bytes());
}

void Maintenance::start_thread() {
  thread_ = std::thread([this] { run(); });
}

bool Maintenance::step() {
  std::unique_lock lock(mutex_);
  return work(lock);
}

void Maintenance::stop() {
  {
    std::lock_guard lock(mutex_);
    if (is_stopping_.exchange(true)) return;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  // What is left would be an orphan of the next start. Not so what the committer lets go of after this: of a
  // draft that it holds it is not known whether the log names it. A start that is refused changes nothing.
  if (committer_ != nullptr) collect_garbage();
}

void Maintenance::on_published(std::span<const rowstore::TailEvent> events, uint64_t logged_bytes,
                               uint64_t tail_bytes) {
  logged_bytes_ = logged_bytes;
  tail_bytes_ = tail_bytes;
  bool needs = needs_checkpoint();
  if (events.empty() && !needs) return;
  std::lock_guard lock(mutex_);
  bool is_news = !events.empty() || (needs && !is_checkpoint_noticed_);
  is_checkpoint_noticed_ |= needs;
  for (const rowstore::TailEvent& event : events) seal_queue_.add(event, clock_);
  if (is_news) wake_.notify_one();
}

bool Maintenance::needs_room(uint64_t logged_bytes) const {
  return is_disk_short() &&
         (logged_bytes > next_room_logged_ || clock_.steady_now() >= next_room_at_.load());
}

bool Maintenance::needs_checkpoint() const {
  // The base may be of records that were not told of yet.
  uint64_t logged = logged_bytes_, in_base = std::min(logged, checkpointer_.logged_bytes());
  return logged - in_base > limits_.log_bytes || tail_bytes_ > limits_.tail_bytes ||
         needs_room(logged) || retries_.has_failed(Work::kCheckpoint, kNoTable);
}

void Maintenance::run() {
  give_way_to_other_threads();
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (work(lock)) continue;
    SteadyTime due = next_due();
    if (due == SteadyTime::max()) {
      wake_.wait(lock);
    } else {
      wake_.wait_until(lock, due);
    }
  }
}

Maintenance::SteadyTime Maintenance::next_due() const {
  SteadyTime due = std::min({trim_.next_due(), seal_queue_.next_due(), retries_.next(Work::kSeal)});
  auto wait_for = [&](Work work) {
    SteadyTime next = retries_.next(work);
    due = std::min(due, next == SteadyTime::max() ? clock_.steady_now() : next);
  };
  if (has_garbage_) wait_for(Work::kRemoveFiles);
  if (needs_checkpoint()) {
    wait_for(Work::kCheckpoint);
  } else if (is_disk_short()) {
    due = std::min(due, next_room_at_.load());
  }
  return due;
}

std::optional<rowstore::TailEvent> Maintenance::take_ripe() {
  while (std::optional<rowstore::TailEvent> event = seal_queue_.take(clock_.steady_now())) {
    // One that is put off comes again by itself.
    if (retries_.is_due(Work::kSeal, event->table)) return event;
  }
  std::vector<catalog::TableId> failed = retries_.due(Work::kSeal);
  if (failed.empty()) return std::nullopt;
  return rowstore::TailEvent{.table = failed.front(),
                             .oldest = std::numeric_limits<Ticks>::max()};  // whatever is aging
}

bool Maintenance::work(std::unique_lock<std::mutex>& lock) {
  if (has_garbage_ && retries_.is_due(Work::kRemoveFiles, kNoTable)) {
    has_garbage_ = false;
    lock.unlock();
    collect_garbage();
    lock.lock();
    return true;
  }
  // Tails that are worth an extent come first, since their rows need not go to a row file then; but they may be many.
  SteadyTime now = clock_.steady_now();
  is_checkpoint_noticed_ = needs_checkpoint();
  bool is_checkpoint_due = is_checkpoint_noticed_ && retries_.is_due(Work::kCheckpoint, kNoTable);
  if (is_checkpoint_due) checkpoint_due_since_ = std::min(checkpoint_due_since_, now);
  if (!is_checkpoint_due || now < checkpoint_due_since_ + kSealsFirst) {
    if (std::optional<rowstore::TailEvent> event = take_ripe()) {
      lock.unlock();
      seal_if_worth(*event);
      lock.lock();
      trim_.put_off(clock_.steady_now(), logged_bytes_);
      return true;
    }
  }
  if (is_checkpoint_due) {
    lock.unlock();
    retries_.attempt(Work::kCheckpoint, kNoTable, [this] { checkpoint(); });
    lock.lock();
    checkpoint_due_since_ = SteadyTime::max();
    trim_.put_off(clock_.steady_now(), logged_bytes_);
    return true;
  }
  MemoryTrim::Turn turn = trim_.take(clock_.steady_now(), logged_bytes_);
  if (turn == MemoryTrim::Turn::kTrim) {
    lock.unlock();
    ::malloc_trim(0);
    lock.lock();
  }
  return turn != MemoryTrim::Turn::kNotDue;
}

void Maintenance::collect_garbage() {
  auto failure = retries_.attempt(Work::kRemoveFiles, kNoTable, [this] {
    std::exception_ptr error;
    for (const std::function<void()>& collect :
         {std::function<void()>([this] { extent_files_.collect_garbage(); }),
          std::function<void()>([this] { row_files_.collect_garbage(); })}) {
      try {
        collect();
      } catch (...) {
        error = std::current_exception();
      }
    }
    if (error) std::rethrow_exception(error);
  });
  if (!failure) return;
  std::lock_guard lock(mutex_);
  has_garbage_ = true;
}

void Maintenance::seal(std::span<const catalog::TableId> tables) {
  std::vector<catalog::TableId> all;
  if (tables.empty()) {
    for (const auto& [bytes, table] : state_.tail_sizes()) all.push_back(table);
    tables = all;
  }
  std::lock_guard work(work_mutex_);
  std::exception_ptr error;
  for (catalog::TableId table : tables) {
    if (std::exception_ptr failure = seal_table(table)) error = failure;
  }
  if (error) std::rethrow_exception(error);
}

void Maintenance::seal_if_worth(const rowstore::TailEvent& event) {
  std::lock_guard work(work_mutex_);
  std::optional<rowstore::TailEvent> tail = state_.ripeness(event.table);
  using rowstore::Ripeness;
  // Of a tail that is old enough, the event's first row is still there: a newer one has an event of its own.
  bool is_worth = tail && (tail->ripeness == Ripeness::kRipe ||
                           (tail->ripeness == Ripeness::kAging && tail->oldest <= event.oldest));
  if (is_worth || !tail) {
    seal_table(event.table);
  } else {
    // It was sealed, or cut, since it was worth it.
    retries_.put_off(Work::kSeal, event.table);
  }
}

std::exception_ptr Maintenance::seal_table(catalog::TableId table) {
  return retries_.attempt(Work::kSeal, table, [&] { write_extents(table); });
}

void Maintenance::write_extents(catalog::TableId table) {
  auto [definition, tail] = state_.tail(table);
  if (!definition || tail.empty()) return;
  // What a run could not be read for.
  auto write = [&, &table = *definition](const rowstore::TailView& rows) -> std::exception_ptr {
    try {
      write_extents(table, rows);
    } catch (const UnreadableRun& unreadable) {
      return unreadable.cause;
    }
    return nullptr;
  };
  std::exception_ptr cause = write(tail);
  if (!cause) return;
  // What cannot be read stays; the rows before and after it need not, and would only fill the disk.
  for (const rowstore::TailView& part : readable_parts(table, tail)) write(part);
  std::rethrow_exception(cause);
}

void Maintenance::write_extents(const catalog::Table& table, const rowstore::TailView& tail) {
  uint64_t allowed = catalog::max_ingested_rows(*state_.catalog(), table);
  TailRows rows(table.id, tail, std::min(limits_.extent_rows, allowed), limits_.extent_bytes);
  Replace seal;
  seal.table = table.id;
  seal.first_sequence = rows.first_sequence();
  seal.up_to = rows.last_sequence();
  while (rows.begin_extent()) {
    seal.added.push_back(extent_files_.write(table, rows));
    extent_bytes_written_ += seal.added.back()->size_bytes;
  }
  if (seal.added.empty()) return;
  if (committer_->replace(std::move(seal))) ++seals_;
}

void Maintenance::checkpoint() {
  std::lock_guard work(work_mutex_);
  checkpointer_.checkpoint(*committer_, is_disk_short());
  if (is_disk_short()) make_room();
}

void Maintenance::make_room() {
  auto sizes = state_.tail_sizes();
  std::sort(sizes.rbegin(), sizes.rend());
  auto next = sizes.begin();
  auto is_enough = [&](uint64_t usage) {
    uint64_t share = next->first < kSmallTail ? kSmallShare : kLargeShare;
    return usage <= limits_.disk_bytes - limits_.disk_bytes / share;
  };
  while (next != sizes.end() && !is_enough(limits_.disk_usage()) && !is_stopping_) {
    uint64_t usage = limits_.disk_usage(), freed = 0;
    for (; next != sizes.end() && freed < limits_.disk_bytes / kRoomShare &&
           !is_enough(usage - freed) && !is_stopping_;
         ++next) {
      auto [bytes, table] = *next;
      if (!retries_.is_due(Work::kSeal, table) || seal_table(table)) continue;
      freed += std::min(bytes, usage - freed);
    }
    if (freed == 0) break;
    // What is free is known only when the rows that nobody needs any more have gone from the row files.
    checkpointer_.checkpoint(*committer_, true);
    collect_garbage();
  }
  next_room_logged_ = state_.logged_bytes() + limits_.disk_bytes / kRoomLoggedShare;
  next_room_at_ = clock_.steady_now() + kRoomPause;
}

}  // namespace rivulet::store
