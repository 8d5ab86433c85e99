// Everything at once, for the thread sanitizer above all: ingestion, alterations, clears, drops and re-creations
// beside snapshots, seals and checkpoints. A table's ids begin at 0 with every life of it, so that whoever looks
// can tell whether a row is missing or double.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <map>
#include <random>
#include <thread>

#include "common/error.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

constexpr size_t kWriters = 3;
constexpr size_t kTablesOfAWriter = 2;
constexpr int kSteps = 250;  // of a writer

class StressTest : public ::testing::Test {
 protected:
  StressTest() { reopen(); }
  void reopen() {
    store_ = nullptr;
    StoreOptions options = small_options(directory_.path());
    options.log_limit_bytes = 256 << 10;
    options.seal_rows = 500;
    store_ = Store::open(options, posix_file_system(), clock_);
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
};

// A table that one writer alone changes, which so knows what must be in it.
struct Slot {
  std::string name;
  std::shared_ptr<const catalog::Table> table;
  std::atomic<catalog::TableId> id = 0;  // for those who look
  int64_t rows = 0;
  int64_t offset = -1;  // of the topic of this name
};

class Writer {
 public:
  Writer(Store& store, const Guid& connection, std::span<Slot> slots, unsigned seed)
      : store_(store), connection_(connection), slots_(slots), random_(seed) {}

  void run() {
    for (int i = 0; i < kSteps && !::testing::Test::HasFailure(); ++i) {
      Slot& slot = slots_[random_() % slots_.size()];
      switch (random_() % 16) {
        case 0:
          clear(slot);
          break;
        case 1:
          drop_and_create(slot);
          break;
        case 2:
          alter(slot);
          break;
        case 3:
        case 4:
          append_many(slot);
          break;
        default:
          store_.commit(rows(slot));
      }
      auto snapshot = store_.snapshot({&slot.table->id, 1});
      check_life(*snapshot->table(slot.table->id), snapshot->sequence(), slot.rows);
    }
  }

  // Whether the rows of a table are those of one life of it; `expected` rows if that is known.
  static void check_life(const TableSnapshot& table, Sequence newest,
                         std::optional<int64_t> expected) {
    int64_t sealed = 0;
    for (const auto& extent : table.extents()) {
      ASSERT_LE(extent->max_sequence, newest);
      sealed += static_cast<int64_t>(extent->row_count);
    }
    int64_t next = sealed;
    for (const Row& row : tail_rows(table)) {
      ASSERT_EQ(row.id, next++);
      ASSERT_EQ(row.text, text_of(row.id));
      ASSERT_LE(row.sequence, newest);
    }
    ASSERT_EQ(next, expected.value_or(next));
  }

 private:
  Transaction rows(Slot& slot) {
    size_t count = 1 + random_() % 40;
    Transaction transaction = one_append(make_rows(*slot.table, slot.rows, count));
    slot.rows += static_cast<int64_t>(count);
    transaction.progress = {{connection_, slot.name, 0, slot.offset, slot.offset + 1}};
    ++slot.offset;
    return transaction;
  }
  void clear(Slot& slot) {
    slot.rows = 0;
    Transaction transaction = rows(slot);
    transaction.clear = {slot.table->id};
    store_.commit(std::move(transaction));
  }
  void drop_and_create(Slot& slot) {
    drop_table(store_, slot.table->id);
    EXPECT_THROW(store_.commit(one_append(make_rows(*slot.table, 0, 1))), Error);
    slot.table = create_table(store_, slot.name);
    slot.id = slot.table->id;
    slot.rows = 0;
  }
  // A column comes, or the last one that came goes.
  void alter(Slot& slot) {
    Transaction transaction = rows(slot);
    transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table table = *catalog.find_table(slot.table->id);
      if (table.columns.size() > 2 && table.next_column_id % 3 == 0) {
        table.columns.edit().pop_back();
      } else {
        uint32_t id = table.next_column_id++;
        table.columns.edit().push_back({id, fmt::format("c{}", id), ScalarType::kReal, ""});
      }
      return {catalog::PutTable{table}};
    };
    slot.table = store_.commit(std::move(transaction)).catalog->find_table(slot.table->id);
  }
  // Without waiting for one before the next is queued.
  void append_many(Slot& slot) {
    std::latch done(20);
    std::atomic<int> refused = 0;
    for (int i = 0; i < 20; ++i) {
      store_.commit(rows(slot), [&](const CommitResult& result) {
        refused += result.error ? 1 : 0;
        done.count_down();
      });
    }
    done.wait();
    ASSERT_EQ(refused, 0);
  }

  Store& store_;
  const Guid connection_;
  std::span<Slot> slots_;
  std::minstd_rand random_;
};

TEST_F(StressTest, EverythingAtOnce) {
  std::array<Slot, kWriters * kTablesOfAWriter> slots;
  for (size_t i = 0; i < slots.size(); ++i) {
    slots[i].name = fmt::format("T{}", i);
    slots[i].table = create_table(*store_, slots[i].name);
    slots[i].id = slots[i].table->id;
  }
  Guid connection = new_guid();
  Transaction connect;
  connect.alter = put_connection("hub", connection);
  store_->commit(std::move(connect));
  auto ids = [&] {
    std::vector<catalog::TableId> found;
    for (const Slot& slot : slots) found.push_back(slot.id);
    return found;
  };

  std::atomic<bool> is_done = false;
  std::vector<std::thread> others;
  others.emplace_back([&] {
    for (size_t i = 0; !is_done; ++i) {
      catalog::TableId id = slots[i % slots.size()].id;
      store_->seal({&id, 1});
    }
  });
  others.emplace_back([&] {
    while (!is_done) store_->checkpoint();
  });
  for (int reader = 0; reader < 2; ++reader) {
    others.emplace_back([&] {
      std::map<std::string, int64_t> offsets;
      while (!is_done && !HasFailure()) {
        for (const Progress& offset : store_->progress(connection)) {
          ASSERT_GE(offset.position, offsets[offset.stream]);
          offsets[offset.stream] = offset.position;
        }
        std::vector<catalog::TableId> tables = ids();
        auto snapshot = store_->snapshot(tables);
        for (catalog::TableId id : tables) {
          if (auto table = snapshot->table(id)) {
            Writer::check_life(*table, snapshot->sequence(), std::nullopt);
          }
        }
        store_->statistics();
      }
    });
  }
  std::vector<std::thread> writers;
  for (size_t i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      std::span<Slot> own = std::span(slots).subspan(i * kTablesOfAWriter, kTablesOfAWriter);
      Writer(*store_, connection, own, static_cast<unsigned>(i + 1)).run();
    });
  }
  for (std::thread& thread : writers) thread.join();
  is_done = true;
  for (std::thread& thread : others) thread.join();

  for (int look = 0; look < 2; ++look) {
    std::vector<Progress> offsets = store_->progress(connection);
    ASSERT_EQ(offsets.size(), slots.size());
    for (size_t i = 0; i < slots.size(); ++i) {
      EXPECT_EQ(offsets[i], (Progress{connection, slots[i].name, 0, -1, slots[i].offset}));
    }
    for (const Slot& slot : slots) {
      std::vector<Row> rows = all_rows(*store_, slot.id);
      ASSERT_EQ(rows.size(), static_cast<size_t>(slot.rows));
      for (size_t i = 0; i < rows.size(); ++i) {
        ASSERT_EQ(rows[i].id, static_cast<int64_t>(i));
        ASSERT_EQ(rows[i].text, text_of(rows[i].id));
      }
    }
    reopen();
  }
}

}  // namespace
}  // namespace rivulet::store
