#include "query/statement_run.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <new>
#include <thread>

#include "common/testing/error_text.h"
#include "query/testing/fake_table.h"
#include "types/text.h"

namespace rivulet::query {
namespace {

using kql::BoundStatement;
using kql::ColumnBound;
using kql::Source;

struct Limits {
  uint64_t max_records = 0, max_bytes = 0, take = 0;
  std::chrono::milliseconds timeout{60'000};
};

class StatementRunTest : public ::testing::Test {
 protected:
  StatementRunTest() {
    directory_ =
        std::filesystem::temp_directory_path() / ("query_test_" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_ / "extents");
    light_ = open("light", 1);
    heavy_ = open("heavy", 2);
  }
  ~StatementRunTest() override {
    light_.reset();
    heavy_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::unique_ptr<duckdb::Database> open(const char* name, int threads) {
    duckdb::DatabaseOptions options;
    options.threads = threads;
    options.memory_limit_bytes = 512 << 20;
    options.temp_directory = directory_ / name;
    options.extent_directory = directory_ / "extents";
    return std::make_unique<duckdb::Database>(options, [&](duckdb::Connection& connection) {
      register_scan(connection, scans_, threads);
    });
  }

  // A table with the columns 1 long, 2 string, 3 datetime and this many rows: the row's number, a text
  // made of it (every 7th is longer than a cell; every 5th long is null), and the number as ticks.
  std::shared_ptr<FakeTable> numbers(size_t rows, catalog::TableId id = 1) {
    auto table = std::make_shared<FakeTable>(make_table(
        id, "T",
        {{"n", ScalarType::kLong}, {"s", ScalarType::kString}, {"t", ScalarType::kDateTime}}));
    auto batch = std::make_shared<ColumnBatch>(
        std::vector<ScalarType>{ScalarType::kLong, ScalarType::kString, ScalarType::kDateTime});
    for (size_t i = 0; i < rows; ++i) {
      if (i % 5 == 4) {
        batch->column(0).append_null();
      } else {
        batch->column(0).append(static_cast<int64_t>(i));
      }
      batch->column(1).append_text(i % 7 == 0 ? "a text longer than a cell " + std::to_string(i)
                                              : std::to_string(i));
      batch->column(2).append(static_cast<int64_t>(i));
    }
    table->append({1, 2, 3}, batch, 1, 100);
    return table;
  }

  // A file of the query's rows, with the range of column 3 as statistics.
  extents::testing::FakeExtent extent(const std::string& name, const std::string& sql,
                                      std::vector<uint32_t> column_ids, int64_t min, int64_t max,
                                      store::Sequence first = 1, store::Sequence last = 1) {
    std::filesystem::path path = directory_ / "extents" / (name + ".parquet");
    duckdb::ConnectionLease connection(*light_);
    connection->execute("COPY (" + sql + ") TO '" + path.string() + "' (FORMAT parquet)");
    extents::ExtentDescription view;
    view.row_count = static_cast<uint64_t>(max - min + 1);
    view.min_sequence = first;
    view.max_sequence = last;
    view.column_ids = std::move(column_ids);
    store::ColumnStatistics statistics{
        .column_id = 3, .type = ScalarType::kDateTime, .has_range = true};
    statistics.min_int = min;
    statistics.max_int = max;
    view.statistics = extents::StatisticsList({&statistics, 1});
    return extents::testing::FakeExtent(std::move(view), std::move(path));
  }

  static Source source(catalog::TableId table, std::vector<uint32_t> columns) {
    Source source;
    source.table = table;
    source.column_ids = std::move(columns);
    return source;
  }

  std::unique_ptr<ResultStream> start(BoundStatement statement, const FakeSnapshot& snapshot,
                                      const Limits& limits = {},
                                      std::shared_ptr<const InputChunks> input = nullptr) {
    auto deadline = std::chrono::steady_clock::now() + limits.timeout;
    context_ = std::make_shared<QueryContext>(watchdog_, registry_, native_memory_, deadline);
    context_->registry_id = registry_.add({}, [] {});
    StatementLimits statement_limits{limits.max_records, limits.max_bytes, limits.take, deadline};
    return PreparedRun::make(context_, std::move(statement), statement_limits, snapshot, input,
                             {*light_, *heavy_, scans_, planning_})
        ->run();
  }

  // All rows, cells by "|", rows by line.
  static std::string read(ResultStream& stream) {
    std::string text;
    for (auto chunk = stream.next(); chunk.row_count > 0; chunk = stream.next()) {
      for (size_t row = 0; row < chunk.row_count; ++row) {
        for (size_t i = 0; i < chunk.columns.size(); ++i) {
          if (i > 0) text += '|';
          if (chunk.columns[i].is_null(row)) text += "null";
          append_cell_text(text, chunk.columns[i], row);
        }
        text += '\n';
      }
    }
    return text;
  }
  std::string run(BoundStatement statement, const FakeSnapshot& snapshot,
                  const Limits& limits = {}) {
    return read(*start(std::move(statement), snapshot, limits));
  }
  std::string error_of(BoundStatement statement, const FakeSnapshot& snapshot,
                       const Limits& limits = {}) {
    try {
      run(std::move(statement), snapshot, limits);
    } catch (const Error& error) {
      return error_text(error);
    }
    return "none";
  }

  std::filesystem::path directory_;
  ScanRegistry scans_;
  functions::Watchdog watchdog_;
  activity::QueryRegistry registry_{system_clock()};
  functions::MemoryAccount native_memory_{64 << 20};
  std::unique_ptr<duckdb::Database> light_, heavy_;
  PlanningThreads planning_{1};
  std::shared_ptr<QueryContext> context_;
};

BoundStatement statement(std::vector<ResultColumn> columns, std::string sql,
                         std::vector<Source> sources = {}) {
  BoundStatement statement;
  statement.columns = std::move(columns);
  statement.sql = std::move(sql);
  statement.sources = std::move(sources);
  return statement;
}

TEST_F(StatementRunTest, ReadsCellsOfEveryType) {
  FakeSnapshot snapshot;
  auto out =
      run(statement({{"b", ScalarType::kBool},
                     {"i", ScalarType::kInt},
                     {"l", ScalarType::kLong},
                     {"r", ScalarType::kReal},
                     {"d", ScalarType::kDecimal},
                     {"t", ScalarType::kDateTime},
                     {"g", ScalarType::kGuid},
                     {"s", ScalarType::kString},
                     {"n", ScalarType::kLong},
                     {"e", ScalarType::kString}},
                    "SELECT true, 1::INTEGER, 2::BIGINT, 1.5::DOUBLE, 2.25::DECIMAL(38,18), "
                    "621355968000000000::BIGINT, '74be27de-1e4e-49d9-b579-fe0b331d3642'::UUID, "
                    "'a text longer than a cell', NULL::BIGINT, NULL::VARCHAR"),
          snapshot);
  EXPECT_EQ(out,
            "true|1|2|1.5|2.25|1970-01-01T00:00:00.0000000Z|74be27de-1e4e-49d9-b579-fe0b331d3642|"
            "a text longer than a cell|null|\n");
}

TEST_F(StatementRunTest, ScansChunksWithNullsAndLongText) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(5000));
  auto out = run(statement({{"s", ScalarType::kString}, {"n", ScalarType::kLong}},
                           "SELECT c2, c1 FROM s0 WHERE c3 IN (0, 4, 2100, 4999) ORDER BY c3",
                           {source(1, {1, 2, 3})}),
                 snapshot);
  EXPECT_EQ(
      out,
      "a text longer than a cell 0|0\n4|null\na text longer than a cell 2100|2100\n4999|null\n");
}

TEST_F(StatementRunTest, CountsWithoutColumns) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(5000));
  auto out =
      run(statement({{"Count", ScalarType::kLong}}, "SELECT count(*) FROM s0", {source(1, {})}),
          snapshot);
  EXPECT_EQ(out, "5000\n");
}

