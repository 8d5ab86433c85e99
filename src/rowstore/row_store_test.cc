#include "rowstore/row_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "rowstore/testing/random_rows.h"

namespace rivulet::rowstore {
namespace {

using namespace testing;

catalog::Table make_table(catalog::TableId id, const std::vector<ScalarType>& types) {
  catalog::Table table;
  table.id = id;
  for (ScalarType type : types)
    table.columns.edit().push_back({table.next_column_id++, "", type, ""});
  return table;
}

// A row: its values by column id, and when it came.
struct ModelRow {
  std::map<uint32_t, CellValue> cells;
  Sequence sequence = 0;
  Ticks time = 0;

  bool operator==(const ModelRow&) const = default;
};

// What a view holds for the columns of the table.
std::vector<ModelRow> rows_of(const TailView& tail, const catalog::Table& table) {
  ChunkViews chunks(tail);
  std::vector<ModelRow> rows;
  for (const ChunkView& chunk : chunks.views()) {
    EXPECT_LE(chunk.row_count, Chunk::kMaxRows);
    for (uint32_t row = 0; row < chunk.row_count; ++row) {
      ModelRow& out = rows.emplace_back();
      out.sequence = static_cast<Sequence>(chunk.sequences[row]);
      out.time = chunk.ingestion_times[row];
      for (const catalog::ColumnDef& column : table.columns) {
        CellValue value = absent_value(column.type);
        for (size_t i = 0; i < chunk.column_ids.size(); ++i) {
          if (chunk.column_ids[i] == column.id) value = cell_value(chunk.columns[i], row);
        }
        out.cells[column.id] = value;
      }
    }
  }
  return rows;
}

// Random changes to one table next to a model of it.
class RowStoreModelTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  RowStoreModelTest() : random_(GetParam()), table_(make_table(1, kAllTypes)) {}

  void append() {
    constexpr size_t kCounts[] = {1, 1, 1, 1, 1, 1, 2, 3, 10, 10, 100, 100, 700, 2100};
    size_t count = kCounts[random_() % std::size(kCounts)];
    // Some of the columns, in any order, and one that the table does not have any more.
    std::vector<catalog::ColumnDef> columns;
    for (const catalog::ColumnDef& column : table_.columns) {
      if (random_() % 8 != 0) columns.push_back(column);
    }
    if (random_() % 3 == 0) std::shuffle(columns.begin(), columns.end(), random_);
    columns.push_back({9999, "", ScalarType::kLong, ""});
    std::vector<ScalarType> types;
    std::vector<uint32_t> ids;
    for (const catalog::ColumnDef& column : columns) {
      types.push_back(column.type);
      ids.push_back(column.id);
    }
    ColumnBatch batch(types);
    ++sequence_;
    std::vector<ColumnView> views;
    for (size_t i = 0; i < columns.size(); ++i) {
      for (size_t row = 0; row < count; ++row) append_random(batch.column(i), random_);
      views.push_back(batch.column(i).view());
    }
    for (size_t row = 0; row < count; ++row) {
      ModelRow& model = model_.emplace_back();
      model.sequence = sequence_;
      model.time = static_cast<Ticks>(1000 + sequence_);
      for (size_t i = 0; i < columns.size(); ++i) {
        model.cells[ids[i]] = cell_value(views[i], row);
      }
    }
    store_.append(table_, ids, views, count, static_cast<Ticks>(1000 + sequence_), sequence_);
  }

  void alter() {
    std::vector<catalog::ColumnDef>& columns = table_.columns.edit();
    auto at = columns.begin() + static_cast<ptrdiff_t>(random_() % columns.size());
    if (random_() % 2 == 0 && columns.size() > 3) {
      columns.erase(at);
    } else {
      ScalarType type = kAllTypes[random_() % kAllTypes.size()];
      columns.insert(at, {table_.next_column_id++, "", type, ""});
    }
  }

