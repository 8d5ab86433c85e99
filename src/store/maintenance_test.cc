// The background work: that it comes by itself, and when; checkpoints and their damage; the data directory.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;
using namespace std::chrono_literals;

class MaintenanceTest : public ::testing::Test {
 protected:
  MaintenanceTest() { options_ = small_options(directory_.path() / "data"); }

  void open(FileSystem& files = posix_file_system()) {
    store_ = nullptr;
    store_ = Store::open(options_, files, clock_);
  }
  void append(const catalog::Table& table, int64_t first, size_t count) {
    store_->commit(one_append(make_rows(table, first, count)));
  }
  // As a client does that is told to try again. Whether it was told so.
  bool append_at_last(const catalog::Table& table, int64_t first, size_t count) {
    bool was_refused = false;
    wait_until([&] {
      try {
        append(table, first, count);
        return true;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kThrottled);
        was_refused = true;
        return false;
      }
    });
    return was_refused;
  }
  std::string refusal() {
    try {
      open();
    } catch (const Error& error) {
      return error.message();
    }
    ADD_FAILURE() << "the store opened";
    return "";
  }
  std::vector<std::filesystem::path> checkpoints() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry :
         std::filesystem::directory_iterator(options_.directory / "checkpoint")) {
      found.push_back(entry.path());
    }
    return found;
  }
  std::filesystem::path only_checkpoint() const {
    auto found = checkpoints();
    EXPECT_EQ(found.size(), 1u);
    return found.front();
  }

  TemporaryDirectory directory_;
  StoreOptions options_;
  FaultFileSystem files_{directory_.path()};
  TestClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(MaintenanceTest, ATailIsSealedAtItsNumberOfRows) {
  options_.seal_rows = 1000;
  open();
  auto small = create_table(*store_, "Small");
  auto large = create_table(*store_, "Large");
  append(*small, 0, 999);
  append(*large, 0, 600);
  append(*large, 600, 600);
  wait_until([&] { return store_->statistics().extent_rows == 1200; });
  EXPECT_EQ(store_->statistics().tail_rows, 999u);
  // Recovery finds what is worth sealing too.
  append(*large, 1200, 900);
  options_.seal_rows = 500;
  open();
  wait_until([&] { return store_->statistics().extent_rows == 1200 + 900 + 999; });
  EXPECT_EQ(all_ids(*store_, large->id).size(), 2100u);
  EXPECT_EQ(all_ids(*store_, small->id).size(), 999u);
}

TEST_F(MaintenanceTest, ATailIsSealedAtItsSizeInBytes) {
  options_.seal_bytes = 100'000;
  open();
  auto table = create_table(*store_, "T");
  append(*table, 0, 100);
  append(*table, 100, 3000);
  wait_until([&] { return store_->statistics().extent_rows == 3100; });
}

TEST_F(MaintenanceTest, AnOldTailIsSealedIfItHasEnoughRows) {
  options_.seal_min_rows = 100;
  options_.seal_age = kTicksPerSecond / 5;
  open();
  auto few = create_table(*store_, "Few");
  auto many = create_table(*store_, "Many");
  append(*few, 0, 99);
  append(*many, 0, 100);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(store_->statistics().extent_count, 0u);
  // The clock of the test does not go by itself: the thread looks again when it thinks the time has come.
  clock_.advance(kTicksPerSecond);
  wait_until([&] { return store_->statistics().extent_rows == 100; });
  EXPECT_EQ(store_->statistics().tail_rows, 99u);
}

