// The promises of docs/architecture.md that need more than one thread or more than one schema: P1 (visible),
// P2, P3 and P8. P4 is in power_loss_test.cc.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <set>
#include <thread>

#include "common/error.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

class PromisesTest : public ::testing::Test {
 protected:
  PromisesTest() { reopen(); }
  void reopen() {
    store_ = nullptr;
    StoreOptions options = small_options(directory_.path());
    options.log_limit_bytes = 256 << 10;
    store_ = Store::open(options, posix_file_system(), clock_);
  }

  // Rows of a table, wherever they are.
  static uint64_t count_rows(const TableSnapshot& table) {
    uint64_t rows = 0;
    for (const auto& extent : table.extents()) rows += extent->row_count;
    for (const auto& run : table.runs()) rows += run->row_count();
    for (const ChunkView& chunk : table.chunks()) rows += chunk.row_count;
    return rows;
  }

  void alter_columns(catalog::TableId id, const std::function<void(catalog::Table&)>& change) {
    Transaction transaction;
    transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table table = *catalog.find_table(id);
      change(table);
      return {catalog::PutTable{table}};
    };
    store_->commit(std::move(transaction));
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(PromisesTest, P1AnAcknowledgedRowIsVisibleToEverySnapshotThatFollows) {
  auto table = create_table(*store_, "T");
  constexpr int kThreads = 4, kCommits = 100;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kCommits; ++i) {
        int64_t id = thread * kCommits + i;
        CommitResult result = store_->commit(one_append(make_rows(*table, id, 1)));
        auto snapshot = store_->snapshot({&table->id, 1});
        EXPECT_GE(snapshot->sequence(), result.sequence);
        std::vector<Row> rows = tail_rows(*snapshot->table(table->id));
        Row expected{id, text_of(id), result.sequence, result.time};
        EXPECT_NE(std::find(rows.begin(), rows.end(), expected), rows.end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(all_ids(*store_, table->id).size(), size_t{kThreads * kCommits});
  EXPECT_LT(store_->statistics().log_syncs, uint64_t{kThreads * kCommits});
}

TEST_F(PromisesTest, P2ARefusedTransactionLeavesNothing) {
  auto table = create_table(*store_, "T");
  auto other = create_table(*store_, "Other");
  auto gone = create_table(*store_, "Gone");
  drop_table(*store_, gone->id);
  store_->commit(one_append(make_rows(*table, 0, 1)));
  Sequence before = store_->snapshot({})->sequence();

  Transaction missing_table;
  missing_table.appends = {make_rows(*table, 10, 5), make_rows(*gone, 0, 1)};
  missing_table.clear = {other->id};
  EXPECT_THROW(store_->commit(std::move(missing_table)), Error);

  Transaction throwing = one_append(make_rows(*table, 10, 5));
  throwing.alter = [](const catalog::Catalog&) -> std::vector<catalog::Change> {
    throw entity_already_exists("Table", "T");
  };
  EXPECT_THROW(store_->commit(std::move(throwing)), Error);

  // The second change is impossible: the first must not stay.
  Transaction impossible = one_append(make_rows(*table, 10, 5));
  impossible.alter = [&](const catalog::Catalog&) -> std::vector<catalog::Change> {
    return {catalog::DropTable{other->id}, catalog::DropTable{gone->id}};
  };
  EXPECT_ANY_THROW(store_->commit(std::move(impossible)));

  Append wrong_type = make_rows(*table, 10, 5);
  std::swap(wrong_type.column_ids[0], wrong_type.column_ids[1]);
  EXPECT_THROW(store_->commit(one_append(wrong_type)), Error);

  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(all_ids(*store_, table->id), std::vector<int64_t>{0});
    EXPECT_NE(store_->catalog()->find_table(other->id), nullptr);
    EXPECT_EQ(store_->snapshot({})->sequence(), before);
    reopen();
  }
}

// The same among others in one group: each sees only what was accepted before it.
TEST_F(PromisesTest, P2ARefusedTransactionIsNotSeenByItsGroup) {
  auto kept = create_table(*store_, "Kept");
  std::atomic<int> refused = 0, done = 0;
  constexpr int kRounds = 100;
  for (int i = 0; i < kRounds; ++i) {
    Transaction impossible;
    impossible.alter = [&](const catalog::Catalog&) -> std::vector<catalog::Change> {
      return {catalog::DropTable{kept->id}, catalog::DropTable{9999}};
    };
    impossible.clear = {kept->id};
    store_->commit(std::move(impossible), [&](const CommitResult& committed) {
      refused += committed.error ? 1 : 0;
      ++done;
    });
    store_->commit(one_append(make_rows(*kept, i, 1)), [&](const CommitResult& committed) {
      EXPECT_FALSE(committed.error);
      EXPECT_NE(committed.catalog->find_table(kept->id), nullptr);
      ++done;
    });
  }
  while (done < 2 * kRounds) std::this_thread::yield();
  EXPECT_EQ(refused, kRounds);
  EXPECT_EQ(all_ids(*store_, kept->id).size(), size_t{kRounds});
}

TEST_F(PromisesTest, P3ASchemaChangeIsInOrderWithTheRows) {
  auto table = create_table(*store_, "T");
  store_->commit(one_append(make_rows(*table, 0, 2)));
  // A table and its rows in one transaction.
  Transaction both;
  catalog::Table made = *table;
  made.id = store_->catalog()->next_table_id();
  made.name = "Made";
  both.alter = [&](const catalog::Catalog&) -> std::vector<catalog::Change> {
    return {catalog::PutTable{made}};
  };
  both.appends = {make_rows(made, 0, 3)};
  CommitResult result = store_->commit(std::move(both));
  EXPECT_NE(result.catalog->find_table(made.id), nullptr);
  EXPECT_EQ(all_ids(*store_, made.id).size(), 3u);

  // A column that is dropped takes its values along, and one of the same name is another column.
  uint32_t old_column = table->columns[1].id;
  alter_columns(table->id, [](catalog::Table& altered) { altered.columns.edit().pop_back(); });
  store_->commit(one_append(make_rows(*table, 2, 2)));  // made before the change: "text" is ignored
  alter_columns(table->id, [](catalog::Table& altered) {
    altered.columns.edit().push_back({altered.next_column_id++, "text", ScalarType::kString, ""});
  });
  auto altered = store_->catalog()->find_table(table->id);
  ASSERT_NE(altered->columns[1].id, old_column);
  store_->commit(one_append(make_rows(*altered, 4, 2)));
  for (int i = 0; i < 4; ++i) {
    std::vector<Row> rows = all_rows(*store_, table->id);
    ASSERT_EQ(rows.size(), 6u);
    for (int64_t id = 0; id < 6; ++id) {
      const Row& row = rows[static_cast<size_t>(id)];
      EXPECT_EQ(row.id, id);
      EXPECT_EQ(row.text, id < 4 ? "" : text_of(id)) << id;
    }
    if (i == 1) store_->checkpoint();
    if (i == 2) store_->seal({});
    reopen();
  }
}

TEST_F(PromisesTest, P3TransactionsOfOneGroupSeeEachOther) {
  auto table = create_table(*store_, "T");
  // All are queued while the first is being written: rows, a drop, and rows that come too late.
  std::atomic<int> refused = 0, accepted = 0, done = 0;
  auto count = [&](const CommitResult& committed) {
    ++(committed.error ? refused : accepted);
    ++done;
  };
  constexpr int kEach = 50;
  for (int i = 0; i < kEach; ++i) store_->commit(one_append(make_rows(*table, i, 1)), count);
  Transaction drop;
  drop.alter = [&](const catalog::Catalog&) -> std::vector<catalog::Change> {
    return {catalog::DropTable{table->id}};
  };
  store_->commit(std::move(drop), count);
  for (int i = 0; i < kEach; ++i) store_->commit(one_append(make_rows(*table, i, 1)), count);
  while (done < 2 * kEach + 1) std::this_thread::yield();
  EXPECT_EQ(accepted, kEach + 1);
  EXPECT_EQ(refused, kEach);
  EXPECT_EQ(store_->statistics().tail_rows, 0u);
  EXPECT_EQ(store_->statistics().tail_bytes, 0u);
}

// Each transaction brings as many rows to one table as to the other, or clears both, beside seals and
// checkpoints: no snapshot ever sees one without the other, and a snapshot that is held stays the same.
TEST_F(PromisesTest, P2AndP8ASnapshotIsOneMomentOfAllTables) {
  // Very many tables lie between the two, so that a snapshot that looks at one after the other is caught.
  auto a = create_table(*store_, "A");
  Transaction between;
  between.alter = [&](const catalog::Catalog& catalog) {
    std::vector<catalog::Change> changes;
    for (catalog::TableId i = 0; i < 1000; ++i) {
      catalog::Table table = *a;
      table.id = catalog.next_table_id() + i;
      table.name = fmt::format("Between{}", i);
      changes.emplace_back(catalog::PutTable{table});
    }
    return changes;
  };
  store_->commit(std::move(between));
  auto b = create_table(*store_, "B");
  std::vector<catalog::TableId> snapshot_ids(b->id - a->id + 1);
  std::iota(snapshot_ids.begin(), snapshot_ids.end(), a->id);
  std::vector<catalog::TableId> ids{a->id, b->id};
  std::atomic<bool> is_done = false;
  std::atomic<int> looks = 0;
  std::thread writer([&] {
    for (int64_t i = 0; i < 300 || (looks < 4000 && !HasFailure()); ++i) {
      Transaction transaction;
      if (i % 7 == 6) transaction.clear = ids;
      transaction.appends = {make_rows(*a, 10 * i, 7), make_rows(*b, 10 * i, 7)};
      store_->commit(std::move(transaction));
    }
    is_done = true;
  });
  std::thread sealer([&] {
    for (int i = 0; !is_done; ++i) {
      // Only one of the two: the other stays in its tail.
      store_->seal({&ids[static_cast<size_t>(i % 2)], 1});
      if (i % 5 == 0) store_->checkpoint();
    }
  });
  std::thread reader([&] {
    std::unique_ptr<Snapshot> held;
    uint64_t held_rows = 0;
    Sequence newest = 0;
    for (; !is_done; ++looks) {
      auto snapshot = store_->snapshot(snapshot_ids);
      uint64_t rows_a = count_rows(*snapshot->table(a->id));
      uint64_t rows_b = count_rows(*snapshot->table(b->id));
      ASSERT_EQ(rows_a, rows_b);
      ASSERT_EQ(rows_a % 7, 0u);
      ASSERT_GE(snapshot->sequence(), newest);
      newest = snapshot->sequence();
      for (const auto& table : {snapshot->table(a->id), snapshot->table(b->id)}) {
        for (const auto& extent : table->extents()) {
          ASSERT_LE(extent->max_sequence, newest);
          ASSERT_TRUE(std::filesystem::exists(*extent->local_copy()));
        }
        for (const Row& row : tail_rows(*table)) {
          ASSERT_LE(row.sequence, newest);
          ASSERT_EQ(row.text, text_of(row.id));
        }
      }
      if (held) {
        ASSERT_EQ(count_rows(*held->table(a->id)), held_rows);
        for (const auto& extent : held->table(a->id)->extents()) {
          ASSERT_TRUE(std::filesystem::exists(*extent->local_copy()));
        }
      }
      if (!held || looks % 50 == 0) {
        held = std::move(snapshot);
        held_rows = rows_a;
      }
    }
  });
  writer.join();
  sealer.join();
  reader.join();
  std::vector<Row> rows = all_rows(*store_, a->id);
  reopen();
  EXPECT_EQ(all_rows(*store_, a->id), rows);
  EXPECT_EQ(all_rows(*store_, b->id).size(), rows.size());
}

TEST_F(PromisesTest, CommitsAreInTheOrderOfCalls) {
  auto table = create_table(*store_, "T");
  constexpr int64_t kCount = 500;
  std::vector<Sequence> sequences;
  std::atomic<int64_t> done = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    store_->commit(one_append(make_rows(*table, i, 1)), [&](const CommitResult& result) {
      sequences.push_back(result.sequence);
      ++done;
    });
  }
  while (done < kCount) std::this_thread::yield();
  EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
  std::vector<Row> rows = all_rows(*store_, table->id);
  for (int64_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(rows[static_cast<size_t>(i)].sequence, sequences[static_cast<size_t>(i)]);
  }
}

}  // namespace
}  // namespace rivulet::store
