// P7: the offsets of data connections go with the rows, and nothing is stored twice.

#include "store/parts/progress.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <thread>

#include "common/error.h"
#include "log/local_log.h"
#include "objects/directory_objects.h"
#include "store/committer.h"
#include "store/state.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

class ProgressTest : public ::testing::Test {
 protected:
  ProgressTest() {
    reopen();
    table_ = create_table(*store_, "T");
    store_->commit(putting("hub", hub_));
  }
  void reopen() {
    store_ = nullptr;
    store_ = Store::open(small_options(directory_.path()), posix_file_system(), clock_);
  }

  static Transaction putting(std::string name, const Guid& id) {
    Transaction transaction;
    transaction.alter = put_connection(std::move(name), id);
    return transaction;
  }
  static Transaction dropping(std::string name) {
    Transaction transaction;
    transaction.alter = [name](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      return {catalog::DropDataConnection{catalog.find_database("NetDefaultDB")->id, name}};
    };
    return transaction;
  }
  static Transaction altering(std::vector<catalog::Change> changes) {
    Transaction transaction;
    transaction.alter = [changes](const catalog::Catalog&) { return changes; };
    return transaction;
  }
  void alter(std::vector<catalog::Change> changes) { store_->commit(altering(std::move(changes))); }

  Progress move(int32_t partition, int64_t expected, int64_t next) const {
    return {hub_, "topic", partition, expected, next};
  }
  // The row `id`, and where it brings partitions.
  Transaction rows(int64_t id, std::vector<Progress> offsets) const {
    Transaction transaction = one_append(make_rows(*table_, id, 1));
    transaction.progress = std::move(offsets);
    return transaction;
  }
  std::vector<int64_t> ids() const { return all_ids(*store_, table_->id); }
  // "topic/partition=next, …"
  std::string offsets(const Guid& connection) const {
    std::string text;
    for (const Progress& offset : store_->progress(connection)) {
      EXPECT_EQ(offset.owner, connection);
      EXPECT_EQ(offset.expected, -1);
      if (!text.empty()) text += ", ";
      text += fmt::format("{}/{}={}", offset.stream, offset.partition, offset.position);
    }
    return text;
  }
  std::string offsets() const { return offsets(hub_); }
  // Calls `check` for what is in memory, what comes back from the log, and from a checkpoint.
  void everywhere(const std::function<void()>& check) {
    check();
    reopen();
    check();
    store_->checkpoint();
    check();
    reopen();
    check();
  }
  // Commits all in one group; which of them were carried out.
  std::vector<bool> commit_together(std::vector<Transaction> transactions) {
    std::latch queued(1), is_blocked(1);
    // Its callback holds the committer until the others are queued.
    store_->commit(Transaction(), [&](const CommitResult&) {
      is_blocked.count_down();
      queued.wait();
    });
    is_blocked.wait();
    uint64_t syncs = store_->statistics().log_syncs;
    std::vector<bool> results;
    std::latch done(static_cast<ptrdiff_t>(transactions.size()));
    for (Transaction& transaction : transactions) {
      store_->commit(std::move(transaction), [&](const CommitResult& result) {
        results.push_back(!result.error);
        if (result.error) {
          EXPECT_THROW(std::rethrow_exception(result.error), ProgressOutdated);
        }
        done.count_down();
      });
    }
    queued.count_down();
    done.wait();
    EXPECT_LE(store_->statistics().log_syncs, syncs + 1);
    return results;
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const catalog::Table> table_;
  const Guid hub_ = new_guid();
};

TEST_F(ProgressTest, RowsAndOffsetsAreStoredTogether) {
  EXPECT_EQ(offsets(), "");
  store_->commit(rows(1, {move(0, -1, 10), move(7, -1, 0)}));
  EXPECT_THROW(store_->commit(rows(2, {move(0, -1, 10)})), ProgressOutdated);
  EXPECT_THROW(store_->commit(rows(3, {move(1, -1, 5), move(0, 9, 11)})), ProgressOutdated);
  EXPECT_THROW(store_->commit(rows(4, {move(1, 0, 5)})), ProgressOutdated);
  store_->commit(rows(5, {move(0, 10, 30), move(7, 0, 9'000'000'000)}));
  // An offset without rows, and another topic.
  Transaction no_rows;
  no_rows.progress = {{hub_, "a longer name of a topic", 0, -1, 1}};
  store_->commit(std::move(no_rows));
  everywhere([&] {
    EXPECT_EQ(ids(), (std::vector<int64_t>{1, 5}));
    EXPECT_EQ(offsets(), "a longer name of a topic/0=1, topic/0=30, topic/7=9000000000");
    EXPECT_THROW(store_->commit(rows(6, {move(0, 10, 40)})), ProgressOutdated);
  });
  store_->commit(rows(7, {move(0, 30, 31)}));
  everywhere([&] { EXPECT_EQ(ids(), (std::vector<int64_t>{1, 5, 7})); });
}

TEST_F(ProgressTest, TransactionsOfOneGroupFollowEachOther) {
  EXPECT_EQ(commit_together({rows(1, {move(0, -1, 10)}), rows(2, {move(0, 10, 20)}),
                             rows(3, {move(0, 20, 30), move(1, -1, 5)})}),
            (std::vector<bool>{true, true, true}));
  // The second is refused, and so those that expect what it would have stored; not the other partition.
  EXPECT_EQ(commit_together({rows(4, {move(0, 30, 40)}), rows(5, {move(0, 41, 50), move(1, 5, 6)}),
                             rows(6, {move(0, 50, 60)}), rows(7, {move(1, 6, 7)}),
                             rows(8, {move(1, 5, 6)}), rows(9, {move(0, 40, 50)})}),
            (std::vector<bool>{true, false, false, false, true, true}));
  everywhere([&] {
    EXPECT_EQ(ids(), (std::vector<int64_t>{1, 2, 3, 4, 8, 9}));
    EXPECT_EQ(offsets(), "topic/0=50, topic/1=6");
  });
}

TEST_F(ProgressTest, OffsetsOfOneTransactionFollowEachOther) {
  EXPECT_THROW(store_->commit(rows(1, {move(0, -1, 10), move(0, -1, 20)})), ProgressOutdated);
  EXPECT_EQ(offsets(), "");
  store_->commit(rows(2, {move(0, -1, 10), move(0, 10, 20)}));
  everywhere([&] { EXPECT_EQ(offsets(), "topic/0=20"); });
}

// Refused for another reason, a transaction moves no offset either.
TEST_F(ProgressTest, WhatIsRefusedMovesNothing) {
  auto gone = create_table(*store_, "Gone");
  drop_table(*store_, gone->id);
  Transaction refused = rows(1, {move(0, -1, 10)});
  refused.appends.push_back(make_rows(*gone, 1, 1));
  EXPECT_THROW(store_->commit(std::move(refused)), Error);
  Transaction outdated = rows(2, {move(0, -1, 10)});
  outdated.replace.push_back({.table = table_->id, .removed = {new_guid()}});
  EXPECT_THROW(store_->commit(std::move(outdated)), ReplaceOutdated);
  EXPECT_EQ(offsets(), "");
  store_->commit(rows(3, {move(0, -1, 10)}));
  everywhere([&] { EXPECT_EQ(ids(), std::vector<int64_t>{3}); });
}

TEST_F(ProgressTest, NegativeNumbersAreRefused) {
  EXPECT_THROW(store_->commit(rows(1, {move(-1, -1, 10)})), Error);
  EXPECT_THROW(store_->commit(rows(2, {move(0, -1, -1)})), Error);
  everywhere([&] { EXPECT_EQ(ids(), std::vector<int64_t>{}); });
}

TEST_F(ProgressTest, OffsetsGoWithTheirConnection) {
  Guid other = new_guid();
  Transaction stranger = rows(1, {});
  stranger.progress = {{other, "topic", 0, -1, 10}};
  EXPECT_THROW(store_->commit(std::move(stranger)), ProgressOutdated);

  store_->commit(putting("other", other));
  Transaction known = rows(2, {move(0, -1, 10)});
  known.progress.push_back({other, "topic", 0, -1, 100});
  store_->commit(std::move(known));
  // An altered connection keeps them.
  store_->commit(putting("hub", hub_));
  EXPECT_EQ(offsets(), "topic/0=10");
  // In one group: before the drop, with it, and after it.
  Transaction with = rows(4, {move(0, 20, 30)});
  with.alter = dropping("hub").alter;
  EXPECT_EQ(commit_together({rows(3, {move(0, 10, 20)}), std::move(with), dropping("hub"),
                             rows(5, {move(0, 20, 30)}), rows(6, {move(0, -1, 30)})}),
            (std::vector<bool>{true, false, true, false, false}));
  everywhere([&] {
    EXPECT_EQ(ids(), (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(offsets(), "");
    EXPECT_EQ(offsets(other), "topic/0=100");
    EXPECT_THROW(store_->commit(rows(7, {move(0, 20, 30)})), ProgressOutdated);
    EXPECT_THROW(store_->commit(rows(8, {move(0, -1, 30)})), ProgressOutdated);
  });

  // Another connection of the same name begins anew, and one that takes a name over too.
  Guid second = new_guid(), third = new_guid();
  store_->commit(putting("hub", second));
  Transaction begins = rows(9, {});
  begins.progress = {{second, "topic", 0, -1, 1}};
  store_->commit(std::move(begins));
  store_->commit(putting("hub", third));
  everywhere([&] {
    EXPECT_EQ(offsets(second), "");
    EXPECT_EQ(offsets(third), "");
    EXPECT_EQ(offsets(other), "topic/0=100");
  });
}

TEST_F(ProgressTest, OffsetsGoWithTheDatabase) {
  Guid elsewhere = new_guid();
  catalog::PutDatabase database{
      .id = store_->catalog()->next_database_id(), .guid = new_guid(), .name = "Elsewhere"};
  alter(
      {database, catalog::PutDataConnection{database.id, {elsewhere, "hub", "kafka", "{}", true}}});
  Transaction both = rows(1, {move(0, -1, 10)});
  both.progress.push_back({elsewhere, "topic", 0, -1, 20});
  store_->commit(std::move(both));
  everywhere([&] { EXPECT_EQ(offsets(elsewhere), "topic/0=20"); });
  alter({catalog::DropDatabase{database.id}});
  Transaction late = rows(2, {});
  late.progress = {{elsewhere, "topic", 0, 20, 30}};
  EXPECT_THROW(store_->commit(std::move(late)), ProgressOutdated);
  everywhere([&] {
    EXPECT_EQ(offsets(elsewhere), "");
    EXPECT_EQ(offsets(), "topic/0=10");
  });
}

// Who sees an offset sees the rows behind it, and a snapshot is never behind the offsets read before it.
TEST_F(ProgressTest, OffsetsAreVisibleWithTheirRows) {
  constexpr int64_t kCommits = 500;
  std::thread writer([&] {
    for (int64_t i = 0; i < kCommits; ++i) {
      store_->commit(rows(i, {move(0, i == 0 ? -1 : i, i + 1)}));
    }
  });
  int64_t stored = 0;
  while (stored < kCommits) {
    auto list = store_->progress(hub_);
    if (!list.empty()) stored = list[0].position;
    auto snapshot = store_->snapshot({&table_->id, 1});
    ASSERT_GE(tail_rows(*snapshot->table(table_->id)).size(), static_cast<size_t>(stored));
  }
  writer.join();
}

// Thousands of tables and many partitions in one transaction.
TEST_F(ProgressTest, ManyTablesInOneTransaction) {
  constexpr int64_t kTables = 2000;
  Transaction make;
  make.alter = [&](const catalog::Catalog& catalog) {
    std::vector<catalog::Change> changes;
    for (catalog::TableId i = 0; i < kTables; ++i) {
      catalog::Table table = *table_;
      table.id = catalog.next_table_id() + i;
      table.name = fmt::format("T{}", i);
      changes.emplace_back(catalog::PutTable{table});
    }
    return changes;
  };
  auto catalog = store_->commit(std::move(make)).catalog;
  auto tables = catalog->find_database("NetDefaultDB")->tables();
  Transaction transaction;
  for (const auto& table : tables) transaction.appends.push_back(make_rows(*table, 1, 1));
  for (int32_t i = 0; i < 64; ++i) transaction.progress.push_back(move(i, -1, i));
  store_->commit(std::move(transaction));
  everywhere([&] {
    EXPECT_EQ(store_->progress(hub_).size(), 64U);
    EXPECT_EQ(store_->statistics().tail_rows, tables.size());
  });
}

TEST_F(ProgressTest, ATransactionThatIsTooLargeIsRefused) {
  struct Listener final : CommitListener {
    void on_published(std::span<const rowstore::TailEvent>, uint64_t, uint64_t) override {}
    void on_extents_added(catalog::TableId) override {}
  } listener;
  TemporaryDirectory directory;
  objects::DirectoryObjects objects(posix_file_system(), directory.path());
  extents::ExtentFiles extent_files(objects);
  rowstore::RowFiles row_files(objects);
  State state(extent_files, row_files, {}, 0);
  log::LocalLog log({.directory = directory.path()}, posix_file_system(), clock_);
  log.tail(1, [](const log::StoredRecord&) {});
  log.open();
  Committer committer(log, state, listener, clock_, {.transaction_bytes = 1000});
  auto commit = [&](Transaction transaction) {
    auto outcome = std::make_shared<std::promise<std::exception_ptr>>();
    committer.submit(std::move(transaction),
                     [outcome](const CommitResult& result) { outcome->set_value(result.error); });
    if (auto error = outcome->get_future().get()) std::rethrow_exception(error);
  };
  commit(altering(
      {catalog::PutDatabase{.id = 1, .name = "db"},
       catalog::PutTable{
           {.id = table_->id, .database_id = 1, .name = "T", .columns = table_->columns}}}));
  commit(rows(1, {}));
  Transaction large;
  for (int64_t i = 0; i < 40; ++i) large.appends.push_back(make_rows(*table_, i, 1));
  try {
    commit(std::move(large));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kTooLarge);
    EXPECT_TRUE(error.is_permanent());
  }
  EXPECT_EQ(state.snapshot({&table_->id, 1})->table(table_->id)->chunks()[0].row_count, 1U);
}

TEST(ProgressCodec, DamagedBytesAreRefused) {
  std::vector<Progress> offsets{{{1, 2}, "topic", 3, -1, 4},
                                {{1, 2}, "topic", INT32_MAX, -1, INT64_MAX},
                                {{1, 2}, "other", 0, -1, 0}};
  std::string bytes;
  EXPECT_EQ(encode_progress(bytes, offsets), 2U);
  ByteReader reader(bytes);
  EXPECT_EQ(decode_progress(reader), (std::vector<Progress>{offsets[0], offsets[1]}));
  EXPECT_TRUE(reader.at_end());
  for (size_t size = 0; size < bytes.size(); ++size) {
    ByteReader damaged(std::string_view(bytes).substr(0, size));
    EXPECT_THROW(decode_progress(damaged), std::runtime_error) << size;
  }
  std::string out_of_range = bytes.substr(0, bytes.size() - 1) + "\xff\x01";  // 2^64 - 1
  ByteReader damaged(out_of_range);
  EXPECT_THROW(decode_progress(damaged), std::runtime_error);
}

}  // namespace
}  // namespace rivulet::store