TEST_F(MaintenanceTest, OneVeryLargeTransactionBecomesSeveralExtents) {
  options_.seal_rows = 5000;
  open();
  auto table = create_table(*store_, "T");
  append(*table, 0, 50'000);
  wait_until([&] { return store_->statistics().extent_rows == 50'000; });
  EXPECT_GE(store_->statistics().extent_count, 2u);
  EXPECT_EQ(store_->statistics().tail_rows, 0u);
  open();
  EXPECT_EQ(all_ids(*store_, table->id).size(), 50'000u);
}

TEST_F(MaintenanceTest, NoExtentHasMoreRowsThanTheShardingPolicySays) {
  open();
  auto table = create_table(*store_, "T");
  Transaction transaction;
  transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
    catalog::Table changed = *catalog.find_table(table->id);
    changed.policies.set("sharding", R"({"ShardEngineMaxRowCount":4096})");
    changed.policies.set("merge", R"({"AllowMerge":false})");
    return {catalog::PutTable{changed}};
  };
  store_->commit(std::move(transaction));
  append(*table, 0, 10'000);
  store_->seal({&table->id, 1});
  Replace replace{.table = table->id};
  table = store_->catalog()->find_table(table->id);
  replace.added = store_->write_extents(*table, make_rows(*table, 10'000, 10'000));
  Transaction direct;
  direct.replace.push_back(std::move(replace));
  store_->commit(std::move(direct));
  std::vector<uint64_t> rows;
  for (const auto& extent : store_->snapshot({&table->id, 1})->table(table->id)->extents()) {
    rows.push_back(extent->row_count);
  }
  EXPECT_EQ(rows, (std::vector<uint64_t>{4096, 4096, 1808, 4096, 4096, 1808}));
  EXPECT_EQ(all_ids(*store_, table->id).size(), 20'000u);
}

TEST_F(MaintenanceTest, TheLogIsCutByItself) {
  options_.log_limit_bytes = 200'000;
  open();
  auto table = create_table(*store_, "T");
  int64_t next = 0;
  while (store_->statistics().checkpoints < 5) {
    append(*table, next, 100);
    next += 100;
    ASSERT_LT(next, 10'000'000);
  }
  // How far the log grows before that is a matter of the disk's pace.
  wait_until([&] { return store_->statistics().log_bytes < 1'000'000; });
  // And files beyond what the limit asks for go.
  wait_until([&] { return store_->statistics().log_segments < 20; });
  wait_until([&] { return checkpoints().size() == 1; });
  std::vector<Row> rows = all_rows(*store_, table->id);
  ASSERT_EQ(rows.size(), static_cast<size_t>(next));
  open();
  EXPECT_EQ(all_rows(*store_, table->id), rows);
}

TEST_F(MaintenanceTest, RowsThatFillMemoryGoToRowFilesAndUntilThenAppendsAreRefused) {
  options_.tail_limit_bytes = 2 << 20;
  open();
  std::vector<std::shared_ptr<const catalog::Table>> tables;
  for (int i = 0; i < 5; ++i) tables.push_back(create_table(*store_, fmt::format("T{}", i)));
  int64_t next = 0;
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    const catalog::Table& table = *tables[static_cast<size_t>(i) % tables.size()];
    refused += append_at_last(table, std::exchange(next, next + 1000), 1000) ? 1 : 0;
    // One transaction may pass the limit.
    EXPECT_LT(store_->statistics().tail_bytes, (2u << 20) + (1 << 20));
  }
  EXPECT_GT(store_->statistics().checkpoints, 0u);
  if (refused > 0) {
    EXPECT_GT(store_->statistics().slowed_groups, 0u);
  }
  EXPECT_EQ(store_->statistics().extent_count, 0u);
  EXPECT_EQ(store_->statistics().tail_rows, static_cast<uint64_t>(next));
  size_t rows = 0;
  for (const auto& table : tables) rows += all_rows(*store_, table->id).size();
  EXPECT_EQ(rows, static_cast<size_t>(next));
}

// The disk, on which a base gets its name only when the test lets it.
class GatedFiles final : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::filesystem::path& path, Mode mode) override {
    return disk_.open(path, mode);
  }
  bool exists(const std::filesystem::path& path) const override { return disk_.exists(path); }
  FileStatus status(const std::filesystem::path& path) const override { return disk_.status(path); }
  std::vector<std::string> list(const std::filesystem::path& directory) const override {
    return disk_.list(directory);
  }
  void create_directories(const std::filesystem::path& directory) override {
    disk_.create_directories(directory);
  }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (is_closed_ && to.extension() == ".ckpt") {
      is_waiting_ = true;
      is_open_.wait(false);
    }
    disk_.rename(from, to);
  }
  void remove(const std::filesystem::path& path) override { disk_.remove(path); }
  void sync_directory(const std::filesystem::path& directory) override {
    disk_.sync_directory(directory);
  }
  uint64_t free_bytes(const std::filesystem::path& path) const override {
    return disk_.free_bytes(path);
  }

  // From here on a base waits before it gets its name.
  void close() { is_closed_ = true; }
  bool is_waiting() const { return is_waiting_; }
  void let_go() {
    is_open_ = true;
    is_open_.notify_all();
  }

 private:
  FileSystem& disk_ = posix_file_system();
  std::atomic<bool> is_closed_ = false, is_waiting_ = false, is_open_ = false;
};

// When it ends nothing is committed any more that would have the background look.
TEST_F(MaintenanceTest, MemoryThatFillsDuringACheckpointIsMovedByTheNext) {
  options_.tail_limit_bytes = 2 << 20;
  GatedFiles files;
  open(files);
  files.close();
  auto table = create_table(*store_, "T");
  int64_t next = 0;
  bool is_refused = false;
  while (!is_refused && next < 10'000'000) {
    try {
      append(*table, next, 1000);
      next += 1000;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kThrottled);
      is_refused = files.is_waiting();
    }
  }
  EXPECT_TRUE(is_refused);
  files.let_go();
  append_at_last(*table, next, 1000);
  EXPECT_EQ(all_ids(*store_, table->id).size(), static_cast<size_t>(next + 1000));
  store_ = nullptr;
}

