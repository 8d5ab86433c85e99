#include "rowstore/row_files.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "common/error.h"
#include "common/testing/temporary_directory.h"
#include "objects/directory_objects.h"
#include "rowstore/run_cache.h"
#include "rowstore/testing/random_rows.h"

namespace rivulet::rowstore {
namespace {

using namespace testing;

// A cell of each column, the time and the sequence of each row.
using Rows = std::vector<std::vector<CellValue>>;

void add_rows(Rows& rows, const ChunkView& chunk) {
  for (uint32_t row = 0; row < chunk.row_count; ++row) {
    std::vector<CellValue>& out = rows.emplace_back();
    for (const ColumnView& column : chunk.columns) out.push_back(cell_value(column, row));
    out.push_back(std::to_string(chunk.ingestion_times[row]));
    out.push_back(std::to_string(chunk.sequences[row]));
  }
}

Rows rows_of(const ChunkList& chunks) {
  Rows rows;
  for (const auto& chunk : chunks) add_rows(rows, chunk->closed_view());
  return rows;
}

class RowFilesTest : public ::testing::Test {
 protected:
  RowFilesTest() : random_(7) {}

  // A chunk of all types with random cells; sequences go on from the last one.
  std::shared_ptr<Chunk> make_chunk(uint32_t count) {
    ColumnBatch batch(kAllTypes);
    std::vector<uint32_t> ids;
    std::vector<ColumnView> views;
    std::vector<int> index;
    for (size_t i = 0; i < kAllTypes.size(); ++i) {
      for (uint32_t row = 0; row < count; ++row) append_random(batch.column(i), random_);
      ids.push_back(static_cast<uint32_t>(i + 1));
      views.push_back(batch.column(i).view());
      index.push_back(static_cast<int>(i));
    }
    std::vector<int64_t> times, sequences;
    for (uint32_t row = 0; row < count; ++row) {
      if (row % 3 == 0) ++sequence_;
      times.push_back(static_cast<int64_t>(1000 + sequence_));
      sequences.push_back(static_cast<int64_t>(sequence_));
    }
    auto chunk = std::make_shared<Chunk>(std::make_shared<ChunkLayout>(ids, views), count);
    chunk->append({index, views, times.data(), sequences.data()}, 0, count);
    chunk->close();
    return chunk;
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  objects::DirectoryObjects objects_{posix_file_system(), directory_.path()};
  RowFiles row_files_{objects_};
  Sequence sequence_ = 0;
};

TEST_F(RowFilesTest, LongTextsMakeMoreRunsAndNotLongerOnes) {
  constexpr uint32_t kRows = 100;
  ColumnBatch batch(std::vector<ScalarType>{ScalarType::kLong, ScalarType::kString});
  std::vector<int64_t> times(kRows, 5), sequences;
  for (uint32_t row = 0; row < kRows; ++row) {
    batch.column(0).append<int64_t>(row);
    batch.column(1).append_text(std::string((256 << 10) + row, 'x'));
    sequences.push_back(1 + row / 10);
  }
  std::vector<uint32_t> ids{1, 2};
  std::vector<ColumnView> views{batch.column(0).view(), batch.column(1).view()};
  auto writer = row_files_.create(0);
  ChunkView chunk{kRows, ids, views, times.data(), sequences.data()};
  writer->add(1, {&chunk, 1});
  TableRuns runs = writer->finish();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_GT(runs[0].second.size(), 4u);
  Rows expected, found;
  add_rows(expected, chunk);
  for (const auto& run : runs[0].second) {
    EXPECT_LT(run.length, 6u << 20);
    Rows part = rows_of(read_run(1, run));
    EXPECT_EQ(part.size(), run.live_rows());
    found.insert(found.end(), part.begin(), part.end());
  }
  EXPECT_TRUE(found == expected);
}

TEST_F(RowFilesTest, ARunMayLoseRowsAtBothEnds) {
  auto writer = row_files_.create(0);
  ChunkList chunks{make_chunk(30), make_chunk(30), make_chunk(30)};
  std::vector<ChunkView> views;
  for (const auto& chunk : chunks) views.push_back(chunk->closed_view());
  writer->add(1, views);
  auto run = writer->finish()[0].second.at(0);
  Rows all = rows_of(chunks);
  for (auto [skipped, rows] :
       {std::pair<uint32_t, uint32_t>{0, 90}, {0, 20}, {35, 50}, {40, 90}, {30, 60}, {89, 90}}) {
    run.skipped = skipped;
    run.rows = rows;
    EXPECT_EQ(rows_of(read_run(1, run)), Rows(all.begin() + skipped, all.begin() + rows));
  }
}

TEST_F(RowFilesTest, RunsReadAsTheyWereWritten) {
  auto writer = row_files_.create(0);
  std::vector<Rows> expected;
  for (catalog::TableId table = 1; table <= 20; ++table) {
    ChunkList chunks;
    std::vector<ChunkView> views;
    for (uint32_t i = 0; i < table; ++i) {
      chunks.push_back(make_chunk(i % 2 == 0 ? 2048 : 1 + static_cast<uint32_t>(random_() % 50)));
      views.push_back(chunks.back()->closed_view());
    }
    expected.push_back(rows_of(chunks));
    writer->add(table, views);
  }
  TableRuns runs = writer->finish();
  ASSERT_EQ(runs.size(), 20u);
  EXPECT_GT(runs.back().second.size(), 1u);
  for (size_t i = 0; i < runs.size(); ++i) {
    Rows rows;
    Sequence last = 0;
    for (const rowstore::Run& run : runs[i].second) {
      Rows part = rows_of(read_run(runs[i].first, run));
      EXPECT_EQ(part.size(), run.rows);
      EXPECT_EQ(part.front().back(), std::to_string(run.first_sequence));
      EXPECT_EQ(part.back().back(), std::to_string(run.last_sequence));
      EXPECT_GT(run.first_sequence, last);
      last = run.last_sequence - 1;
      ASSERT_EQ(run.ranges.size(), 1u);
      for (const auto& row : part) {
        const CellValue& time = row[5];
        if (!time) continue;
        int64_t value;
        std::memcpy(&value, time->data(), sizeof(value));
        EXPECT_GE(value, run.ranges[0].low);
        EXPECT_LE(value, run.ranges[0].high);
      }
      rows.insert(rows.end(), part.begin(), part.end());
    }
    EXPECT_EQ(rows, expected[i]);
    // A run read as another table's is damage.
    EXPECT_THROW(read_run(999, runs[i].second[0]), Error);
  }
}

TEST_F(RowFilesTest, SmallChunksAreJoined) {
  ChunkList chunks;
  std::vector<ChunkView> views;
  uint32_t rows = 0;
  for (uint32_t i = 0; i < 300; ++i) {
    chunks.push_back(make_chunk(1 + static_cast<uint32_t>(random_() % 40)));
    rows += chunks.back()->rows();
    views.push_back(chunks.back()->closed_view());
  }
  ChunkList joined = join_chunks(views);
  EXPECT_EQ(joined.size(), (rows + Chunk::kMaxRows - 1) / Chunk::kMaxRows);
  EXPECT_EQ(rows_of(joined), rows_of(chunks));
}

TEST_F(RowFilesTest, EveryDamagedByteOfARunIsFound) {
  auto writer = row_files_.create(0);
  auto chunk = make_chunk(20);
  std::vector<ChunkView> views{chunk->closed_view()};
  writer->add(1, views);
  writer->add(2, views);
  TableRuns runs = writer->finish();
  const rowstore::Run& run = runs[0].second[0];
  std::filesystem::path path = run.file->location();
  for (uint64_t at = run.offset; at < run.offset + run.length; ++at) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(at));
    int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 0x10));
    file.flush();
    try {
      read_run(1, run);
      FAIL() << "byte " << at;
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(path.string()), std::string::npos);
      EXPECT_NE(error.message().find("offset 48"), std::string::npos);
    }
    EXPECT_EQ(rows_of(read_run(2, runs[1].second[0])).size(), 20u);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte));
  }
  EXPECT_EQ(rows_of(read_run(1, run)).size(), 20u);
}

