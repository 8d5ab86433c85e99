// What fails in the background for one table, one file or a while holds up nothing else, and is done later by itself.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <random>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;
using Operation = FaultFileSystem::Operation;

bool is_in(const std::filesystem::path& path, std::string_view folder) {
  return path.string().find(fmt::format("/{}", folder)) != std::string::npos;
}

class BackgroundFaultTest : public ::testing::Test {
 protected:
  BackgroundFaultTest() : files_(directory_.path()) {
    spdlog::set_level(spdlog::level::off);
    options_ = small_options(directory_.path() / "data");
    options_.log_limit_bytes = 200'000;
    // By the clock of this test a tail that waits for its age keeps a processor busy.
    options_.seal_min_rows = UINT64_MAX;
  }
  ~BackgroundFaultTest() override {
    store_ = nullptr;
    spdlog::set_level(spdlog::level::info);
  }

  void open() {
    store_ = nullptr;
    store_ = Store::open(options_, files_, clock_);
  }
  void append(const catalog::Table& table, int64_t first, size_t count) {
    store_->commit(one_append(make_rows(table, first, count)));
  }
  // As a client does that is told to try again.
  void append_at_last(const catalog::Table& table, int64_t first, size_t count) {
    wait_until([&] {
      try {
        append(table, first, count);
        return true;
      } catch (const Error& error) {
        EXPECT_FALSE(error.is_permanent()) << error.message();
        return false;
      }
    });
  }
  // Feeds the table until something has come of it.
  void feed_until(const catalog::Table& table, const std::function<bool()>& condition) {
    wait_until([&] {
      append(table, fed_, 100);
      fed_ += 100;
      return condition();
    });
  }
  size_t extent_count(const catalog::Table& table) const {
    return store_->snapshot({&table.id, 1})->table(table.id)->extents().size();
  }
  uint64_t checkpoints() const { return store_->statistics().checkpoints; }
  // Fails what writes below a folder of the store, with this number, from now on.
  FaultFileSystem::HookScope fail(std::string_view folder, std::atomic<int>& error_number) {
    return files_.set_hook([&error_number, folder](Operation, const std::filesystem::path& path) {
      return is_in(path, folder) ? error_number.load() : 0;
    });
  }

  TemporaryDirectory directory_;
  FaultFileSystem files_;
  FastClock clock_;
  SteppedClock stepped_clock_{SteppedClock::kLate};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  int64_t fed_ = 0;
};

TEST_F(BackgroundFaultTest,
       ADamagedRunHoldsUpNeitherOtherTablesNorTheLogNorTheOtherRowsOfItsTable) {
  options_.seal_rows = 1000;
  open();
  auto damaged = create_table(*store_, "Damaged"), fed = create_table(*store_, "Fed");
  append(*damaged, 0, 100);
  store_->checkpoint();
  std::set<std::filesystem::path> before_it = files_of(options_.directory / "rows");
  append(*damaged, 100, 300);
  store_->checkpoint();
  std::set<std::filesystem::path> with_it = files_of(options_.directory / "rows");
  append(*damaged, 400, 100);
  store_->checkpoint();
  auto runs = store_->snapshot({&damaged->id, 1})->table(damaged->id)->runs();
  ASSERT_EQ(runs.size(), 3u);
  std::erase_if(with_it, [&](const auto& path) { return before_it.contains(path); });
  ASSERT_EQ(with_it.size(), 1u);
  std::filesystem::path path = *with_it.begin();
  damage(path, 2000);
  append(*damaged, 500, 600);

  uint64_t before = checkpoints();
  feed_until(*fed, [&] { return checkpoints() > before + 5 && extent_count(*fed) >= 2; });
  EXPECT_EQ(all_ids(*store_, fed->id).size(), static_cast<size_t>(fed_));
  wait_until([&] { return store_->statistics().log_bytes < 2'000'000; });
  // What could be read was sealed, before and behind it.
  wait_until([&] { return extent_count(*damaged) == 2; });
  auto rows_of = [&] {
    auto snapshot = store_->snapshot({&damaged->id, 1});
    auto table = snapshot->table(damaged->id);
    uint64_t tail = 0, sealed = 0;
    for (const auto& run : table->runs()) tail += run->row_count();
    for (const auto& chunk : table->chunks()) tail += chunk.row_count;
    for (const auto& extent : table->extents()) sealed += extent->row_count;
    return std::pair(tail, sealed);
  };
  EXPECT_EQ(rows_of(), std::pair(uint64_t{300}, uint64_t{800}));
  EXPECT_THROW(all_rows(*store_, damaged->id), Error);
  // It is said, until the rows are given up.
  std::vector<FailedWork> failed = store_->failed_work();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].work, "Sealing table 'Damaged' of database 'NetDefaultDB'");
  EXPECT_NE(failed[0].error.find(path.string()), std::string::npos) << failed[0].error;
  open();
  EXPECT_EQ(rows_of(), std::pair(uint64_t{300}, uint64_t{800}));
  EXPECT_EQ(all_ids(*store_, fed->id).size(), static_cast<size_t>(fed_));
  EXPECT_THROW(store_->seal({}), std::exception);
  EXPECT_EQ(store_->statistics().failed_work, 1u);
  Transaction clear;
  clear.clear = {damaged->id};
  store_->commit(std::move(clear));
  append(*damaged, 0, 1);
  append(*damaged, 1, 1000);
  wait_until([&] { return store_->statistics().failed_work == 0; });
  EXPECT_EQ(all_ids(*store_, damaged->id).size(), 1001u);
}

