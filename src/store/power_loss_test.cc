// What the store promises about crashes (P1, P2, P4), proved by losing what was not synced at every moment, and
// about failing disks (P5), by failing every single operation.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

// Ids in each table, by name.
using Contents = std::map<std::string, std::vector<int64_t>>;

// What the store holds after a transaction.
struct Model {
  Contents tables;
  // The data connection "hub" and what it has stored: partition 0 is at the number of the transaction.
  Guid connection;
  std::map<int32_t, int64_t> offsets;
};

// Runs random transactions against a store, each of which also adds its number to the table "Marker" and moves
// offsets; so what a copy of the store should hold is told by the newest number in it.
class Workload {
 public:
  explicit Workload(uint64_t seed) : random_(seed) {}

  // Numbers of transactions: given to the store; acknowledged.
  int64_t submitted() const { return submitted_; }
  int64_t acknowledged() const { return acknowledged_; }

  void start(Store& store) {
    create_table(store, "Marker");
    current_.connection = new_guid();
    Transaction connect;
    connect.alter = put_connection("hub", current_.connection);
    store.commit(std::move(connect));
    step(store, 0);
    for (int i = 0; i < 3; ++i) step(store, 50);
  }

  // One random step. Whether it was acknowledged.
  bool step(Store& store) { return step(store, random_() % 100); }

  // Checks that a store holds all acknowledged transactions, and others only in whole and in order.
  void check(const Store& store, int64_t acknowledged, int64_t submitted) const {
    auto catalog = store.catalog();
    auto database = catalog->find_database("NetDefaultDB");
    ASSERT_NE(database, nullptr);
    auto marker = database->find_table("Marker");
    if (!marker) {
      ASSERT_EQ(acknowledged, 0);
      return;
    }
    std::vector<int64_t> numbers = all_ids(store, marker->id);
    int64_t newest = numbers.empty() ? 0 : numbers.back();
    ASSERT_GE(newest, acknowledged);
    ASSERT_LE(newest, submitted);
    Model expected;
    Contents found;
    std::vector<int64_t> expected_numbers;
    {
      std::lock_guard lock(mutex_);
      if (newest > 0) expected = states_.at(newest);
      for (const auto& [number, state] : states_) {
        if (number <= newest && !refused_.contains(number)) expected_numbers.push_back(number);
      }
    }
    EXPECT_EQ(numbers, expected_numbers);
    for (const auto& table : database->tables()) {
      if (table->name != "Marker") found[table->name] = all_ids(store, table->id);
    }
    EXPECT_EQ(found, expected.tables) << "after transaction " << newest;
    if (newest == 0) return;
    // The offsets are there exactly if the rows are.
    const auto& connections = database->data_connections();
    ASSERT_TRUE(connections.contains("hub"));
    EXPECT_EQ(connections.at("hub").id, expected.connection);
    EXPECT_EQ(stored_offsets(store, expected.connection), expected.offsets);
  }

