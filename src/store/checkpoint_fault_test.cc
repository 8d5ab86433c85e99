// Every step of checkpoints, one by one: the power goes at it, or it fails. The history is short and always the
// same, and has all that a checkpoint does: spills, bases, cuts, merges, and files that go.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <map>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

// Ids by table, and the offset that a data connection has stored by name and partition.
using Contents = std::map<std::string, std::vector<int64_t>>;

Contents contents_of(const Store& store) {
  Contents contents;
  for (const auto& table : store.catalog()->find_database("NetDefaultDB")->tables()) {
    contents[table->name] = all_ids(store, table->id);
  }
  for (const auto& [name, connection] :
       store.catalog()->find_database("NetDefaultDB")->data_connections()) {
    for (const auto& [partition, next] : stored_offsets(store, connection.id)) {
      contents[fmt::format("{}/{}", name, partition)] = {next};
    }
  }
  return contents;
}

bool is_of_checkpoint(const std::filesystem::path& path) {
  std::string folder = path.parent_path().filename().string();
  return folder == "rows" || folder == "checkpoint" || path.filename() == "rows" ||
         path.filename() == "checkpoint";
}

class CheckpointFaultTest : public ::testing::Test {
 protected:
  CheckpointFaultTest() {
    spdlog::set_level(spdlog::level::off);
    history_.push_back({});
  }
  ~CheckpointFaultTest() override { spdlog::set_level(spdlog::level::info); }

  // Carries the history out. A checkpoint or seal that fails is left at that; commits succeed.
  void run(Store& store) {
    auto quietly = [](const std::function<void()>& work) {
      try {
        work();
      } catch (const IoError&) {
      } catch (const Error& error) {
        EXPECT_FALSE(error.is_permanent()) << error.message();
      }
    };
    auto find = [&](const char* name) {
      return store.catalog()->find_database("NetDefaultDB")->find_table(name);
    };
    for (const char* name : {"A", "B", "C"}) {
      expect([&](Contents& next) { next[name]; });
      create_table(store, name);
      ++done_;
    }
    Guid hub = new_guid();
    auto connect = [&] {
      Transaction transaction;
      transaction.alter = put_connection("hub", hub);
      store.commit(std::move(transaction));
      ++done_;
    };
    expect([](Contents&) {});
    connect();
    int64_t id = 0;
    for (int round = 0; round < 12; ++round) {
      Transaction transaction;
      size_t count = round == 5 ? 40 : static_cast<size_t>(2 + round % 3);
      Contents next = history_.back();
      for (const char* name : {"A", "B", "C"}) {
        auto table = find(name);
        if (!table) continue;
        transaction.appends.push_back(make_rows(*table, id, count));
        for (size_t i = 0; i < count; ++i) next[name].push_back(id++);
      }
      if (round == 3 || round == 11) {
        transaction.clear.push_back(find("B")->id);
        next["B"].erase(next["B"].begin(), next["B"].end() - static_cast<ptrdiff_t>(count));
      }
      for (int32_t partition : {0, round % 3 + 1}) {
        std::vector<int64_t>& offset = next[fmt::format("hub/{}", partition)];
        int64_t expected = offset.empty() ? -1 : offset[0];
        transaction.progress.push_back({hub, "topic", partition, expected, id});
        offset = {id};
      }
      expect([&](Contents& expected) { expected = next; });
      store.commit(std::move(transaction));
      ++done_;
      if (round == 6) {
        // Another connection takes the name.
        expect([&](Contents& expected) {
          std::erase_if(expected, [](const auto& entry) { return entry.first.starts_with("hub"); });
        });
        hub = new_guid();
        connect();
      }
      if (round == 5) {
        expect([&](Contents& expected) { expected.erase("C"); });
        drop_table(store, find("C")->id);
        ++done_;
      }
      if (round == 7) {
        catalog::TableId table = find("A")->id;
        quietly([&] { store.seal({&table, 1}); });
      }
      quietly([&] { store.checkpoint(); });
    }
  }

  void expect(const std::function<void(Contents&)>& change) {
    std::lock_guard lock(mutex_);
    history_.push_back(history_.back());
    change(history_.back());
  }

  TestClock clock_;
  std::mutex mutex_;
  std::vector<Contents> history_;  // guarded by mutex_: what is to be after each commit
  std::atomic<size_t> done_ = 0;   // commits that were acknowledged
};