TEST_F(RowFilesTest, AMissingFileFailsWhoReadsItUntilItIsBack) {
  auto writer = row_files_.create(0);
  auto chunk = make_chunk(20);
  writer->add(1, std::vector{chunk->closed_view()});
  TableRuns runs = writer->finish();
  rowstore::Run& run = runs[0].second[0];
  std::filesystem::path path = run.file->location(), aside = directory_.path() / "aside";
  std::filesystem::rename(path, aside);
  try {
    read_run(1, run);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("no file " + path.string()), std::string::npos);
  }
  std::filesystem::rename(aside, path);
  EXPECT_EQ(rows_of(read_run(1, run)).size(), 20u);
}

TEST_F(RowFilesTest, OrphansAreWhatNothingNames) {
  auto chunk = make_chunk(20);
  auto write = [&] {
    auto writer = row_files_.create(0);
    writer->add(1, std::vector{chunk->closed_view()});
    return writer->finish();
  };
  TableRuns kept = write(), lost = write();
  std::filesystem::path orphan = lost[0].second[0].file->location(),
                        old = objects_.location(numbered_row_file(7)),
                        foreign = orphan.parent_path() / "notes.rows";
  for (const auto& path : {old, foreign}) std::ofstream(path) << "whatever";
  objects::Orphans orphans(objects_);
  row_files_.reconcile({kept[0].second[0].file}, orphans);
  orphans.remove_old(system_clock().now());
  for (const auto& path : {orphan, old}) EXPECT_TRUE(std::filesystem::exists(path));
  orphans.remove_old(system_clock().now() + 2 * kTicksPerDay);
  for (const auto& path : {orphan, old}) EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_EQ(rows_of(read_run(1, kept[0].second[0])).size(), 20u);
}

