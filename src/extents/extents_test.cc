#include <fmt/format.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <cmath>
#include <deque>
#include <fstream>
#include <limits>
#include <random>
#include <stdexcept>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "common/testing/temporary_directory.h"
#include "duckdb/api.h"
#include "extents/column_statistics.h"
#include "extents/distinct_counter.h"
#include "extents/extent_files.h"
#include "extents/file_verifier.h"
#include "extents/manifest.h"
#include "extents/merge_plan.h"
#include "extents/testing/fake_extent.h"
#include "objects/directory_objects.h"
#include "rowstore/row_store.h"
#include "rowstore/testing/random_rows.h"

namespace rivulet::extents {
namespace {

using rowstore::testing::append_random;
using rowstore::testing::kAllTypes;

// Rows as chunks, with times and sequences that go up.
class Chunks {
 public:
  explicit Chunks(const std::vector<ScalarType>& types) {
    for (ScalarType type : types) {
      columns_.emplace_back(type);
      ids_.push_back(static_cast<uint32_t>(ids_.size() + 1));
    }
  }
  Column& column(size_t i) { return columns_[i]; }
  const std::vector<uint32_t>& ids() const { return ids_; }

  std::vector<ChunkView> views() {
    size_t rows = columns_[0].size();
    times_.clear();
    sequences_.clear();
    for (size_t row = 0; row < rows; ++row) {
      times_.push_back(static_cast<int64_t>(1000 + row / 10));
      sequences_.push_back(static_cast<int64_t>(1 + row / 10));
    }
    views_.clear();
    for (const Column& column : columns_) views_.push_back(column.view());
    return {{static_cast<uint32_t>(rows), ids_, views_, times_.data(), sequences_.data()}};
  }

 private:
  std::vector<Column> columns_;
  std::vector<uint32_t> ids_;
  std::vector<ColumnView> views_;
  std::vector<int64_t> times_, sequences_;
};

catalog::Table table_of(const std::vector<ScalarType>& types) {
  catalog::Table table;
  table.id = 1;
  for (ScalarType type : types)
    table.columns.edit().push_back({table.next_column_id++, "", type, ""});
  return table;
}

// Answers of a query, as text; "NULL" for null.
std::vector<std::vector<std::string>> query(const std::string& sql) {
  duckdb_database database;
  duckdb_connection connection;
  duckdb_result result;
  if (duckdb_open(nullptr, &database) == DuckDBError ||
      duckdb_connect(database, &connection) == DuckDBError) {
    throw std::runtime_error("DuckDB did not open");
  }
  std::vector<std::vector<std::string>> rows;
  // Cast by the engine: duckdb_value_varchar does not know every type.
  std::string as_text = "SELECT COLUMNS(*)::VARCHAR FROM (" + sql + ")";
  if (duckdb_query(connection, as_text.c_str(), &result) == DuckDBError) {
    throw std::runtime_error(duckdb_result_error(&result));
  }
  for (idx_t row = 0; row < duckdb_row_count(&result); ++row) {
    auto& out = rows.emplace_back();
    for (idx_t column = 0; column < duckdb_column_count(&result); ++column) {
      char* text = duckdb_value_varchar(&result, column, row);
      out.emplace_back(text == nullptr ? "NULL" : text);
      duckdb_free(text);
    }
  }
  duckdb_destroy_result(&result);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return rows;
}

ColumnStatistics gather_statistics(uint32_t column_id, ScalarType type,
                                   const std::vector<ChunkView>& chunks) {
  StatisticsGatherer gatherer(column_id, type);
  for (const ChunkView& chunk : chunks) gatherer.add(chunk);
  return gatherer.finish();
}

class ExtentsTest : public ::testing::Test {
 protected:
  // Where the extent's file is.
  static std::string path_of(const ExtentView& extent) { return extent.local_copy()->string(); }

