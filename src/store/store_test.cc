#include "store/store.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { reopen(); }

  void reopen() {
    store_ = nullptr;
    store_ = Store::open(small_options(directory_.path()), posix_file_system(), clock_);
  }
  void append(const catalog::Table& table, int64_t first, size_t count) {
    store_->commit(one_append(make_rows(table, first, count)));
  }
  void expect_ids(catalog::TableId table, int64_t count) {
    std::vector<Row> rows = all_rows(*store_, table);
    ASSERT_EQ(rows.size(), static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      const Row& row = rows[static_cast<size_t>(i)];
      ASSERT_EQ(row.id, i);
      ASSERT_EQ(row.text, text_of(i));
      ASSERT_GT(row.sequence, 0u);
      ASSERT_GT(row.time, 0);
    }
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ANewStoreHasADatabaseThatTakesStreams) {
  auto database = store_->catalog()->find_database("NetDefaultDB");
  ASSERT_NE(database, nullptr);
  EXPECT_EQ(database->policies.at("streamingingestion"), R"({"IsEnabled":true})");
  Guid guid = database->guid;
  reopen();
  EXPECT_EQ(store_->catalog()->find_database("NetDefaultDB")->guid, guid);
  EXPECT_EQ(store_->catalog()->databases().size(), 1u);
}

TEST_F(StoreTest, CommittedRowsAreVisibleAndSurviveReopening) {
  auto table = create_table(*store_, "T");
  int64_t next = 0;
  for (size_t count : {1, 1, 1, 2, 5, 60, 3000, 1}) {
    append(*table, next, count);
    next += static_cast<int64_t>(count);
    expect_ids(table->id, next);
  }
  std::vector<Row> before = all_rows(*store_, table->id);
  reopen();
  EXPECT_EQ(all_rows(*store_, table->id), before);
  append(*table, next, 10);
  expect_ids(table->id, next + 10);
  reopen();
  expect_ids(table->id, next + 10);
}

TEST_F(StoreTest, ASnapshotStaysAsItWas) {
  auto table = create_table(*store_, "T");
  append(*table, 0, 3);
  auto snapshot = store_->snapshot({&table->id, 1});
  for (int64_t i = 3; i < 5000; i += 7) append(*table, i, 7);
  EXPECT_EQ(tail_rows(*snapshot->table(table->id)).size(), 3u);
}

TEST_F(StoreTest, AppendToADroppedTableIsRefusedAloneInItsGroup) {
  auto kept = create_table(*store_, "Kept");
  auto dropped = create_table(*store_, "Dropped");
  append(*dropped, 0, 10);
  drop_table(*store_, dropped->id);
  EXPECT_THROW(append(*dropped, 0, 1), Error);
  append(*kept, 0, 1);
  expect_ids(kept->id, 1);
  EXPECT_EQ(store_->statistics().tail_rows, 1u);
  reopen();
  expect_ids(kept->id, 1);
  EXPECT_EQ(store_->statistics().tail_rows, 1u);
}

TEST_F(StoreTest, ASealMovesRowsFromTheTailToAnExtent) {
  auto table = create_table(*store_, "T");
  append(*table, 0, 5000);
  append(*table, 5000, 7);
  auto before_seal = store_->snapshot({&table->id, 1});
  std::vector<Row> rows = all_rows(*store_, table->id);
  store_->seal({});
  StoreStatistics statistics = store_->statistics();
  EXPECT_EQ(statistics.tail_rows, 0u);
  EXPECT_EQ(statistics.tail_bytes, 0u);
  EXPECT_EQ(statistics.extent_count, 1u);
  EXPECT_EQ(statistics.extent_rows, 5007u);
  EXPECT_EQ(all_rows(*store_, table->id), rows);
  EXPECT_EQ(tail_rows(*before_seal->table(table->id)).size(), 5007u);
  append(*table, 5007, 3);
  expect_ids(table->id, 5010);
  rows = all_rows(*store_, table->id);
  reopen();
  EXPECT_EQ(all_rows(*store_, table->id), rows);
  EXPECT_EQ(store_->statistics().extent_rows, 5007u);
  EXPECT_EQ(store_->statistics().tail_rows, 3u);
}

TEST_F(StoreTest, ACheckpointStandsForTheLogBeforeIt) {
  auto table = create_table(*store_, "T");
  auto other = create_table(*store_, "Other");
  append(*table, 0, 3000);
  store_->seal({});
  append(*table, 3000, 2500);
  append(*other, 0, 5);
  store_->checkpoint();
  append(*table, 5500, 10);
  std::vector<Row> rows = all_rows(*store_, table->id);
  for (int i = 0; i < 3; ++i) {
    reopen();
    EXPECT_EQ(all_rows(*store_, table->id), rows);
    expect_ids(other->id, 5);
    if (i == 1) store_->checkpoint();
  }
}

TEST_F(StoreTest, ClearAndAppendAreOneStep) {
  auto table = create_table(*store_, "T");
  append(*table, 100, 3000);
  store_->seal({});
  append(*table, 5000, 30);
  Transaction replace = one_append(make_rows(*table, 0, 20));
  replace.clear.push_back(table->id);
  auto path =
      store_->snapshot({&table->id, 1})->table(table->id)->extents()[0]->local_copy()->string();
  EXPECT_TRUE(std::filesystem::exists(path));
  store_->commit(std::move(replace));
  expect_ids(table->id, 20);
  reopen();
  expect_ids(table->id, 20);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(StoreTest, TheDirectoryIsLocked) {
  try {
    Store::open(small_options(directory_.path()), posix_file_system(), clock_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(std::to_string(::getpid())), std::string::npos);
  }
}

}  // namespace
}  // namespace rivulet::store