TEST_F(CheckpointFaultTest, ThePowerMayGoAtEveryStep) {
  using Unsynced = FaultFileSystem::Unsynced;
  TemporaryDirectory directory;
  FaultFileSystem files(directory.path());
  StoreOptions options = small_options(directory.path());
  options.log_segment_bytes = 16 << 10;
  auto store = Store::open(options, files, clock_);
  int images = 0;
  auto hook = files.set_hook([&](FaultFileSystem::Operation, const std::filesystem::path& path) {
    if (!is_of_checkpoint(path)) return 0;
    for (Unsynced unsynced : {Unsynced::kLost, Unsynced::kKept, Unsynced::kRandom}) {
      TemporaryDirectory image;
      files.copy_survivors(image.path(), unsynced, static_cast<uint64_t>(++images));
      StoreOptions copied = options;
      copied.directory = image.path();
      try {
        auto reopened = Store::open(copied, posix_file_system(), clock_);
        Contents found = contents_of(*reopened);
        std::lock_guard lock(mutex_);
        size_t done = done_;
        bool is_next = done + 1 < history_.size() && found == history_[done + 1];
        EXPECT_TRUE(found == history_[done] || is_next) << "image " << images << " at " << path;
      } catch (const std::exception& error) {
        ADD_FAILURE() << "image " << images << " at " << path << ": " << error.what();
      }
    }
    return 0;
  });
  run(*store);
  hook.remove();
  EXPECT_EQ(contents_of(*store), history_.back());
  // Of eight files, and of one that is dead for the most part.
  EXPECT_EQ(store->statistics().row_file_merges, 2u);
  EXPECT_LE(store->statistics().row_files, 8u);
  EXPECT_GT(images, 300);
}

TEST_F(CheckpointFaultTest, EveryStepMayFail) {
  for (int failing = 1;; ++failing) {
    TemporaryDirectory directory;
    FaultFileSystem files(directory.path());
    StoreOptions options = small_options(directory.path());
    options.log_segment_bytes = 16 << 10;
    auto store = Store::open(options, files, clock_);
    history_.assign(1, {});
    done_ = 0;
    std::atomic<int> countdown = failing;
    auto hook = files.set_hook([&](FaultFileSystem::Operation, const std::filesystem::path& path) {
      if (!is_of_checkpoint(path) || --countdown != 0) return 0;
      return failing % 2 == 0 ? ENOSPC : EIO;
    });
    run(*store);
    bool has_failed = countdown <= 0;
    hook.remove();
    EXPECT_EQ(contents_of(*store), history_.back()) << failing;
    // The next one makes up for it, and leaves no file behind that nobody needs.
    store->commit(one_append(make_rows(
        *store->catalog()->find_database("NetDefaultDB")->find_table("A"), 1'000'000, 1)));
    store->checkpoint();
    Contents before = contents_of(*store);
    uint64_t row_files = store->statistics().row_files;
    store = nullptr;
    store = Store::open(options, posix_file_system(), clock_);
    EXPECT_EQ(contents_of(*store), before) << failing;
    EXPECT_LE(store->statistics().row_files, row_files) << failing;
    EXPECT_EQ(files_of(directory.path() / "rows").size(), store->statistics().row_files) << failing;
    if (!has_failed || HasFailure()) {
      EXPECT_GT(failing, 100);
      return;
    }
  }
}

// A cut whose record was not acknowledged, but is on the disk, behind a checkpoint that holds the rows in one run.
class CutInsideARunTest : public CheckpointFaultTest {
 protected:
  // Of three transactions with ten rows each, those from `first` to `last` are cut; `kept` is what stays.
  void cut(size_t first, size_t last, const std::vector<int64_t>& kept) {
    TemporaryDirectory directory;
    FaultFileSystem files(directory.path());
    StoreOptions options = small_options(directory.path());
    auto store = Store::open(options, files, clock_);
    auto table = create_table(*store, "T");
    std::vector<Sequence> sequences;
    for (int64_t i = 0; i < 3; ++i) {
      sequences.push_back(store->commit(one_append(make_rows(*table, 10 * i, 10))).sequence);
    }
    Transaction transaction;
    transaction.replace.push_back(
        {.table = table->id, .first_sequence = sequences.at(first), .up_to = sequences.at(last)});
    auto hook =
        files.set_hook([](FaultFileSystem::Operation operation, const std::filesystem::path& path) {
          bool is_sync = operation == FaultFileSystem::Operation::kSync;
          return is_sync && path.extension() == ".log" ? EIO : 0;
        });
    EXPECT_THROW(store->commit(std::move(transaction)), Error);
    hook.remove();
    EXPECT_EQ(all_ids(*store, table->id).size(), 30u);
    store->checkpoint();
    EXPECT_EQ(store->snapshot({&table->id, 1})->table(table->id)->runs().size(), 1u);

    TemporaryDirectory image;
    files.copy_survivors(image.path(), FaultFileSystem::Unsynced::kKept);
    store = nullptr;
    options.directory = image.path();
    std::vector<int64_t> expected = kept;
    for (int64_t i = 0; i < 10; ++i) {
      store = Store::open(options, posix_file_system(), clock_);
      ASSERT_EQ(all_ids(*store, table->id), expected);
      EXPECT_EQ(store->statistics().tail_rows, expected.size());
      // The base holds it from then on, and after some of them a merge has written it anew.
      store->commit(one_append(make_rows(*table, 100 + i, 1)));
      expected.push_back(100 + i);
      store->checkpoint();
      store = nullptr;
    }
    store = Store::open(options, posix_file_system(), clock_);
    store->seal({});
    EXPECT_EQ(all_ids(*store, table->id), expected);
    EXPECT_EQ(store->statistics().tail_rows, 0u);
  }