TEST_F(StatementRunTest, AnEmptyTableIsATypedRelation) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(0));
  auto out = run(statement({{"c", ScalarType::kLong}, {"m", ScalarType::kString}},
                           "SELECT count(*), coalesce(max(c2), 'x') FROM s0", {source(1, {2})}),
                 snapshot);
  EXPECT_EQ(out, "0|x\n");
}

TEST_F(StatementRunTest, ASourceCanBeReadTwice) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(3000));
  auto out = run(statement({{"c", ScalarType::kLong}},
                           "SELECT count(*) FROM s0 a JOIN s0 b ON a.c3 = b.c3", {source(1, {3})}),
                 snapshot);
  EXPECT_EQ(out, "3000\n");
}

TEST_F(StatementRunTest, SystemColumns) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(3));
  Source s = source(1, {1});
  s.needs_system_columns = true;
  auto out = run(statement({{"t", ScalarType::kLong}, {"q", ScalarType::kLong}},
                           "SELECT sys_time, sys_seq FROM s0 LIMIT 1", {s}),
                 snapshot);
  EXPECT_EQ(out, "100|1\n");
}

TEST_F(StatementRunTest, ColumnsThatAChunkLacksAreNullAndStringsEmpty) {
  auto table = numbers(2);
  auto batch = std::make_shared<ColumnBatch>(std::vector<ScalarType>{ScalarType::kDateTime});
  batch->column(0).append(int64_t{7});
  table->append({3}, batch);
  FakeSnapshot snapshot;
  snapshot.add(table);
  auto out = run(
      statement({{"n", ScalarType::kLong}, {"s", ScalarType::kString}, {"e", ScalarType::kBool}},
                "SELECT c1, c2, c2 = '' FROM s0 ORDER BY c3", {source(1, {1, 2, 3})}),
      snapshot);
  EXPECT_EQ(out, "0|a text longer than a cell 0|false\n1|1|false\nnull||true\n");
}