// The share of the disk: the largest tails become extents, and appends are refused until there is room.
TEST_F(MaintenanceTest, TheLogAndTheRowFilesKeepToTheirShareOfTheDisk) {
  options_.row_store_disk_limit_bytes = 4 << 20;
  open();
  std::vector<std::shared_ptr<const catalog::Table>> tables;
  for (int i = 0; i < 5; ++i) tables.push_back(create_table(*store_, fmt::format("T{}", i)));
  int64_t next = 0;
  for (int i = 0; i < 200; ++i) {
    append_at_last(*tables[static_cast<size_t>(i) % tables.size()],
                   std::exchange(next, next + 1000), 1000);
    // One transaction may pass the limit; a merge or an old file may stand beside its successor for a while.
    StoreStatistics now = store_->statistics();
    EXPECT_LT(now.log_bytes, (4u << 20) + (1 << 20));
  }
  EXPECT_EQ(store_->statistics().row_store_disk_limit_bytes, 4u << 20);
  EXPECT_GT(store_->statistics().extent_count, 0u);
  EXPECT_LT(store_->statistics().extent_count, 100u);
  size_t rows = 0;
  for (const auto& table : tables) rows += all_rows(*store_, table->id).size();
  EXPECT_EQ(rows, static_cast<size_t>(next));
}

TEST_F(MaintenanceTest, AFullDiskRefusesWritesAndServiceResumesByItself) {
  open(files_);
  auto table = create_table(*store_, "T");
  append(*table, 0, 1000);
  store_->checkpoint();
  append(*table, 1000, 1000);
  std::atomic<bool> is_full = true;
  auto hook =
      files_.set_hook([&](FaultFileSystem::Operation operation, const std::filesystem::path&) {
        bool needs_space = operation == FaultFileSystem::Operation::kCreate ||
                           operation == FaultFileSystem::Operation::kWrite;
        return is_full && needs_space ? ENOSPC : 0;
      });
  int64_t next = 2000;
  for (int i = 0; i < 5; ++i) {
    try {
      append(*table, next, 10);
      FAIL() << "there was space";
    } catch (const Error& error) {
      EXPECT_FALSE(error.is_permanent());
      EXPECT_NE(error.message().find("No space left"), std::string::npos) << error.message();
    }
    try {
      store_->checkpoint();
    } catch (const IoError& error) {
      EXPECT_TRUE(error.is_disk_full());
    }
    EXPECT_EQ(all_ids(*store_, table->id).size(), 2000u);
  }
  is_full = false;
  wait_until([&] {
    try {
      append(*table, next, 10);
      return true;
    } catch (const Error&) {
      return false;
    }
  });
  store_->checkpoint();
  EXPECT_EQ(all_ids(*store_, table->id).size(), 2010u);
  hook.remove();
  open(files_);
  EXPECT_EQ(all_ids(*store_, table->id).size(), 2010u);
}

TEST_F(MaintenanceTest, ACheckpointThatCannotBeWrittenHarmsNothing) {
  open(files_);
  auto table = create_table(*store_, "T");
  append(*table, 0, 5000);
  for (int failing = 1; failing < 100; ++failing) {
    int countdown = failing;
    auto hook = files_.set_hook([&](FaultFileSystem::Operation, const std::filesystem::path& path) {
      bool is_checkpoint = path.string().find("checkpoint") != std::string::npos;
      return is_checkpoint && --countdown == 0 ? ENOSPC : 0;
    });
    uint64_t before = store_->statistics().checkpoints;
    append(*table, 4000 + 1000 * failing, 1000);
    bool has_failed = false;
    try {
      store_->checkpoint();
    } catch (const IoError& error) {
      has_failed = true;
      EXPECT_TRUE(error.is_disk_full());
    }
    hook.remove();
    size_t rows = all_ids(*store_, table->id).size();
    EXPECT_EQ(rows, static_cast<size_t>(5000 + 1000 * failing));
    open(files_);
    EXPECT_EQ(all_ids(*store_, table->id).size(), rows);
    if (!has_failed) {
      EXPECT_EQ(before, 0u);
      EXPECT_GT(failing, 4);
      return;
    }
  }
  FAIL() << "no checkpoint was ever written";
}

