#include "store/maintenance.h"

#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "catalog/policy.h"
#include "common/thread_priority.h"
#include "store/tail_rows.h"

namespace rivulet::store {
namespace {

using namespace std::chrono_literals;

constexpr auto kPauseAfterFailure = 10s;
// Memory is given back after a time in which no more than this was logged. Under load it is needed again at
// once, and while it is given back nobody who shares its arena can allocate.
constexpr auto kRest = 10s;
constexpr uint64_t kRestBytes = 1 << 20;
// A smaller tail is not sealed, however short the disk is: it would make a file of next to nothing.
constexpr uint64_t kSmallestExtent = 256 << 10;

}  // namespace

Maintenance::Maintenance(Checkpointer& checkpointer, State& state,
                         extents::ExtentFiles& extent_files, rowstore::RowFiles& row_files,
                         ExtentUpkeep& upkeep, const Clock& clock, const MaintenanceLimits& limits)
    : checkpointer_(checkpointer),
      state_(state),
      extent_files_(extent_files),
      row_files_(row_files),
      upkeep_(upkeep),
      clock_(clock),
      limits_(limits) {
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
  thread_ = std::thread([this] { run(); });
}

void Maintenance::stop() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Maintenance::on_published(std::span<const rowstore::TailEvent> events, uint64_t logged_bytes,
                               uint64_t tail_bytes) {
  logged_bytes_ = logged_bytes;
  bool needs_checkpoint = logged_bytes - checkpointer_.logged_bytes() > limits_.log_bytes ||
                          tail_bytes > limits_.tail_bytes || is_disk_short(logged_bytes);
  if (events.empty() && !needs_checkpoint) return;
  std::lock_guard lock(mutex_);
  bool is_news = !events.empty() || (needs_checkpoint && !needs_checkpoint_);
  needs_checkpoint_ |= needs_checkpoint;
  for (const rowstore::TailEvent& event : events) {
    if (event.ripeness == rowstore::Ripeness::kRipe) {
      ripe_.push_back(event.table);
    } else {
      aging_.emplace(event.oldest + limits_.seal_age, event.table);
    }
  }
  if (is_news) wake_.notify_one();
}

// Not again before something has been written that can be moved.
bool Maintenance::is_disk_short(uint64_t logged_bytes) const {
  return limits_.disk_usage() > limits_.disk_bytes &&
         logged_bytes - disk_relieved_at_ > limits_.disk_bytes / 16;
}

void Maintenance::run() {
  give_way_to_other_threads();
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (clock_.steady_now() >= paused_until_) {
      try {
        if (work(lock)) continue;
      } catch (const std::exception& error) {
        if (!lock.owns_lock()) lock.lock();
        paused_until_ = clock_.steady_now() + kPauseAfterFailure;
        spdlog::warn("Background work failed, and will be tried again: {}", error.what());
      }
    }
    SteadyTime due = next_due();
    if (due == SteadyTime::max()) {
      wake_.wait(lock);
    } else {
      wake_.wait_until(lock, due);
    }
  }
}

Maintenance::SteadyTime Maintenance::next_due() const {
  if (clock_.steady_now() < paused_until_) return paused_until_;
  if (has_garbage_ || needs_checkpoint_ || !ripe_.empty()) {
    return clock_.steady_now();
  }
  if (aging_.empty()) return trim_at_;
  Ticks left = std::max<Ticks>(aging_.begin()->first - clock_.now(), 0);
  auto due = clock_.steady_now() + std::chrono::microseconds(left / kTicksPerMicrosecond + 1000);
  return std::min<SteadyTime>(due, trim_at_);
}

bool Maintenance::work(std::unique_lock<std::mutex>& lock) {
  if (has_garbage_) {
    has_garbage_ = false;
    lock.unlock();
    extent_files_.collect_garbage();
    row_files_.collect_garbage();
    lock.lock();
    return true;
  }
  while (!aging_.empty() && aging_.begin()->first <= clock_.now()) {
    ripe_.push_back(aging_.begin()->second);
    aging_.erase(aging_.begin());
  }
  if (!ripe_.empty()) {
    catalog::TableId table = ripe_.front();
    ripe_.pop_front();
    lock.unlock();
    try {
      std::lock_guard work(work_mutex_);
      seal_table(table);
    } catch (...) {
      lock.lock();
      ripe_.push_back(table);
      throw;
    }
    lock.lock();
    trim_later();
    return true;
  }
  // After the tails that are worth an extent: their rows need not go to a row file.
  if (needs_checkpoint_) {
    lock.unlock();
    checkpoint();
    lock.lock();
    needs_checkpoint_ = false;
    trim_later();
    return true;
  }
  return trim_memory(lock);
}

bool Maintenance::trim_memory(std::unique_lock<std::mutex>& lock) {
  if (clock_.steady_now() < trim_at_) return false;
  if (logged_bytes_ - trim_logged_ > kRestBytes) {
    trim_later();
    return true;
  }
  trim_at_ = SteadyTime::max();
  lock.unlock();
  ::malloc_trim(0);
  lock.lock();
  return true;
}

void Maintenance::trim_later() {
  trim_at_ = clock_.steady_now() + kRest;
  trim_logged_ = logged_bytes_;
}

void Maintenance::seal(std::span<const catalog::TableId> tables) {
  std::vector<catalog::TableId> all;
  if (tables.empty()) {
    for (const auto& [bytes, table] : state_.tail_sizes()) all.push_back(table);
    tables = all;
  }
  std::lock_guard work(work_mutex_);
  for (catalog::TableId table : tables) seal_table(table);
}

void Maintenance::seal_table(catalog::TableId table) {
  auto [definition, tail] = state_.tail(table);
  if (!definition || tail.empty()) return;
  uint64_t allowed = catalog::max_ingested_rows(*state_.catalog(), *definition);
  TailRows rows(table, tail, std::min(limits_.extent_rows, allowed), limits_.extent_bytes);
  Replace seal;
  seal.table = table;
  seal.first_sequence = rows.first_sequence();
  seal.up_to = rows.last_sequence();
  while (rows.begin_extent()) {
    seal.added.push_back(extent_files_.write(*definition, rows));
    extent_bytes_written_ += seal.added.back()->size_bytes;
  }
  if (seal.added.empty()) return;
  if (committer_->replace(std::move(seal))) ++seals_;
}

void Maintenance::checkpoint() {
  std::lock_guard work(work_mutex_);
  checkpointer_.checkpoint(*committer_);
  if (limits_.disk_usage() <= limits_.disk_bytes) return;
  disk_relieved_at_ = state_.logged_bytes();
  auto sizes = state_.tail_sizes();
  std::sort(sizes.rbegin(), sizes.rend());
  uint64_t left = limits_.disk_usage();
  for (const auto& [bytes, table] : sizes) {
    if (left <= limits_.disk_bytes / 2 || bytes < kSmallestExtent) break;
    seal_table(table);
    left -= std::min(bytes, left);
  }
  checkpointer_.checkpoint(*committer_);
}

}  // namespace rivulet::store
