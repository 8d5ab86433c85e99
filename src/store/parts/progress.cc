#include "store/parts/progress.h"

#include <algorithm>
#include <stdexcept>

namespace rivulet::store {

std::optional<int64_t> ProgressMap::find(const Progress& partition) const {
  auto found = positions_.find({partition.owner, partition.stream, partition.partition});
  return found == positions_.end() ? std::nullopt : std::optional(found->second);
}

void ProgressMap::set(const Progress& progress) {
  positions_[{progress.owner, progress.stream, progress.partition}] = progress.position;
}

void ProgressMap::set_all(const ProgressMap& other) {
  for (const auto& [partition, position] : other.positions_) positions_[partition] = position;
}

void ProgressMap::drop(const Guid& owner) {
  auto [first, end] = range(owner);
  positions_.erase(first, end);
}

void ProgressMap::clear() {
  positions_.clear();
}

std::vector<Progress> ProgressMap::of(const Guid& owner) const {
  auto [first, end] = range(owner);
  return listed(first, end);
}

std::vector<Progress> ProgressMap::all() const {
  return listed(positions_.begin(), positions_.end());
}

std::pair<ProgressMap::Iterator, ProgressMap::Iterator> ProgressMap::range(
    const Guid& owner) const {
  Iterator first = positions_.lower_bound({owner, "", INT32_MIN});
  Iterator end = std::find_if(first, positions_.end(),
                              [&](const auto& entry) { return entry.first.owner != owner; });
  return {first, end};
}

std::vector<Progress> ProgressMap::listed(Iterator first, Iterator end) {
  std::vector<Progress> list;
  for (; first != end; ++first) {
    const auto& [partition, position] = *first;
    list.push_back({.owner = partition.owner,
                    .stream = partition.stream,
                    .partition = partition.partition,
                    .position = position});
  }
  return list;
}

size_t encode_progress(std::string& out, std::span<const Progress> list) {
  const Progress& first = list.front();
  auto end = std::find_if(list.begin(), list.end(), [&](const Progress& progress) {
    return progress.owner != first.owner || progress.stream != first.stream;
  });
  auto count = static_cast<size_t>(end - list.begin());
  ByteWriter writer(out);
  writer.fixed(first.owner.hi);
  writer.fixed(first.owner.lo);
  writer.string(first.stream);
  writer.varint(count);
  for (const Progress& progress : list.first(count)) {
    writer.varint(static_cast<uint32_t>(progress.partition));
    writer.varint(static_cast<uint64_t>(progress.position));
  }
  return count;
}

std::vector<Progress> decode_progress(ByteReader& reader) {
  Progress progress;
  progress.owner.hi = reader.fixed<uint64_t>();
  progress.owner.lo = reader.fixed<uint64_t>();
  progress.stream = reader.string();
  std::vector<Progress> list;
  for (uint64_t count = reader.varint(); count > 0; --count) {
    uint64_t partition = reader.varint(), position = reader.varint();
    if (partition > INT32_MAX || position > INT64_MAX) {
      throw std::runtime_error("a position of a stream is out of range");
    }
    progress.partition = static_cast<int32_t>(partition);
    progress.position = static_cast<int64_t>(position);
    list.push_back(progress);
  }
  return list;
}

}  // namespace rivulet::store
