// The engine over the real store: what commits, seals and schema changes do to queries that run beside
// them.

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/error.h"
#include "query/engine.h"
#include "store/testing/store_fixture.h"
#include "types/text.h"

namespace rivulet::query {
namespace {

using namespace store::testing;

class EngineStoreTest : public ::testing::Test {
 protected:
  EngineStoreTest() {
    store_ =
        store::Store::open(small_options(directory_.path() / "data"), posix_file_system(), clock_);
    open_engine();
  }

  void open_engine() {
    EngineOptions options;
    options.threads = 2;
    options.memory_limit_bytes = 1 << 30;
    options.temp_directory = directory_.path() / "temp";
    options.extent_directory = directory_.path() / "data";
    engine_ = Engine::open(options, *store_, clock_);
  }

  // Rows by line, cells by "|", of all results.
  std::string run(const std::string& text) {
    QueryRequest request;
    request.text = text;
    request.database = "NetDefaultDB";
    request.now = clock_.now();
    auto query = engine_->start(request);
    std::string out;
    for (size_t i = 0; i < query->result_count(); ++i) append_rows(out, *query->result(i));
    return out;
  }

  static void append_rows(std::string& out, ResultStream& stream) {
    for (auto chunk = stream.next(); chunk.row_count > 0; chunk = stream.next()) {
      for (size_t row = 0; row < chunk.row_count; ++row) {
        for (size_t i = 0; i < chunk.columns.size(); ++i) {
          if (i > 0) out += '|';
          append_cell_text(out, chunk.columns[i], row);
        }
        out += '\n';
      }
    }
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Engine> engine_;
};

constexpr const char* kCheck =
    "T | summarize n = count(), d = count_distinct(id), s = sum(id), e = countif(text == ''), l = "
    "sum(strlen(text))";

TEST_F(EngineStoreTest, SealingChangesNoAnswer) {
  auto table = create_table(*store_, "T");
  store_->commit(one_append(make_rows(*table, 0, 10)));
  store_->commit(one_append(make_rows(*table, 10, 2490)));
  store_->commit(one_append(make_rows(*table, 2500, 5000)));
  std::string before = run(kCheck);
  EXPECT_TRUE(before.starts_with("7500|7500|28121250|")) << before;
  std::string some =
      run("T | where id in (0, 11, 2600, 7499) | project id, text | order by id asc");
  store_->seal({});
  EXPECT_EQ(run(kCheck), before);
  EXPECT_EQ(run("T | where id in (0, 11, 2600, 7499) | project id, text | order by id asc"), some);
  EXPECT_EQ(run("T | where id >= 7000 | count"), "500\n");
  EXPECT_EQ(run("T | where id > 7499 | count"), "0\n");
  // Half sealed, half tail.
  store_->commit(one_append(make_rows(*table, 7500, 500)));
  EXPECT_EQ(run("T | summarize count(), count_distinct(id)"), "8000|8000\n");
  EXPECT_EQ(run("T | summarize countif(isnull(ingestion_time()))"), "0\n");
}

TEST_F(EngineStoreTest, CheckpointsChangeNoAnswer) {
  auto table = create_table(*store_, "T");
  store_->commit(one_append(make_rows(*table, 0, 10)));
  store_->commit(one_append(make_rows(*table, 10, 7490)));
  std::string before = run(kCheck);
  const std::string some =
      "T | where id in (0, 11, 2600, 7499) | project id, text, ingestion_time() | order by id asc";
  std::string some_before = run(some);
  const std::string longest = "T | top 50 by strlen(text), id asc | project text";
  std::string longest_before = run(longest);
  store_->checkpoint();
  EXPECT_EQ(store_->snapshot({&table->id, 1})->table(table->id)->chunks().size(), 0u);
  EXPECT_EQ(run(kCheck), before);
  EXPECT_EQ(run(some), some_before);
  EXPECT_EQ(run(longest), longest_before);
  EXPECT_EQ(run("T | where id >= 7000 | count"), "500\n");
  // In a row file, in a newer one, and in memory.
  store_->commit(one_append(make_rows(*table, 7500, 500)));
  store_->checkpoint();
  store_->commit(one_append(make_rows(*table, 8000, 100)));
  EXPECT_EQ(run("T | summarize count(), count_distinct(id)"), "8100|8100\n");
  EXPECT_EQ(run("T | join kind=inner T on id | summarize count(), countif(text == text1)"),
            "8100|8100\n");
}

// A flipped byte is an answer only to those who ask for it.
TEST_F(EngineStoreTest, ADamagedRowFileFailsOnlyItsOwnTables) {
  auto table = create_table(*store_, "T");
  auto other = create_table(*store_, "U");
  store_->commit(one_append(make_rows(*table, 0, 100)));
  store_->commit(one_append(make_rows(*other, 0, 100)));
  store_->checkpoint();
  store_->commit(one_append(make_rows(*other, 100, 1)));
  std::filesystem::path path;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "data/rows")) {
    path = entry.path();
  }
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(300);
  file.put('?');
  file.close();
  try {
    run("T | count | project Count");
    run("T | summarize sum(id)");
    FAIL() << "the damage was not found";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(path.string()), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("offset 48"), std::string::npos) << error.message();
    EXPECT_EQ(error.kind(), ErrorKind::kInternal);
  }
  EXPECT_EQ(run("U | summarize count(), sum(id)"), "101|5050\n");
}

