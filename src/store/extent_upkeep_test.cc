// Merging and retention: what they do, when, and that they lose nothing when the power or the disk fails.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <latch>
#include <thread>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"
#include "types/text.h"

namespace rivulet::store {
namespace {

using namespace testing;

class ExtentUpkeepTest : public ::testing::Test {
 protected:
  ExtentUpkeepTest() : files_(directory_.path()) {
    reopen();
    table_ = create_table(*store_, "T");
  }

  void reopen() {
    store_ = nullptr;
    store_ = Store::open(small_options(directory_.path()), files_, clock_);
  }
  void append(int64_t first, size_t count) {
    store_->commit(one_append(make_rows(*table_, first, count)));
  }
  void seal(int64_t first, size_t count) {
    append(first, count);
    store_->seal({&table_->id, 1});
  }
  size_t extent_count() const {
    return store_->snapshot({&table_->id, 1})->table(table_->id)->extents().size();
  }
  void set_policy(const std::string& name, const std::string& json) {
    Transaction transaction;
    transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table changed = *catalog.find_table(table_->id);
      changed.policies.set(name, json);
      return {catalog::PutTable{changed}};
    };
    store_->commit(std::move(transaction));
  }
  void expect_ids(int64_t first, int64_t count) {
    std::vector<int64_t> expected;
    for (int64_t i = 0; i < count; ++i) expected.push_back(first + i);
    EXPECT_EQ(all_ids(*store_, table_->id), expected);
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  FaultFileSystem files_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const catalog::Table> table_;
};

TEST_F(ExtentUpkeepTest, ExtentsAreMergedAndTheirRowsKeepTimesAndSequences) {
  set_policy("merge", R"({"AllowMerge":false})");
  for (int64_t i = 0; i < 12; ++i) seal(i * 10, 10);
  append(120, 5);
  std::vector<Row> rows = all_rows(*store_, table_->id);
  store_->upkeep();
  EXPECT_EQ(extent_count(), 12u);
  auto before = store_->snapshot({&table_->id, 1});
  set_policy("merge", R"({"AllowMerge":true,"RowCountUpperBoundForMerge":80})");
  store_->commit(one_append(make_rows(*table_, 125, 1)));
  store_->seal({&table_->id, 1});
  store_->upkeep();
  EXPECT_EQ(store_->statistics().extent_rows, 126u);
  EXPECT_LT(extent_count(), 7u);
  EXPECT_GT(store_->statistics().merges, 0u);
  std::vector<Row> merged = all_rows(*store_, table_->id);
  merged.pop_back();
  EXPECT_EQ(merged, rows);
  // A reader that came before reads on.
  size_t count = 0;
  for (const auto& extent : before->table(table_->id)->extents()) {
    count += extent_rows(*table_, *extent).size();
  }
  EXPECT_EQ(count, 120u);
  reopen();
  merged = all_rows(*store_, table_->id);
  merged.pop_back();
  EXPECT_EQ(merged, rows);
}

TEST_F(ExtentUpkeepTest, RowsPastTheirRetentionGoFromExtentsAndTails) {
  set_policy("retention", R"({"SoftDeletePeriod":"10.00:00:00","Recoverability":"Disabled"})");
  seal(0, 10);
  clock_.advance(kTicksPerDay);
  seal(10, 10);
  append(20, 10);
  clock_.advance(kTicksPerDay);
  append(30, 10);
  store_->upkeep();
  expect_ids(0, 40);
  clock_.advance(8 * kTicksPerDay + kTicksPerHour / 2);
  store_->upkeep();
  expect_ids(10, 30);
  clock_.advance(kTicksPerDay + kTicksPerHour);
  store_->upkeep();
  expect_ids(30, 10);
  reopen();
  expect_ids(30, 10);
  set_policy("retention", R"({"SoftDeletePeriod":"365.00:00:00","Recoverability":"Disabled"})");
  clock_.advance(100 * kTicksPerDay);
  store_->upkeep();
  expect_ids(30, 10);
}

// Calls a function once, when the time is asked for on the thread that made the clock.
class HookClock final : public Clock {
 public:
  explicit HookClock(TestClock& clock) : clock_(clock) {}
  Ticks now() const override {
    if (std::this_thread::get_id() == thread_ && hook_) std::exchange(hook_, nullptr)();
    return clock_.now();
  }
  std::chrono::steady_clock::time_point steady_now() const override { return clock_.steady_now(); }
  void set_hook(std::function<void()> hook) { hook_ = std::move(hook); }

