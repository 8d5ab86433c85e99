#include "store/source_offsets.h"

#include <algorithm>
#include <stdexcept>

namespace rivulet::store {

std::optional<int64_t> SourceOffsets::find(const SourceOffset& partition) const {
  auto found = offsets_.find({partition.connection, partition.topic, partition.partition});
  return found == offsets_.end() ? std::nullopt : std::optional(found->second);
}

void SourceOffsets::set(const SourceOffset& offset) {
  offsets_[{offset.connection, offset.topic, offset.partition}] = offset.next;
}

void SourceOffsets::set_all(const SourceOffsets& offsets) {
  for (const auto& [partition, next] : offsets.offsets_) offsets_[partition] = next;
}

void SourceOffsets::drop(const Guid& connection) {
  auto [first, end] = range(connection);
  offsets_.erase(first, end);
}

void SourceOffsets::clear() {
  offsets_.clear();
}

std::vector<SourceOffset> SourceOffsets::of(const Guid& connection) const {
  auto [first, end] = range(connection);
  return listed(first, end);
}

std::vector<SourceOffset> SourceOffsets::all() const {
  return listed(offsets_.begin(), offsets_.end());
}

std::pair<SourceOffsets::Iterator, SourceOffsets::Iterator> SourceOffsets::range(
    const Guid& connection) const {
  Iterator first = offsets_.lower_bound({connection, "", INT32_MIN});
  Iterator end = std::find_if(first, offsets_.end(), [&](const auto& entry) {
    return entry.first.connection != connection;
  });
  return {first, end};
}

std::vector<SourceOffset> SourceOffsets::listed(Iterator first, Iterator end) {
  std::vector<SourceOffset> list;
  for (; first != end; ++first) {
    const auto& [partition, next] = *first;
    list.push_back({.connection = partition.connection,
                    .topic = partition.topic,
                    .partition = partition.partition,
                    .next = next});
  }
  return list;
}

size_t encode_source_offsets(std::string& out, std::span<const SourceOffset> offsets) {
  const SourceOffset& first = offsets.front();
  auto end = std::find_if(offsets.begin(), offsets.end(), [&](const SourceOffset& offset) {
    return offset.connection != first.connection || offset.topic != first.topic;
  });
  auto count = static_cast<size_t>(end - offsets.begin());
  ByteWriter writer(out);
  writer.fixed(first.connection.hi);
  writer.fixed(first.connection.lo);
  writer.string(first.topic);
  writer.varint(count);
  for (const SourceOffset& offset : offsets.first(count)) {
    writer.varint(static_cast<uint32_t>(offset.partition));
    writer.varint(static_cast<uint64_t>(offset.next));
  }
  return count;
}

std::vector<SourceOffset> decode_source_offsets(ByteReader& reader) {
  SourceOffset offset;
  offset.connection.hi = reader.fixed<uint64_t>();
  offset.connection.lo = reader.fixed<uint64_t>();
  offset.topic = reader.string();
  std::vector<SourceOffset> offsets;
  for (uint64_t count = reader.varint(); count > 0; --count) {
    uint64_t partition = reader.varint(), next = reader.varint();
    if (partition > INT32_MAX || next > INT64_MAX) {
      throw std::runtime_error("an offset of a data connection is out of range");
    }
    offset.partition = static_cast<int32_t>(partition);
    offset.next = static_cast<int64_t>(next);
    offsets.push_back(offset);
  }
  return offsets;
}

}  // namespace rivulet::store