TEST_F(EngineStoreTest, ANewColumnIsNullInOldRows) {
  auto table = create_table(*store_, "T");
  store_->commit(one_append(make_rows(*table, 0, 100)));
  store_->seal({});
  store_->commit(one_append(make_rows(*table, 100, 100)));
  store::Transaction alter;
  alter.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
    catalog::Table changed = *catalog.find_table(table->id);
    changed.columns.edit().push_back({changed.next_column_id++, "extra", ScalarType::kLong, ""});
    changed.columns.edit().push_back({changed.next_column_id++, "more", ScalarType::kString, ""});
    return {catalog::PutTable{changed}};
  };
  store_->commit(std::move(alter));
  EXPECT_EQ(run("T | summarize countif(isnull(extra)), countif(more == ''), count()"),
            "200|200|200\n");
  EXPECT_EQ(run("T | where extra > 5 | count"), "0\n");
}

TEST_F(EngineStoreTest, ACursorDividesOldFromNew) {
  auto table = create_table(*store_, "T");
  create_table(*store_, "U");
  EXPECT_EQ(run("T | where cursor_after('') | count"), "0\n");
  store_->commit(one_append(make_rows(*table, 0, 3000)));
  std::string cursor = run("print cursor_current()");
  cursor.pop_back();
  EXPECT_EQ(run("T | where cursor_after('" + cursor + "') | count"), "0\n");
  store_->commit(one_append(make_rows(*table, 3000, 10)));
  auto expect_divided = [&] {
    EXPECT_EQ(run("T | where cursor_after('" + cursor + "') | summarize count(), min(id), max(id)"),
              "10|3000|3009\n");
    EXPECT_EQ(run("T | where cursor_before_or_at('" + cursor + "') | summarize count(), max(id)"),
              "3000|2999\n");
    EXPECT_EQ(run("let c = cursor_current(); T | where cursor_before_or_at(c) | count"), "3010\n");
    EXPECT_EQ(run("T | where cursor_after(current_cursor()) | count"), "0\n");
    EXPECT_EQ(run("T | where id > 5 and cursor_after('" + cursor + "') | count"), "10\n");
    EXPECT_EQ(run("union T, U | where cursor_after('" + cursor + "') | count"), "10\n");
    EXPECT_EQ(run("T | where not(cursor_after('" + cursor + "')) | count"), "3000\n");
  };
  expect_divided();
  store_->seal({});
  expect_divided();
}

