#include "store/idempotency_window.h"

#include <xxhash.h>

#include "common/binary.h"

namespace rivulet::store {

IdempotencyKey make_idempotency_key(catalog::TableId table, std::string_view text) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), table);
  return {hash.low64, hash.high64};
}

std::optional<IdempotencyWindow::Committed> IdempotencyWindow::find(const IdempotencyKey& key,
                                                                    Ticks now) const {
  std::lock_guard lock(mutex_);
  auto found = keys_.find(key);
  if (found == keys_.end() || found->second.time < now - duration_) return std::nullopt;
  return found->second;
}

void IdempotencyWindow::add(const IdempotencyKey& key, const Committed& committed) {
  std::lock_guard lock(mutex_);
  keys_[key] = committed;
  order_.emplace_back(key, committed.sequence);
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

size_t IdempotencyWindow::size() const {
  std::lock_guard lock(mutex_);
  return keys_.size();
}

void IdempotencyWindow::encode(std::string& out, Sequence up_to) const {
  ByteWriter writer(out);
  std::lock_guard lock(mutex_);
  for (const auto& [key, sequence] : order_) {
    auto found = keys_.find(key);
    if (sequence > up_to || found == keys_.end() || found->second.sequence != sequence) continue;
    writer.fixed(key.low);
    writer.fixed(key.high);
    writer.fixed(sequence);
    writer.fixed(found->second.time);
  }
}

void IdempotencyWindow::restore(std::string_view bytes) {
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    IdempotencyKey key;
    key.low = reader.fixed<uint64_t>();
    key.high = reader.fixed<uint64_t>();
    Committed committed;
    committed.sequence = reader.fixed<Sequence>();
    committed.time = reader.fixed<Ticks>();
    add(key, committed);
  }
}

}  // namespace rivulet::store
