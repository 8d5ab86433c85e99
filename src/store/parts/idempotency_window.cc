#include "store/parts/idempotency_window.h"

#include <xxhash.h>

#include <algorithm>

#include "common/binary.h"

namespace rivulet::store {

namespace {

Hash128 hash(std::string_view text, uint64_t seed) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), seed);
  return {hash.low64, hash.high64};
}

}  // namespace

IdempotencyKey make_idempotency_key(catalog::TableId table, std::string_view name,
                                    std::string_view content, std::string_view how) {
  return {hash(name, table), hash(content, hash(how, 0).low)};
}

std::optional<IdempotencyWindow::Committed> IdempotencyWindow::find(const Hash128& name,
                                                                    Ticks now) const {
  std::lock_guard lock(mutex_);
  auto found = keys_.find(name);
  if (found == keys_.end() || found->second.time < now - duration_) return std::nullopt;
  return found->second;
}

void IdempotencyWindow::add(const Hash128& name, const Committed& committed) {
  std::lock_guard lock(mutex_);
  keys_[name] = committed;
  order_.emplace_back(name, committed.sequence);
  while (!order_.empty()) {
    const auto& [oldest, sequence] = order_.front();
    auto found = keys_.find(oldest);
    if (found != keys_.end() && found->second.sequence == sequence) {
      if (order_.size() <= capacity_ && found->second.time >= committed.time - duration_) break;
      keys_.erase(found);
    }
    order_.pop_front();
  }
}

void IdempotencyWindow::set_back(Ticks time) {
  std::lock_guard lock(mutex_);
  for (auto& [key, committed] : keys_) committed.time = std::min(committed.time, time);
}

size_t IdempotencyWindow::size() const {
  std::lock_guard lock(mutex_);
  return keys_.size();
}

void IdempotencyWindow::encode(std::string& out, Sequence up_to) const {
  ByteWriter writer(out);
  std::lock_guard lock(mutex_);
  for (const auto& [name, sequence] : order_) {
    auto found = keys_.find(name);
    if (sequence > up_to || found == keys_.end() || found->second.sequence != sequence) continue;
    writer.fixed(name.low);
    writer.fixed(name.high);
    writer.fixed(found->second.content.low);
    writer.fixed(found->second.content.high);
    writer.fixed(sequence);
    writer.fixed(found->second.time);
  }
}

void IdempotencyWindow::restore(std::string_view bytes, bool has_contents) {
  ByteReader reader(bytes);
  auto read_hash = [&reader] {
    Hash128 hash;
    hash.low = reader.fixed<uint64_t>();
    hash.high = reader.fixed<uint64_t>();
    return hash;
  };
  while (!reader.at_end()) {
    Hash128 name = read_hash();
    Committed committed;
    if (has_contents) committed.content = read_hash();
    committed.sequence = reader.fixed<Sequence>();
    committed.time = reader.fixed<Ticks>();
    add(name, committed);
  }
}

}  // namespace rivulet::store
