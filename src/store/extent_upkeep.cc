#include "store/extent_upkeep.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/thread_priority.h"
#include "extents/merge_plan.h"

namespace rivulet::store {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetentionInterval = 10min;

// Rows that are sorted anew are in memory together, within what the writer of extents may take.
constexpr uint64_t kMaxSortedBytes = 256 << 20;

// Rows of a tail go together when the oldest of them is this much past its time, so that a slow stream does
// not cost a transaction for each row.
Ticks tail_slack(Ticks period) {
  return std::min(period / 10, kTicksPerHour);
}

// When the youngest row of an extent was created: at its commit, unless the ingestion said otherwise.
Ticks latest_creation(const ExtentView& extent, const ClockSteps& steps, Ticks now) {
  if (extent.max_created != extent.max_time) return extent.max_created;
  return steps.corrected(extent.max_time, extent.max_sequence, now);
}

// Runs go as a whole, as extents do; of the chunks, which are newer, each row that is old enough. A time in the
// future that nothing corrects tells nothing: such a row goes with the old ones behind it.
void cut_expired(const TableSnapshot& data, const ClockSteps& steps, Ticks now, Ticks period,
                 Replace& replace) {
  Ticks oldest_kept = now - period;
  bool has_kept = false;
  for (const auto& run : data.runs()) {
    Ticks time = steps.corrected(run->ingestion_times().high, run->last_sequence(), now);
    has_kept = time >= oldest_kept && time <= now;
    if (has_kept) break;
    if (time < oldest_kept) replace.up_to = run->last_sequence();
  }
  Sequence up_to = 0;
  bool is_due = false;
  for (const ChunkView& chunk : data.chunks()) {
    for (uint32_t row = 0; row < chunk.row_count && !has_kept; ++row) {
      auto sequence = static_cast<Sequence>(chunk.sequences[row]);
      Ticks time = steps.corrected(chunk.ingestion_times[row], sequence, now);
      has_kept = time >= oldest_kept && time <= now;
      if (time < oldest_kept) up_to = sequence;
      is_due |= time < oldest_kept - tail_slack(period);
    }
    if (has_kept) break;
  }
  if (is_due) replace.up_to = up_to;
  if (replace.up_to == 0) return;
  replace.first_sequence = data.runs().empty()
                               ? static_cast<Sequence>(data.chunks().front().sequences[0])
                               : data.runs().front()->first_sequence();
}

}  // namespace

struct ExtentUpkeep::Merge {
  std::shared_ptr<const catalog::Table> table;
  extents::ExtentList extents;
};

ExtentUpkeep::ExtentUpkeep(State& state, extents::ExtentFiles& extent_files,
                           objects::Orphans& orphans, Retries& retries, const Clock& clock)
    : state_(state),
      extent_files_(extent_files),
      orphans_(orphans),
      retries_(retries),
      clock_(clock) {}

ExtentUpkeep::~ExtentUpkeep() {
  stop();
}

void ExtentUpkeep::start(Committer& committer) {
  committer_ = &committer;
  // The committer may tell of others already.
  for (const auto& [table, extents] : state_.extents()) on_extents_added(table);
}

void ExtentUpkeep::start_thread() {
  thread_ = std::thread([this] { run(); });
}

bool ExtentUpkeep::step() {
  return work(clock_.steady_now());
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

std::shared_ptr<void> ExtentUpkeep::hold_merges(catalog::TableId table) {
  std::lock_guard lock(mutex_);
  held_.insert(table);
  return {nullptr, [this, table](void*) {
            {
              std::lock_guard lock(mutex_);
              held_.extract(table);
            }
            on_extents_added(table);
          }};
}

void ExtentUpkeep::run() {
  give_way_to_other_threads();
  while (!is_stopping_) {
    work(std::chrono::steady_clock::now());
    SteadyTime due = next_due();
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, due, [&] { return is_stopping_ || !grown_.empty(); });
  }
}

bool ExtentUpkeep::work(SteadyTime now) {
  // First what frees space: a merge needs some.
  bool is_removal_due = now >= next_removal_;
  Tables removals = is_removal_due ? all_tables() : retries_.due(Work::kRetention);
  if (is_removal_due) {
    next_removal_ = now + kRetentionInterval;
    orphans_.remove_old(clock_.now());
  }
  carry_out_retention(removals);
  std::set<catalog::TableId> tables = take_grown();
  // One that is put off comes again by itself.
  std::erase_if(
      tables, [&](catalog::TableId table) { return !retries_.is_due(Work::kMergeExtents, table); });
  for (catalog::TableId table : retries_.due(Work::kMergeExtents)) tables.insert(table);
  merge(tables);
  return !removals.empty() || !tables.empty();
}

ExtentUpkeep::SteadyTime ExtentUpkeep::next_due() const {
  return std::min(
      {next_removal_, retries_.next(Work::kRetention), retries_.next(Work::kMergeExtents)});
}

void ExtentUpkeep::run_once() {
  Tables tables = all_tables();
  std::exception_ptr merged = merge({tables.begin(), tables.end()});
  std::exception_ptr removed = carry_out_retention(tables);
  orphans_.remove_old(clock_.now());
  for (const std::exception_ptr& error : {merged, removed}) {
    if (error) std::rethrow_exception(error);
  }
}

std::set<catalog::TableId> ExtentUpkeep::take_grown() {
  std::lock_guard lock(mutex_);
  return std::exchange(grown_, {});
}

