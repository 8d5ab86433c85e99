#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/clock.h"
#include "store/store.h"

namespace rivulet::store {

// The retry keys of the transactions that were committed last. A key stands in the log record of its
// transaction and in the checkpoints, so that the window outlives a restart. It holds a key for `duration`,
// or less when there are more than `capacity` of them: the oldest are then forgotten.
//
// The committer (and recovery) adds; encode() may come from any thread.
class IdempotencyWindow {
 public:
  IdempotencyWindow(Ticks duration, size_t capacity) : duration_(duration), capacity_(capacity) {}

  struct Hash {
    size_t operator()(const Hash128& name) const { return name.low; }
  };
  struct Committed {
    Hash128 content;  // IdempotencyKey::content
    Sequence sequence = 0;
    Ticks time = 0;
  };
  // The transaction with a key of this name, if it is not too long ago.
  std::optional<Committed> find(const Hash128& name, Ticks now) const;
  // Sequences must not go back, nor times but after set_back(). A key that is there already is refreshed.
  void add(const Hash128& name, const Committed& committed);
  // The clock went back: a key is held no longer than if it was of this time.
  void set_back(Ticks time);
  size_t size() const;

  // All keys of transactions up to a sequence, as bytes: docs/checkpoints.md. restore() adds them and
  // throws std::runtime_error on damage; `has_contents` is false for the older form of a key.
  void encode(std::string& out, Sequence up_to) const;
  void restore(std::string_view bytes, bool has_contents);

 private:
  const Ticks duration_;
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::unordered_map<Hash128, Committed, Hash> keys_;  // guarded by mutex_
  // In order of commit; an entry whose sequence is not that of keys_ was refreshed since.
  std::deque<std::pair<Hash128, Sequence>> order_;  // guarded by mutex_
};

}  // namespace rivulet::store
