#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/file_system.h"

namespace rivulet::store {

// What is in a data directory, and what is wrong with it.
struct CheckResult {
  std::vector<std::string> found;     // sentences
  std::vector<std::string> problems;  // sentences with file and offset; none: all is well
};

// Reads everything in the data directory: the newest base, the log, every row file, and every extent.
// Changes nothing. Throws Error when it is no data directory, or a server has it open.
CheckResult check_data(FileSystem& files, const std::filesystem::path& directory,
                       const Clock& clock);

}  // namespace rivulet::store
