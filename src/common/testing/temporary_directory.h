#pragma once

#include <filesystem>

namespace rivulet {

// A new empty directory, removed at the end. In memory where the machine has a place for that, since a test
// of what is synced (fault_file_system.h) does not need a disk, and waits for it otherwise.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace rivulet