 private:
  TestClock& clock_;
  mutable std::function<void()> hook_;
  const std::thread::id thread_ = std::this_thread::get_id();
};

TEST_F(ExtentUpkeepTest, APolicyThatIsAlteredDuringRemovalHolds) {
  set_policy("retention", R"({"SoftDeletePeriod":"10.00:00:00"})");
  set_policy("merge", R"({"AllowMerge":false})");
  seal(0, 10);
  append(10, 10);
  HookClock clock(clock_);
  store_ = nullptr;
  store_ = Store::open(small_options(directory_.path()), files_, clock);
  store_->upkeep();  // the one at the start is over
  clock.set_hook([&] {
    set_policy("retention", R"({"SoftDeletePeriod":"365.00:00:00"})");
    clock_.advance(100 * kTicksPerDay);
  });
  store_->upkeep();
  expect_ids(0, 20);
  store_ = nullptr;
}

TEST_F(ExtentUpkeepTest, ADatabasePolicyHoldsForTablesWithoutTheirOwn) {
  auto kept = create_table(*store_, "Kept");
  store_->commit(one_append(make_rows(*kept, 0, 5)));
  append(0, 5);
  Transaction transaction;
  transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
    auto database = catalog.find_database("NetDefaultDB");
    catalog::PutDatabase changed{database->id,          database->guid,     database->name,
                                 database->pretty_name, database->policies, database->mappings};
    changed.policies.set("retention", R"({"SoftDeletePeriod":"1.00:00:00"})");
    catalog::Table own = *database->find_table("Kept");
    own.policies.set("retention", R"({"SoftDeletePeriod":"5.00:00:00"})");
    return {changed, catalog::PutTable{own}};
  };
  store_->commit(std::move(transaction));
  clock_.advance(3 * kTicksPerDay);
  store_->upkeep();
  expect_ids(0, 0);
  EXPECT_EQ(all_ids(*store_, kept->id).size(), 5u);
}

TEST_F(ExtentUpkeepTest, TagsGoWhenTheirExtentIsOldEnough) {
  auto add_tagged = [&](int64_t first, std::vector<std::string> tags) {
    Replace replace{.table = table_->id};
    replace.added = store_->write_extents(*table_, make_rows(*table_, first, 5));
    replace.added[0]->tags = std::move(tags);
    Transaction transaction;
    transaction.replace.push_back(std::move(replace));
    store_->commit(std::move(transaction));
  };
  auto tags = [&] {
    std::map<int64_t, std::vector<std::string>> found;  // by the first id
    for (const auto& extent : store_->snapshot({&table_->id, 1})->table(table_->id)->extents()) {
      found[testing::extent_rows(*table_, *extent).front().id] = extent->tags;
    }
    return found;
  };
  using Tags = std::map<int64_t, std::vector<std::string>>;
  add_tagged(0, {"drop-by:a", "ingest-by:b", "other", "drop-by"});
  add_tagged(5, {"ingest-by:c"});
  set_policy("extent_tags_retention",
             R"([{"TagPrefix":"drop-by:","RetentionPeriod":"3.00:00:00"},
                 {"TagPrefix":"ingest-by:","RetentionPeriod":"02:00:00"}])");
  clock_.advance(kTicksPerHour);
  store_->upkeep();
  EXPECT_EQ(tags(),
            (Tags{{0, {"drop-by:a", "ingest-by:b", "other", "drop-by"}}, {5, {"ingest-by:c"}}}));
  clock_.advance(kTicksPerHour + kTicksPerMinute);
  std::vector<Row> rows = all_rows(*store_, table_->id);
  store_->upkeep();
  EXPECT_EQ(tags(), (Tags{{0, {"drop-by:a", "other", "drop-by"}}, {5, {}}}));
  // The rows and the age of the extent are what they were.
  EXPECT_EQ(all_rows(*store_, table_->id), rows);
  clock_.advance(3 * kTicksPerDay - 2 * kTicksPerHour);
  reopen();
  store_->upkeep();
  EXPECT_EQ(tags(), (Tags{{0, {"other", "drop-by"}}, {5, {}}}));
  expect_ids(0, 10);
}