TEST_F(BackgroundFaultTest, ASealThatFailsHoldsNoCheckpointUpAndIsMadeLater) {
  options_.seal_rows = 1000;
  open();
  auto table = create_table(*store_, "T");
  std::atomic<int> error_number = ENOSPC;
  auto hook = fail("extents", error_number);
  append(*table, 0, 1000);
  fed_ = 1000;
  for (int number : {ENOSPC, EIO}) {
    error_number = number;
    uint64_t before = checkpoints();
    feed_until(*table, [&] { return checkpoints() >= before + 2; });
  }
  EXPECT_EQ(extent_count(*table), 0u);
  EXPECT_EQ(store_->statistics().failed_work, 1u);
  EXPECT_GT(store_->statistics().work_failures, 2u);
  error_number = 0;
  wait_until([&] { return extent_count(*table) > 0; });
  wait_until([&] { return store_->statistics().failed_work == 0; });
  EXPECT_EQ(all_ids(*store_, table->id).size(), static_cast<size_t>(fed_));
}

TEST_F(BackgroundFaultTest, AfterAFullDiskEverythingGoesOnByItself) {
  options_.seal_rows = 1000;
  open();
  auto table = create_table(*store_, "T");
  std::atomic<bool> is_full = true;
  auto hook = files_.set_hook([&](Operation operation, const std::filesystem::path& path) {
    bool needs_space = operation == Operation::kCreate || operation == Operation::kWrite;
    // Segments of the log that are there already take what fits in them.
    bool is_there = path.extension() == ".log" && operation == Operation::kWrite;
    return is_full && needs_space && !is_there ? ENOSPC : 0;
  });
  bool is_refused = false;
  while (!is_refused) {
    try {
      append(*table, fed_, 100);
      fed_ += 100;
      ASSERT_LT(fed_, 10'000'000);
    } catch (const Error& error) {
      EXPECT_FALSE(error.is_permanent());
      is_refused = true;
    }
  }
  EXPECT_EQ(all_ids(*store_, table->id).size(), static_cast<size_t>(fed_));
  is_full = false;
  append_at_last(*table, fed_, 100);
  fed_ += 100;
  uint64_t before = checkpoints();
  feed_until(*table, [&] { return checkpoints() > before && extent_count(*table) > 0; });
  wait_until([&] { return store_->statistics().failed_work == 0; });
  EXPECT_EQ(all_ids(*store_, table->id).size(), static_cast<size_t>(fed_));
}

// The base is valid without it: the log must be cut.
TEST_F(BackgroundFaultTest, AnOldBaseThatCannotBeRemovedHoldsNoCheckpointUp) {
  open();
  auto table = create_table(*store_, "T");
  auto hook = files_.set_hook([](Operation operation, const std::filesystem::path& path) {
    return operation == Operation::kRemove && path.extension() == ".ckpt" ? EIO : 0;
  });
  feed_until(*table, [&] { return checkpoints() >= 4; });
  EXPECT_EQ(store_->statistics().failed_work, 0u);
  wait_until([&] { return store_->statistics().log_bytes < 1'000'000; });
  hook.remove();
  open();
  EXPECT_EQ(all_ids(*store_, table->id).size(), static_cast<size_t>(fed_));
}

TEST_F(BackgroundFaultTest, AFileThatCouldNotBeRemovedIsRemovedLater) {
  open();
  auto table = create_table(*store_, "T");
  append(*table, 0, 100);
  store_->seal({});
  append(*table, 100, 100);
  store_->checkpoint();
  std::atomic<int> error_number = EIO;
  auto hook = files_.set_hook([&](Operation operation, const std::filesystem::path& path) {
    bool is_data = path.extension() == ".rows" || path.extension() == ".parquet";
    return operation == Operation::kRemove && is_data ? error_number.load() : 0;
  });
  auto files = [&] {
    size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.directory)) {
      auto extension = entry.path().extension();
      count += extension == ".rows" || extension == ".parquet" ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(files(), 2u);
  drop_table(*store_, table->id);
  store_->checkpoint();
  wait_until([&] { return store_->statistics().failed_work == 1; });
  EXPECT_EQ(files(), 2u);
  error_number = 0;
  wait_until([&] { return files() == 0; });
  wait_until([&] { return store_->statistics().failed_work == 0; });
}

