// What the files of extents hold, as the engine reads it.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "extents/testing/extents_fixture.h"
#include "rowstore/testing/random_rows.h"

namespace rivulet::extents {
namespace {

using rowstore::testing::append_random;
using rowstore::testing::kAllTypes;
using namespace testing;

TEST_F(ExtentsTest, AFileHoldsEveryTypeExactly) {
  Chunks chunks(kAllTypes);
  chunks.column(0).append(uint8_t{1});
  chunks.column(1).append(std::numeric_limits<int32_t>::min());
  chunks.column(2).append(std::numeric_limits<int64_t>::max());
  chunks.column(3).append(-0.1);
  chunks.column(4).append(static_cast<Decimal>(-1'500'000'000'000'000'000));
  chunks.column(5).append(kMaxDateTimeTicks);
  chunks.column(6).append(int64_t{-1});
  Guid guid = *parse_guid("74be27de-1e4e-49d9-b579-fe0b331d3642");
  chunks.column(7).append(GuidCell::from(guid));
  chunks.column(8).append_text("short");
  chunks.column(9).append_text(R"({"a": "a text of more than twelve bytes"})");
  for (size_t i = 0; i < kAllTypes.size(); ++i) chunks.column(i).append_null();

  auto written = files_.write(table_of(kAllTypes), chunks.views());
  const ExtentView& extent = *written;
  EXPECT_EQ(extent.row_count, 2u);
  EXPECT_EQ(extent.min_sequence, 1u);
  EXPECT_EQ(extent.min_time, 1000);
  EXPECT_EQ(extent.column_ids, chunks.ids());
  EXPECT_EQ(extent.size_bytes, std::filesystem::file_size(path_of(extent)));
  std::string path = path_of(extent);
  path.replace(path.find('\''), 1, "''");
  auto rows = query(fmt::format("SELECT * FROM read_parquet('{}')", path));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0],
            (std::vector<std::string>{
                "true", "-2147483648", "9223372036854775807", "-0.1", "-1.500000000000000000",
                std::to_string(kMaxDateTimeTicks), "-1", to_string(guid), "short",
                R"({"a": "a text of more than twelve bytes"})", "1000", "1"}));
  EXPECT_EQ(rows[1], (std::vector<std::string>{"NULL", "NULL", "NULL", "NULL", "NULL", "NULL",
                                               "NULL", "NULL", "", "NULL", "1000", "1"}));
  auto types =
      query(fmt::format("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM "
                        "read_parquet('{}'))",
                        path));
  std::vector<std::string> names;
  for (const auto& row : types) names.push_back(row[0] + " " + row[1]);
  EXPECT_EQ(names, (std::vector<std::string>{"c1 BOOLEAN", "c2 INTEGER", "c3 BIGINT", "c4 DOUBLE",
                                             "c5 DECIMAL(38,18)", "c6 BIGINT", "c7 BIGINT",
                                             "c8 UUID", "c9 VARCHAR", "c10 VARCHAR",
                                             "sys_time BIGINT", "sys_seq BIGINT"}));
  auto ids = query(fmt::format(
      "SELECT field_id FROM parquet_schema('{}') WHERE name IN ('c1', 'c10', 'sys_seq')", path));
  EXPECT_EQ(ids, (std::vector<std::vector<std::string>>{{"1"}, {"10"}, {"2147483647"}}));
}

