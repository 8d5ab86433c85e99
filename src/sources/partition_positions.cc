#include "sources/partition_positions.h"

#include <cassert>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace rivulet::sources {

PartitionPositions::PartitionPositions(const EventIngester::Connection& definition,
                                       std::string log_name)
    : definition_(definition), log_name_(std::move(log_name)) {}

void PartitionPositions::assign(std::vector<int32_t> partitions) {
  unstarted_ = std::move(partitions);
}

void PartitionPositions::begin(
    const Offsets& stored, const Offsets& group,
    const std::function<Offsets(const std::vector<int32_t>&)>& first_offsets) {
  std::map<int32_t, Partition> partitions;
  std::vector<int32_t> unread;
  for (int32_t number : unstarted_) {
    Partition& partition = partitions[number];
    if (auto found = stored.find(number); found != stored.end()) partition.stored = found->second;
    if (auto found = group.find(number); found != group.end()) partition.told = found->second;
    partition.start = std::max(partition.stored, partition.told);
    if (partition.told > std::max<int64_t>(partition.stored, 0)) {
      meet_group_ahead(number, partition);
    }
    if (partition.start < 0) unread.push_back(number);
  }
  if (!unread.empty()) {
    for (const auto& [number, offset] : first_offsets(unread)) partitions[number].start = offset;
  }
  unstarted_.clear();
  std::lock_guard lock(mutex_);
  partitions_ = std::move(partitions);
}

// Another server of the group read there; or this store is an older copy of itself, and what it lost since can be
// read again. The two look the same.
void PartitionPositions::meet_group_ahead(int32_t number, Partition& partition) const {
  std::string_view choice = definition_.settings.on_group_ahead;
  if (choice.empty()) {
    bool is_own_group = definition_.settings.consumer_group == own_consumer_group(definition_.id);
    choice = is_own_group ? "hold" : "skip";
  }
  if (choice == "read") {
    partition.start = partition.stored;
    return;
  }
  std::string places =
      fmt::format("the consumer group '{}' is at offset {}, but this store at {}",
                  definition_.settings.consumer_group, partition.told,
                  partition.stored < 0 ? "none" : fmt::to_string(partition.stored));
  if (choice == "skip") {
    partition.reason = fmt::format(
        "When reading began, {}: the events between were left to the server that read them",
        places);
    spdlog::warn("{}: Partition {}: {}", log_name_, number, partition.reason);
    return;
  }
  partition.mode = Partition::Mode::kWaiting;
  partition.is_paused = true;
  partition.reason = fmt::format(
      "At the start {}, as when the data directory was restored from an older copy. "
      ".alter data-connection {} with (onGroupAhead='read') stores the events between, "
      "onGroupAhead='skip' leaves them out",
      places, definition_.name);
  spdlog::warn("{}: Partition {}: {}", log_name_, number, partition.reason);
}

void PartitionPositions::clear() {
  unstarted_.clear();
  std::lock_guard lock(mutex_);
  partitions_.clear();
}

bool PartitionPositions::take(int32_t number, int64_t offset) {
  auto found = partitions_.find(number);
  if (found == partitions_.end()) return false;
  Partition& partition = found->second;
  if (partition.is_paused || offset < partition.next) return false;
  partition.next = offset + 1;
  return true;
}

void PartitionPositions::hold(int32_t number, int64_t offset, const std::string& reason) {
  std::lock_guard lock(mutex_);
  Partition& partition = partitions_.at(number);
  partition.mode = Partition::Mode::kHolding;
  partition.reason = reason;
  partition.is_paused = true;
  partition.next = offset;
}

PartitionPositions::Offsets PartitionPositions::resume_held() {
  Offsets offsets;
  for (auto& [number, partition] : partitions_) {
    if (partition.mode != Partition::Mode::kHolding || !partition.is_paused) continue;
    partition.is_paused = false;
    offsets[number] = partition.next;
  }
  return offsets;
}

int64_t PartitionPositions::advance(int32_t number, int64_t offset) {
  Partition& partition = partitions_.at(number);
  assert(offset > partition.expected && offset <= partition.next);
  if (partition.mode == Partition::Mode::kHolding && !partition.is_paused) {
    std::lock_guard lock(mutex_);
    partition.mode = Partition::Mode::kReading;
    partition.reason.clear();
  }
  return std::exchange(partition.expected, offset);
}