TEST_F(StatementRunTest, ManyRowsInParallelKeepTheOrderOfOrderBy) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(600'000));
  auto stream =
      start(statement({{"t", ScalarType::kLong}},
                      "SELECT c3 FROM s0 WHERE c3 % 2 = 0 ORDER BY c3 DESC", {source(1, {3})}),
            snapshot);
  int64_t expected = 599'998;
  for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
    for (size_t row = 0; row < chunk.row_count; ++row, expected -= 2) {
      ASSERT_EQ(chunk.columns[0].cell<int64_t>(row), expected);
    }
  }
  EXPECT_EQ(expected, -2);
}

TEST_F(StatementRunTest, CastingToDeclaredTypesKeepsOrderAndWraps) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(300'000));
  // sum() of longs is wider than a long.
  auto stream = start(
      statement({{"k", ScalarType::kLong}, {"s", ScalarType::kLong}},
                "SELECT c3, sum(c3) OVER (PARTITION BY c3) FROM s0 ORDER BY c3", {source(1, {3})}),
      snapshot);
  int64_t expected = 0;
  for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
    for (size_t row = 0; row < chunk.row_count; ++row, ++expected) {
      ASSERT_EQ(chunk.columns[1].cell<int64_t>(row), expected);
    }
  }
  EXPECT_EQ(expected, 300'000);
  EXPECT_EQ(run(statement({{"s", ScalarType::kLong}},
                          "SELECT sum(x) FROM (VALUES (9223372036854775807), (1), (1)) t(x)"),
                snapshot),
            "-9223372036854775807\n");
  EXPECT_EQ(run(statement({{"s", ScalarType::kLong}},
                          "SELECT sum(x) FROM (VALUES (-9223372036854775807), (-2)) t(x)"),
                snapshot),
            "9223372036854775807\n");
}

