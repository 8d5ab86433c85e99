#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/file_system.h"

namespace rivulet::store {

// The folder that holds everything, and its lock. Its parts:
//
//   VERSION        the format of what is beside it
//   LOCK           contains the number of the process that has the store open
//   log/           docs/log-format.md
//   checkpoint/    objects (docs/objects.md), as the next two
//   rows/
//   extents/
//
// Held by its handle, and locked by it: both LOCK and the folder itself, which keeps a second store out even if
// LOCK is removed (of a file system that locks no folders, LOCK alone is what there is). Files are named by
// their path, though, and the path may come to lead elsewhere while the store is open: the folder is renamed,
// unmounted, or another is mounted over it. Then check_in_place() throws, and files() refuses, until the folder
// is back: nothing is written to what stands there now.
//
// One per open store; the destructor lets the lock go. Thread-safe.
class DataDirectory {
 public:
  // Creates the directory or takes the one there is. Throws Error when another process holds it, when a
  // newer version wrote it, or when it is not empty and no data directory: nothing was changed then. `files`
  // outlives it.
  DataDirectory(FileSystem& files, const std::filesystem::path& path);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  // Parts of a directory that need not be open.
  static std::filesystem::path log_of(const std::filesystem::path& path) { return path / "log"; }
  static std::filesystem::path rows_of(const std::filesystem::path& path) { return path / "rows"; }

  const std::filesystem::path& path() const { return path_; }
  // Gives a directory of an older version this program's, from where on older programs refuse it: after all that is
  // there was read, before anything is written.
  void upgrade();
  // The disk, for what is in the directory. Opening, making, renaming and removing files throws IoError (ESTALE)
  // while the path does not lead to the directory; a file that is open stays usable.
  FileSystem& files() { return *placed_files_; }
  // Throws `unavailable` when the path does not lead to the directory. Costs one stat().
  void check_in_place() const;
  std::filesystem::path log() const { return log_of(path_); }

 private:
  class PlacedFiles;
  // A descriptor that is closed at the end.
  class Handle {
   public:
    Handle() = default;
    ~Handle();
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    int descriptor = -1;
  };

  void hold();
  void lock(int descriptor, const std::filesystem::path& file) const;
  void write_holder() const;
  // Nothing when there is no VERSION. Throws when it is not a version that is known.
  std::optional<int> version(FileSystem& files) const;
  void check_empty(FileSystem& files) const;
  void write_version(FileSystem& files) const;
  // What is wrong with the place of the directory: an errno, or 0.
  int error_of_place() const;

  const std::filesystem::path path_;
  Handle lock_, folder_;
  uint64_t device_ = 0, inode_ = 0;  // of folder_
  std::unique_ptr<FileSystem> placed_files_;
};

}  // namespace rivulet::store
