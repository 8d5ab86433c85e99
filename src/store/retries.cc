#include "store/retries.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/error.h"
#include "common/file_system.h"

namespace rivulet::store {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kShortestPause = 10s, kLongestPause = 10min;

const char* name_of(Work work) {
  switch (work) {
    case Work::kSeal:
      return "Sealing";
    case Work::kMergeExtents:
      return "Merging the extents of";
    case Work::kRetention:
      return "Carrying out the retention of";
    case Work::kCheckpoint:
      return "A checkpoint";
    case Work::kMergeRowFiles:
      return "Merging row files";
    case Work::kRemoveFiles:
      return "Removing files that are not needed";
  }
  return "";
}

// Whether the reason is the disk or the log as a whole, which comes back for all at once.
bool is_of_disk(const std::exception& error) {
  if (const auto* io_error = dynamic_cast<const IoError*>(&error)) return io_error->is_disk_full();
  const auto* refusal = dynamic_cast<const Error*>(&error);
  return refusal != nullptr && refusal->kind() == ErrorKind::kUnavailable;
}

}  // namespace

std::exception_ptr Retries::attempt(Work work, catalog::TableId table,
                                    const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    failed({work, table}, error);
    return std::current_exception();
  }
  succeeded(work, table);
  return nullptr;
}

void Retries::failed(const Key& key, const std::exception& error) {
  ++failures_;
  std::chrono::seconds pause;
  {
    std::lock_guard lock(mutex_);
    Entry& entry = entries_[key];
    bool is_quick = key.second == kNoTable || is_of_disk(error) || entry.failures == 0;
    entry.pause = pause = is_quick ? kShortestPause : std::min(2 * entry.pause, kLongestPause);
    entry.due = clock_.steady_now() + pause;
    if (entry.failures++ == 0) entry.since = clock_.now();
    // Said once, and not each time.
    if (entry.error == error.what()) return;
    entry.error = error.what();
  }
  spdlog::warn("{} failed, and is tried again in {} s: {}", describe(key), pause.count(),
               error.what());
}

void Retries::succeeded(Work work, catalog::TableId table) {
  uint64_t failures;
  {
    std::lock_guard lock(mutex_);
    auto found = entries_.find({work, table});
    if (found == entries_.end()) return;
    failures = found->second.failures;
    entries_.erase(found);
  }
  spdlog::info("{} succeeded, after {} failures", describe({work, table}), failures);
}

void Retries::put_off(Work work, catalog::TableId table) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find({work, table});
  if (found != entries_.end()) found->second.due = clock_.steady_now() + found->second.pause;
}

bool Retries::has_failed(Work work, catalog::TableId table) const {
  std::lock_guard lock(mutex_);
  return entries_.contains({work, table});
}

bool Retries::is_due(Work work, catalog::TableId table) const {
  std::lock_guard lock(mutex_);
  auto found = entries_.find({work, table});
  return found == entries_.end() || found->second.due <= clock_.steady_now();
}

std::vector<catalog::TableId> Retries::due(Work work) const {
  std::vector<catalog::TableId> tables;
  SteadyTime now = clock_.steady_now();
  std::lock_guard lock(mutex_);
  for (auto entry = entries_.lower_bound({work, 0});
       entry != entries_.end() && entry->first.first == work; ++entry) {
    if (entry->second.due <= now) tables.push_back(entry->first.second);
  }
  return tables;
}

Retries::SteadyTime Retries::next(Work work) const {
  SteadyTime next = SteadyTime::max();
  std::lock_guard lock(mutex_);
  for (auto entry = entries_.lower_bound({work, 0});
       entry != entries_.end() && entry->first.first == work; ++entry) {
    next = std::min(next, entry->second.due);
  }
  return next;
}

uint64_t Retries::count() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<FailedWork> Retries::list() const {
  std::map<Key, Entry> entries;
  {
    std::lock_guard lock(mutex_);
    entries = entries_;
  }
  std::vector<FailedWork> list;
  for (const auto& [key, entry] : entries) {
    list.push_back({describe(key), entry.failures, entry.since, entry.error});
  }
  return list;
}

std::string Retries::describe(const Key& key) const {
  auto [work, table] = key;
  if (table == kNoTable) return name_of(work);
  auto catalog = state_.catalog();
  auto found = catalog->find_table(table);
  if (!found) return fmt::format("{} a table that was dropped", name_of(work));
  auto database = catalog->find_database(found->database_id);
  return fmt::format("{} table '{}' of database '{}'", name_of(work), found->name,
                     database ? database->name : "");
}

}  // namespace rivulet::store
