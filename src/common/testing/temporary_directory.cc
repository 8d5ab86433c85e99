#include "common/testing/temporary_directory.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "common/file_system.h"

namespace rivulet {

TemporaryDirectory::TemporaryDirectory() {
  std::filesystem::path parent = "/dev/shm";
  if (::access(parent.c_str(), W_OK) != 0) parent = std::filesystem::temp_directory_path();
  std::string pattern = (parent / "rivulet-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw IoError(pattern, "create directory", errno);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace rivulet