TEST_F(BackgroundFaultTest, AMergeOfRowFilesThatFailsHoldsNoCheckpointUp) {
  open();
  auto table = create_table(*store_, "T");
  std::atomic<bool> fails = true;
  for (int64_t i = 0; i < 7; ++i) {
    append(*table, 10 * i, 10);
    store_->checkpoint();
  }
  // The spill of the checkpoint is the first file that is made, the merge's the second.
  std::atomic<int> created = 0;
  auto hook = files_.set_hook([&](Operation operation, const std::filesystem::path& path) {
    bool is_new = operation == Operation::kCreate && is_in(path, "rows");
    return is_new && ++created > 1 && fails ? ENOSPC : 0;
  });
  append(*table, 70, 10);
  uint64_t before = checkpoints();
  store_->checkpoint();
  EXPECT_EQ(checkpoints(), before + 1);
  EXPECT_EQ(store_->statistics().row_file_merges, 0u);
  ASSERT_EQ(store_->failed_work().size(), 1u);
  EXPECT_EQ(store_->failed_work()[0].work, "Merging row files");
  fails = false;
  wait_until([&] {
    store_->checkpoint();
    return store_->statistics().row_file_merges == 1;
  });
  EXPECT_EQ(store_->statistics().failed_work, 0u);
  EXPECT_EQ(all_ids(*store_, table->id).size(), 80u);
}

// An old entry in the queue of those that wait for their age.
TEST_F(BackgroundFaultTest, ATailThatIsFreshAgainIsNotSealedForTheAgeOfTheOldOne) {
  options_.seal_rows = 1000;
  options_.seal_min_rows = 100;
  options_.seal_age = kTicksPerHour;
  SteppedClock& clock = stepped_clock_;
  store_ = Store::open(options_, files_, clock);
  auto sealed = create_table(*store_, "Sealed"), marker = create_table(*store_, "Marker");
  append(*sealed, 0, 100);  // waits for its age
  clock.pass(std::chrono::minutes(1));
  append(*marker, 0, 100);
  append(*sealed, 100, 900);  // is sealed for its size
  wait_until([&] { return extent_count(*sealed) == 1; });
  append(*sealed, 1000, 3);
  clock.pass(std::chrono::hours(1));
  append(*marker, 100, 1);
  // The clock goes on only when it is told to, so the thread looks again when something comes.
  auto poke = create_table(*store_, "Poke");
  int64_t poked = 0;
  wait_until([&] {
    append(*poke, poked, 1000);
    poked += 1000;
    return extent_count(*marker) == 1;
  });
  // Its turn came before the marker's.
  EXPECT_EQ(extent_count(*sealed), 1u);
  EXPECT_EQ(all_ids(*store_, sealed->id).size(), 1003u);
  // The age of its own rows counts when there are enough.
  append(*sealed, 1003, 97);
  clock.pass(std::chrono::hours(2));
  wait_until([&] {
    append(*poke, poked, 1000);
    poked += 1000;
    return extent_count(*sealed) == 2;
  });
  store_ = nullptr;
}

class RowStoreLimitTest : public BackgroundFaultTest {
 protected:
  static constexpr int kTables = 60;

  std::vector<std::shared_ptr<const catalog::Table>> make_tables() {
    std::vector<std::shared_ptr<const catalog::Table>> tables;
    for (int i = 0; i < kTables; ++i)
      tables.push_back(create_table(*store_, fmt::format("T{}", i)));
    return tables;
  }
  uint64_t usage() const {
    StoreStatistics now = store_->statistics();
    return now.log_bytes + now.row_file_bytes;
  }
  void expect_rows(const std::vector<std::shared_ptr<const catalog::Table>>& tables,
                   int64_t count) {
    size_t rows = 0;
    for (const auto& table : tables) rows += all_rows(*store_, table->id).size();
    EXPECT_EQ(rows, static_cast<size_t>(count));
  }
};

TEST_F(RowStoreLimitTest, ManySmallTailsAreSealedWhenNothingElseMakesRoom) {
  options_.row_store_disk_limit_bytes = 3 << 20;
  open();
  auto tables = make_tables();
  // Each tail stays far below what is worth an extent; together they are twice the limit.
  int64_t next = 0;
  for (int round = 0; round < 7; ++round) {
    for (const auto& table : tables) {
      append_at_last(*table, next, 200);
      next += 200;
    }
  }
  EXPECT_GT(store_->statistics().seals, 0u);
  wait_until([&] { return usage() <= options_.row_store_disk_limit_bytes; });
  expect_rows(tables, next);
}