  TemporaryDirectory directory_;
  objects::DirectoryObjects objects_{posix_file_system(), directory_.path() / "it's data"};
  ExtentFiles files_{objects_};
};

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

TEST(MergePlan, TakesNeighboursOfLikeSizeAndTags) {
  uint64_t sequence = 0;
  auto extent = [&](uint64_t rows, std::vector<std::string> tags = {}, Ticks created = 0) {
    auto view = std::make_shared<extents::testing::FakeExtent>();
    view->row_count = rows;
    view->original_size_bytes = rows;
    view->min_sequence = ++sequence;
    view->max_sequence = sequence;
    view->tags = std::move(tags);
    view->min_created = view->max_created = created;
    return view;
  };
  auto sizes = [](const ExtentList& list) {
    std::vector<uint64_t> rows;
    for (const auto& view : list) rows.push_back(view->row_count);
    return rows;
  };
  using Sizes = std::vector<uint64_t>;
  catalog::MergePolicy policy{.max_rows = 1000, .max_bytes = 1'000'000, .max_extents = 6};
  EXPECT_EQ(sizes(plan_merge({extent(1), extent(2), extent(2)}, policy)), Sizes{});
  EXPECT_EQ(sizes(plan_merge({extent(1), extent(2), extent(2), extent(3)}, policy)),
            (Sizes{1, 2, 2, 3}));
  // One that is larger than all others together waits until they are worth it.
  ExtentList list{extent(100), extent(20), extent(20), extent(20), extent(10)};
  EXPECT_EQ(sizes(plan_merge(list, policy)), (Sizes{20, 20, 20, 10}));
  list.push_back(extent(40));
  EXPECT_EQ(sizes(plan_merge(list, policy)), (Sizes{100, 20, 20, 20, 10, 40}));
  // Bounds.
  EXPECT_EQ(sizes(plan_merge({extent(300), extent(300), extent(300), extent(300)}, policy)),
            Sizes{});
  list.clear();
  for (int i = 0; i < 20; ++i) list.push_back(extent(1));
  EXPECT_EQ(plan_merge(list, policy).size(), 6u);
  for (auto& view : list) std::const_pointer_cast<ExtentView>(view)->size_bytes = 100;
  policy.max_file_bytes = 499;
  EXPECT_EQ(plan_merge(list, policy).size(), 4u);
  policy.max_file_bytes = UINT64_MAX;
  policy.is_allowed = false;
  EXPECT_EQ(plan_merge(list, policy).size(), 0u);
  policy.is_allowed = true;
  list.clear();
  for (int i = 0; i < 5; ++i) list.push_back(extent(1, {}, i * kTicksPerHour * 10));
  EXPECT_EQ(plan_merge(list, policy).size(), 0u);
  // Tags are never mixed, and what stands between keeps rows in their order.
  list.clear();
  for (int i = 0; i < 6; ++i) list.push_back(extent(1, {i % 2 == 0 ? "a" : "b"}));
  EXPECT_EQ(plan_merge(list, policy).size(), 0u);
  for (int i = 0; i < 4; ++i) list.push_back(extent(1, {"b"}));
  EXPECT_EQ(plan_merge(list, policy).size(), 5u);
}

TEST_F(ExtentsTest, TermFiltersLeaveNoTextOut) {
  std::mt19937_64 random(3);
  auto random_text = [&] {
    static constexpr std::string_view kPieces[] = {
        "a", "B", "7", " ", "-", "xyz", "Hello", "\u00e9", "_", "", ".", "\xff", "wörld", "42"};
    std::string text;
    for (size_t i = random() % 8; i > 0; --i) text += kPieces[random() % std::size(kPieces)];
    return text;
  };
  for (int round = 0; round < 20; ++round) {
    Chunks chunks({ScalarType::kString, ScalarType::kLong});
    std::vector<std::string> texts;
    for (int i = 0; i < 50; ++i) {
      texts.push_back(random_text());
      chunks.column(0).append_text(texts.back());
      chunks.column(1).append(int64_t{i});
    }
    auto extent = files_.write(table_of({ScalarType::kString, ScalarType::kLong}), chunks.views());
    auto terms = extent->terms();
    ASSERT_NE(terms, nullptr);
    for (const std::string& text : texts) {
      EXPECT_TRUE(terms->may_hold(1, text));
      std::string upper = text;
      for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
      EXPECT_TRUE(terms->may_hold(1, upper));
    }
    EXPECT_TRUE(terms->may_hold(2, "no filter"));
    int wrong = 0;
    for (int i = 0; i < 1000; ++i) wrong += terms->may_hold(1, "absent" + std::to_string(i));
    EXPECT_LT(wrong, 100);
  }
}

TEST_F(ExtentsTest, TermFiltersAreOnlyThereWhileTheyAreWhole) {
  Chunks chunks({ScalarType::kString});
  chunks.column(0).append_text("one two");
  auto extent = files_.write(table_of({ScalarType::kString}), chunks.views());
  std::filesystem::path path = objects_.location(terms_name(extent->id));
  std::string bytes;
  {
    auto file = posix_file_system().open(path, FileSystem::Mode::kRead);
    bytes.resize(file->size());
    file->read(0, std::as_writable_bytes(std::span(bytes)));
  }
  auto terms = ExtentTerms::decode(bytes);
  ASSERT_NE(terms, nullptr);
  EXPECT_TRUE(terms->may_hold(1, "TWO"));
  EXPECT_FALSE(terms->may_hold(1, "three"));
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    EXPECT_EQ(ExtentTerms::decode(damaged), nullptr);
    EXPECT_EQ(ExtentTerms::decode(bytes.substr(0, i)), nullptr);
  }
  // A file that is gone costs nothing but the gain.
  std::filesystem::remove(path);
  EXPECT_EQ(extent->terms(), nullptr);
}

TEST(TermGatherer, GivesUpWhenThereAreTooManyTerms) {
  TermGatherer gatherer;
  for (size_t i = 0; i < TermGatherer::kMaxTerms; ++i) gatherer.add(fmt::format("a {} b", i));
  EXPECT_TRUE(gatherer.finish().empty());
  TermGatherer fewer;
  for (size_t i = 0; i < TermGatherer::kMaxTerms; ++i) fewer.add(std::to_string(i));
  EXPECT_FALSE(fewer.finish().empty());
}

TEST(ColumnStatistics, RangesOfNumbersAndNulls) {
  Chunks chunks({ScalarType::kInt, ScalarType::kReal, ScalarType::kBool});
  for (int i : {5, -7, 3}) {
    chunks.column(0).append(int32_t{i});
    chunks.column(1).append(i / 2.0);
    chunks.column(2).append_null();
  }
  chunks.column(0).append_null();
  chunks.column(1).append_null();
  chunks.column(2).append_null();
  auto ints = gather_statistics(1, ScalarType::kInt, chunks.views());
  EXPECT_TRUE(ints.has_range);
  EXPECT_EQ(ints.min_int, -7);
  EXPECT_EQ(ints.max_int, 5);
  EXPECT_EQ(ints.null_count, 1u);
  auto reals = gather_statistics(2, ScalarType::kReal, chunks.views());
  EXPECT_EQ(reals.min_real, -3.5);
  EXPECT_EQ(reals.max_real, 2.5);
  auto bools = gather_statistics(3, ScalarType::kBool, chunks.views());
  EXPECT_FALSE(bools.has_range);
  EXPECT_EQ(bools.null_count, 4u);
  chunks.column(1).append(std::numeric_limits<double>::quiet_NaN());
  chunks.column(0).append_null();
  chunks.column(2).append_null();
  EXPECT_FALSE(gather_statistics(2, ScalarType::kReal, chunks.views()).has_range);
}

TEST(ColumnStatistics, DistinctValuesAreCountedWithinAFewPercent) {
  for (size_t distinct : {0, 1, 7, 100, 5'000, 40'000, 300'000}) {
    DistinctCounter counter;
    for (size_t i = 0; i < 2 * distinct; ++i) {
      uint64_t value = i % distinct;
      counter.add(XXH3_64bits(&value, sizeof(value)));
    }
    auto allowed = static_cast<double>(distinct) * 0.05;
    EXPECT_NEAR(static_cast<double>(counter.estimate()), static_cast<double>(distinct), allowed);
  }
  DistinctCounter ends;
  ends.add(0);
  ends.add(UINT64_MAX);
  EXPECT_EQ(ends.estimate(), 2u);
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

TEST(ColumnStatistics, EveryTextLiesWithinItsRange) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    Chunks chunks({ScalarType::kString});
    for (int i = 0; i < 5; ++i) {
      std::string text(random() % 50, 'm');
      if (!text.empty()) text.back() = static_cast<char>(random());
      if (round % 20 == 0) text.assign(40, '\xff');
      chunks.column(0).append_text(text);
    }
    ColumnStatistics statistics = gather_statistics(1, ScalarType::kString, chunks.views());
    EXPECT_LE(statistics.max_text.size(), 32u);
    if (!statistics.has_range) continue;
    ColumnView view = chunks.column(0).view();
    for (size_t row = 0; row < 5; ++row) {
      EXPECT_LE(statistics.min_text, view.text(row));
      EXPECT_GE(statistics.max_text, view.text(row));
    }
  }
}

TEST_F(ExtentsTest, ADescriptionIsReadBackAsItWas) {
  Chunks chunks(kAllTypes);
  std::mt19937_64 random(2);
  for (int row = 0; row < 50; ++row) {
    for (size_t i = 0; i < kAllTypes.size(); ++i) append_random(chunks.column(i), random);
  }
  auto written = files_.write(table_of(kAllTypes), chunks.views());
  ExtentView& extent = *written;
  extent.tags = {"ingest-by:a", ""};
  std::string bytes;
  encode_extent(bytes, extent);
  auto read = files_.adopt(decode_extent(bytes));
  EXPECT_EQ(read->id, extent.id);
  EXPECT_EQ(path_of(*read), path_of(extent));
  EXPECT_EQ(read->row_count, extent.row_count);
  EXPECT_EQ(read->size_bytes, extent.size_bytes);
  EXPECT_EQ(read->index_size_bytes, extent.index_size_bytes);
  EXPECT_EQ(read->original_size_bytes, extent.original_size_bytes);
  EXPECT_EQ(read->min_time, extent.min_time);
  EXPECT_EQ(read->max_time, extent.max_time);
  EXPECT_EQ(read->min_created, extent.min_created);
  EXPECT_EQ(read->max_created, extent.max_created);
  EXPECT_EQ(read->has_system_columns, extent.has_system_columns);
  EXPECT_EQ(read->max_sequence, extent.max_sequence);
  EXPECT_EQ(read->column_ids, extent.column_ids);
  EXPECT_EQ(read->statistics, extent.statistics);
  EXPECT_EQ(read->tags, extent.tags);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decode_extent(std::string_view(bytes).substr(0, size)), std::runtime_error);
  }
}

