#include "extents/file_verifier.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "common/error.h"
#include "extents/extent.h"

namespace rivulet::extents {

std::vector<uint64_t> FileVerifier::checksums(const File& file) {
  std::vector<uint64_t> sums;
  std::vector<std::byte> block(std::min(kBlockBytes, file.size()));
  for (uint64_t offset = 0; offset < file.size(); offset += kBlockBytes) {
    sums.push_back(XXH3_64bits(block.data(), file.read(offset, block)));
  }
  return sums;
}

void FileVerifier::verify(const objects::ObjectStore& objects, const Guid& extent,
                          std::span<const uint64_t> expected) const {
  if (is_verified_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  if (is_verified_.load(std::memory_order_relaxed)) return;
  const std::string name = extent_name(extent);
  auto fail = [&](std::string_view what) {
    throw internal_error(
        fmt::format("The extent {} is {}. Restore the file from a backup, or give its rows up with "
                    ".drop extent.",
                    objects.location(name), what));
  };
  std::vector<uint64_t> found;
  try {
    found = checksums(*objects.open(name));
  } catch (const objects::ObjectError& error) {
    if (error.failure() != objects::ObjectFailure::kNotFound) throw;
    fail("missing");
  }
  auto [at, _] = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
  if (at != found.end() || found.size() != expected.size()) {
    uint64_t offset = static_cast<uint64_t>(at - found.begin()) * kBlockBytes;
    fail(fmt::format("damaged between offset {} and {}", offset, offset + kBlockBytes));
  }
  is_verified_.store(true, std::memory_order_release);
}

}  // namespace rivulet::extents
