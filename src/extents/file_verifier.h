#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "common/guid.h"
#include "objects/object_store.h"

namespace rivulet::extents {

// Whether the file of an extent was compared with its checksums, XXH3 of each MiB, which stand in the manifest:
// nothing is read from a damaged file as if it were whole. Thread-safe.
class FileVerifier {
 public:
  static constexpr uint64_t kBlockBytes = 1 << 20;
  static std::vector<uint64_t> checksums(const File& file);

  explicit FileVerifier(bool is_verified) : is_verified_(is_verified) {}

  // See ExtentView::verify.
  void verify(const objects::ObjectStore& objects, const Guid& extent,
              std::span<const uint64_t> expected) const;

 private:
  mutable std::mutex mutex_;  // one reads for all
  mutable std::atomic<bool> is_verified_;
};

}  // namespace rivulet::extents