// Before its record has a place in the log nobody knows its sequence; earlier programs wrote what they had promised it.
TEST_F(ExtentsTest, ADescriptionMayBeOfTheSequenceOfItsRecord) {
  ExtentDescription extent;
  extent.has_system_columns = false;
  std::string bytes;
  encode_extent(bytes, extent);
  EXPECT_EQ(bytes[0], 7);
  EXPECT_TRUE(decode_extent(bytes).is_of_its_record());
  for (bool has_system_columns : {false, true}) {
    extent.has_system_columns = has_system_columns;
    extent.min_sequence = extent.max_sequence = 900;
    std::string resolved;
    encode_extent(resolved, extent);
    EXPECT_EQ(resolved[0], 6);
    EXPECT_FALSE(decode_extent(resolved).is_of_its_record());
    EXPECT_EQ(decode_extent(resolved).min_sequence, 900u);
    resolved[0] = 7;
    EXPECT_THROW(decode_extent(resolved), std::runtime_error);
    // As programs wrote it before there was a layout: its length was the last byte.
    resolved[0] = 4;
    resolved.pop_back();
    EXPECT_EQ(decode_extent(resolved).max_sequence, 900u);
  }
}

TEST_F(ExtentsTest, AnAdoptedExtentTakesTheFileOfItsDraft) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  auto draft = files_.write(table_of({ScalarType::kLong}), chunks.views());
  std::string bytes;
  encode_extent(bytes, *draft);
  auto adopted = files_.adopt(decode_extent(bytes));
  std::string path = path_of(*draft);
  draft = nullptr;
  files_.collect_garbage();
  EXPECT_TRUE(std::filesystem::exists(path));
  ExtentFiles::drop(*adopted);
  adopted = nullptr;
  files_.collect_garbage();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ExtentsTest, ADamagedByteIsFoundBeforeTheFileIsRead) {
  // More than a block, which compression cannot shrink.
  Chunks chunks({ScalarType::kString});
  std::mt19937_64 random(1);
  for (int row = 0; row < 2000; ++row) {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += static_cast<char>('0' + random() % 64);
    chunks.column(0).append_text(text);
  }
  auto written = files_.write(table_of({ScalarType::kString}), chunks.views());
  EXPECT_NO_THROW(written->verify());
  std::string bytes;
  encode_extent(bytes, *written);
  auto adopt = [&] { return files_.adopt(decode_extent(bytes)); };
  EXPECT_NO_THROW(adopt()->verify());
  ASSERT_EQ(written->checksums.size(), 2U);
  for (uint64_t offset : {uint64_t{5}, FileVerifier::kBlockBytes + 7, written->size_bytes - 1}) {
    std::fstream file(path_of(*written), std::ios::in | std::ios::out | std::ios::binary);
    auto flip = [&] {
      file.seekg(static_cast<std::streamoff>(offset));
      char byte = static_cast<char>(file.get());
      file.seekp(static_cast<std::streamoff>(offset));
      file.put(static_cast<char>(byte ^ 1)).flush();
    };
    flip();
    auto extent = adopt();
    try {
      extent->verify();
      FAIL() << "damage at " << offset << " was not found";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(path_of(*written)), std::string::npos);
      uint64_t block = offset / FileVerifier::kBlockBytes * FileVerifier::kBlockBytes;
      EXPECT_NE(error.message().find(fmt::format("between offset {} and", block)),
                std::string::npos)
          << error.message();
    }
    flip();
    EXPECT_NO_THROW(extent->verify());
  }
}

