#include "store/tail_rows.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

#include "common/testing/fault_file_system.h"
#include "common/testing/temporary_directory.h"
#include "objects/directory_objects.h"
#include "rowstore/row_files.h"

namespace rivulet::store {
namespace {

constexpr catalog::TableId kTable = 1;
constexpr uint32_t kChunkRows = 1000;

class TailRowsTest : public ::testing::Test {
 protected:
  TailRowsTest()
      : files_(directory_.path()), objects_(files_, directory_.path()), row_files_(objects_) {
    files_.set_read_hook([this](const auto&) {
      ++reads_;
      return 0;
    });
  }

  // The next rows, whose sequence and only column count on from one.
  std::shared_ptr<const rowstore::Chunk> make_chunk() {
    std::vector<int64_t> cells(kChunkRows), times(kChunkRows, 7);
    std::iota(cells.begin(), cells.end(), next_);
    next_ += kChunkRows;
    std::vector<uint32_t> ids{1};
    std::vector<ColumnView> columns{{ScalarType::kLong, cells.data(), nullptr}};
    auto layout = std::make_shared<rowstore::ChunkLayout>(ids, columns);
    auto chunk = std::make_shared<rowstore::Chunk>(layout, kChunkRows);
    std::vector<int> layout_index{0};
    chunk->append({layout_index, columns, times.data(), cells.data()}, 0, kChunkRows);
    chunk->close();
    return chunk;
  }
  rowstore::TailView make_tail(size_t runs, size_t chunks_of_run, size_t chunks) {
    rowstore::TailView tail;
    rowstore::RunList list;
    for (size_t i = 0; i < runs; ++i) {
      auto writer = row_files_.create(0);
      rowstore::ChunkList written;
      std::vector<ChunkView> views;
      for (size_t j = 0; j < chunks_of_run; ++j) {
        written.push_back(make_chunk());
        views.push_back(written.back()->closed_view());
      }
      writer->add(kTable, views);
      list.push_back(writer->finish()[0].second.at(0));
    }
    if (!list.empty()) tail.runs = std::make_shared<const rowstore::RunList>(std::move(list));
    rowstore::ChunkList closed;
    for (size_t i = 0; i < chunks; ++i) closed.push_back(make_chunk());
    if (!closed.empty()) {
      tail.closed = std::make_shared<const rowstore::ChunkList>(std::move(closed));
    }
    return tail;
  }
  // How many rows each extent gets; they are checked to be all, in order.
  std::vector<uint64_t> extents_of(TailRows& rows) {
    std::vector<uint64_t> extents;
    int64_t expected = 1;
    while (rows.begin_extent()) {
      extents.push_back(0);
      while (const ChunkView* chunk = rows.next()) {
        for (uint32_t row = 0; row < chunk->row_count; ++row, ++expected) {
          EXPECT_EQ(static_cast<const int64_t*>(chunk->columns[0].cells)[row], expected);
          EXPECT_EQ(chunk->sequences[row], expected);
        }
        extents.back() += chunk->row_count;
      }
    }
    EXPECT_EQ(expected, next_);
    return extents;
  }

  TemporaryDirectory directory_;
  FaultFileSystem files_;
  objects::DirectoryObjects objects_;
  rowstore::RowFiles row_files_;
  std::atomic<uint64_t> reads_ = 0;
  int64_t next_ = 1;
};

TEST_F(TailRowsTest, ARunIsReadWhenItsRowsAreAskedFor) {
  rowstore::TailView tail = make_tail(3, 2, 2);
  TailRows rows(kTable, tail, UINT64_MAX, UINT64_MAX);
  EXPECT_EQ(rows.first_sequence(), 1u);
  EXPECT_EQ(rows.last_sequence(), 8 * kChunkRows);
  ASSERT_TRUE(rows.begin_extent());
  EXPECT_EQ(reads_, 0u);
  for (uint64_t reads : {1, 1, 2, 2, 3, 3, 3, 3}) {
    ASSERT_NE(rows.next(), nullptr);
    EXPECT_EQ(reads_, reads);
  }
  EXPECT_EQ(rows.next(), nullptr);
  EXPECT_FALSE(rows.begin_extent());
}

TEST_F(TailRowsTest, AnExtentHasNoMoreRowsInARunOrNot) {
  rowstore::TailView tail = make_tail(2, 2, 3);
  TailRows rows(kTable, tail, 3 * kChunkRows + 1, UINT64_MAX);
  EXPECT_EQ(extents_of(rows), (std::vector<uint64_t>{3000, 3000, 1000}));
}

TEST_F(TailRowsTest, AnExtentHasNoMoreBytes) {
  rowstore::TailView tail = make_tail(2, 2, 1);
  TailRows rows(kTable, tail, UINT64_MAX, 2 * kChunkRows * sizeof(int64_t));
  EXPECT_EQ(extents_of(rows), (std::vector<uint64_t>{2000, 2000, 1000}));
}

TEST_F(TailRowsTest, ExtentsMayEndWithTheRowsAndATailMayLackEither) {
  {
    rowstore::TailView tail = make_tail(3, 1, 0);
    TailRows rows(kTable, tail, kChunkRows, UINT64_MAX);
    EXPECT_EQ(rows.last_sequence(), 3 * kChunkRows);
    EXPECT_EQ(extents_of(rows), (std::vector<uint64_t>{1000, 1000, 1000}));
  }
  next_ = 1;
  {
    rowstore::TailView tail = make_tail(0, 0, 3);
    TailRows rows(kTable, tail, 10 * kChunkRows, UINT64_MAX);
    EXPECT_EQ(rows.first_sequence(), 1u);
    EXPECT_EQ(extents_of(rows), (std::vector<uint64_t>{3000}));
  }
  TailRows none(kTable, {}, kChunkRows, UINT64_MAX);
  EXPECT_EQ(none.last_sequence(), 0u);
  EXPECT_FALSE(none.begin_extent());
}

}  // namespace
}  // namespace rivulet::store
