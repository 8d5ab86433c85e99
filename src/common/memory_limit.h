#pragma once

#include <cstdint>
#include <filesystem>

namespace rivulet {

// Bytes of memory that this process may use: the machine's, or what its control group (cgroup v1 or v2) and the
// groups around that leave it, whichever is the least. A group's limit is the one beyond which the kernel ends
// processes (memory.max, memory.limit_in_bytes) or stalls them (memory.high). Read anew at each call. `root` is
// where /proc and the groups are looked for: another one in tests.
uint64_t memory_limit_bytes(const std::filesystem::path& root = "/");

}  // namespace rivulet