TEST_F(StatementRunTest, RangesSkipChunksAndChangeNothing) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(100'000));
  for (auto [low, high] : {std::pair<int64_t, int64_t>{0, 3},
                           {4096, 4096},
                           {2047, 2048},
                           {99'999, 200'000},
                           {200'000, 300'000},
                           {-5, -1}}) {
    Source s = source(1, {3});
    s.bounds.push_back({3, ColumnBound::Op::kGreaterEqual, {ScalarType::kDateTime, low}});
    s.bounds.push_back({3, ColumnBound::Op::kLess, {ScalarType::kDateTime, high + 1}});
    auto out = run(statement({{"c", ScalarType::kLong}},
                             "SELECT count(*) FROM s0 WHERE c3 >= " + std::to_string(low) +
                                 " AND c3 < " + std::to_string(high + 1),
                             {s}),
                   snapshot);
    int64_t expected =
        std::max<int64_t>(0, std::min<int64_t>(high, 99'999) - std::max<int64_t>(low, 0) + 1);
    EXPECT_EQ(out, std::to_string(expected) + "\n");
  }
}

TEST_F(StatementRunTest, AnInputTableIsASource) {
  auto table = std::make_shared<ResultTable>(
      "in", std::vector<ResultColumn>{{"a", ScalarType::kString}, {"b", ScalarType::kLong}});
  for (int64_t i = 0; i < 5000; ++i) {
    table->rows.column(0).append_text("row " + std::to_string(i));
    if (i % 2 == 0) {
      table->rows.column(1).append(i);
    } else {
      table->rows.column(1).append_null();
    }
  }
  Source s;
  s.kind = Source::Kind::kInput;
  s.column_ids = {0, 1};
  FakeSnapshot snapshot;
  auto stream = start(
      statement({{"a", ScalarType::kString}, {"b", ScalarType::kLong}},
                "SELECT c0, c1 FROM s0 WHERE c0 IN ('row 4098', 'row 4999') ORDER BY c0", {s}),
      snapshot, {}, std::make_shared<InputChunks>(table));
  EXPECT_EQ(read(*stream), "row 4098|4098\nrow 4999|null\n");
}

TEST_F(StatementRunTest, ErrorsInTheMiddleOfAStreamAreToldAndNotTakenForTheEnd) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(500'000));
  BoundStatement bad =
      statement({{"x", ScalarType::kLong}},
                "SELECT CAST(CASE WHEN c3 = 499000 THEN 'x' ELSE '1' END AS BIGINT) FROM s0",
                {source(1, {3})});
  std::string error = error_of(bad, snapshot);
  EXPECT_TRUE(error.starts_with("bad request: A value is outside the range")) << error;
  EXPECT_EQ(error.find("SELECT"), std::string::npos) << error;
}

TEST_F(StatementRunTest, FaultsOfTheSqlAreInternalAndTellNothing) {
  FakeSnapshot snapshot;
  std::string error =
      error_of(statement({{"x", ScalarType::kLong}}, "SELECT c1 FROM missing"), snapshot);
  EXPECT_TRUE(error.starts_with("internal: ")) << error;
  EXPECT_EQ(error.find("missing"), std::string::npos) << error;
}

TEST_F(StatementRunTest, LimitsOfTheResult) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(10'000));
  BoundStatement all = statement({{"t", ScalarType::kLong}}, "SELECT c3 FROM s0", {source(1, {3})});
  EXPECT_NE(error_of(all, snapshot, {.max_records = 9'999}).find("E_QUERY_RESULT_SET_TOO_LARGE"),
            std::string::npos);
  EXPECT_EQ(error_of(all, snapshot, {.max_records = 10'000}), "none");
  EXPECT_NE(error_of(all, snapshot, {.max_bytes = 79'999}).find("E_QUERY_RESULT_SET_TOO_LARGE"),
            std::string::npos);
  EXPECT_EQ(error_of(all, snapshot, {.max_bytes = 80'000}), "none");
  std::string taken = run(all, snapshot, {.max_records = 3000, .take = 2500});
  EXPECT_EQ(std::count(taken.begin(), taken.end(), '\n'), 2500);
}

constexpr const char* kEndless =
    "SELECT count(*) FROM range(100000000) a(x), range(100000000) b(y) WHERE (x * y) % 7 = 3";

TEST_F(StatementRunTest, ATimeoutEndsTheQuery) {
  FakeSnapshot snapshot;
  auto begin = std::chrono::steady_clock::now();
  std::string error = error_of(statement({{"c", ScalarType::kLong}}, kEndless), snapshot,
                               {.timeout = std::chrono::milliseconds(150)});
  auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_TRUE(error.starts_with("timed out: ")) << error;
  EXPECT_LT(took, std::chrono::seconds(5));
}

TEST_F(StatementRunTest, CancelEndsTheQueryWheneverItComes) {
  FakeSnapshot snapshot;
  for (int delay_us : {0, 50, 500, 5'000, 50'000}) {
    std::thread canceller;
    std::string error;
    try {
      context_ = nullptr;
      auto stream_context = std::make_shared<QueryContext>(
          watchdog_, registry_, native_memory_,
          std::chrono::steady_clock::now() + std::chrono::seconds(60));
      canceller = std::thread([this, stream_context, delay_us] {
        std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
        watchdog_.stop(stream_context->control, functions::QueryControl::Stop::kCancelled);
      });
      auto run = PreparedRun::make(stream_context, statement({{"c", ScalarType::kLong}}, kEndless),
                                   StatementLimits(), snapshot, nullptr,
                                   {*light_, *heavy_, scans_, planning_});
      read(*run->run());
    } catch (const Error& e) {
      error = e.message();
    }
    canceller.join();
    EXPECT_EQ(error, "Query was cancelled.");
  }
}

// A table whose rows cannot be read, and not for a reason that is told by an Error.
class BrokenTable final : public FakeTable {
 public:
  using FakeTable::FakeTable;
  const std::vector<std::shared_ptr<const store::StoredRun>>& runs() const override {
    return broken_;
  }

 private:
  class BrokenRun final : public store::StoredRun {
   public:
    uint64_t row_count() const override { return 10; }
    uint64_t value_bytes() const override { return 80; }
    store::CellRange ingestion_times() const override { return {0, 1, 1}; }
    std::span<const store::CellRange> ranges() const override { return {}; }
    store::Sequence first_sequence() const override { return 1; }
    store::Sequence last_sequence() const override { return 1; }
    std::shared_ptr<const std::vector<store::ChunkView>> read() const override {
      throw std::bad_alloc();
    }
  };
  std::vector<std::shared_ptr<const store::StoredRun>> broken_{std::make_shared<BrokenRun>()};
};

TEST_F(StatementRunTest, WhateverIsThrownEndsTheStatement) {
  FakeSnapshot snapshot;
  snapshot.add(std::make_shared<BrokenTable>(make_table(1, "T", {{"n", ScalarType::kLong}})));
  // A sum is thrown as it starts, rows as they are read.
  for (const char* sql : {"SELECT sum(c1)::BIGINT FROM s0", "SELECT c1 FROM s0"}) {
    EXPECT_THROW(run(statement({{"n", ScalarType::kLong}}, sql, {source(1, {1})}), snapshot),
                 std::bad_alloc);
    EXPECT_EQ(context_->open_streams, 0);
    EXPECT_EQ(registry_.recent().front().state, activity::QueryState::kFailed);
    // Would reach into a connection that is gone, if it were still attached.
    watchdog_.stop(context_->control, functions::QueryControl::Stop::kCancelled);
  }
}

TEST_F(StatementRunTest, LackOfMemoryIsSaid) {
  light_ = nullptr;
  duckdb::DatabaseOptions options;
  options.threads = 1;
  options.memory_limit_bytes = 20 << 20;
  light_ = std::make_unique<duckdb::Database>(
      options, [&](duckdb::Connection& connection) { register_scan(connection, scans_, 1); });
  FakeSnapshot snapshot;
  // A long one is planned elsewhere, and so it is where there is more memory.
  for (size_t blanks : {size_t{0}, PlanningThreads::kLongSql}) {
    std::string sql = "SELECT len(list(x)) FROM range(50000000) t(x)" + std::string(blanks, ' ');
    std::string error = error_of(statement({{"c", ScalarType::kLong}}, sql), snapshot);
    EXPECT_TRUE(error.starts_with("limit exceeded: ")) << error;
    EXPECT_NE(error.find("E_LOW_MEMORY_CONDITION"), std::string::npos) << error;
  }
  // The engine works on.
  EXPECT_EQ(run(statement({{"c", ScalarType::kLong}}, "SELECT 1::BIGINT"), snapshot), "1\n");
}

TEST_F(StatementRunTest, AnAbandonedStreamLetsTheSnapshotGo) {
  auto table = numbers(300'000);
  std::weak_ptr<FakeTable> weak = table;
  {
    FakeSnapshot snapshot;
    snapshot.add(std::move(table));
    auto stream = start(
        statement({{"t", ScalarType::kLong}}, "SELECT c3 FROM s0", {source(1, {3})}), snapshot);
    stream->next();
    EXPECT_FALSE(weak.expired());
  }
  EXPECT_TRUE(weak.expired());
}

TEST_F(StatementRunTest, AReadStreamLetsTheSnapshotGo) {
  auto table = numbers(3'000);
  std::weak_ptr<FakeTable> weak = table;
  {
    FakeSnapshot snapshot;
    snapshot.add(std::move(table));
    run(statement({{"t", ScalarType::kLong}}, "SELECT c3 FROM s0", {source(1, {3})}), snapshot);
  }
  EXPECT_TRUE(weak.expired());
}

TEST_F(StatementRunTest, NoFileOutsideCanBeRead) {
  FakeSnapshot snapshot;
  std::string error = error_of(
      statement({{"x", ScalarType::kString}}, "SELECT content FROM read_text('/etc/hostname')"),
      snapshot);
  EXPECT_TRUE(error.starts_with("internal: ")) << error;
}

TEST_F(StatementRunTest, ReadsTheTailAndExtentsOfEveryShape) {
  auto table = numbers(10);  // t 0 … 9
  table->add_extent(
      extent("a",
             "SELECT x AS c1, 'e' || x AS c2, x AS c3, 5::BIGINT AS sys_time, 1::BIGINT AS "
             "sys_seq FROM range(100, 200) r(x)",
             {1, 2, 3}, 100, 199));
  table->add_extent(extent("b",
                           "SELECT x AS c3, x AS c1, 5::BIGINT AS sys_time, 1::BIGINT AS sys_seq "
                           "FROM range(200, 300) r(x)",
                           {1, 3}, 200, 299));
  table->add_extent(
      extent("c",
             "SELECT x AS c1, 'f' || x AS c2, x AS c3, 5::BIGINT AS sys_time, 1::BIGINT AS "
             "sys_seq FROM range(300, 400) r(x)",
             {1, 2, 3}, 300, 399));
  extents::testing::FakeExtent bare =
      extent("d", "SELECT x AS c1, 'g' AS c2, x AS c3 FROM range(400, 410) r(x)", {1, 2, 3}, 400,
             409, 77, 77);
  bare.has_system_columns = false;
  bare.min_time = 5;
  table->add_extent(bare);
  FakeSnapshot snapshot;
  snapshot.add(table);
  std::vector<ResultColumn> columns = {{"c", ScalarType::kLong}, {"e", ScalarType::kLong}};
  const char* sql = "SELECT count(*), sum((c2 = '')::BIGINT)::BIGINT FROM s0";
  EXPECT_EQ(run(statement(columns, sql, {source(1, {2, 3})}), snapshot), "320|100\n");
  EXPECT_EQ(run(statement({{"c", ScalarType::kLong}}, "SELECT count(*) FROM s0", {source(1, {})}),
                snapshot),
            "320\n");
  Source with_system = source(1, {3});
  with_system.needs_system_columns = true;
  EXPECT_EQ(
      run(statement({{"c", ScalarType::kLong}},
                    "SELECT count(*) FROM s0 WHERE sys_seq = 77 AND sys_time = 5 AND c3 >= 400",
                    {with_system}),
          snapshot),
      "10\n");
  // Only what may match is opened.
  Source bounded = source(1, {2, 3});
  bounded.bounds.push_back(
      {3, ColumnBound::Op::kGreaterEqual, {ScalarType::kDateTime, int64_t{250}}});
  bounded.bounds.push_back({3, ColumnBound::Op::kLess, {ScalarType::kDateTime, int64_t{300}}});
  std::filesystem::remove(directory_ / "extents" / "a.parquet");
  std::filesystem::remove(directory_ / "extents" / "c.parquet");
  EXPECT_EQ(run(statement(columns,
                          "SELECT count(*), coalesce(sum((c2 = '')::BIGINT), 0)::BIGINT FROM s0 "
                          "WHERE c3 >= 245 "
                          "AND c3 < 300",
                          {bounded}),
                snapshot),
            "55|55\n");
  context_.reset();
  EXPECT_EQ(registry_.recent().front().extents_total, 4u);
  EXPECT_EQ(registry_.recent().front().extents_scanned, 1u);
}

// A union of tables with 1 to 200 rows and nulls here and there, against the same rows as one table.
TEST_F(StatementRunTest, AUnionPacksSmallChunksWithoutMixingThemUp) {
  FakeSnapshot snapshot;
  Source u;
  u.kind = Source::Kind::kUnion;
  u.types = {ScalarType::kString, ScalarType::kLong, ScalarType::kString, ScalarType::kDateTime};
  u.column_ids = {0, 1, 2, 3};
  int64_t rows = 0, nulls = 0, empty = 0, sum = 0;
  for (catalog::TableId id = 1; id <= 300; ++id) {
    size_t count = 1 + id * 37 % 200;
    snapshot.add(numbers(count, id));
    bool has_number = id % 3 != 0, has_text = id % 7 != 0;
    u.parts.push_back({id,
                       "T" + std::to_string(id),
                       {Source::Part::kName, has_number ? 1u : 0u, has_text ? 2u : 0u, 3}});
    for (size_t i = 0; i < count; ++i) {
      ++rows;
      if (!has_number || i % 5 == 4) {
        ++nulls;
      } else {
        sum += static_cast<int64_t>(i);
      }
      if (!has_text) ++empty;
    }
  }
  std::vector<ResultColumn> columns(5, {"n", ScalarType::kLong});
  const char* sql =
      "SELECT count(*), count(*) FILTER (c1 IS NULL), sum(c1)::BIGINT, count(*) FILTER (c2 = ''), "
      "count(DISTINCT c0) FROM s0";
  EXPECT_EQ(run(statement(columns, sql, {u}), snapshot),
            fmt::format("{}|{}|{}|{}|300\n", rows, nulls, sum, empty));
  // Every cell stands beside the others of its row.
  EXPECT_EQ(
      run(statement(
              {{"n", ScalarType::kLong}},
              "SELECT count(*) FROM s0 WHERE c1 <> c3 OR (c1 IS NULL AND c3 % 5 <> 4 AND "
              "substr(c0, 2)::BIGINT % 3 <> 0) OR (c2 <> '' AND NOT ends_with(c2, c3::VARCHAR))",
              {u}),
          snapshot),
      "0\n");
  // A bound leaves tables out.
  u.bounds.push_back({0, ColumnBound::Op::kEqual, {ScalarType::kString, std::string("T6")}});
  EXPECT_EQ(run(statement({{"n", ScalarType::kLong}}, "SELECT count(*) FROM s0", {u}), snapshot),
            std::to_string(1 + 6 * 37 % 200) + "\n");
  u.bounds = {{1, ColumnBound::Op::kGreaterEqual, {ScalarType::kLong, int64_t{0}}}};
  EXPECT_EQ(run(statement({{"n", ScalarType::kLong}}, "SELECT count(*) FROM s0 WHERE c1 >= 0", {u}),
                snapshot),
            std::to_string(rows - nulls) + "\n");
}

TEST_F(StatementRunTest, AUnionReadsExtentsOfItsTables) {
  FakeSnapshot snapshot;
  Source u;
  u.kind = Source::Kind::kUnion;
  u.types = {ScalarType::kString, ScalarType::kLong, ScalarType::kString};
  u.column_ids = {0, 1, 2};
  for (catalog::TableId id = 1; id <= 5; ++id) {
    auto table = numbers(3, id);
    if (id != 2) {
      table->add_extent(
          extent("u" + std::to_string(id),
                 "SELECT x AS c1, 'e' AS c2, x AS c3, 5::BIGINT AS sys_time, 1::BIGINT AS sys_seq "
                 "FROM range(100, 110) r(x)",
                 {1, 2, 3}, 100, 109));
    }
    snapshot.add(table);
    u.parts.push_back({id, "T" + std::to_string(id), {Source::Part::kName, 1, id == 3 ? 0u : 2u}});
  }
  EXPECT_EQ(
      run(statement(
              {{"name", ScalarType::kString}, {"n", ScalarType::kLong}, {"s", ScalarType::kLong}},
              "SELECT c0, count(*), count(*) FILTER (c2 = '') FROM s0 GROUP BY c0 ORDER BY c0",
              {u}),
          snapshot),
      "T1|13|0\nT2|3|0\nT3|13|13\nT4|13|0\nT5|13|0\n");
  u.column_ids = {1};
  EXPECT_EQ(
      run(statement({{"n", ScalarType::kLong}}, "SELECT sum(c1)::BIGINT FROM s0", {u}), snapshot),
      std::to_string(5 * 3 + 4 * 1045) + "\n");
}

TEST(MayMatch, ByStatistics) {
  extents::testing::FakeExtent extent;
  extent.column_ids = {1, 2, 3};
  store::ColumnStatistics number{.column_id = 1, .type = ScalarType::kLong, .has_range = true};
  number.min_int = 10;
  number.max_int = 20;
  store::ColumnStatistics text{.column_id = 2, .type = ScalarType::kString, .has_range = true};
  text.min_text = "b";
  text.max_text = "d";
  extent.statistics = extents::StatisticsList(std::vector{number, text});
  auto may = [&](uint32_t column, ColumnBound::Op op, auto value, ScalarType type) {
    return may_match(extent, {ColumnBound{column, op, {type, value}}});
  };
  using Op = ColumnBound::Op;
  auto number_may = [&](Op op, int64_t value) { return may(1, op, value, ScalarType::kLong); };
  EXPECT_FALSE(number_may(Op::kLess, 10));
  EXPECT_TRUE(number_may(Op::kLessEqual, 10));
  EXPECT_TRUE(number_may(Op::kEqual, 20));
  EXPECT_FALSE(number_may(Op::kEqual, 21));
  EXPECT_FALSE(number_may(Op::kGreater, 20));
  EXPECT_TRUE(number_may(Op::kGreaterEqual, 20));
  auto text_may = [&](uint32_t column, const char* value) {
    return may(column, Op::kEqual, std::string(value), ScalarType::kString);
  };
  EXPECT_TRUE(text_may(2, "c"));
  EXPECT_FALSE(text_may(2, "a"));
  EXPECT_FALSE(text_may(2, "e"));
  EXPECT_TRUE(text_may(3, "whatever"));  // no statistics
  EXPECT_FALSE(text_may(4, "c"));        // no such column: every value is empty
  EXPECT_TRUE(text_may(4, ""));
  EXPECT_FALSE(may(4, Op::kLess, int64_t{3}, ScalarType::kLong));
}

TEST_F(StatementRunTest, TakeOfManyRowsIsQuick) {
  FakeSnapshot snapshot;
  snapshot.add(numbers(600'000));
  std::string out =
      run(statement({{"t", ScalarType::kLong}}, "SELECT c3 FROM s0 LIMIT 10", {source(1, {3})}),
          snapshot);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 10);
}

}  // namespace
}  // namespace rivulet::query