// Of a file of many row groups: what is marked for a column is all that the engine reads of it, and is what is verified.
TEST_F(ExtentsTest, WhoReadsAColumnHasItsBlocksVerifiedAndNoOthers) {
  std::vector<ScalarType> types{ScalarType::kLong, ScalarType::kString, ScalarType::kReal};
  std::mt19937_64 random(1);
  std::deque<Chunks> chunks;
  std::vector<ChunkView> views;
  for (int chunk = 0; chunk < 150; ++chunk) {
    Chunks& rows = chunks.emplace_back(types);
    for (int row = 0; row < 2000; ++row) {
      rows.column(0).append(static_cast<int64_t>(random()));
      rows.column(1).append_text(to_string(new_guid()));
      rows.column(2).append(static_cast<double>(random()));
    }
    views.push_back(rows.views().front());
  }
  auto written = files_.write(table_of(types), views);
  const ExtentLayout& layout = written->layout;
  size_t blocks = written->checksums.size();
  ASSERT_GE(blocks, 8u);
  std::filesystem::path path = path_of(*written), whole = directory_.path() / "whole";
  std::filesystem::copy(path, whole);
  std::string bytes, read_file = fmt::format("read_parquet('{}')", path.string());
  read_file.replace(read_file.find("it's"), 4, "it''s");
  encode_extent(bytes, *written);
  auto adopt = [&] { return files_.adopt(decode_extent(bytes)); };
  EXPECT_EQ(adopt()->layout, layout);
  for (auto [id, name] : {std::pair<uint32_t, const char*>{1, "c1"},
                          {2, "c2"},
                          {3, "c3"},
                          {kTimeColumn, "sys_time"},
                          {kSequenceColumn, "sys_seq"}}) {
    std::vector<bool> marked(blocks);
    layout.mark({&id, 1}, marked);
    EXPECT_TRUE(marked.back());
    // The texts take nearly all of the file.
    bool is_everywhere = std::find(marked.begin(), marked.end(), false) == marked.end();
    EXPECT_EQ(is_everywhere, id == 2) << name;
    std::string sql =
        fmt::format("SELECT count({0}), max({0}), min({0}) FROM {1}", name, read_file);
    auto expected = query(sql);
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      std::string noise(FileVerifier::kBlockBytes, '\xa5');
      for (size_t i = 0; i < blocks; ++i) {
        if (marked[i]) continue;
        file.seekp(static_cast<std::streamoff>(i * noise.size()));
        file.write(noise.data(), static_cast<std::streamsize>(noise.size()));
      }
    }
    auto extent = adopt();
    EXPECT_NO_THROW(extent->verify({&id, 1})) << name;
    EXPECT_NO_THROW(extent->verify({&id, 1})) << name;
    EXPECT_EQ(query(sql), expected);
    if (!is_everywhere) {
      EXPECT_THROW(extent->verify(), Error) << name;
    }
    std::filesystem::copy_file(whole, path, std::filesystem::copy_options::overwrite_existing);
    EXPECT_NO_THROW(extent->verify());
    for (size_t i = 0; i < blocks; ++i) {
      if (marked[i]) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(i * FileVerifier::kBlockBytes + 100));
        file.put('\x5a').put('\x5a').put('\x5a');
        file.close();
        EXPECT_THROW(adopt()->verify({&id, 1}), Error) << name << " " << i;
        std::filesystem::copy_file(whole, path, std::filesystem::copy_options::overwrite_existing);
      }
    }
  }
}

