#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "common/file_system.h"

namespace rivulet::extents {

// The file of an extent against its checksums, XXH3 of each MiB, which stand in the manifest: nothing is read
// from a damaged file as if it were whole. Thread-safe.
class FileChecksums {
 public:
  static constexpr uint64_t kBlockBytes = 1 << 20;
  static std::vector<uint64_t> compute(const File& file);

  FileChecksums(FileSystem& files, std::string path, std::vector<uint64_t> expected,
                bool is_verified)
      : files_(files),
        path_(std::move(path)),
        expected_(std::move(expected)),
        is_verified_(is_verified) {}

  // Reads the whole file, the first time; afterwards it returns at once. Throws Error, with file and offset,
  // when it is damaged, and IoError.
  void verify() const;

 private:
  FileSystem& files_;
  const std::string path_;
  const std::vector<uint64_t> expected_;
  mutable std::mutex mutex_;  // one reads for all
  mutable std::atomic<bool> is_verified_;
};

}  // namespace rivulet::extents
