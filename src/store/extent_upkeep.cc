#include "store/extent_upkeep.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/thread_priority.h"
#include "extents/merge_plan.h"

namespace rivulet::store {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetentionInterval = 10min;
constexpr auto kPauseAfterFailure = 1min;

// Rows that are sorted anew are in memory together, within what the writer of extents may take.
constexpr uint64_t kMaxSortedBytes = 256 << 20;

// Rows of a tail go together when the oldest of them is this much past its time, so that a slow stream does
// not cost a transaction for each row.
Ticks tail_slack(Ticks period) {
  return std::min(period / 10, kTicksPerHour);
}

}  // namespace

ExtentUpkeep::ExtentUpkeep(State& state, extents::ExtentFiles& extent_files, const Clock& clock)
    : state_(state), extent_files_(extent_files), clock_(clock) {}

ExtentUpkeep::~ExtentUpkeep() {
  stop();
}

void ExtentUpkeep::start(Committer& committer) {
  committer_ = &committer;
  for (const auto& [table, extents] : state_.whole().extents) grown_.insert(table);
  thread_ = std::thread([this] { run(); });
}

void ExtentUpkeep::stop() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  extent_files_.stop_merging();
  if (thread_.joinable()) thread_.join();
}

void ExtentUpkeep::on_extents_added(catalog::TableId table) {
  {
    std::lock_guard lock(mutex_);
    grown_.insert(table);
  }
  wake_.notify_one();
}

void ExtentUpkeep::run() {
  give_way_to_other_threads();
  auto succeeds = [this](void (ExtentUpkeep::*work)()) {
    try {
      (this->*work)();
      return true;
    } catch (const std::exception& error) {
      if (!is_stopping_) {
        spdlog::warn("Merging or removing extents failed, and will be tried again: {}",
                     error.what());
      }
      return false;
    }
  };
  auto now = [] { return std::chrono::steady_clock::now(); };
  auto next_removal = now();
  while (!is_stopping_) {
    // First what frees space: a merge needs some.
    bool is_removed = now() < next_removal || succeeds(&ExtentUpkeep::remove_expired);
    if (is_removed && now() >= next_removal) next_removal = now() + kRetentionInterval;
    bool has_failed = !succeeds(&ExtentUpkeep::merge_all) || !is_removed;
    auto pause_until = has_failed ? now() + kPauseAfterFailure : next_removal;
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, pause_until,
                     [&] { return is_stopping_ || (!has_failed && !grown_.empty()); });
  }
}

void ExtentUpkeep::run_once() {
  merge_all();
  remove_expired();
}

void ExtentUpkeep::merge_all() {
  std::lock_guard work(work_mutex_);
  std::set<catalog::TableId> tables, failed;
  {
    std::lock_guard lock(mutex_);
    tables.swap(grown_);
  }
  // A table that fails does not hold the others up.
  std::exception_ptr error;
  for (catalog::TableId table : tables) {
    try {
      while (!is_stopping_ && merge(table)) {
      }
    } catch (...) {
      error = std::current_exception();
      failed.insert(table);
    }
  }
  if (!error) return;
  std::lock_guard lock(mutex_);
  grown_.merge(failed);
  std::rethrow_exception(error);
}

bool ExtentUpkeep::merge(catalog::TableId id) {
  auto snapshot = state_.snapshot({&id, 1});
  auto table = snapshot->table(id);
  if (table == nullptr) return false;
  std::vector<extents::ExtentRows> sources;
  Replace replace{.table = id};
  catalog::MergePolicy policy = catalog::merge_policy(*snapshot->catalog(), table->table());
  if (!catalog::row_order(table->table()).empty()) {
    policy.max_bytes = std::min(policy.max_bytes, kMaxSortedBytes);
  }
  for (const auto& extent : extents::plan_merge(table->extents(), policy)) {
    replace.removed.push_back(extent->id);
    sources.push_back({extent, {}});
  }
  if (sources.empty()) return false;
  replace.added.push_back(extent_files_.merge(table->table(), sources));
  if (!committer_->replace(std::move(replace))) return false;
  ++merges_;
  return true;
}