TEST_F(ExtentsTest, AFileGoesWithTheLastHolderOfAnObsoleteExtent) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  auto adopt = [&] {
    return files_.adopt(*files_.write(table_of({ScalarType::kLong}), chunks.views()));
  };
  auto kept = adopt(), obsolete = adopt();
  int calls = 0;
  files_.set_on_garbage([&] { ++calls; });
  std::filesystem::path kept_path = path_of(*kept), path = path_of(*obsolete);
  Manifest manifest;
  std::vector<std::shared_ptr<const ExtentList>> garbage;
  manifest.add(1, kept);
  manifest.add(2, obsolete);
  manifest.publish(garbage);
  EXPECT_EQ(manifest.extent_count(), 2u);
  auto held = manifest.view(2);
  obsolete = nullptr;
  manifest.clear(2);
  manifest.publish(garbage);
  EXPECT_EQ(manifest.extent_count(), 1u);
  garbage.clear();
  files_.collect_garbage();
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(std::filesystem::exists(path));
  held = nullptr;
  EXPECT_EQ(calls, 1);
  files_.collect_garbage();
  EXPECT_FALSE(std::filesystem::exists(path));
  kept = nullptr;
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(std::filesystem::exists(kept_path));
}

TEST_F(ExtentsTest, AFileThatNoManifestTookGoesWithItsDraft) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  auto draft = files_.write(table_of({ScalarType::kLong}), chunks.views());
  std::filesystem::path path = path_of(*draft);
  draft = nullptr;
  files_.collect_garbage();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ExtentsTest, ExtentsAreRemovedAllOrNone) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  std::vector<Guid> ids;
  std::vector<std::filesystem::path> paths;
  Manifest manifest;
  std::vector<std::shared_ptr<const ExtentList>> garbage;
  auto add = [&] {
    auto extent = files_.adopt(*files_.write(table_of({ScalarType::kLong}), chunks.views()));
    ids.push_back(extent->id);
    paths.push_back(path_of(*extent));
    manifest.add(1, std::move(extent));
  };
  for (int i = 0; i < 3; ++i) add();
  manifest.publish(garbage);
  add();
  // One that is published and one that is not, in one step.
  EXPECT_TRUE(manifest.remove(1, std::vector{ids[0], ids[3]}));
  EXPECT_FALSE(manifest.remove(1, std::vector{ids[1], ids[0]}));
  EXPECT_FALSE(manifest.remove(1, std::vector{ids[1], ids[3]}));
  EXPECT_FALSE(manifest.remove(2, std::vector{ids[1]}));
  EXPECT_TRUE(manifest.contains(1, std::vector{ids[0]}));
  manifest.publish(garbage);
  EXPECT_TRUE(manifest.contains(1, std::vector{ids[1], ids[2]}));
  EXPECT_FALSE(manifest.contains(1, std::vector{ids[1], ids[0]}));
  EXPECT_EQ(manifest.extent_count(), 2u);
  garbage.clear();
  files_.collect_garbage();
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(std::filesystem::exists(paths[i]), i == 1 || i == 2);
  }
}