  void publish() {
    std::vector<TailView> garbage;
    std::lock_guard lock(store_.mutex());
    store_.publish(garbage, events_);
  }

  std::vector<ModelRow> expected() const {
    std::vector<ModelRow> rows;
    for (const ModelRow& model : model_) {
      ModelRow& out = rows.emplace_back();
      out.sequence = model.sequence;
      out.time = model.time;
      for (const catalog::ColumnDef& column : table_.columns) {
        auto found = model.cells.find(column.id);
        out.cells[column.id] =
            found == model.cells.end() ? absent_value(column.type) : found->second;
      }
    }
    return rows;
  }

  std::mt19937_64 random_;
  catalog::Table table_;
  RowStore store_;
  Sequence sequence_ = 0;
  std::vector<ModelRow> model_;
  std::vector<TailEvent> events_;
};

TEST_P(RowStoreModelTest, HoldsWhatTheModelHolds) {
  struct Held {
    TailView view;
    catalog::Table table;
    std::vector<ModelRow> rows;
  };
  std::vector<Held> held;
  for (int step = 0; step < 80; ++step) {
    for (uint64_t i = 0; i < 1 + random_() % 4; ++i) {
      uint64_t kind = random_() % 40;
      if (kind < 32) {
        append();
      } else if (kind < 36) {
        alter();
      } else if (kind < 39) {
        Sequence up_to = sequence_ - std::min<Sequence>(random_() % 5, sequence_);
        Sequence first = random_() % 2 == 0 ? 0 : up_to - std::min<Sequence>(random_() % 9, up_to);
        store_.cut(1, first, up_to);
        std::erase_if(model_, [&](const ModelRow& row) {
          return first <= row.sequence && row.sequence <= up_to;
        });
      } else {
        store_.clear(1);
        model_.clear();
      }
    }
    publish();
    TailView view;
    {
      std::lock_guard lock(store_.mutex());
      view = store_.view(1);
      ASSERT_EQ(store_.total_rows(), model_.size());
      if (model_.empty()) {
        ASSERT_EQ(store_.total_bytes(), 0u);
      }
    }
    ASSERT_EQ(store_.first_sequence(1), model_.empty() ? 0 : model_.front().sequence);
    std::vector<ModelRow> rows = expected();
    ASSERT_EQ(rows_of(view, table_), rows) << "step " << step;
    if (random_() % 10 == 0) held.push_back({view, table_, std::move(rows)});
  }
  for (const Held& each : held) EXPECT_EQ(rows_of(each.view, each.table), each.rows);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RowStoreModelTest, ::testing::Range<uint64_t>(0, 4));

TEST(RowStore, ASmallTableIsCheap) {
  catalog::Table table =
      make_table(1, {ScalarType::kDateTime, ScalarType::kString, ScalarType::kString,
                     ScalarType::kReal, ScalarType::kLong, ScalarType::kDynamic});
  RowStore store;
  std::vector<TailView> garbage;
  std::vector<TailEvent> events;
  for (Sequence sequence = 1; sequence <= 10; ++sequence) {
    std::vector<ScalarType> types{ScalarType::kDateTime, ScalarType::kString, ScalarType::kReal};
    std::vector<uint32_t> ids{1, 2, 4};
    ColumnBatch batch(types);
    batch.column(0).append(int64_t{1});
    batch.column(1).append_text("device-000");
    batch.column(2).append(1.5);
    std::vector<ColumnView> views{batch.column(0).view(), batch.column(1).view(),
                                  batch.column(2).view()};
    store.append(table, ids, views, 1, 1, sequence);
    std::lock_guard lock(store.mutex());
    store.publish(garbage, events);
  }
  EXPECT_LE(store.published_bytes(), 2048u);
  store.cut(1, 0, 10);
  std::lock_guard lock(store.mutex());
  store.publish(garbage, events);
  EXPECT_EQ(store.total_bytes(), 0u);
}

TEST(RowStore, SaysOnceWhenATailIsWorthSealing) {
  catalog::Table table = make_table(1, {ScalarType::kLong});
  RowStore store({.rows = 100, .bytes = UINT64_MAX, .aging_rows = 10});
  std::vector<TailView> garbage;
  std::vector<std::pair<Sequence, Ripeness>> seen;
  Sequence sequence = 0;
  auto grow_to = [&](Sequence end) {
    while (sequence < end) {
      ++sequence;
      Column column(ScalarType::kLong);
      column.append(static_cast<int64_t>(sequence));
      uint32_t id = 1;
      ColumnView view = column.view();
      store.append(table, {&id, 1}, {&view, 1}, 1, 5000, sequence);
      std::vector<TailEvent> events;
      std::lock_guard lock(store.mutex());
      store.publish(garbage, events);
      for (const TailEvent& event : events) {
        EXPECT_EQ(event.table, 1u);
        EXPECT_EQ(event.oldest, 5000);
        seen.emplace_back(sequence, event.ripeness);
      }
    }
  };
  grow_to(150);
  store.cut(1, 0, 140);
  grow_to(250);
  std::vector<std::pair<Sequence, Ripeness>> expected{{10, Ripeness::kAging},
                                                      {100, Ripeness::kRipe},
                                                      {151, Ripeness::kAging},
                                                      {240, Ripeness::kRipe}};
  EXPECT_EQ(seen, expected);
}

// One writer as the committer is, several readers: for the thread sanitizer, and for what readers see.
TEST(RowStore, ReadersSeeWholePublicationsWhileRowsAreAppended) {
  catalog::Table table = make_table(1, {ScalarType::kLong, ScalarType::kLong, ScalarType::kString});
  RowStore store;
  std::atomic<bool> is_done = false;
  std::atomic<int> looks = 0;
  auto read = [&] {
    uint64_t most = 0;
    for (; !is_done || most == 0; ++looks) {
      TailView view;
      {
        std::lock_guard lock(store.mutex());
        view = store.view(1);
      }
      ChunkViews chunks(view);
      uint64_t rows = 0;
      int64_t previous = 0;
      for (const ChunkView& chunk : chunks.views()) {
        rows += chunk.row_count;
        for (uint32_t row = 0; row < chunk.row_count; ++row) {
          int64_t value = chunk.columns[0].cell<int64_t>(row);
          ASSERT_GT(value, previous);
          previous = value;
          ASSERT_EQ(chunk.columns[1].is_null(row), value % 3 == 0);
          ASSERT_EQ(chunk.columns[2].text(row), "the text of row " + std::to_string(value));
        }
      }
      // A publication brings three rows, and the first ones are cut by and by.
      ASSERT_EQ(rows % 3, 0u);
      most = std::max(most, rows);
    }
  };
  std::thread first(read), second(read);
  std::vector<TailView> garbage;
  std::vector<TailEvent> events;
  int64_t value = 0;
  for (Sequence sequence = 1; sequence <= 4000 || looks < 100; ++sequence) {
    std::vector<ScalarType> types{ScalarType::kLong, ScalarType::kLong, ScalarType::kString};
    std::vector<uint32_t> ids{1, 2, 3};
    ColumnBatch batch(types);
    for (int i = 0; i < 3; ++i) {
      ++value;
      batch.column(0).append(value);
      if (value % 3 == 0) {
        batch.column(1).append_null();
      } else {
        batch.column(1).append(value);
      }
      batch.column(2).append_text("the text of row " + std::to_string(value));
    }
    std::vector<ColumnView> views{batch.column(0).view(), batch.column(1).view(),
                                  batch.column(2).view()};
    store.append(table, ids, views, 3, 1, sequence);
    if (sequence % 1500 == 0) store.cut(1, 0, sequence - 100);
    {
      std::lock_guard lock(store.mutex());
      store.publish(garbage, events);
    }
    garbage.clear();
  }
  is_done = true;
  first.join();
  second.join();
}

}  // namespace
}  // namespace rivulet::rowstore
