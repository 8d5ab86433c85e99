#include "extents/file_checksums.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "common/error.h"

namespace rivulet::extents {

std::vector<uint64_t> FileChecksums::compute(const File& file) {
  std::vector<uint64_t> checksums;
  std::vector<std::byte> block(std::min(kBlockBytes, file.size()));
  for (uint64_t offset = 0; offset < file.size(); offset += kBlockBytes) {
    checksums.push_back(XXH3_64bits(block.data(), file.read(offset, block)));
  }
  return checksums;
}

void FileChecksums::verify() const {
  if (is_verified_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  if (is_verified_.load(std::memory_order_relaxed)) return;
  std::vector<uint64_t> found = compute(*files_.open(path_, FileSystem::Mode::kRead));
  if (found == expected_) {
    is_verified_.store(true, std::memory_order_release);
    return;
  }
  auto [at, _] = std::mismatch(found.begin(), found.end(), expected_.begin(), expected_.end());
  uint64_t offset = static_cast<uint64_t>(at - found.begin()) * kBlockBytes;
  throw internal_error(
      fmt::format("The extent {} is damaged between offset {} and {}. Restore the file from a "
                  "backup, or give its "
                  "rows up with .drop extent.",
                  path_, offset, offset + kBlockBytes));
}

}  // namespace rivulet::extents
