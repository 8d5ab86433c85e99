// P1 and P4 for clients that retry: what was committed under a key is stored once.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/binary.h"
#include "common/error.h"
#include "store/parts/keys_part.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

class IdempotencyTest : public ::testing::Test {
 protected:
  IdempotencyTest() { reopen(); }
  void reopen(size_t keys = 1000) {
    store_ = nullptr;
    StoreOptions options = small_options(directory_.path());
    options.idempotency_window = kTicksPerMinute;
    options.idempotency_keys = keys;
    store_ = Store::open(options, posix_file_system(), clock_);
  }
  // A transaction of one row. Its content is that of every other with the key, or that of `content`.
  Transaction keyed(const catalog::Table& table, int64_t id, std::string_view key,
                    std::string_view content = "") {
    Transaction transaction = one_append(make_rows(table, id, 1));
    transaction.key = make_idempotency_key(table.id, key, content, "");
    return transaction;
  }
  void expect_conflict(Transaction transaction) {
    try {
      store_->commit(std::move(transaction));
      ADD_FAILURE() << "it was committed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConflict);
      EXPECT_TRUE(error.is_permanent());
    }
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(IdempotencyTest, ARepeatIsAcknowledgedAndNotStored) {
  auto table = create_table(*store_, "T");
  CommitResult first = store_->commit(keyed(*table, 1, "a"));
  EXPECT_FALSE(first.is_repeat);
  auto expect_repeat = [&] {
    CommitResult repeat = store_->commit(keyed(*table, 2, "a"));
    EXPECT_TRUE(repeat.is_repeat);
    EXPECT_EQ(repeat.sequence, first.sequence);
    EXPECT_EQ(repeat.time, first.time);
    EXPECT_EQ(all_ids(*store_, table->id), std::vector<int64_t>{1});
  };
  expect_repeat();
  reopen();  // the key comes from the log
  expect_repeat();
  store_->checkpoint();
  reopen();  // from the checkpoint
  expect_repeat();
  store_->seal({});
  store_->checkpoint();
  reopen();
  expect_repeat();
  EXPECT_EQ(store_->statistics().idempotency_keys, 1U);

  // The same text for another table is another key.
  auto other = create_table(*store_, "Other");
  EXPECT_FALSE(store_->commit(keyed(*other, 1, "a")).is_repeat);
  // It ends with the window.
  clock_.advance(kTicksPerMinute + kTicksPerSecond);
  EXPECT_FALSE(store_->commit(keyed(*table, 3, "a")).is_repeat);
  EXPECT_EQ(all_ids(*store_, table->id), (std::vector<int64_t>{1, 3}));
  EXPECT_TRUE(store_->commit(keyed(*table, 4, "a")).is_repeat);
}

TEST_F(IdempotencyTest, AKeyWithOtherContentIsRefused) {
  auto table = create_table(*store_, "T");
  store_->commit(keyed(*table, 1, "a", "one"));
  auto expect_known = [&] {
    expect_conflict(keyed(*table, 2, "a", "two"));
    EXPECT_TRUE(store_->commit(keyed(*table, 1, "a", "one")).is_repeat);
    EXPECT_EQ(all_ids(*store_, table->id), std::vector<int64_t>{1});
  };
  expect_known();
  reopen();  // the content comes from the log
  expect_known();
  store_->checkpoint();
  reopen();  // from the checkpoint
  expect_known();
  // What was refused leaves no trace under its key, and other ways to read the same bytes are other content.
  Transaction other = keyed(*table, 3, "a", "one");
  other.key = make_idempotency_key(table->id, "a", "one", "another format");
  expect_conflict(std::move(other));
  clock_.advance(kTicksPerMinute + kTicksPerSecond);
  EXPECT_FALSE(store_->commit(keyed(*table, 2, "a", "two")).is_repeat);
  expect_conflict(keyed(*table, 1, "a", "one"));
  EXPECT_EQ(all_ids(*store_, table->id), (std::vector<int64_t>{1, 2}));
}

// Of two contents under one key, sent together, one is stored and the other refused, in one group too.
TEST_F(IdempotencyTest, OfTwoContentsAtTheSameTimeOneIsStored) {
  auto table = create_table(*store_, "T");
  constexpr int kKeys = 100;
  std::atomic<int> stored = 0, refused = 0;
  for (int i = 0; i < kKeys; ++i) {
    for (std::string_view content : {"one", "two"}) {
      store_->commit(keyed(*table, i, std::to_string(i), content), [&](const CommitResult& result) {
        EXPECT_FALSE(result.is_repeat);
        ++(result.error ? refused : stored);
      });
    }
  }
  while (stored + refused < 2 * kKeys) std::this_thread::yield();
  EXPECT_EQ(stored, kKeys);
  EXPECT_EQ(all_ids(*store_, table->id).size(), size_t{kKeys});
}

TEST_F(IdempotencyTest, TheOldestAreForgottenBeyondTheLimit) {
  reopen(10);
  auto table = create_table(*store_, "T");
  for (int i = 0; i < 11; ++i) store_->commit(keyed(*table, i, std::to_string(i)));
  EXPECT_EQ(store_->statistics().idempotency_keys, 10U);
  for (int i = 1; i < 11; ++i) {
    EXPECT_TRUE(store_->commit(keyed(*table, i, std::to_string(i))).is_repeat) << i;
  }
  EXPECT_FALSE(store_->commit(keyed(*table, 0, "0")).is_repeat);
}

TEST_F(IdempotencyTest, WhatWasRefusedLeavesNoKey) {
  auto table = create_table(*store_, "T");
  Transaction refused = keyed(*table, 1, "a");
  refused.alter = [](const catalog::Catalog&) -> std::vector<catalog::Change> {
    throw entity_already_exists("Table", "T");
  };
  EXPECT_THROW(store_->commit(std::move(refused)), Error);
  EXPECT_FALSE(store_->commit(keyed(*table, 2, "a")).is_repeat);
  EXPECT_EQ(all_ids(*store_, table->id), std::vector<int64_t>{2});
}

// Many threads send the same hundred keys: repeats meet their originals in one group and across groups.
TEST_F(IdempotencyTest, OfRepeatsAtTheSameTimeOneIsStored) {
  auto table = create_table(*store_, "T");
  constexpr int kThreads = 4, kKeys = 100;
  std::atomic<int> stored = 0, done = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < kKeys; ++i) {
        store_->commit(keyed(*table, i, std::to_string(i)), [&](const CommitResult& result) {
          EXPECT_FALSE(result.error);
          stored += result.is_repeat ? 0 : 1;
          ++done;
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (done < kThreads * kKeys) std::this_thread::yield();
  EXPECT_EQ(stored, kKeys);
  EXPECT_EQ(all_ids(*store_, table->id).size(), size_t{kKeys});
}

TEST(IdempotencyWindowTest, DamagedBytesAreRefused) {
  IdempotencyWindow window(kTicksPerMinute, 10);
  window.add({1, 2}, {{9, 10}, 3, 4});
  window.add({5, 6}, {{11, 12}, 7, 8});
  std::string bytes;
  window.encode(bytes, 3);
  EXPECT_EQ(bytes.size(), 48U);
  IdempotencyWindow restored(kTicksPerMinute, 10);
  restored.restore(bytes, true);
  ASSERT_TRUE(restored.find({1, 2}, 4));
  EXPECT_EQ(restored.find({1, 2}, 4)->sequence, 3U);
  EXPECT_EQ(restored.find({1, 2}, 4)->content, (Hash128{9, 10}));
  EXPECT_FALSE(restored.find({5, 6}, 4));
  EXPECT_THROW(restored.restore(std::string_view(bytes).substr(1), true), std::runtime_error);
}

// What a program wrote that did not keep contents: any content is that of the key.
TEST(IdempotencyWindowTest, KeysWithoutContentsAreRead) {
  std::string bytes;
  ByteWriter writer(bytes);
  for (uint64_t value : {1, 2, 3, 4}) writer.fixed(value);
  IdempotencyWindow window(kTicksPerMinute, 10);
  window.restore(bytes, false);
  auto committed = window.find({1, 2}, 4);
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->sequence, 3U);
  EXPECT_TRUE((IdempotencyKey{{1, 2}, {7, 8}}).is_same_content(committed->content));

  // And in a record.
  bytes.resize(sizeof(Hash128));
  ByteReader record(bytes);
  KeysPart keys(kTicksPerMinute, 10);
  keys.apply(KeysPart::kKeyWithoutContent, record, {.sequence = 3, .time = 4});
  EXPECT_TRUE(record.at_end());
  auto earlier = keys.find({1, 2}, 4);
  ASSERT_TRUE(earlier);
  EXPECT_FALSE(earlier->staged_record);
  EXPECT_EQ(earlier->committed.sequence, 3U);
  EXPECT_EQ(earlier->committed.content, Hash128());
}

}  // namespace
}  // namespace rivulet::store
