#include "common/memory_limit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "common/testing/temporary_directory.h"

namespace rivulet {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr const char* kV2Mount =
    "30 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

// A machine's /proc and groups, as far as they matter. The machine that runs this has more than 512 MiB.
class MemoryLimitTest : public ::testing::Test {
 protected:
  void put(const std::string& file, const std::string& content) {
    std::filesystem::path path = directory_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  uint64_t limit() const { return memory_limit_bytes(directory_.path()); }

  TemporaryDirectory directory_;
  const uint64_t machine_ = memory_limit_bytes(directory_.path() / "nothing");
};

TEST_F(MemoryLimitTest, IsTheMachinesWithoutGroups) {
  EXPECT_GT(machine_, 512 * kMiB);
  EXPECT_LE(memory_limit_bytes(), machine_);
  put("proc/self/cgroup", "0::/\n");
  put("proc/self/mountinfo", kV2Mount);
  EXPECT_EQ(limit(), machine_);
  put("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(limit(), machine_);
}

TEST_F(MemoryLimitTest, IsThatOfTheGroupInAContainer) {
  put("proc/self/cgroup", "0::/\n");
  put("proc/self/mountinfo", kV2Mount);
  put("sys/fs/cgroup/memory.max", "268435456\n");
  EXPECT_EQ(limit(), 256 * kMiB);
}

TEST_F(MemoryLimitTest, IsTheLeastOfTheGroupsAround) {
  put("proc/self/cgroup", "0::/a.slice/b b.slice/c.service\n");
  put("proc/self/mountinfo", kV2Mount);
  put("sys/fs/cgroup/a.slice/memory.max", "268435456\n");
  put("sys/fs/cgroup/a.slice/b b.slice/memory.max", "402653184\n");
  put("sys/fs/cgroup/a.slice/b b.slice/c.service/memory.max", "max\n");
  EXPECT_EQ(limit(), 256 * kMiB);
  put("sys/fs/cgroup/a.slice/b b.slice/c.service/memory.max", "134217728\n");
  EXPECT_EQ(limit(), 128 * kMiB);
  put("sys/fs/cgroup/a.slice/b b.slice/memory.high", "67108864\n");
  EXPECT_EQ(limit(), 64 * kMiB);
  // Not of its own chain.
  put("sys/fs/cgroup/other.slice/memory.max", "1048576\n");
  EXPECT_EQ(limit(), 64 * kMiB);
}

TEST_F(MemoryLimitTest, IsThatOfTheFirstVersion) {
  put("proc/self/cgroup", "9:cpu,cpuacct:/x\n4:memory:/a/b\n1:name=systemd:/a\n0::/\n");
  put("proc/self/mountinfo",
      "34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 / /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  put("sys/fs/cgroup/my memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limit(), machine_);
  put("sys/fs/cgroup/my memory/a/memory.limit_in_bytes", "268435456\n");
  put("sys/fs/cgroup/my memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limit(), 256 * kMiB);
  put("sys/fs/cgroup/my memory/a/b/memory.stat",
      "cache 5\nhierarchical_memory_limit 134217728\nhierarchical_memsw_limit 1048576\n");
  EXPECT_EQ(limit(), 128 * kMiB);
  // Another controller's group is not asked.
  put("sys/fs/cgroup/my memory/x/memory.limit_in_bytes", "1048576\n");
  EXPECT_EQ(limit(), 128 * kMiB);
}

// Without a namespace of its own it is told the whole path, but sees its group as the root.
TEST_F(MemoryLimitTest, IsFoundWhereTheContainerSeesItsGroup) {
  put("proc/self/cgroup", "4:memory:/docker/0123/child\n");
  put("proc/self/mountinfo",
      "35 31 0:32 /docker/0123 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(limit(), 256 * kMiB);
  put("sys/fs/cgroup/memory/child/memory.limit_in_bytes", "134217728\n");
  EXPECT_EQ(limit(), 128 * kMiB);
  put("proc/self/cgroup", "4:memory:/elsewhere\n");
  EXPECT_EQ(limit(), 256 * kMiB);
}

TEST_F(MemoryLimitTest, PassesOverWhatItCannotRead) {
  put("proc/self/cgroup", "\n:\n4:memory\n0::/a\n");
  put("proc/self/mountinfo", std::string("\n1 2\n1 2 3 4 5 6 - cgroup2\n - - - -\n") + kV2Mount);
  put("sys/fs/cgroup/memory.max", "many\n");
  put("sys/fs/cgroup/a/memory.max", "");
  EXPECT_EQ(limit(), machine_);
}

}  // namespace
}  // namespace rivulet
