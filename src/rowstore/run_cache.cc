#include "rowstore/run_cache.h"

#include "rowstore/row_files.h"

namespace rivulet::rowstore {
namespace {

// What an entry takes beside its chunks.
constexpr uint64_t kEntryBytes = 256;

}  // namespace

std::shared_ptr<const ChunkList> RunCache::get(catalog::TableId table, const Run& run) {
  // The seed is a random number of the file.
  Key key{run.file->description().seed, run.offset, run.rows, run.skipped};
  {
    std::lock_guard lock(mutex_);
    auto found = by_key_.find(key);
    if (found != by_key_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->chunks;
    }
  }
  auto chunks = std::make_shared<const ChunkList>(read_run(table, run));
  uint64_t bytes = kEntryBytes;
  for (const auto& chunk : *chunks) bytes += chunk->memory_bytes();
  if (bytes > limit_bytes_) return chunks;
  std::list<Entry> evicted;  // freed after the lock
  std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return chunks;
  entries_.push_front({key, chunks, bytes});
  by_key_.emplace(key, entries_.begin());
  bytes_ += bytes;
  while (bytes_ > limit_bytes_) {
    bytes_ -= entries_.back().bytes;
    by_key_.erase(entries_.back().key);
    evicted.splice(evicted.begin(), entries_, std::prev(entries_.end()));
  }
  return chunks;
}

uint64_t RunCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace rivulet::rowstore
