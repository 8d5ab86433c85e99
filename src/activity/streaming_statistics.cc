#include "activity/streaming_statistics.h"

#include <algorithm>
#include <functional>

namespace rivulet::activity {

void StreamingStatistics::record(const StreamingOutcome& outcome) {
  bool is_success = !outcome.error;
  std::string key;
  key.reserve(outcome.database.size() + outcome.table.size() + outcome.format.size() +
              outcome.mapping_name.size() + 8);
  for (std::string_view part : {outcome.database, outcome.table, outcome.principal}) {
    key += part;
    key += '\0';
  }
  size_t shard_number = std::hash<std::string_view>()(key) % kShards;
  for (std::string_view part : {outcome.format, outcome.mapping_name}) {
    key += part;
    key += '\0';
  }
  if (outcome.error) key += static_cast<char>(*outcome.error);
  Ticks minute = outcome.ended - outcome.ended % kTicksPerMinute;
  int64_t duration = std::max<int64_t>(0, outcome.ended - outcome.started);

  Shard& shard = shards_[shard_number];
  std::lock_guard lock(shard.mutex);
  if (minute > shard.minute || shard.current.size() >= kWindowsPerShard) {
    for (auto& [name, window] : shard.current) keep(shard, std::move(window));
    shard.current.clear();
    shard.minute = std::max(shard.minute, minute);
  }
  Window& window = shard.current[key];
  if (window.count++ == 0) {
    window.database = outcome.database;
    window.table = outcome.table;
    window.principal = outcome.principal;
    window.format = outcome.format;
    window.mapping_name = outcome.mapping_name;
    window.is_success = is_success;
    window.start = minute;
    window.end = minute + kTicksPerMinute;
    window.min_duration = duration;
    window.min_size = outcome.data_size;
    window.min_rows = outcome.row_count;
  }
  window.min_duration = std::min(window.min_duration, duration);
  window.max_duration = std::max(window.max_duration, duration);
  window.total_duration += duration;
  window.min_size = std::min(window.min_size, outcome.data_size);
  window.max_size = std::max(window.max_size, outcome.data_size);
  window.total_size += outcome.data_size;
  window.min_rows = std::min(window.min_rows, outcome.row_count);
  window.max_rows = std::max(window.max_rows, outcome.row_count);
  window.total_rows += outcome.row_count;
  if (is_success) return;

  if (shard.failures.size() >= kFailuresPerShard && !shard.failures.contains(key)) {
    shard.failures.erase(std::min_element(
        shard.failures.begin(), shard.failures.end(),
        [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
  }
  Failure& failure = shard.failures[key];
  if (failure.count++ == 0) {
    failure.database = outcome.database;
    failure.table = outcome.table;
    failure.principal = outcome.principal;
    failure.format = outcome.format;
    failure.mapping_name = outcome.mapping_name;
    failure.first = outcome.ended;
    failure.error = *outcome.error;
  }
  failure.last = outcome.ended;
  failure.activity_id = outcome.activity_id;
  failure.is_permanent = outcome.is_permanent;
  failure.details = outcome.error_message;
}

void StreamingStatistics::keep(Shard& shard, Window window) {
  if (shard.past.size() < kWindowsPerShard) {
    shard.past.push_back(std::move(window));
    return;
  }
  shard.past[shard.next_past] = std::move(window);
  shard.next_past = (shard.next_past + 1) % kWindowsPerShard;
}

std::vector<StreamingStatistics::Window> StreamingStatistics::windows() const {
  std::vector<Window> out;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    out.insert(out.end(), shard.past.begin(), shard.past.end());
    for (const auto& [name, window] : shard.current) out.push_back(window);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Window& a, const Window& b) { return a.start > b.start; });
  return out;
}

std::vector<StreamingStatistics::Failure> StreamingStatistics::failures() const {
  std::vector<Failure> out;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    for (const auto& [name, failure] : shard.failures) out.push_back(failure);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Failure& a, const Failure& b) { return a.last > b.last; });
  return out;
}

}  // namespace rivulet::activity
