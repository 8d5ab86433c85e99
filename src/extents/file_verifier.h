#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "extents/extent.h"
#include "objects/object_store.h"

namespace rivulet::extents {

// Which blocks of an extent's file were compared with its checksums, XXH3 of each MiB, which stand in the manifest:
// nothing is read from a damaged file as if it were whole. Thread-safe.
class FileVerifier {
 public:
  static constexpr uint64_t kBlockBytes = 1 << 20;
  static std::vector<uint64_t> checksums(const File& file);

  explicit FileVerifier(bool is_verified) : is_verified_(is_verified) {}

  // See ExtentView::verify. Without columns: all blocks.
  void verify(const objects::ObjectStore& objects, const ExtentDescription& extent,
              std::optional<std::span<const uint32_t>> columns) const;

  // What was compared is compared again by the next verify().
  void forget() const;

 private:
  mutable std::mutex mutex_;                   // one reads for all
  mutable std::atomic<bool> is_verified_;      // every block
  mutable std::vector<bool> verified_blocks_;  // guarded by mutex_; empty: none, or all
};

}  // namespace rivulet::extents
