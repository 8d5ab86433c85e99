// Transactions that replace extents: what they make visible, when they come too late, and what becomes of files.

#include <gtest/gtest.h>

#include <algorithm>
#include <latch>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

class ReplaceTest : public ::testing::Test {
 protected:
  ReplaceTest() : files_(directory_.path()) {
    reopen();
    table_ = create_table(*store_, "T");
  }

  void reopen() {
    store_ = nullptr;
    store_ = Store::open(small_options(directory_.path()), files_, clock_);
  }
  std::vector<std::shared_ptr<const ExtentView>> extents() const {
    return store_->snapshot({&table_->id, 1})->table(table_->id)->extents();
  }
  std::vector<Guid> extent_ids() const {
    std::vector<Guid> ids;
    for (const auto& extent : extents()) ids.push_back(extent->id);
    return ids;
  }
  std::shared_ptr<ExtentView> write(int64_t first, size_t count) {
    return store_->write_extents(*table_, make_rows(*table_, first, count)).at(0);
  }
  Transaction replace(std::vector<Guid> removed, std::vector<std::shared_ptr<ExtentView>> added) {
    Transaction transaction;
    transaction.replace.push_back(
        {.table = table_->id, .removed = std::move(removed), .added = std::move(added)});
    return transaction;
  }
  void expect_ids(int64_t first, int64_t count) {
    std::vector<int64_t> expected;
    for (int64_t i = 0; i < count; ++i) expected.push_back(first + i);
    EXPECT_EQ(all_ids(*store_, table_->id), expected);
  }
  size_t files_on_disk() const {
    size_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.path() / "extents")) {
      count += entry.path().extension() == ".parquet" ? 1 : 0;
    }
    return count;
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  FaultFileSystem files_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const catalog::Table> table_;
};

TEST_F(ReplaceTest, RowsGoStraightIntoAnExtent) {
  auto draft = write(0, 3000);
  draft->tags = {"ingest-by:a"};
  Transaction transaction = replace({}, {draft});
  transaction.appends.push_back(make_rows(*table_, 3000, 5));
  CommitResult result = store_->commit(std::move(transaction));
  draft = nullptr;
  for (int round = 0; round < 2; ++round) {
    std::vector<Row> rows = all_rows(*store_, table_->id);
    ASSERT_EQ(rows.size(), 3005u);
    for (const Row& row : rows) {
      ASSERT_EQ(row.sequence, result.sequence);
      ASSERT_EQ(row.time, result.time);
    }
    ASSERT_EQ(extents().size(), 1u);
    EXPECT_EQ(extents()[0]->tags, std::vector<std::string>{"ingest-by:a"});
    EXPECT_EQ(extents()[0]->min_sequence, result.sequence);
    reopen();
  }
}

TEST_F(ReplaceTest, ExtentsGoAndOthersComeInOneStep) {
  store_->commit(replace({}, {write(0, 10), write(10, 10)}));
  std::vector<Guid> old = extent_ids();
  auto before = store_->snapshot({&table_->id, 1});
  store_->commit(replace(old, {write(100, 20)}));
  expect_ids(100, 20);
  // The snapshot keeps the files, and nothing else does.
  EXPECT_EQ(extent_rows(*table_, *before->table(table_->id)->extents()[0]).size(), 10u);
  before = nullptr;
  reopen();
  expect_ids(100, 20);
  EXPECT_EQ(files_on_disk(), 1u);
  store_->checkpoint();
  reopen();
  expect_ids(100, 20);
}

// It could not be carried out from its record.
TEST_F(ReplaceTest, AnExtentGoesOnceInATransaction) {
  store_->commit(replace({}, {write(0, 10)}));
  std::vector<Guid> ids = extent_ids();
  Transaction twice = replace(ids, {});
  twice.replace.push_back({.table = table_->id, .removed = ids});
  EXPECT_THROW(store_->commit(std::move(twice)), ReplaceOutdated);
  reopen();
  expect_ids(0, 10);
}