TEST_F(ExtentsTest, ColumnsThatAChunkLacksAreNullAndOthersAreLeftOut) {
  Chunks chunks({ScalarType::kLong, ScalarType::kLong});
  for (int64_t i = 0; i < 3; ++i) {
    chunks.column(0).append(i);
    chunks.column(1).append(-i);
  }
  catalog::Table table;
  table.columns = {{7, "", ScalarType::kString, ""},
                   {2, "", ScalarType::kLong, ""},
                   {8, "", ScalarType::kReal, ""}};
  auto written = files_.write(table, chunks.views());
  const ExtentView& extent = *written;
  std::string path = path_of(extent);
  path.replace(path.find('\''), 1, "''");
  auto rows = query(fmt::format("SELECT * FROM read_parquet('{}')", path));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2], (std::vector<std::string>{"", "-2", "NULL", "1000", "1"}));
  std::vector<ColumnStatistics> statistics = extent.statistics.columns();
  ASSERT_EQ(statistics.size(), 3u);
  EXPECT_EQ(statistics[0].max_text, "");
  EXPECT_EQ(statistics[1].min_int, -2);
  EXPECT_FALSE(statistics[2].has_range);
  EXPECT_EQ(statistics[2].null_count, 3u);
  EXPECT_EQ(extent.statistics.find(2), statistics[1]);
  EXPECT_EQ(extent.statistics.find(9), std::nullopt);
}

TEST_F(ExtentsTest, AMergeKeepsEveryRowAsItIsButForDeletedOnes) {
  std::mt19937_64 random(7);
  std::vector<std::shared_ptr<const ExtentView>> extents;
  for (size_t rows : {1, 2047, 2048, 100}) {
    Chunks chunks(kAllTypes);
    for (size_t row = 0; row < rows; ++row) {
      for (size_t i = 0; i < kAllTypes.size(); ++i) append_random(chunks.column(i), random);
    }
    auto extent = files_.write(table_of(kAllTypes), chunks.views());
    extent->tags = {"drop-by:x"};
    extents.push_back(extent);
  }
  // Straight from an ingestion: the file knows neither time nor sequence.
  Chunks bare(kAllTypes);
  for (size_t i = 0; i < kAllTypes.size(); ++i) append_random(bare.column(i), random);
  std::vector<ChunkView> views = bare.views();
  views[0].ingestion_times = views[0].sequences = nullptr;
  auto stamped = files_.write(table_of(kAllTypes), views);
  stamped->min_time = stamped->max_time = 5000;
  stamped->min_sequence = stamped->max_sequence = 900;
  extents.push_back(stamped);

  std::vector<ExtentRows> sources;
  std::string union_sql;
  for (const auto& extent : extents) {
    sources.push_back({extent, {}});
    std::string path = path_of(*extent);
    path.replace(path.find('\''), 1, "''");
    union_sql += fmt::format(
        "{}(SELECT *{} FROM read_parquet('{}', file_row_number = true) WHERE {})",
        union_sql.empty() ? "" : " UNION ALL ",
        extent->has_system_columns
            ? " EXCLUDE file_row_number"
            : " EXCLUDE file_row_number, 5000::BIGINT AS sys_time, 900::BIGINT AS sys_seq",
        path, extent == extents[1] ? "file_row_number % 3 > 0" : "true");
  }
  for (int64_t row = 0; row < 2047; row += 3) sources[1].deleted.push_back(row);
  auto merged = files_.merge(table_of(kAllTypes), sources);
  EXPECT_EQ(merged->row_count, 1u + 2047 - 683 + 2048 + 100 + 1);
  EXPECT_EQ(merged->tags, std::vector<std::string>{"drop-by:x"});
  EXPECT_TRUE(merged->has_system_columns);
  EXPECT_EQ(merged->min_time, 1000);
  EXPECT_EQ(merged->max_time, 5000);
  EXPECT_EQ(merged->max_sequence, 900u);
  std::string path = path_of(*merged);
  path.replace(path.find('\''), 1, "''");
  EXPECT_EQ(query(fmt::format("SELECT * FROM read_parquet('{}')", path)), query(union_sql));
  // Statistics are those of the rows that are left.
  sources = {{merged, {}}};
  for (int64_t row = 0; row < static_cast<int64_t>(merged->row_count); ++row) {
    sources[0].deleted.push_back(row);
  }
  EXPECT_EQ(files_.merge(table_of(kAllTypes), sources), nullptr);
  sources[0].deleted.pop_back();
  auto last = files_.merge(table_of(kAllTypes), sources);
  EXPECT_EQ(last->row_count, 1u);
  EXPECT_EQ(last->min_sequence, 900u);
  std::vector<ColumnStatistics> statistics = last->statistics.columns();
  EXPECT_EQ(statistics[2].min_int, statistics[2].max_int);
}