TEST_F(ExtentUpkeepTest, ATableIsDroppedAfterItsDate) {
  auto exists = [&] { return store_->catalog()->find_table(table_->id) != nullptr; };
  auto set_date = [&](Ticks expiry, bool deletes_rows) {
    std::string date;
    append_datetime(date, expiry);
    set_policy("auto_delete",
               fmt::format(R"({{"ExpiryDate":"{}","DeleteIfNotEmpty":{}}})", date, deletes_rows));
  };
  set_date(clock_.now() + kTicksPerDay, false);
  store_->upkeep();
  EXPECT_TRUE(exists());
  // Rows keep it, wherever they are.
  clock_.advance(2 * kTicksPerDay);
  append(0, 10);
  store_->upkeep();
  store_->checkpoint();
  store_->upkeep();
  store_->seal({&table_->id, 1});
  store_->upkeep();
  EXPECT_TRUE(exists());
  expect_ids(0, 10);
  Transaction clear;
  clear.clear = {table_->id};
  store_->commit(std::move(clear));
  store_->upkeep();
  EXPECT_FALSE(exists());
  reopen();
  EXPECT_FALSE(exists());
  // With its rows, when the policy says so.
  table_ = create_table(*store_, "T");
  seal(0, 10);
  append(10, 10);
  set_date(clock_.now() + kTicksPerDay, true);
  store_->upkeep();
  EXPECT_TRUE(exists());
  clock_.advance(2 * kTicksPerDay);
  store_->upkeep();
  EXPECT_FALSE(exists());
  EXPECT_EQ(store_->statistics().extent_count + store_->statistics().tail_rows, 0u);
}

// Rows that were queued before it count.
TEST_F(ExtentUpkeepTest, WhetherATableIsEmptyIsDecidedInTheOrderOfCommits) {
  auto if_empty = [&] {
    Transaction transaction;
    transaction.if_empty = {table_->id};
    transaction.clear = {table_->id};
    return transaction;
  };
  std::latch queued(1), is_blocked(1), done(4);
  store_->commit(Transaction(), [&](const CommitResult&) {
    is_blocked.count_down();
    queued.wait();
  });
  is_blocked.wait();
  std::vector<bool> results;
  auto note = [&](const CommitResult& result) {
    results.push_back(!result.error);
    done.count_down();
  };
  store_->commit(if_empty(), note);
  store_->commit(one_append(make_rows(*table_, 0, 1)), note);
  store_->commit(if_empty(), note);
  store_->commit(one_append(make_rows(*table_, 1, 1)), note);
  queued.count_down();
  done.wait();
  EXPECT_EQ(results, (std::vector<bool>{true, true, false, true}));
  expect_ids(0, 2);
}

TEST_F(ExtentUpkeepTest, ATableWhoseRowsCannotGoDoesNotHoldTheOthersUp) {
  // The log is tried again a tenth of a second after a failure: at once, by this clock.
  FastClock clock(clock_.now());
  store_ = nullptr;
  store_ = Store::open(small_options(directory_.path()), files_, clock);
  auto other = create_table(*store_, "U");
  for (const auto& table : {table_, other}) {
    Transaction transaction = one_append(make_rows(*table, 0, 10));
    transaction.alter = [id = table->id](const catalog::Catalog& catalog) {
      catalog::Table changed = *catalog.find_table(id);
      changed.policies.set("retention", R"({"SoftDeletePeriod":"1.00:00:00"})");
      return std::vector<catalog::Change>{catalog::PutTable{changed}};
    };
    store_->commit(std::move(transaction));
  }
  // Once the background has merged, it is done with the removal that it begins with.
  for (int64_t i = 1; i < 5; ++i) seal(10 * i, 10);
  while (store_->statistics().merges == 0) std::this_thread::yield();

  clock.advance(2 * kTicksPerDay);
  std::atomic<bool> fails = true;
  auto hook =
      files_.set_hook([&](FaultFileSystem::Operation operation, const std::filesystem::path& path) {
        bool is_sync = operation == FaultFileSystem::Operation::kSync && path.extension() == ".log";
        return is_sync && fails.exchange(false) ? EIO : 0;
      });
  EXPECT_THROW(store_->upkeep(), Error);
  hook.remove();
  // Those of the other table alone are looked at: by this clock the background may have removed the rest already.
  EXPECT_EQ(all_ids(*store_, other->id).size(), 0u);
  store_->upkeep();
  EXPECT_EQ(all_ids(*store_, table_->id).size(), 0u);
  store_ = nullptr;
}

