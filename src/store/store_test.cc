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
