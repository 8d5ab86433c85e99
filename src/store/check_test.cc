#include "store/check.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "common/error.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

std::map<std::string, std::string> contents_of(const std::filesystem::path& directory) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.path().filename() == "LOCK") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    contents[entry.path().string()] = std::string((std::istreambuf_iterator<char>(in)), {});
  }
  return contents;
}

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    auto store = Store::open(small_options(path_), posix_file_system(), clock_);
    auto table = create_table(*store, "T");
    Guid connection = new_guid();
    Transaction create;
    create.alter = put_connection("hub", connection);
    store->commit(std::move(create));
    store->commit(one_append(make_rows(*table, 0, 100)));
    store->seal({});
    Transaction transaction = one_append(make_rows(*table, 100, 50));
    transaction.progress = {{connection, "topic", 0, -1, 50}};
    store->commit(transaction);
    store->checkpoint();
    transaction.progress = {{connection, "topic", 0, 50, 55}, {connection, "topic", 1, -1, 5}};
    transaction.appends = {make_rows(*table, 150, 5)};
    store->commit(std::move(transaction));
  }
  CheckResult check() { return check_data(posix_file_system(), path_, clock_); }
  std::filesystem::path only_file(const char* folder) const {
    std::filesystem::path found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_ / folder)) {
      // The terms of an extent, beside it, may be missing.
      if (entry.is_regular_file() && entry.path().extension() != ".terms") found = entry.path();
    }
    return found;
  }
  void flip(const std::filesystem::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(at);
    int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 0x20));
  }

  TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "data";
  TestClock clock_;
};

TEST_F(CheckTest, WhatIsWholeIsSaidAndNothingIsChanged) {
  auto before = contents_of(path_);
  CheckResult result = check();
  EXPECT_TRUE(result.problems.empty()) << result.problems.front();
  EXPECT_EQ(result.found.size(), 6u);
  EXPECT_NE(std::find(result.found.begin(), result.found.end(),
                      "Data connections: offsets of 2 partitions"),
            result.found.end());
  EXPECT_TRUE(contents_of(path_) == before);
  EXPECT_TRUE(check().problems.empty());
}

TEST_F(CheckTest, DamageIsNamed) {
  for (const char* folder : {"rows", "checkpoint", "extents"}) {
    std::filesystem::path path = only_file(folder);
    auto size = static_cast<std::streamoff>(std::filesystem::file_size(path));
    for (std::streamoff at = 0; at < size; at += size / 7) {
      flip(path, at);
      CheckResult result = check();
      ASSERT_EQ(result.problems.size(), 1u) << path << " at " << at;
      EXPECT_NE(result.problems.front().find(path.string()), std::string::npos)
          << result.problems.front();
      flip(path, at);
    }
    // Without the checkpoint, the log still holds everything.
    if (std::string_view(folder) == "checkpoint") continue;
    std::filesystem::rename(path, directory_.path() / "aside");
    ASSERT_FALSE(check().problems.empty());
    EXPECT_NE(check().problems.front().find(path.string()), std::string::npos);
    std::filesystem::rename(directory_.path() / "aside", path);
    EXPECT_TRUE(check().problems.empty());
  }
}

// A damage is one problem, whichever ways lead to it.
TEST_F(CheckTest, EachDamageIsCountedOnce) {
  std::filesystem::path rows = only_file("rows"), extent = only_file("extents");
  auto middle = static_cast<std::streamoff>(std::filesystem::file_size(rows) / 2);
  flip(rows, middle);
  EXPECT_EQ(check().problems.size(), 1u);
  flip(rows, middle);
  std::filesystem::resize_file(extent, std::filesystem::file_size(extent) - 1);
  EXPECT_EQ(check().problems.size(), 1u);
  std::filesystem::remove(extent);
  EXPECT_EQ(check().problems.size(), 1u);
  // Something that cannot be opened as a file.
  std::filesystem::create_directory(extent);
  EXPECT_EQ(check().problems.size(), 1u);
}

TEST_F(CheckTest, AStartThatIsRefusedHasChangedNothing) {
  // A segment that was being prepared when the server was killed: a good start removes it.
  std::ofstream(path_ / "log" / "99.tmp") << "zeros";
  // Of a version before this one, what is there is not even called otherwise.
  std::ofstream(path_ / "VERSION") << "2\n";
  std::filesystem::path base = only_file("checkpoint");
  flip(base, 100);
  auto before = contents_of(path_);
  EXPECT_THROW(Store::open(small_options(path_), posix_file_system(), clock_), Error);
  EXPECT_TRUE(contents_of(path_) == before);
  flip(base, 100);
  before = contents_of(path_);
  EXPECT_TRUE(check().problems.empty());
  EXPECT_TRUE(contents_of(path_) == before);
  Store::open(small_options(path_), posix_file_system(), clock_);
  EXPECT_FALSE(std::filesystem::exists(path_ / "log" / "99.tmp"));
}

TEST_F(CheckTest, AFolderOfSomethingElseStaysAsItIs) {
  std::filesystem::path other = directory_.path() / "other";
  std::filesystem::create_directory(other);
  std::ofstream(other / "letter.txt") << "dear";
  EXPECT_THROW(Store::open(small_options(other), posix_file_system(), clock_), Error);
  EXPECT_FALSE(std::filesystem::exists(other / "LOCK"));
}

TEST_F(CheckTest, WhatIsNoDataDirectoryOrInUseIsRefused) {
  EXPECT_THROW(check_data(posix_file_system(), directory_.path(), clock_), Error);
  auto store = Store::open(small_options(path_), posix_file_system(), clock_);
  EXPECT_THROW(check(), Error);
}

}  // namespace
}  // namespace rivulet::store