TEST_F(ExtentUpkeepTest, ADamagedExtentIsLeftOutOfMergesAndHoldsNothingUp) {
  set_policy("merge", R"({"AllowMerge":false})");
  auto other = create_table(*store_, "U");
  std::filesystem::path damaged;
  for (int64_t i = 0; i < 6; ++i) {
    seal(10 * i, 10);
    if (i == 2) {
      auto extents = store_->snapshot({&table_->id, 1})->table(table_->id)->extents();
      damaged = *extents.back()->local_copy();
    }
  }
  store_ = nullptr;
  damage(damaged, 100);
  reopen();
  store_->upkeep();  // the one at the start is over
  set_policy("merge", R"({"AllowMerge":true})");
  for (int64_t i = 0; i < 4; ++i) {
    store_->commit(one_append(make_rows(*other, 10 * i, 10)));
    store_->seal({&other->id, 1});
  }
  wait_until([&] {
    return store_->snapshot({&other->id, 1})->table(other->id)->extents().size() == 1;
  });
  seal(60, 10);
  wait_until([&] { return store_->statistics().failed_work == 1; });
  // Those that are whole were merged, at once or in two steps; the damaged one stays as it is.
  EXPECT_LE(extent_count(), 3u);
  EXPECT_EQ(store_->statistics().extent_rows, 110u);
  ASSERT_EQ(store_->failed_work().size(), 1u);
  EXPECT_EQ(store_->failed_work()[0].work,
            "Merging the extents of table 'T' of database 'NetDefaultDB'");
  EXPECT_NE(store_->failed_work()[0].error.find(damaged.string()), std::string::npos);
  // Given up by name, it is no failure any more.
  Replace drop{.table = table_->id};
  for (const auto& extent : store_->snapshot({&table_->id, 1})->table(table_->id)->extents()) {
    if (*extent->local_copy() == damaged) drop.removed = {extent->id};
  }
  Transaction transaction;
  transaction.replace.push_back(std::move(drop));
  store_->commit(std::move(transaction));
  store_->upkeep();
  EXPECT_EQ(store_->statistics().failed_work, 0u);
  EXPECT_EQ(all_ids(*store_, table_->id).size(), 60u);
}

TEST_F(ExtentUpkeepTest, NoMergeBeginsWhileMergesAreHeld) {
  std::shared_ptr<void> held = store_->hold_merges(table_->id);
  for (int64_t i = 0; i < 6; ++i) seal(10 * i, 10);
  store_->upkeep();
  EXPECT_EQ(extent_count(), 6u);
  held = nullptr;
  wait_until([&] { return extent_count() < 4; });
  expect_ids(0, 60);
}

TEST_F(ExtentUpkeepTest, AMergeIsNotWhatFillsTheDisk) {
  set_policy("merge", R"({"AllowMerge":false})");
  for (int64_t i = 0; i < 6; ++i) seal(10 * i, 10);
  files_.set_free_bytes(2000);
  set_policy("merge", R"({"AllowMerge":true})");
  seal(60, 10);
  EXPECT_THROW(store_->upkeep(), IoError);
  EXPECT_EQ(extent_count(), 7u);
  files_.set_free_bytes(std::nullopt);
  store_->upkeep();
  EXPECT_EQ(extent_count(), 1u);
  expect_ids(0, 70);
}