TEST_F(ReplaceTest, OneThatComesTooLateChangesNothing) {
  store_->commit(replace({}, {write(0, 10), write(10, 10)}));
  std::vector<Guid> ids = extent_ids();
  store_->commit(replace({ids[0]}, {}));
  Transaction late = replace(ids, {write(100, 1)});
  late.appends.push_back(make_rows(*table_, 200, 1));
  EXPECT_THROW(store_->commit(std::move(late)), ReplaceOutdated);
  expect_ids(10, 10);
  Transaction cut;
  cut.replace.push_back({.table = table_->id, .first_sequence = 1, .up_to = 5});
  EXPECT_THROW(store_->commit(std::move(cut)), ReplaceOutdated);
  drop_table(*store_, table_->id);
  EXPECT_THROW(store_->commit(replace({ids[1]}, {})), ReplaceOutdated);
  EXPECT_THROW(store_->commit(replace({}, {write(0, 1)})), ReplaceOutdated);
  reopen();
  EXPECT_EQ(files_on_disk(), 0u);
}

TEST_F(ReplaceTest, OfTwoAtOnceTheSecondComesTooLate) {
  store_->commit(replace({}, {write(0, 10)}));
  std::vector<Guid> ids = extent_ids();
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> done = 0, refused = 0;
    for (int i = 0; i < 3; ++i) {
      store_->commit(replace(ids, {write(0, 10)}), [&](const CommitResult& result) {
        refused += result.error ? 1 : 0;
        ++done;
      });
    }
    store_->commit({});
    ASSERT_EQ(done, 3);
    ASSERT_EQ(refused, 2);
    expect_ids(0, 10);
    ids = extent_ids();
  }
}

TEST_F(ReplaceTest, OfTwoWithTheSameTagOnlyOneIsIngested) {
  std::atomic<int> done = 0, skipped = 0;
  for (int i = 0; i < 3; ++i) {
    auto draft = write(0, 10);
    draft->tags = {"ingest-by:a", "b"};
    Transaction transaction = replace({}, {draft});
    transaction.replace[0].unless_tags = {"ingest-by:x", "ingest-by:a"};
    store_->commit(std::move(transaction), [&](const CommitResult& result) {
      try {
        if (result.error) std::rethrow_exception(result.error);
      } catch (const TagExists&) {
        ++skipped;
      }
      ++done;
    });
  }
  store_->commit({});
  EXPECT_EQ(done, 3);
  EXPECT_EQ(skipped, 2);
  expect_ids(0, 10);
  reopen();
  Transaction again;
  again.replace.push_back({.table = table_->id, .unless_tags = {"ingest-by:a"}});
  EXPECT_THROW(store_->commit(std::move(again)), TagExists);
  Transaction other;
  other.replace.push_back({.table = table_->id, .unless_tags = {"ingest-by:b"}});
  store_->commit(std::move(other));
}

// What a transaction before it in the same group takes away, or brings and loses again, does not count.
TEST_F(ReplaceTest, ATagThatIsGoneByItsTurnDoesNotHoldAnIngestionUp) {
  auto ingest = [&](int64_t first) {
    auto draft = write(first, 10);
    draft->tags = {"ingest-by:a"};
    Transaction transaction = replace({}, {std::move(draft)});
    transaction.replace[0].unless_tags = {"ingest-by:a"};
    return transaction;
  };
  store_->commit(ingest(0));
  Transaction clear;
  clear.clear = {table_->id};
  std::vector<Transaction> group;
  group.push_back(replace(extent_ids(), {}));  // as .drop extents
  group.push_back(ingest(10));
  group.push_back(ingest(20));  // too late
  group.push_back(std::move(clear));
  group.push_back(ingest(30));
  std::latch is_blocked(1), queued(1), done(static_cast<ptrdiff_t>(group.size()));
  store_->commit(Transaction(), [&](const CommitResult&) {
    is_blocked.count_down();
    queued.wait();
  });
  is_blocked.wait();
  std::vector<bool> results;
  for (Transaction& transaction : group) {
    store_->commit(std::move(transaction), [&](const CommitResult& result) {
      results.push_back(!result.error);
      done.count_down();
    });
  }
  queued.count_down();
  done.wait();
  EXPECT_EQ(results, (std::vector<bool>{true, true, false, true, true}));
  expect_ids(30, 10);
  reopen();
  expect_ids(30, 10);
}

