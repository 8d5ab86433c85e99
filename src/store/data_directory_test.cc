#include "store/data_directory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "store/check.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

std::vector<int64_t> ids_up_to(int64_t end) {
  std::vector<int64_t> ids(static_cast<size_t>(end));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

class DataDirectoryTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> open(FileSystem& files = posix_file_system()) {
    return Store::open(small_options(path_), files, clock_);
  }
  static void expect_refused(const std::function<void()>& work) {
    try {
      work();
      FAIL() << "nothing was refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.message();
      EXPECT_FALSE(error.is_permanent());
    }
  }

  TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "deep" / "data";
  const std::filesystem::path moved_ = directory_.path() / "moved";
  TestClock clock_;
};

TEST_F(DataDirectoryTest, ItsOwnNameSurvivesAPowerLossFromTheFirstCommitOn) {
  FaultFileSystem files(directory_.path());
  auto store = open(files);
  auto table = create_table(*store, "T");
  store->commit(one_append(make_rows(*table, 0, 10)));
  store->seal({});
  store->commit(one_append(make_rows(*table, 10, 10)));
  TemporaryDirectory image;
  files.copy_survivors(image.path(), FaultFileSystem::Unsynced::kLost);
  auto survivor =
      Store::open(small_options(image.path() / "deep" / "data"), posix_file_system(), clock_);
  EXPECT_EQ(all_ids(*survivor, table->id), ids_up_to(20));
}

// Whoever made the folder.
TEST_F(DataDirectoryTest, ANameThatWasMadeBeforeIsMadeDurable) {
  std::filesystem::create_directory(path_.parent_path());
  FaultFileSystem files(directory_.path());
  std::filesystem::create_directory(path_);
  auto store = open(files);
  TemporaryDirectory image;
  files.copy_survivors(image.path(), FaultFileSystem::Unsynced::kLost);
  EXPECT_TRUE(std::filesystem::exists(image.path() / "deep" / "data" / "VERSION"));
}

// As when the log is on a disk of its own that is not mounted. There was no time for a checkpoint of the rows.
TEST_F(DataDirectoryTest, ALogThatIsNotThereIsMissed) {
  auto store = open();
  auto table = create_table(*store, "T");
  store->commit(one_append(make_rows(*table, 0, 10)));
  store = nullptr;
  std::filesystem::rename(path_ / "log", moved_);
  for (bool has_folder : {false, true}) {
    if (has_folder) std::filesystem::create_directory(path_ / "log");
    EXPECT_FALSE(check_data(posix_file_system(), path_, clock_).problems.empty());
    try {
      open();
      FAIL() << "a store without its log was opened";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find("log"), std::string::npos) << error.message();
    }
    EXPECT_TRUE(!has_folder || std::filesystem::is_empty(path_ / "log"));
    std::filesystem::remove(path_ / "log");
  }
  std::filesystem::rename(moved_, path_ / "log");
  store = open();
  EXPECT_EQ(all_ids(*store, table->id), ids_up_to(10));
}

TEST_F(DataDirectoryTest, ALogThatWasCutIsDamage) {
  auto store = open();
  auto table = create_table(*store, "T");
  for (int i = 0; i < 20; ++i) store->commit(one_append(make_rows(*table, 50 * i, 50)));
  store = nullptr;
  std::vector<std::filesystem::path> segments;
  for (const std::string& name : posix_file_system().list(path_ / "log")) {
    if (name.ends_with(".log")) segments.push_back(path_ / "log" / name);
  }
  const std::filesystem::path& newest = segments.back();
  std::filesystem::copy_file(newest, moved_);
  for (uint64_t size : {0, 8192}) {
    std::filesystem::resize_file(newest, size);
    CheckResult result = check_data(posix_file_system(), path_, clock_);
    ASSERT_FALSE(result.problems.empty());
    for (const std::string& words : {newest.string(), fmt::format("{} bytes", size)}) {
      EXPECT_NE(result.problems.front().find(words), std::string::npos) << result.problems.front();
    }
    EXPECT_THROW(open(), Error);
    std::filesystem::copy_file(moved_, newest, std::filesystem::copy_options::overwrite_existing);
  }
  EXPECT_TRUE(check_data(posix_file_system(), path_, clock_).problems.empty());
  store = open();
  EXPECT_EQ(all_ids(*store, table->id), ids_up_to(1000));
}

TEST_F(DataDirectoryTest, NothingIsStoredWhileItIsElsewhere) {
  auto store = open();
  auto table = create_table(*store, "T");
  store->commit(one_append(make_rows(*table, 0, 10)));
  std::filesystem::rename(path_, moved_);
  for (bool is_replaced : {false, true}) {
    if (is_replaced) std::filesystem::create_directory(path_);
    expect_refused([&] { store->commit(one_append(make_rows(*table, 10, 10))); });
    EXPECT_ANY_THROW(store->seal({}));
    EXPECT_ANY_THROW(store->checkpoint());
    EXPECT_ANY_THROW(store->write_extents(*table, make_rows(*table, 10, 10)));
    EXPECT_EQ(std::filesystem::exists(path_), is_replaced);
    EXPECT_EQ(all_ids(*store, table->id), ids_up_to(10));
  }
  EXPECT_TRUE(std::filesystem::is_empty(path_));
  std::filesystem::remove(path_);
  std::filesystem::rename(moved_, path_);
  store->commit(one_append(make_rows(*table, 10, 10)));
  store->seal({});
  store->commit(one_append(make_rows(*table, 20, 10)));
  store->checkpoint();
  store = nullptr;
  store = open();
  EXPECT_EQ(all_ids(*store, table->id), ids_up_to(30));
}

TEST_F(DataDirectoryTest, AnotherStoreInItsPlaceIsLeftAlone) {
  auto store = open();
  auto table = create_table(*store, "T");
  store->commit(one_append(make_rows(*table, 0, 10)));
  std::filesystem::rename(path_, moved_);
  auto other = open();
  auto others = create_table(*other, "T");
  other->commit(one_append(make_rows(*others, 0, 5)));
  // Enough for many segments, and for the background to have something to remove.
  for (int i = 0; i < 3; ++i) {
    EXPECT_ANY_THROW(store->commit(one_append(make_rows(*table, 10, 5000))));
    EXPECT_ANY_THROW(store->checkpoint());
    other->commit(one_append(make_rows(*others, 5 + i, 1)));
    other->seal({});
    other->checkpoint();
  }
  store = nullptr;
  other = nullptr;
  other = open();
  EXPECT_EQ(all_ids(*other, others->id), ids_up_to(8));
}

TEST_F(DataDirectoryTest, ARemovedLockLetsNobodyIn) {
  auto store = open();
  for (bool is_removed : {false, true}) {
    if (is_removed) std::filesystem::remove(path_ / "LOCK");
    try {
      open();
      FAIL() << "a second store was opened";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find("is in use by process"), std::string::npos) << error.message();
    }
  }
  store = nullptr;
  EXPECT_NO_THROW(open());
}

}  // namespace
}  // namespace rivulet::store