void PartitionPositions::set_stored(const std::vector<store::Progress>& progress) {
  std::lock_guard lock(mutex_);
  for (const store::Progress& of : progress) partitions_.at(of.partition).stored = of.position;
}

PartitionPositions::Offsets PartitionPositions::rewind(const Offsets& stored) {
  Offsets offsets;
  std::lock_guard lock(mutex_);
  for (auto& [number, partition] : partitions_) {
    auto found = stored.find(number);
    partition.stored = found == stored.end() ? -1 : found->second;
    partition.expected = partition.stored;
    partition.next = partition.position();
    if (partition.mode == Partition::Mode::kWaiting) continue;
    partition.is_paused = false;
    offsets[number] = partition.next;
  }
  return offsets;
}

std::string PartitionPositions::place(int32_t number, int64_t oldest, int64_t end) {
  std::lock_guard lock(mutex_);
  Partition& partition = partitions_.at(number);
  int64_t position = partition.position();
  partition.end = end;
  if (position > end) {
    partition.mode = Partition::Mode::kWaiting;
    partition.is_paused = true;
    partition.reason = fmt::format(
        "Event {} is to come next, but the partition ends at {}. If the topic was made anew, drop "
        "the data connection and create it again",
        position, end);
    return fmt::format("Partition {}: {}", number, partition.reason);
  }
  if (position >= oldest) return "";
  partition.start = oldest;
  return fmt::format("Partition {}: events {} to {} are no longer at the broker, and were not read",
                     number, position, oldest - 1);
}

PartitionPositions::Offsets PartitionPositions::stored_since_start() const {
  Offsets offsets;
  for (const auto& [number, partition] : partitions_) {
    if (partition.stored >= partition.start) offsets[number] = partition.stored;
  }
  return offsets;
}

PartitionPositions::Offsets PartitionPositions::untold() const {
  Offsets offsets = stored_since_start();
  std::erase_if(offsets, [this](const auto& entry) {
    return entry.second == partitions_.at(entry.first).told;
  });
  return offsets;
}

void PartitionPositions::set_told(const Offsets& offsets) {
  std::lock_guard lock(mutex_);
  for (const auto& [number, offset] : offsets) partitions_.at(number).told = offset;
}

void PartitionPositions::forget_told() {
  std::lock_guard lock(mutex_);
  for (auto& [number, partition] : partitions_) partition.told = -1;
}

void PartitionPositions::set_end(int32_t number, int64_t end) {
  std::lock_guard lock(mutex_);
  Partition& partition = partitions_.at(number);
  partition.end = std::max(partition.end, end);
}

void PartitionPositions::set_polled_end(int32_t number, int64_t polled_end) {
  std::lock_guard lock(mutex_);
  Partition& partition = partitions_.at(number);
  if (partition.is_read() && partition.expected == partition.stored) partition.passed = polled_end;
}

std::vector<int32_t> PartitionPositions::numbers() const {
  std::vector<int32_t> numbers;
  for (const auto& [number, partition] : partitions_) numbers.push_back(number);
  return numbers;
}

PartitionPositions::Offsets PartitionPositions::reading() const {
  Offsets offsets;
  for (const auto& [number, partition] : partitions_) {
    if (partition.is_read()) offsets[number] = partition.next;
  }
  return offsets;
}

bool PartitionPositions::is_any_held() const {
  return std::ranges::any_of(partitions_, [](const auto& entry) {
    return entry.second.mode != Partition::Mode::kReading;
  });
}

std::vector<PartitionStatus> PartitionPositions::status() const {
  std::vector<PartitionStatus> all;
  std::lock_guard lock(mutex_);
  for (const auto& [number, partition] : partitions_) {
    PartitionStatus& shown = all.emplace_back();
    shown.partition = number;
    shown.next_offset = partition.stored;
    shown.group_offset = partition.told;
    shown.end_offset = partition.end;
    int64_t done = std::max(partition.position(), partition.passed);
    if (partition.end >= 0) shown.lag = std::max<int64_t>(partition.end - done, 0);
    shown.state = partition.mode == Partition::Mode::kReading   ? "Reading"
                  : partition.mode == Partition::Mode::kHolding ? "Holding"
                                                                : "Waiting";
    shown.reason = partition.reason;
  }
  return all;
}

}  // namespace rivulet::sources
