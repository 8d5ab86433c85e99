#include "extents/file_verifier.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "common/error.h"

namespace rivulet::extents {

std::vector<uint64_t> FileVerifier::checksums(const File& file) {
  std::vector<uint64_t> sums;
  std::vector<std::byte> block(std::min(kBlockBytes, file.size()));
  for (uint64_t offset = 0; offset < file.size(); offset += kBlockBytes) {
    sums.push_back(XXH3_64bits(block.data(), file.read(offset, block)));
  }
  return sums;
}

void FileVerifier::forget() const {
  std::lock_guard lock(mutex_);
  is_verified_ = false;
  verified_blocks_ = {};
}

void FileVerifier::verify(const objects::ObjectStore& objects, const ExtentDescription& extent,
                          std::optional<std::span<const uint32_t>> columns) const {
  if (is_verified_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  if (is_verified_.load(std::memory_order_relaxed)) return;
  const size_t blocks = extent.checksums.size();
  std::vector<bool> wanted(blocks, !columns);
  if (columns) extent.layout.mark(*columns, wanted);
  for (size_t i = 0; i < verified_blocks_.size(); ++i) {
    if (verified_blocks_[i]) wanted[i] = false;
  }
  const bool is_first = verified_blocks_.empty();
  if (!is_first && std::find(wanted.begin(), wanted.end(), true) == wanted.end()) return;

  auto fail = [&](std::string_view what) {
    throw internal_error(
        fmt::format("The extent {} is {}. Restore the file from a backup, or give its rows up with "
                    ".drop extent.",
                    objects.location(extent_name(extent.id)), what));
  };
  std::unique_ptr<const File> file;
  try {
    file = objects.open(extent_name(extent.id));
  } catch (const objects::ObjectError& error) {
    if (error.failure() != objects::ObjectFailure::kNotFound) throw;
    fail("missing");
  }
  if (uint64_t bytes = file->size(); bytes != extent.size_bytes) {
    fail(fmt::format("damaged: it has {} bytes instead of {}", bytes, extent.size_bytes));
  }
  verified_blocks_.resize(blocks);
  std::vector<std::byte> bytes(std::min(kBlockBytes, extent.size_bytes));
  for (size_t i = 0; i < blocks; ++i) {
    if (!wanted[i]) continue;
    uint64_t offset = i * kBlockBytes;
    if (XXH3_64bits(bytes.data(), file->read(offset, bytes)) != extent.checksums[i]) {
      fail(fmt::format("damaged between offset {} and {}", offset, offset + kBlockBytes));
    }
    verified_blocks_[i] = true;
  }
  if (std::find(verified_blocks_.begin(), verified_blocks_.end(), false) ==
      verified_blocks_.end()) {
    verified_blocks_ = {};
    is_verified_.store(true, std::memory_order_release);
  }
}

}  // namespace rivulet::extents