ExtentUpkeep::Tables ExtentUpkeep::all_tables() const {
  Tables tables;
  for (const auto& database : state_.catalog()->databases()) {
    for (const auto& table : database->tables()) tables.push_back(table->id);
  }
  return tables;
}

std::exception_ptr ExtentUpkeep::merge(const std::set<catalog::TableId>& tables) {
  std::lock_guard work(work_mutex_);
  std::exception_ptr error;
  for (catalog::TableId table : tables) {
    if (is_stopping_) break;
    auto failure = retries_.attempt(Work::kMergeExtents, table, [&] {
      try {
        merge_table(table);
      } catch (...) {
        if (!is_stopping_) throw;
      }
    });
    if (failure) error = failure;
  }
  return error;
}

void ExtentUpkeep::merge_table(catalog::TableId id) {
  std::set<Guid> left_out;
  std::exception_ptr error;
  while (!is_stopping_) {
    std::unique_ptr<Merge> merge = plan(id, left_out);
    if (!merge) break;
    Replace replace{.table = id};
    std::vector<extents::ExtentRows> sources;
    bool is_readable = true;
    for (const auto& extent : merge->extents) {
      try {
        extent->verify();
      } catch (...) {
        error = std::current_exception();
        left_out.insert(extent->id);
        is_readable = false;
      }
      replace.removed.push_back(extent->id);
      sources.push_back({extent, {}});
    }
    // The others are planned again.
    if (!is_readable) continue;
    replace.added.push_back(extent_files_.merge(*merge->table, sources));
    if (!committer_->replace(std::move(replace))) break;
    ++merges_;
  }
  if (error) std::rethrow_exception(error);
}

std::unique_ptr<ExtentUpkeep::Merge> ExtentUpkeep::plan(catalog::TableId id,
                                                        const std::set<Guid>& left_out) const {
  {
    std::lock_guard lock(mutex_);
    if (held_.contains(id)) return nullptr;
  }
  auto snapshot = state_.snapshot({&id, 1});
  auto data = snapshot->table(id);
  if (data == nullptr) return nullptr;
  auto table = snapshot->catalog()->find_table(id);
  catalog::MergePolicy policy = catalog::merge_policy(*snapshot->catalog(), *table);
  if (!catalog::row_order(*table).empty()) {
    policy.max_bytes = std::min(policy.max_bytes, kMaxSortedBytes);
  }
  extents::ExtentList extents = data->extents();
  std::erase_if(extents, [&](const auto& extent) { return left_out.contains(extent->id); });
  extents = extents::plan_merge(extents, policy);
  if (extents.empty()) return nullptr;
  return std::make_unique<Merge>(Merge{std::move(table), std::move(extents)});
}

std::exception_ptr ExtentUpkeep::carry_out_retention(const Tables& tables) {
  std::lock_guard work(work_mutex_);
  std::exception_ptr error;
  auto catalog = state_.catalog();
  for (catalog::TableId id : tables) {
    if (is_stopping_) break;
    auto failure = retries_.attempt(Work::kRetention, id, [&] {
      auto table = catalog->find_table(id);
      if (!table) return;
      remove_expired(*catalog, *table);
      drop_expired_tags(*catalog, *table);
    });
    if (failure) error = failure;
  }
  return error;
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
  ClockSteps steps = state_.clock_steps();
  std::exception_ptr error;
  for (const auto& extent : data->extents()) {
    std::vector<std::string> kept = extent->tags;
    std::erase_if(kept, [&](const std::string& tag) {
      return std::any_of(rules.begin(), rules.end(), [&](const catalog::TagRetention& rule) {
        return tag.starts_with(rule.prefix) &&
               latest_creation(*extent, steps, now) < now - rule.period;
      });
    });
    if (kept.size() == extent->tags.size()) continue;
    if (is_stopping_) return;
    Replace replace{.table = table.id, .removed = {extent->id}};
    extents::ExtentRows rows{extent, {}};
    try {
      replace.added.push_back(extent_files_.merge(data->table(), {&rows, 1}));
    } catch (...) {
      if (is_stopping_) return;
      error = std::current_exception();
      continue;
    }
    replace.added.back()->tags = std::move(kept);
    committer_->replace(std::move(replace), [&](const catalog::Catalog& newest) {
      auto found = newest.find_table(table.id);
      return found && catalog::tag_retention(newest, *found) == rules;
    });
  }
  if (error) std::rethrow_exception(error);
}

void ExtentUpkeep::remove_expired(const catalog::Catalog& catalog, const catalog::Table& table) {
  if (auto policy = catalog::auto_delete_policy(table); policy && policy->expiry < clock_.now()) {
    drop(table, *policy);
  }
  auto period = catalog::soft_delete_period(catalog, table);
  if (!period) return;
  Ticks now = clock_.now();
  ClockSteps steps = state_.clock_steps();
  auto snapshot = state_.snapshot({&table.id, 1});
  auto data = snapshot->table(table.id);
  if (data == nullptr) return;
  Replace replace{.table = table.id};
  for (const auto& extent : data->extents()) {
    if (latest_creation(*extent, steps, now) < now - *period) {
      replace.removed.push_back(extent->id);
    }
  }
  cut_expired(*data, steps, now, *period, replace);
  if (replace.removed.empty() && replace.up_to == 0) return;
  committer_->replace(std::move(replace), [&](const catalog::Catalog& newest) {
    auto found = newest.find_table(table.id);
    return found && catalog::soft_delete_period(newest, *found) == period;
  });
}

}  // namespace rivulet::store