// A start with a row store that takes more than it may: nothing is logged that would have the background look.
TEST_F(RowStoreLimitTest, ARowStoreThatIsFullAtTheStartMakesRoomByItself) {
  options_.row_store_disk_limit_bytes = 1 << 30;
  options_.log_limit_bytes = 1 << 30;
  open();
  auto tables = make_tables();
  int64_t next = 0;
  for (int round = 0; round < 5; ++round) {
    for (const auto& table : tables) append(*table, std::exchange(next, next + 200), 200);
    store_->checkpoint();
  }
  EXPECT_GT(usage(), 2u << 20);
  options_.row_store_disk_limit_bytes = 1 << 20;
  open();
  append_at_last(*tables[0], next, 1);
  expect_rows(tables, next + 1);
}

// The seals that would make room fail for a while.
TEST_F(RowStoreLimitTest, AFullRowStoreMakesRoomWhenItsTailsCanBeSealedAgain) {
  options_.row_store_disk_limit_bytes = 2 << 20;
  open();
  auto tables = make_tables();
  std::atomic<int> error_number = ENOSPC;
  auto hook = fail("extents", error_number);
  int64_t next = 0;
  for (bool is_full = false; !is_full;) {
    try {
      append(*tables[static_cast<size_t>(next / 200) % kTables], next, 200);
      next += 200;
      ASSERT_LT(next, 10'000'000);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kThrottled);
      is_full = true;
    }
  }
  error_number = 0;
  append_at_last(*tables[0], next, 200);
  expect_rows(tables, next + 200);
}

// Its extents cannot be written, for whatever reason: the others need the room.
TEST_F(RowStoreLimitTest, ATableThatCannotBeSealedIsRefusedBeforeTheOthersAre) {
  options_.row_store_disk_limit_bytes = 2 << 20;
  options_.seal_bytes = 200'000;
  open();
  auto stuck = create_table(*store_, "Stuck");
  auto tables = make_tables();
  // Its files are told by their size: texts that cannot be compressed.
  std::mt19937_64 random(1);
  auto random_rows = [&] {
    auto batch = std::make_shared<ColumnBatch>(
        std::vector<ScalarType>{ScalarType::kLong, ScalarType::kString});
    for (int64_t id = 0; id < 100; ++id) {
      std::string text(400, ' ');
      for (char& c : text) c = static_cast<char>('!' + random() % 90);
      batch->column(0).append(id);
      batch->column(1).append_text(text);
    }
    return Append{stuck->id, {stuck->columns[0].id, stuck->columns[1].id}, batch};
  };
  std::atomic<bool> fails = true;
  auto hook = files_.set_hook([&](Operation operation, const std::filesystem::path& path) {
    bool is_extent = operation == Operation::kOpen && is_in(path, "extents");
    return fails && is_extent && std::filesystem::file_size(path) > 25'000 ? EIO : 0;
  });
  std::string refusal;
  int64_t stored = 0;
  wait_until([&] {
    try {
      store_->commit(one_append(random_rows()));
      stored += 100;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kThrottled);
      refusal = error.message();
    }
    return refusal.find("'Stuck'") != std::string::npos;
  });
  // The others take more than the limit together, and are never held up for good.
  int64_t next = 0;
  for (int round = 0; round < 6; ++round) {
    for (const auto& table : tables) append_at_last(*table, std::exchange(next, next + 200), 200);
  }
  expect_rows(tables, next);
  EXPECT_EQ(store_->failed_work().size(), 1u);
  fails = false;
  wait_until([&] {
    try {
      store_->commit(one_append(random_rows()));
      return true;
    } catch (const Error&) {
      return false;
    }
  });
  expect_rows({stuck}, stored + 100);
}

TEST_F(RowStoreLimitTest, TheDefaultIsTheSameAfterARestart) {
  constexpr uint64_t kFree = 64 << 20;
  options_.log_limit_bytes = 1 << 20;
  files_.set_free_bytes(kFree);
  open();
  uint64_t limit = store_->statistics().row_store_disk_limit_bytes;
  EXPECT_EQ(limit, kFree / 4);
  auto tables = make_tables();
  for (int64_t i = 0; i < kTables; ++i) append(*tables[static_cast<size_t>(i)], 1000 * i, 1000);
  store_->checkpoint();
  store_ = nullptr;
  uint64_t taken = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.directory)) {
    if (entry.is_regular_file()) taken += entry.file_size();
  }
  EXPECT_GT(taken, 4u << 20);
  files_.set_free_bytes(kFree - taken);
  open();
  // But for what is neither log nor row file.
  EXPECT_GT(store_->statistics().row_store_disk_limit_bytes, limit - limit / 100);
  EXPECT_LE(store_->statistics().row_store_disk_limit_bytes, limit);
}

}  // namespace
}  // namespace rivulet::store