TEST_F(RowFilesTest, AFileGoesWhenNobodyHoldsItAndItIsCollected) {
  auto chunk = make_chunk(20);
  std::vector<ChunkView> views{chunk->closed_view()};
  auto writer = row_files_.create(0);
  writer->add(1, views);
  TableRuns runs = writer->finish();
  std::filesystem::path path = runs[0].second[0].file->location();
  EXPECT_EQ(row_files_.file_count(), 1u);
  EXPECT_EQ(row_files_.file_bytes(), std::filesystem::file_size(path));
  int told = 0;
  row_files_.set_on_garbage([&] { ++told; });
  row_files_.collect_garbage();
  EXPECT_TRUE(std::filesystem::exists(path));
  runs.clear();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(std::filesystem::exists(path));
  row_files_.collect_garbage();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(row_files_.file_count(), 0u);
  // A writer that is not finished leaves nothing.
  writer = row_files_.create(0);
  writer->add(1, views);
  writer = nullptr;
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path() / "rows"));
}

TEST_F(RowFilesTest, TheCacheKeepsWhatFitsAndWasReadLately) {
  auto writer = row_files_.create(0);
  for (catalog::TableId table = 0; table < 10; ++table) {
    auto chunk = make_chunk(100);
    std::vector<ChunkView> views{chunk->closed_view()};
    writer->add(table, views);
  }
  TableRuns runs = writer->finish();
  uint64_t one;
  {
    RunCache cache(1 << 30);
    cache.get(0, runs[0].second[0]);
    one = cache.bytes();
  }
  RunCache cache(one * 4);
  auto get = [&](size_t i) { return cache.get(runs[i].first, runs[i].second[0]); };
  auto first = get(0);
  EXPECT_EQ(get(0), first);
  for (size_t i = 1; i < 10; ++i) {
    get(i);
    EXPECT_EQ(get(0), first);
    EXPECT_LE(cache.bytes(), one * 4);
  }
  EXPECT_GT(cache.bytes(), one);
  auto second = get(1);
  for (size_t i = 2; i < 10; ++i) get(i);
  EXPECT_NE(get(1), second);
  EXPECT_EQ(rows_of(*get(1)), rows_of(*second));
}

}  // namespace
}  // namespace rivulet::rowstore