// What a poller gets who asks for the rows after the last cursor: each row once, however commits and
// seals fall.
TEST_F(EngineStoreTest, PollingByCursorSeesEachRowOnce) {
  auto table = create_table(*store_, "T");
  constexpr int64_t kRows = 2000;
  std::atomic<bool> is_done = false;
  std::thread writer([&] {
    for (int64_t i = 0; i < kRows; i += 5) {
      store_->commit(one_append(make_rows(*table, i, 5)));
      if (i % 500 == 0) store_->seal({});
    }
    is_done = true;
  });
  std::string cursor;
  int64_t count = 0, sum = 0;
  for (bool is_last = false; !is_last;) {
    is_last = is_done;
    std::string answer = run("T | where cursor_after('" + cursor +
                             "') | summarize count(), sum(id); print cursor_current()");
    int64_t polled = 0, polled_sum = 0, next = 0;
    ASSERT_EQ(std::sscanf(answer.c_str(), "%ld|%ld\n%ld", &polled, &polled_sum, &next), 3)
        << answer;
    count += polled, sum += polled_sum, cursor = std::to_string(next);
  }
  writer.join();
  EXPECT_EQ(count, kRows);
  EXPECT_EQ(sum, kRows * (kRows - 1) / 2);
}

// A damaged extent fails the queries that read it, and no others.
TEST_F(EngineStoreTest, ADamagedExtentIsNamed) {
  auto table = create_table(*store_, "T");
  auto other = create_table(*store_, "Other");
  store_->commit(one_append(make_rows(*table, 0, 3000)));
  store_->commit(one_append(make_rows(*other, 0, 3000)));
  store_->seal({});
  store_->commit(one_append(make_rows(*table, 5000, 10)));
  std::filesystem::path path = store_->snapshot({&table->id, 1})
                                   ->table(table->id)
                                   ->extents()
                                   .front()
                                   ->local_copy()
                                   ->string();
  engine_ = nullptr;
  store_ = nullptr;
  auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, size / 2);
  std::filesystem::resize_file(path, size);  // zeros
  store_ =
      store::Store::open(small_options(directory_.path() / "data"), posix_file_system(), clock_);
  open_engine();
  try {
    run("T | count");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(path.string() + " is damaged"), std::string::npos)
        << error.message();
  }
  EXPECT_EQ(run("T | where id >= 5000 | count"), "10\n");
  EXPECT_EQ(run("Other | count"), "3000\n");
}

// Also one whose file went after it was read.
TEST_F(EngineStoreTest, AnExtentThatGoesWhileTheStoreRunsIsNamed) {
  auto table = create_table(*store_, "T");
  store_->commit(one_append(make_rows(*table, 0, 3000)));
  store_->seal({});
  std::filesystem::path path =
      *store_->snapshot({&table->id, 1})->table(table->id)->extents().front()->local_copy();
  EXPECT_EQ(run("T | summarize count(), max(id)"), "3000|2999\n");
  std::filesystem::path aside = directory_.path() / "aside";
  std::filesystem::rename(path, aside);
  try {
    run("T | summarize max(text)");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(path.string() + " is missing"), std::string::npos)
        << error.message();
  }
  std::filesystem::rename(aside, path);
  EXPECT_EQ(run("T | summarize count(), max(id)"), "3000|2999\n");
}