TEST_F(MaintenanceTest, ADamagedCheckpointIsRefusedAtEveryByte) {
  open();
  auto table = create_table(*store_, "T");
  append(*table, 0, 20);
  store_->seal({});
  append(*table, 20, 30);
  store_->checkpoint();
  append(*table, 50, 5);
  store_ = nullptr;
  std::filesystem::path path = only_checkpoint();
  std::ifstream in(path, std::ios::binary);
  std::string whole((std::istreambuf_iterator<char>(in)), {});
  auto write = [&](const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  };
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 0x20;
    write(damaged);
    try {
      open();
      // Only padding may be anything.
      EXPECT_EQ(whole[at], '\0') << at;
      EXPECT_EQ(all_ids(*store_, table->id).size(), 55u);
    } catch (const Error& error) {
      ASSERT_NE(error.message().find(path.string()), std::string::npos) << error.message();
    }
    store_ = nullptr;
    if (at > 500 && at + 500 < whole.size()) at += 12;
  }
  for (size_t size = 0; size < whole.size(); size += 7) {
    write(whole.substr(0, size));
    EXPECT_NE(refusal().find(path.string()), std::string::npos);
  }
  write(whole);
  open();
  EXPECT_EQ(all_ids(*store_, table->id).size(), 55u);
}

TEST_F(MaintenanceTest, AMissingExtentFailsWhoReadsItAndNotTheStart) {
  open();
  auto table = create_table(*store_, "T"), other = create_table(*store_, "Other");
  append(*table, 0, 20);
  append(*other, 0, 5);
  store_->seal({});
  std::filesystem::path path =
      store_->snapshot({&table->id, 1})->table(table->id)->extents()[0]->local_copy()->string();
  store_ = nullptr;
  std::filesystem::rename(path, directory_.path() / "aside");
  open();
  auto extent = store_->snapshot({&table->id, 1})->table(table->id)->extents()[0];
  try {
    extent->verify();
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(path.string() + " is missing"), std::string::npos);
  }
  EXPECT_EQ(all_ids(*store_, other->id).size(), 5u);
  append(*table, 20, 5);
  store_->checkpoint();
  std::filesystem::rename(directory_.path() / "aside", path);
  EXPECT_NO_THROW(extent->verify());
  EXPECT_EQ(all_ids(*store_, table->id).size(), 25u);
}

TEST_F(MaintenanceTest, FilesOfADroppedTableGo) {
  open();
  auto table = create_table(*store_, "T");
  append(*table, 0, 20);
  store_->seal({});
  append(*table, 20, 20);
  auto snapshot = store_->snapshot({&table->id, 1});
  std::filesystem::path path = snapshot->table(table->id)->extents()[0]->local_copy()->string();
  drop_table(*store_, table->id);
  EXPECT_EQ(store_->statistics().tail_bytes, 0u);
  EXPECT_EQ(store_->statistics().extent_count, 0u);
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(tail_rows(*snapshot->table(table->id)).size(), 20u);
  snapshot = nullptr;
  wait_until([&] { return !std::filesystem::exists(path); });
}

TEST_F(MaintenanceTest, AnotherDirectoryOrANewerOneIsRefused) {
  std::filesystem::create_directories(options_.directory);
  std::ofstream(options_.directory / "holiday.jpg") << "a picture";
  EXPECT_NE(refusal().find("holiday.jpg"), std::string::npos);
  std::filesystem::remove(options_.directory / "holiday.jpg");
  open();
  store_ = nullptr;
  std::ofstream(options_.directory / "VERSION") << "4\n";
  EXPECT_NE(refusal().find("newer Rivulet"), std::string::npos);
  std::ofstream(options_.directory / "VERSION") << "2\n";
  open();
  store_ = nullptr;
  std::string version;
  std::ifstream(options_.directory / "VERSION") >> version;
  EXPECT_EQ(version, "3");
}

// A transaction far larger than a log segment, and than the buffers on the way.
TEST_F(MaintenanceTest, ATransactionOfManySegments) {
  options_.seal_rows = 100'000'000;
  open();
  auto table = create_table(*store_, "T");
  append(*table, 0, 10);
  append(*table, 10, 200'000);
  append(*table, 200'010, 10);
  open();
  EXPECT_EQ(store_->statistics().tail_rows, 200'020u);
  store_->checkpoint();
  append(*table, 200'020, 10);
  EXPECT_LT(store_->statistics().log_bytes, 1u << 20);
  open();
  EXPECT_EQ(all_ids(*store_, table->id).size(), 200'030u);
}

}  // namespace
}  // namespace rivulet::store
