#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "rowstore/run.h"

namespace rivulet::rowstore {

// Runs that were read lately, decoded, up to a number of bytes; the one not asked for the longest goes first.
// Thread-safe; a run is read without the lock, on the thread that asks.
class RunCache {
 public:
  explicit RunCache(uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // The rows of the run; they stay as long as the result is held, in the cache or not. Throws as read_run().
  std::shared_ptr<const ChunkList> get(catalog::TableId table, const Run& run);
  uint64_t bytes() const;

 private:
  struct Key {
    uint64_t file = 0, offset = 0;
    uint32_t rows = 0, skipped = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return static_cast<size_t>((key.file * 0x9e3779b97f4a7c15) ^ (key.offset / 8));
    }
  };
  struct Entry {
    Key key;
    std::shared_ptr<const ChunkList> chunks;
    uint64_t bytes = 0;
  };

  const uint64_t limit_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // guarded by mutex_; newest first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> by_key_;  // guarded by mutex_
  uint64_t bytes_ = 0;                                                   // guarded by mutex_
};

}  // namespace rivulet::rowstore
