#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace rivulet {

// An I/O failure, with the path, the operation and errno's text. `error_number` tells a full disk
// (ENOSPC, EDQUOT) from a broken one.
class IoError : public std::exception {
 public:
  IoError(const std::filesystem::path& path, std::string_view operation, int error_number);
  const char* what() const noexcept override { return message_.c_str(); }
  int error_number() const { return error_number_; }
  bool is_disk_full() const;

 private:
  std::string message_;
  int error_number_;
};

// An open file. Calls at different offsets may come from several threads. Every failure throws IoError.
class File {
 public:
  virtual ~File() = default;
  // Reads up to `out.size()` bytes at `offset`; fewer only at the end of the file.
  virtual size_t read(uint64_t offset, std::span<std::byte> out) const = 0;
  virtual void write(uint64_t offset, std::span<const std::byte> data) = 0;
  // When it returns, everything written to this file so far survives a power loss (fdatasync).
  virtual void sync() = 0;
  virtual void truncate(uint64_t size) = 0;
  virtual uint64_t size() const = 0;
};

struct FileStatus {
  bool is_directory = false;
  uint64_t bytes = 0;
  Ticks modified = 0;
};

// The only door to the disk, so that a test can put a failing or forgetful disk behind it (DuckDB's own
// reads and writes of Parquet excepted: those files are synced through this door before they count).
// Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  enum class Mode {
    kRead,
    kReadWrite,
    kCreate,  // read and write; must not exist yet
    // Read and write past the page cache, where the file system can: offset, size and memory of every call
    // must be multiples of kDirectAlignment.
    kDirect,
  };
  static constexpr size_t kDirectAlignment = 4096;
  virtual std::unique_ptr<File> open(const std::filesystem::path& path, Mode mode) = 0;
  virtual bool exists(const std::filesystem::path& path) const = 0;
  virtual FileStatus status(const std::filesystem::path& path) const = 0;
  // Names (not paths) in a directory, sorted.
  virtual std::vector<std::string> list(const std::filesystem::path& directory) const = 0;
  virtual void create_directories(const std::filesystem::path& directory) = 0;
  // Atomic replacement; durable once sync_directory of the parent has returned.
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual void remove(const std::filesystem::path& path) = 0;
  virtual void sync_directory(const std::filesystem::path& directory) = 0;
  // Bytes free for this process on the disk that holds `path`.
  virtual uint64_t free_bytes(const std::filesystem::path& path) const = 0;
};

// The real disk; lives for the whole process.
FileSystem& posix_file_system();

}  // namespace rivulet