TEST_F(ReplaceTest, ATailLosesRowsInTheMiddle) {
  std::vector<Sequence> sequences;
  for (int64_t i = 0; i < 5; ++i) {
    sequences.push_back(store_->commit(one_append(make_rows(*table_, 10 * i, 10))).sequence);
    if (i == 1) store_->checkpoint();
  }
  // One run with the first two, then chunks.
  Transaction inside, behind;
  inside.replace.push_back(
      {.table = table_->id, .first_sequence = sequences[1], .up_to = sequences[1]});
  EXPECT_THROW(store_->commit(std::move(inside)), ReplaceOutdated);
  behind.replace.push_back(
      {.table = table_->id, .first_sequence = sequences[2], .up_to = sequences[3]});
  Transaction again = behind;
  store_->commit(std::move(behind));
  EXPECT_THROW(store_->commit(std::move(again)), ReplaceOutdated);
  auto expect = [&] {
    std::vector<int64_t> ids = all_ids(*store_, table_->id);
    ASSERT_EQ(ids.size(), 30u);
    EXPECT_EQ(ids[19], 19);
    EXPECT_EQ(ids[20], 40);
    EXPECT_EQ(store_->statistics().tail_rows, 30u);
  };
  expect();
  reopen();
  expect();
  store_->checkpoint();
  reopen();
  expect();
}

TEST_F(ReplaceTest, AClearedTableKeepsWhatTheSameTransactionAdds) {
  store_->commit(replace({}, {write(0, 10)}));
  store_->commit(one_append(make_rows(*table_, 10, 10)));
  Transaction transaction = replace({}, {write(20, 10)});
  transaction.clear = {table_->id};
  store_->commit(std::move(transaction));
  expect_ids(20, 10);
  reopen();
  expect_ids(20, 10);
}

TEST_F(ReplaceTest, ATailLosesItsOldestRows) {
  Sequence first = store_->commit(one_append(make_rows(*table_, 0, 10))).sequence;
  store_->commit(one_append(make_rows(*table_, 10, 10)));
  Transaction transaction;
  transaction.replace.push_back({.table = table_->id, .first_sequence = first, .up_to = first});
  store_->commit(std::move(transaction));
  expect_ids(10, 10);
  reopen();
  expect_ids(10, 10);
}

TEST_F(ReplaceTest, AFailingLogKeepsTheFileUntilItIsKnownWhatTheLogHolds) {
  auto draft = write(0, 10);
  std::filesystem::path path = *draft->local_copy();
  auto hook =
      files_.set_hook([](FaultFileSystem::Operation operation, const std::filesystem::path& file) {
        return operation == FaultFileSystem::Operation::kSync && file.extension() == ".log" ? EIO
                                                                                            : 0;
      });
  EXPECT_ANY_THROW(store_->commit(replace({}, {std::move(draft)})));
  TemporaryDirectory image;
  files_.copy_survivors(image.path(), FaultFileSystem::Unsynced::kKept);
  hook.remove();
  {
    // What the record says, if it survived, is there.
    auto survivor = Store::open(small_options(image.path()), posix_file_system(), clock_);
    EXPECT_EQ(all_ids(*survivor, table_->id).size(), 10u);
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  for (bool is_back = false; !is_back;) {
    try {
      store_->commit(one_append(make_rows(*table_, 0, 1)));
      is_back = true;
    } catch (const Error& error) {
      ASSERT_FALSE(error.is_permanent());
    }
  }
  reopen();
  expect_ids(0, 1);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace rivulet::store
