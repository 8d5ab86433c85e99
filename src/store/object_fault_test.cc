// The store over an object store that fails: every operation may, one by one; objects may be missing; what nobody named
// goes a day later. And a path is used only while its local copy is held: the faulty store's go with it.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/error.h"
#include "objects/directory_objects.h"
#include "objects/testing/faulty_objects.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;
using objects::ObjectFailure;
using objects::testing::FaultyObjects;

class ObjectFaultTest : public ::testing::Test {
 protected:
  StoreOptions options_over(const std::filesystem::path& directory) {
    StoreOptions options = small_options(directory);
    options.make_objects = [this](FileSystem& files, const std::filesystem::path& root) {
      auto faulty =
          std::make_unique<FaultyObjects>(std::make_unique<objects::DirectoryObjects>(files, root));
      objects_ = faulty.get();
      return faulty;
    };
    return options;
  }
  void open(const std::filesystem::path& directory) {
    store_ = nullptr;
    store_ = Store::open(options_over(directory), posix_file_system(), clock_);
  }
  void open() { open(directory_.path()); }
  static void quietly(const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception&) {
    }
  }
  void append(const catalog::Table& table, int64_t first, size_t count) {
    store_->commit(one_append(make_rows(table, first, count)));
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  FaultyObjects* objects_ = nullptr;  // of store_
  std::unique_ptr<Store> store_;
};

TEST_F(ObjectFaultTest, EveryOperationMayFail) {
  for (int failing = 1;; ++failing) {
    TemporaryDirectory directory;
    open(directory.path());
    auto table = create_table(*store_, "T");
    std::atomic<int> countdown = failing;
    objects_->set_hook([&](FaultyObjects::Operation, std::string_view) {
      if (--countdown != 0) return std::optional<ObjectFailure>();
      return std::optional(failing % 2 == 0 ? ObjectFailure::kUnavailable
                                            : ObjectFailure::kThrottled);
    });
    int64_t id = 0;
    for (int round = 0; round < 6; ++round, id += 20) {
      append(*table, id, 20);
      quietly([&] { store_->seal({}); });
      append(*table, id + 10'000, 5);
      quietly([&] { store_->checkpoint(); });
    }
    quietly([&] { store_->upkeep(); });
    bool has_failed = countdown <= 0;
    objects_->set_hook(nullptr);
    std::vector<Row> rows = all_rows(*store_, table->id);
    ASSERT_EQ(rows.size(), 150u) << failing;
    open(directory.path());
    ASSERT_EQ(all_rows(*store_, table->id), rows) << failing;
    // All is made up for.
    store_->seal({});
    store_->checkpoint();
    store_->upkeep();
    ASSERT_EQ(all_rows(*store_, table->id), rows) << failing;
    if (!has_failed) {
      EXPECT_GT(failing, 40);
      return;
    }
  }
}

TEST_F(ObjectFaultTest, AMissingRowFileFailsItsTablesAndNotTheStart) {
  open();
  auto table = create_table(*store_, "T"), other = create_table(*store_, "Other");
  append(*table, 0, 5);
  store_->checkpoint();
  std::filesystem::path path = *files_of(directory_.path() / "rows").begin(),
                        aside = directory_.path() / "extents" / "aside";
  append(*other, 0, 5);
  store_->checkpoint();
  store_ = nullptr;
  std::filesystem::rename(path, aside);
  open();
  EXPECT_EQ(all_ids(*store_, other->id).size(), 5u);
  try {
    all_rows(*store_, table->id);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(path.string()), std::string::npos) << error.message();
  }
  // The table takes rows all the same, and a checkpoint keeps the place of those that are missing.
  append(*table, 5, 5);
  store_->checkpoint();
  std::filesystem::rename(aside, path);
  EXPECT_EQ(all_ids(*store_, table->id).size(), 10u);
  open();
  EXPECT_EQ(all_ids(*store_, table->id).size(), 10u);
}

TEST_F(ObjectFaultTest, OrphansGoADayAfterTheyWereMade) {
  open();
  auto table = create_table(*store_, "T");
  append(*table, 0, 20);
  store_->seal({});
  append(*table, 20, 20);
  store_->checkpoint();
  store_ = nullptr;
  std::set<std::filesystem::path> needed = files_of(directory_.path()), orphans;
  for (const char* name :
       {"rows/0f0e0d0c-0b0a-4000-8000-000000000001.rows", "rows/0000000000000009.rows",
        "checkpoint/0000000000000001-0001-0f0e0d0c-0b0a-4000-8000-000000000001.ckpt",
        "checkpoint/0000000000000001.ckpt",
        "extents/0f/0f0e0d0c-0b0a-4000-8000-000000000001.parquet",
        "extents/0f/0f0e0d0c-0b0a-4000-8000-000000000001.terms"}) {
    std::filesystem::path path = directory_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "of an attempt";
    orphans.insert(path);
  }
  std::filesystem::path foreign = directory_.path() / "extents" / "notes.txt";
  std::ofstream(foreign) << "of somebody else";
  Ticks made = posix_file_system().status(foreign).modified;
  auto are_there = [&] {
    return std::ranges::count_if(orphans, [](const auto& p) { return std::filesystem::exists(p); });
  };
  clock_.set(made + 23 * kTicksPerHour);
  open();
  store_->upkeep();
  EXPECT_EQ(are_there(), 6);
  clock_.set(made + 25 * kTicksPerHour);
  store_->upkeep();
  EXPECT_EQ(are_there(), 0);
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_EQ(all_ids(*store_, table->id).size(), 40u);
  for (const auto& path : needed) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

}  // namespace
}  // namespace rivulet::store