  static std::vector<int64_t> ids(std::initializer_list<int64_t> tens) {
    std::vector<int64_t> ids;
    for (int64_t ten : tens) {
      for (int64_t i = 0; i < 10; ++i) ids.push_back(10 * ten + i);
    }
    return ids;
  }
};

TEST_F(CutInsideARunTest, AtItsStart) {
  cut(0, 1, ids({2}));
}
TEST_F(CutInsideARunTest, InTheMiddle) {
  cut(1, 1, ids({0, 2}));
}
TEST_F(CutInsideARunTest, AtItsEnd) {
  cut(1, 2, ids({0}));
}

// A file that cannot be read is left out of a merge, and taken by the next checkpoint's.
TEST_F(CheckpointFaultTest, AFileThatCouldNotBeReadOnceIsMergedLater) {
  TemporaryDirectory directory;
  FaultFileSystem files(directory.path());
  auto store = Store::open(small_options(directory.path()), files, clock_);
  auto table = create_table(*store, "T");
  auto checkpoint = [&](int64_t i) {
    store->commit(one_append(make_rows(*table, 10 * i, 10)));
    store->checkpoint();
  };
  checkpoint(0);
  std::filesystem::path first = *files_of(directory.path() / "rows").begin();
  for (int64_t i = 1; i < 7; ++i) checkpoint(i);
  std::atomic<int> failures = 0;
  files.set_read_hook([&](const std::filesystem::path& path) {
    bool is_first = path == first;
    failures += is_first ? 1 : 0;
    return is_first ? EIO : 0;
  });
  checkpoint(7);
  EXPECT_GE(failures, 1);
  EXPECT_EQ(store->statistics().row_file_merges, 1u);
  EXPECT_EQ(store->statistics().row_files, 2u);
  files.set_read_hook(nullptr);
  for (int64_t i = 8; i < 14; ++i) checkpoint(i);
  EXPECT_EQ(store->statistics().row_files, 8u);
  checkpoint(14);
  EXPECT_EQ(store->statistics().row_files, 2u);
  EXPECT_EQ(all_ids(*store, table->id).size(), 150u);
}

// Long runs are written again only to keep the number of files down, and a file goes with its rows.
TEST_F(CheckpointFaultTest, LongRunsAreNotMergedUntilThereAreManyFiles) {
  TemporaryDirectory directory;
  StoreOptions options = small_options(directory.path());
  options.seal_rows = options.seal_bytes = options.seal_min_rows = UINT64_MAX;
  auto store = Store::open(options, posix_file_system(), clock_);
  auto kept = create_table(*store, "Kept"), sealed = create_table(*store, "Sealed");
  constexpr int64_t kRows = 1500;
  auto checkpoint = [&](int64_t i) {
    Transaction transaction;
    for (const auto& table : {kept, sealed}) {
      transaction.appends.push_back(make_rows(*table, kRows * i, kRows));
    }
    store->commit(std::move(transaction));
    store->checkpoint();
  };
  for (int64_t i = 0; i < 96; ++i) checkpoint(i);
  EXPECT_EQ(store->statistics().row_file_merges, 0u);
  EXPECT_EQ(store->statistics().row_files, 96u);
  checkpoint(96);
  EXPECT_EQ(store->statistics().row_file_merges, 1u);
  EXPECT_EQ(store->statistics().row_files, 82u);
  // Half of each file is dead now, and stays; then all is.
  store->seal({&sealed->id, 1});
  store->commit(one_append(make_rows(*sealed, kRows * 97, 1)));
  store->checkpoint();
  EXPECT_EQ(store->statistics().row_files, 83u);
  EXPECT_EQ(all_ids(*store, kept->id).size(), size_t{97 * kRows});
  EXPECT_EQ(all_ids(*store, sealed->id).size(), size_t{97 * kRows + 1});
  store->seal({});
  create_table(*store, "Other");
  store->checkpoint();
  EXPECT_EQ(store->statistics().row_files, 0u);
}

// What a merge replaced, and what was cleared, is there for who looked before.
TEST_F(CheckpointFaultTest, ASnapshotKeepsItsFiles) {
  TemporaryDirectory directory;
  auto store = Store::open(small_options(directory.path()), posix_file_system(), clock_);
  auto table = create_table(*store, "T");
  std::vector<std::unique_ptr<Snapshot>> snapshots;
  for (int64_t i = 0; i < 20; ++i) {
    store->commit(one_append(make_rows(*table, 10 * i, 10)));
    store->checkpoint();
    snapshots.push_back(store->snapshot({&table->id, 1}));
  }
  EXPECT_EQ(store->statistics().row_file_merges, 2u);
  Transaction clear;
  clear.clear.push_back(table->id);
  store->commit(std::move(clear));
  store->checkpoint();
  for (size_t i = 0; i < snapshots.size(); ++i) {
    EXPECT_EQ(tail_rows(*snapshots[i]->table(table->id)).size(), 10 * (i + 1));
  }
  EXPECT_GT(store->statistics().row_files, 8u);
  snapshots.clear();
  EXPECT_EQ(store->statistics().row_files, 0u);
}

}  // namespace
}  // namespace rivulet::store