void ExtentUpkeep::remove_expired() {
  std::lock_guard work(work_mutex_);
  // A table that fails does not hold the others up.
  std::exception_ptr error;
  auto catalog = state_.catalog();
  for (const auto& database : catalog->databases()) {
    for (const auto& table : database->tables()) {
      if (is_stopping_) return;
      try {
        remove_expired(*catalog, *table);
        drop_expired_tags(*catalog, *table);
      } catch (...) {
        error = std::current_exception();
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

void ExtentUpkeep::drop(const catalog::Table& table, const catalog::AutoDeletePolicy& policy) {
  Transaction transaction;
  transaction.alter = [id = table.id,
                       policy](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
    auto newest = catalog.find_table(id);
    // Dropped, or given another date, meanwhile.
    if (!newest || catalog::auto_delete_policy(*newest) != policy) return {};
    return {catalog::DropTable{id}};
  };
  if (!policy.deletes_rows) transaction.if_empty = {table.id};
  try {
    committer_->commit(std::move(transaction));
  } catch (const TableNotEmpty&) {
    return;
  }
  spdlog::info("Table '{}' was dropped, as its auto_delete policy says", table.name);
}

// An extent that loses a tag is written again: what its tags are stands with its file for good.
void ExtentUpkeep::drop_expired_tags(const catalog::Catalog& catalog, const catalog::Table& table) {
  std::vector<catalog::TagRetention> rules = catalog::tag_retention(catalog, table);
  if (rules.empty()) return;
  auto data = state_.snapshot({&table.id, 1})->table(table.id);
  if (data == nullptr) return;
  Ticks now = clock_.now();
  for (const auto& extent : data->extents()) {
    std::vector<std::string> kept = extent->tags;
    std::erase_if(kept, [&](const std::string& tag) {
      return std::any_of(rules.begin(), rules.end(), [&](const catalog::TagRetention& rule) {
        return tag.starts_with(rule.prefix) && extent->max_created < now - rule.period;
      });
    });
    if (kept.size() == extent->tags.size()) continue;
    if (is_stopping_) return;
    Replace replace{.table = table.id, .removed = {extent->id}};
    extents::ExtentRows rows{extent, {}};
    replace.added.push_back(extent_files_.merge(data->table(), {&rows, 1}));
    replace.added.back()->tags = std::move(kept);
    committer_->replace(std::move(replace), [&](const catalog::Catalog& newest) {
      auto found = newest.find_table(table.id);
      return found && catalog::tag_retention(newest, *found) == rules;
    });
  }
}

void ExtentUpkeep::remove_expired(const catalog::Catalog& catalog, const catalog::Table& table) {
  if (auto policy = catalog::auto_delete_policy(table); policy && policy->expiry < clock_.now()) {
    drop(table, *policy);
  }
  auto period = catalog::soft_delete_period(catalog, table);
  if (!period) return;
  Ticks oldest_kept = clock_.now() - *period;
  auto snapshot = state_.snapshot({&table.id, 1});
  auto data = snapshot->table(table.id);
  if (data == nullptr) return;
  Replace replace{.table = table.id};
  for (const auto& extent : data->extents()) {
    if (extent->max_created < oldest_kept) replace.removed.push_back(extent->id);
  }
  // Runs go as a whole, as extents do; of the chunks, which are newer, each row that is old enough.
  bool has_kept_run = false;
  for (const auto& run : data->runs()) {
    has_kept_run = run->ingestion_times().high >= oldest_kept;
    if (has_kept_run) break;
    if (replace.up_to == 0) replace.first_sequence = run->first_sequence();
    replace.up_to = run->last_sequence();
  }
  const auto& chunks = data->chunks();
  if (!has_kept_run && !chunks.empty() &&
      chunks.front().ingestion_times[0] < oldest_kept - tail_slack(*period)) {
    if (replace.up_to == 0) {
      replace.first_sequence = static_cast<Sequence>(chunks.front().sequences[0]);
    }
    for (const ChunkView& chunk : chunks) {
      const int64_t* times = chunk.ingestion_times;
      auto expired = std::lower_bound(times, times + chunk.row_count, oldest_kept) - times;
      if (expired == 0) break;
      replace.up_to = static_cast<Sequence>(chunk.sequences[expired - 1]);
    }
  }
  if (replace.removed.empty() && replace.up_to == 0) return;
  committer_->replace(std::move(replace), [&](const catalog::Catalog& newest) {
    auto found = newest.find_table(table.id);
    return found && catalog::soft_delete_period(newest, *found) == period;
  });
}

}  // namespace rivulet::store