 private:
  bool step(Store& store, uint64_t kind) {
    Transaction transaction;
    Model model = current_;
    Contents& next = model.tables;
    auto catalog = store.catalog();
    auto database = catalog->find_database("NetDefaultDB");
    auto append = [&](const catalog::Table& table, size_t count) {
      transaction.appends.push_back(make_rows(table, next_id_, count));
      for (size_t i = 0; i < count; ++i) next[table.name].push_back(next_id_++);
    };
    auto any_table = [&]() -> std::shared_ptr<const catalog::Table> {
      const Contents& tables = current_.tables;
      if (tables.empty()) return nullptr;
      auto entry = std::next(tables.begin(), static_cast<ptrdiff_t>(random_() % tables.size()));
      return database->find_table(entry->first);
    };
    auto table = any_table();
    if (kind >= 94 && table) {
      if (kind < 96) {
        store.seal({&table->id, 1});
      } else if (kind < 97) {
        store.upkeep();
      } else {
        store.checkpoint();
      }
      return true;
    }
    if (kind >= 50 && (kind < 60 || !table)) {
      // A new table and its first rows, in one transaction.
      catalog::Table made;
      made.id = catalog->next_table_id();
      made.database_id = database->id;
      made.name = fmt::format("T{}", next_table_++);
      made.columns = {{1, "id", ScalarType::kLong, ""}, {2, "text", ScalarType::kString, ""}};
      made.next_column_id = 3;
      next[made.name] = {};
      append(made, random_() % 20);
      transaction.alter = [made](const catalog::Catalog&) -> std::vector<catalog::Change> {
        return {catalog::PutTable{made}};
      };
    } else if (kind >= 88 && table) {
      next.erase(table->name);
      transaction.alter = [id =
                               table->id](const catalog::Catalog&) -> std::vector<catalog::Change> {
        return {catalog::DropTable{id}};
      };
    } else if (kind >= 82 && table) {
      transaction.clear.push_back(table->id);
      next[table->name].clear();
      append(*table, random_() % 10);
    } else if (kind >= 78 && table) {
      // Straight into an extent, and one that was there goes.
      auto extents = store.snapshot({&table->id, 1})->table(table->id)->extents();
      Replace& replace = transaction.replace.emplace_back();
      replace.table = table->id;
      size_t count = 1 + random_() % 30;
      replace.added = store.write_extents(*table, make_rows(*table, next_id_, count));
      for (size_t i = 0; i < count; ++i) next[table->name].push_back(next_id_++);
      if (kind >= 80 && !extents.empty()) {
        const ExtentView& extent = *extents[random_() % extents.size()];
        replace.removed.push_back(extent.id);
        for (const Row& row : extent_rows(*table, extent)) {
          std::erase(next[table->name], row.id);
        }
      }
    } else if (table) {
      for (uint64_t i = 0; i < 1 + random_() % 3; ++i) {
        append(*any_table(), kind == 0 ? 3000 : 1 + random_() % 40);
      }
    }
    int64_t number = ++submitted_;
    transaction.appends.push_back(make_rows(*database->find_table("Marker"), number, 1));
    if (!transaction.alter && random_() % 16 == 0) {
      // Another connection of the name: the offsets begin anew.
      model.connection = new_guid();
      model.offsets.clear();
      transaction.alter = put_connection("hub", model.connection);
    }
    auto move = [&](int32_t partition) {
      auto found = model.offsets.find(partition);
      int64_t expected = found == model.offsets.end() ? -1 : found->second;
      transaction.progress.push_back({model.connection, "topic", partition, expected, number});
      model.offsets[partition] = number;
    };
    move(0);
    for (int32_t partition = 1; partition < 4; ++partition) {
      if (random_() % 4 == 0) move(partition);
    }
    bool is_late = random_() % 16 == 0;
    if (is_late) transaction.progress.back().expected = number + 1;
    {
      std::lock_guard lock(mutex_);
      states_[number] = model;
      if (is_late) refused_.insert(number);
    }
    if (is_late) {
      try {
        store.commit(std::move(transaction));
        ADD_FAILURE() << "an offset that was not there was taken for granted";
      } catch (const ProgressOutdated&) {
      } catch (const ReplaceOutdated&) {
      }
      return true;
    }
    try {
      store.commit(std::move(transaction));
    } catch (const ReplaceOutdated&) {
      // A merge was first.
      std::lock_guard lock(mutex_);
      refused_.insert(number);
      return false;
    } catch (const Error& error) {
      EXPECT_FALSE(error.is_permanent()) << error.message();
      std::lock_guard lock(mutex_);
      refused_.insert(number);
      return false;
    }
    current_ = std::move(model);
    acknowledged_ = number;
    return true;
  }

  std::mt19937_64 random_;
  int64_t next_id_ = 0;
  int next_table_ = 0;
  std::atomic<int64_t> submitted_ = 0, acknowledged_ = 0;
  Model current_;
  mutable std::mutex mutex_;
  std::map<int64_t, Model> states_;  // guarded by mutex_: after each transaction
  std::set<int64_t> refused_;        // guarded by mutex_
};

StoreOptions crash_options(const std::filesystem::path& directory) {
  StoreOptions options = small_options(directory);
  options.log_segment_bytes = 16 << 10;
  options.log_limit_bytes = 64 << 10;
  options.seal_rows = 2500;
  return options;
}

class PowerLossTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  PowerLossTest() { spdlog::set_level(spdlog::level::off); }
  ~PowerLossTest() override { spdlog::set_level(spdlog::level::info); }

  TestClock clock_;
};

TEST_P(PowerLossTest, NothingAcknowledgedIsLostAndNothingIsHalf) {
  using Unsynced = FaultFileSystem::Unsynced;
  TemporaryDirectory directory;
  FaultFileSystem files(directory.path());
  Workload workload(GetParam());
  std::atomic<uint64_t> images = 0;
  auto hook = files.set_hook([&](FaultFileSystem::Operation, const auto&) {
    if (workload.acknowledged() == 0) return 0;
    TemporaryDirectory image;
    uint64_t number = ++images;
    auto unsynced = static_cast<Unsynced>(number % 3);
    int64_t acknowledged = workload.acknowledged();
    files.copy_survivors(image.path(), unsynced, number);
    int64_t submitted = workload.submitted();
    try {
      auto store = Store::open(crash_options(image.path()), posix_file_system(), clock_);
      workload.check(*store, acknowledged, submitted);
      // It takes rows again, and keeps them.
      auto marker = store->catalog()->find_database("NetDefaultDB")->find_table("Marker");
      if (!marker) throw std::runtime_error("the first table is lost");
      store->commit(one_append(make_rows(*marker, 1'000'000, 1)));
      std::vector<Row> rows = all_rows(*store, marker->id);
      store = nullptr;
      store = Store::open(crash_options(image.path()), posix_file_system(), clock_);
      EXPECT_EQ(all_rows(*store, marker->id), rows);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "image " << number << ": " << error.what();
    }
    return 0;
  });
  auto store = Store::open(crash_options(directory.path()), files, clock_);
  workload.start(*store);
  for (int i = 0; i < 80 && !HasFailure(); ++i) workload.step(*store);
  workload.check(*store, workload.acknowledged(), workload.acknowledged());
  EXPECT_GT(images.load(), 150u);
  store = nullptr;
}

INSTANTIATE_TEST_SUITE_P(Seeds, PowerLossTest, ::testing::Range<uint64_t>(0, seed_count()));

// Fails one operation after the other, with a broken and with a full disk: what was acknowledged stays, what
// was refused is not there, and the store goes on by itself.
class DiskFaultTest : public PowerLossTest {};

TEST_P(DiskFaultTest, AFailingOperationRefusesAndHarmsNothing) {
  for (int error_number : {EIO, ENOSPC}) {
    TemporaryDirectory directory;
    FaultFileSystem files(directory.path());
    Workload workload(GetParam());
    auto store = Store::open(crash_options(directory.path()), files, clock_);
    workload.start(*store);
    std::atomic<int> countdown = 0;
    auto hook = files.set_hook([&](FaultFileSystem::Operation, const auto&) {
      return countdown > 0 && --countdown == 0 ? error_number : 0;
    });
    std::mt19937_64 random(GetParam());
    for (int i = 0; i < 150; ++i) {
      countdown = static_cast<int>(1 + random() % 12);
      try {
        if (!workload.step(*store)) {
          // Retried soon, it succeeds: the fault was one only.
          countdown = 0;
          // Until one is stored: what the refused one left in the log goes with that, and a step may also do
          // something else.
          bool is_back = false;
          int64_t before = workload.acknowledged();
          for (int retry = 0; retry < 100 && !is_back; ++retry) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            workload.step(*store);
            is_back = workload.acknowledged() > before;
          }
          ASSERT_TRUE(is_back);
        }
      } catch (const IoError&) {
        // A seal or a checkpoint failed: nothing else is the worse for it.
      } catch (const Error&) {
      }
      countdown = 0;
      ASSERT_NO_FATAL_FAILURE(
          workload.check(*store, workload.acknowledged(), workload.acknowledged()));
    }
    hook.remove();
    store = nullptr;
    store = Store::open(crash_options(directory.path()), posix_file_system(), clock_);
    workload.check(*store, workload.acknowledged(), workload.acknowledged());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DiskFaultTest, ::testing::Range<uint64_t>(0, seed_count()));

}  // namespace
}  // namespace rivulet::store