TEST_F(ExtentsTest, WhatIsOfNoExtentIsAnOrphan) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  catalog::Table table = table_of({ScalarType::kLong});
  std::shared_ptr<const ExtentView> kept = files_.write(table, chunks.views());
  auto lost = files_.write(table, chunks.views());
  std::filesystem::path orphan = path_of(*lost), foreign = orphan.parent_path() / "notes.txt";
  std::ofstream(foreign) << "of somebody else";
  ExtentList list{kept};
  objects::Orphans orphans(objects_);
  files_.reconcile(list, orphans);
  Ticks now = system_clock().now();
  orphans.remove_old(now + kTicksPerHour);
  EXPECT_TRUE(std::filesystem::exists(orphan));
  orphans.remove_old(now + 25 * kTicksPerHour);
  EXPECT_FALSE(std::filesystem::exists(orphan));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_TRUE(std::filesystem::exists(path_of(*kept)));
}

TEST_F(ExtentsTest, AMissingFileFailsWhoReadsItUntilItIsBack) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  auto written = files_.write(table_of({ScalarType::kLong}), chunks.views());
  std::string bytes;
  encode_extent(bytes, *written);
  auto extent = files_.adopt(decode_extent(bytes));
  ExtentFiles others(objects_);  // after a restart
  auto read_again = others.adopt(decode_extent(bytes));
  std::filesystem::path path = path_of(*extent), aside = directory_.path() / "aside";
  std::filesystem::rename(path, aside);
  try {
    read_again->verify();
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(path.string() + " is missing"), std::string::npos)
        << error.message();
  }
  std::filesystem::rename(aside, path);
  EXPECT_NO_THROW(read_again->verify());
}

TEST_F(ExtentsTest, AFailureLeavesNoFileBehind) {
  FaultFileSystem files(directory_.path());
  objects::DirectoryObjects objects(files, directory_.path() / "faulty");
  ExtentFiles extents(objects);
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  for (int failing = 1;; ++failing) {
    ASSERT_LT(failing, 30);
    int countdown = failing;
    auto hook = files.set_hook(
        [&](FaultFileSystem::Operation, const auto&) { return --countdown == 0 ? EIO : 0; });
    try {
      extents.write(table_of({ScalarType::kLong}), chunks.views());
      break;
    } catch (const IoError&) {
    }
    hook.remove();
    if (!std::filesystem::exists(directory_.path() / "faulty")) continue;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.path() / "faulty")) {
      EXPECT_FALSE(entry.is_regular_file()) << entry.path();
    }
  }
}

}  // namespace
}  // namespace rivulet::extents