// Rows of the table after each step: what is there at any instant is one of them, and none that came before
// what was done already.
class UpkeepFaultTest : public ExtentUpkeepTest {
 protected:
  UpkeepFaultTest() { spdlog::set_level(spdlog::level::off); }
  ~UpkeepFaultTest() override { spdlog::set_level(spdlog::level::info); }

  // Four extents, which merge; then the oldest rows go.
  std::vector<std::vector<int64_t>> prepare() {
    set_policy("retention", R"({"SoftDeletePeriod":"10.00:00:00"})");
    set_policy("merge", R"({"MaxRangeInHours":24})");
    seal(0, 10);
    clock_.advance(5 * kTicksPerDay);
    for (int64_t i = 1; i < 5; ++i) seal(i * 10, 10);
    append(50, 10);
    std::vector<int64_t> all = all_ids(*store_, table_->id);
    return {all, {all.begin() + 10, all.end()}};
  }
};

TEST_F(UpkeepFaultTest, ThePowerMayGoAtEveryStep) {
  using Unsynced = FaultFileSystem::Unsynced;
  auto states = prepare();
  uint64_t images = 0;
  bool is_replaced = false;
  auto hook = files_.set_hook([&](FaultFileSystem::Operation, const auto&) {
    for (Unsynced unsynced : {Unsynced::kLost, Unsynced::kKept, Unsynced::kRandom}) {
      TemporaryDirectory image;
      files_.copy_survivors(image.path(), unsynced, ++images);
      auto store = Store::open(small_options(image.path()), posix_file_system(), clock_);
      std::vector<int64_t> found = all_ids(*store, table_->id);
      bool is_old = found == states[0], is_new = found == states[1];
      EXPECT_TRUE(is_old || is_new) << "image " << images << " has " << found.size() << " rows";
      EXPECT_TRUE(is_new || !is_replaced) << "image " << images;
      // It goes on: the same work gives the same rows.
      clock_.advance(0);
      store->upkeep();
    }
    return 0;
  });
  store_->upkeep();  // merges
  clock_.advance(6 * kTicksPerDay);
  store_->upkeep();
  is_replaced = true;
  store_->checkpoint();
  hook.remove();
  EXPECT_GT(images, 30u);
  EXPECT_EQ(all_ids(*store_, table_->id), states[1]);
  EXPECT_EQ(extent_count(), 1u);
}

TEST_F(UpkeepFaultTest, EveryOperationMayFail) {
  auto states = prepare();
  store_ = nullptr;  // nothing changes what is copied
  for (int error_number : {EIO, ENOSPC}) {
    for (int failing = 1;; ++failing) {
      TemporaryDirectory image;
      std::filesystem::copy(directory_.path(), image.path(),
                            std::filesystem::copy_options::recursive |
                                std::filesystem::copy_options::overwrite_existing);
      TestClock clock;
      clock.set(clock_.now());
      FaultFileSystem files(image.path());
      auto store = Store::open(small_options(image.path()), files, clock);
      std::atomic<int> countdown = failing;
      auto hook = files.set_hook([&](FaultFileSystem::Operation, const auto&) {
        return --countdown == 0 ? error_number : 0;
      });
      clock.advance(6 * kTicksPerDay);
      try {
        store->upkeep();
      } catch (const std::exception&) {
      }
      bool was_reached = countdown <= 0;
      hook.remove();
      std::vector<int64_t> found = all_ids(*store, table_->id);
      EXPECT_TRUE(found == states[0] || found == states[1]) << failing;
      // Later it succeeds, and a start finds the same.
      for (bool is_done = false; !is_done;) {
        try {
          store->upkeep();
          is_done = true;
        } catch (const Error& error) {
          ASSERT_FALSE(error.is_permanent());
        }
      }
      EXPECT_EQ(all_ids(*store, table_->id), states[1]) << failing;
      store = nullptr;
      store = Store::open(small_options(image.path()), posix_file_system(), clock);
      EXPECT_EQ(all_ids(*store, table_->id), states[1]) << failing;
      if (!was_reached) break;
      ASSERT_LT(failing, 100);
    }
  }
}

}  // namespace
}  // namespace rivulet::store