// Where a column is damaged, queries of the others answer.
TEST_F(EngineStoreTest, ADamagedColumnFailsWhoReadsIt) {
  auto table =
      create_table(*store_, "T", {{"id", ScalarType::kLong}, {"key", ScalarType::kString}});
  ColumnBatch rows({ScalarType::kLong, ScalarType::kString});
  for (int64_t i = 0; i < 200'000; ++i) {
    rows.column(0).append(i);
    rows.column(1).append_text(to_string(new_guid()));
  }
  store_->commit(one_append({.table = table->id,
                             .column_ids = {table->columns[0].id, table->columns[1].id},
                             .rows = std::make_shared<ColumnBatch>(std::move(rows))}));
  store_->seal({});
  auto extent = store_->snapshot({&table->id, 1})->table(table->id)->extents().front();
  std::filesystem::path path = *extent->local_copy();
  std::vector<bool> of_id(extent->checksums.size()), of_key(of_id);
  extent->layout.mark({&table->columns[0].id, 1}, of_id);
  extent->layout.mark({&table->columns[1].id, 1}, of_key);
  size_t block = 0;
  while (of_id[block] || !of_key[block]) ASSERT_LT(++block, of_id.size());
  extent = nullptr;
  engine_ = nullptr;
  store_ = nullptr;
  damage(path, (block << 20) + 1000);
  store_ =
      store::Store::open(small_options(directory_.path() / "data"), posix_file_system(), clock_);
  open_engine();
  int64_t rows_of_first = 0;
  EXPECT_EQ(std::sscanf(run("T | where id >= 0 | summarize count(), max(id)").c_str(), "%ld|",
                        &rows_of_first),
            1);
  EXPECT_EQ(rows_of_first, 200'000);
  try {
    run("T | where key has 'a' | count");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(path.string() + " is damaged"), std::string::npos)
        << error.message();
  }
}

// P2 and P8: a transaction over two tables is seen whole or not at all, while tails are sealed.
TEST_F(EngineStoreTest, AQuerySeesOneMoment) {
  auto a = create_table(*store_, "A");
  auto b = create_table(*store_, "B");
  std::atomic<bool> is_done = false;
  std::thread writer([&] {
    for (int64_t i = 0; i < 300; ++i) {
      store::Transaction both;
      both.appends.push_back(make_rows(*a, i * 7, 7));
      both.appends.push_back(make_rows(*b, i * 7, 7));
      store_->commit(std::move(both));
    }
    is_done = true;
  });
  std::thread sealer([&] {
    while (!is_done) store_->seal({});
  });
  int64_t last = 0;
  int queries = 0;
  while (!is_done) {
    std::string out =
        run("let x = toscalar(A | summarize strcat(count(), ',', count_distinct(id))); let y = "
            "toscalar(B | summarize "
            "strcat(count(), ',', count_distinct(id))); print x, y");
    size_t bar = out.find('|');
    std::string x = out.substr(0, bar), y = out.substr(bar + 1, out.size() - bar - 2);
    EXPECT_EQ(x, y);
    EXPECT_EQ(x.substr(0, x.find(',')), x.substr(x.find(',') + 1));
    int64_t count = std::stoll(x);
    EXPECT_GE(count, last);
    EXPECT_EQ(count % 7, 0);
    last = count;
    ++queries;
  }
  writer.join();
  sealer.join();
  EXPECT_GT(queries, 0);
  EXPECT_EQ(run("A | count"), "2100\n");
}

// P3: a query is bound by the schema of the moment that it reads.
TEST_F(EngineStoreTest, SchemaChangesWhileQueriesRun) {
  auto table = create_table(*store_, "T");
  store_->commit(one_append(make_rows(*table, 0, 10)));
  std::atomic<bool> is_done = false;
  std::thread changer([&] {
    for (int i = 0; i < 200; ++i) {
      store::Transaction alter;
      alter.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
        catalog::Table changed = *catalog.find_table(table->id);
        changed.columns.edit()[1].name = changed.columns[1].name == "text" ? "renamed" : "text";
        return {catalog::PutTable{changed}};
      };
      store_->commit(std::move(alter));
    }
    is_done = true;
  });
  while (!is_done) {
    try {
      std::string out = run("T | summarize max(text)");
      EXPECT_EQ(out.find("null"), std::string::npos);
    } catch (const Error& error) {
      EXPECT_NE(error.message().find("SEM0100"), std::string::npos) << error.message();
    }
  }
  changer.join();
}

}  // namespace
}  // namespace rivulet::query
