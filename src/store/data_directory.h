#pragma once

#include <filesystem>

#include "common/file_system.h"

namespace rivulet::store {

// The folder that holds everything, and its lock. Its parts:
//
//   VERSION        the format of what is beside it
//   LOCK           held by the process that has the store open; contains its number
//   log/           docs/log-format.md
//   checkpoint/    docs/checkpoints.md, as rows/
//   rows/
//   extents/       docs/extents.md
//
// One per open store; the destructor lets the lock go.
class DataDirectory {
 public:
  // Creates the directory or takes the one there is. Throws Error when another process holds it, when a
  // newer version wrote it, or when it is not empty and no data directory.
  DataDirectory(FileSystem& files, const std::filesystem::path& path);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path log() const { return path_ / "log"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoint"; }
  std::filesystem::path rows() const { return path_ / "rows"; }
  std::filesystem::path extents() const { return path_ / "extents"; }

 private:
  void lock();
  void check_version(FileSystem& files);

  std::filesystem::path path_;
  int lock_descriptor_ = -1;
};

}  // namespace rivulet::store