TEST_F(ExtentsTest, AMergeReadsOlderFormsOfTheTable) {
  Chunks chunks({ScalarType::kLong, ScalarType::kString});
  chunks.column(0).append(int64_t{1});
  chunks.column(1).append_text("gone");
  std::shared_ptr<const ExtentView> extent =
      files_.write(table_of({ScalarType::kLong, ScalarType::kString}), chunks.views());
  catalog::Table table;
  table.columns = {{7, "", ScalarType::kString, ""},
                   {1, "", ScalarType::kLong, ""},
                   {8, "", ScalarType::kDecimal, ""}};
  std::vector<ExtentRows> sources{{extent, {}}};
  auto merged = files_.merge(table, sources);
  std::string path = path_of(*merged);
  path.replace(path.find('\''), 1, "''");
  auto rows = query(fmt::format("SELECT * FROM read_parquet('{}')", path));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0], (std::vector<std::string>{"", "1", "NULL", "1000", "1"}));
  EXPECT_EQ(merged->column_ids, (std::vector<uint32_t>{7, 1, 8}));
}

TEST_F(ExtentsTest, RowsAreSortedByTheRowOrderPolicy) {
  Chunks chunks({ScalarType::kLong, ScalarType::kString});
  for (int64_t i = 0; i < 2000; ++i) {
    if (i % 100 == 7) {
      chunks.column(0).append_null();
    } else {
      chunks.column(0).append(i % 10);
    }
    chunks.column(1).append_text(std::to_string(i * 7919 % 2000));
  }
  catalog::Table table = table_of({ScalarType::kLong, ScalarType::kString});
  table.columns.edit()[0].name = "k";
  table.columns.edit()[1].name = "it's";
  table.policies.set("roworder", R"({"RowOrder":["k desc","gone asc","it's asc"]})");
  std::shared_ptr<const ExtentView> sealed = files_.write(table, chunks.views());
  std::vector<ExtentRows> sources{{sealed, {}}, {sealed, {}}};
  auto merged = files_.merge(table, sources);
  for (const auto& extent : {sealed, std::shared_ptr<const ExtentView>(merged)}) {
    std::string path = path_of(*extent);
    path.replace(path.find('\''), 1, "''");
    std::string sql = fmt::format("SELECT c1, c2 FROM read_parquet('{}')", path);
    EXPECT_EQ(query(sql), query("SELECT * FROM (" + sql + ") ORDER BY c1 DESC NULLS LAST, c2"));
  }
  EXPECT_EQ(merged->row_count, 4000u);
}

TEST_F(ExtentsTest, EachColumnHasItsSizesAndItsDistinctValues) {
  Chunks chunks(kAllTypes);
  for (int row = 0; row < 500; ++row) {
    std::mt19937_64 same(static_cast<uint64_t>(row % 10));
    for (size_t i = 0; i < kAllTypes.size(); ++i) append_random(chunks.column(i), same);
  }
  auto written = files_.write(table_of(kAllTypes), chunks.views());
  const ExtentView& extent = *written;
  uint64_t original = extent.row_count * 16, size = 0;
  for (const ColumnStatistics& column : extent.statistics.columns()) {
    EXPECT_GE(column.distinct_count, 1u) << column.column_id;
    EXPECT_LE(column.distinct_count, 10u) << column.column_id;
    EXPECT_GT(column.original_size_bytes, 0u) << column.column_id;
    EXPECT_GT(column.size_bytes, 0u) << column.column_id;
    original += column.original_size_bytes;
    size += column.size_bytes;
  }
  EXPECT_EQ(extent.original_size_bytes, original);
  EXPECT_LT(size, extent.size_bytes);
  EXPECT_EQ(extent.index_size_bytes,
            std::filesystem::file_size(objects_.location(terms_name(extent.id))));
}

}  // namespace
}  // namespace rivulet::extents
