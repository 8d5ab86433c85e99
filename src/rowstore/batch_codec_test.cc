#include "rowstore/batch_codec.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "rowstore/testing/random_rows.h"

namespace rivulet::rowstore {
namespace {

using namespace testing;

std::vector<ColumnView> views_of(const ColumnBatch& batch) {
  std::vector<ColumnView> views;
  for (size_t i = 0; i < batch.column_count(); ++i) views.push_back(batch.column(i).view());
  return views;
}

// The decoder has rows from `first` on.
void expect_rows(const BatchDecoder& decoder, std::span<const ColumnView> views, size_t first) {
  for (size_t i = 0; i < views.size(); ++i) {
    ASSERT_EQ(decoder.columns()[i].type, views[i].type);
    for (size_t row = 0; row < decoder.row_count(); ++row) {
      CellValue expected = cell_value(views[i], first + row);
      CellValue found;
      if (is_text(views[i].type)) {
        found = cell_value(decoder.columns()[i], row);
      } else if (!decoder.columns()[i].is_null(row)) {
        size_t width = cell_size(views[i].type);
        found =
            std::string(static_cast<const char*>(decoder.columns()[i].cells) + row * width, width);
      }
      ASSERT_EQ(found, expected) << "column " << i << " row " << first + row;
    }
  }
}

// Decoded from a copy at an odd address, since a record may stand anywhere; as a whole, and some rows at a time.
void expect_round_trip(BatchDecoder& decoder, const ColumnBatch& batch, size_t rows) {
  std::vector<uint32_t> ids;
  for (size_t i = 0; i < batch.column_count(); ++i) ids.push_back(static_cast<uint32_t>(7 * i + 1));
  std::vector<ColumnView> views = views_of(batch);
  std::string bytes;
  encode_batch(bytes, ids, views, rows);
  std::string shifted = "x" + bytes;
  decoder.decode(std::string_view(shifted).substr(1));
  ASSERT_EQ(decoder.row_count(), rows);
  ASSERT_EQ(decoder.column_ids(), ids);
  ASSERT_NO_FATAL_FAILURE(expect_rows(decoder, views, 0));
  for (size_t some : {64, 2048}) {
    decoder.begin(std::string_view(shifted).substr(1));
    size_t done = 0;
    for (; decoder.next(some); done += decoder.row_count()) {
      ASSERT_EQ(decoder.row_count(), std::min(some, rows - done));
      ASSERT_NO_FATAL_FAILURE(expect_rows(decoder, views, done));
    }
    ASSERT_EQ(done, rows);
  }
}

TEST(BatchCodec, RoundTripOfRandomRows) {
  std::mt19937_64 random(3);
  BatchDecoder decoder;
  for (size_t rows : {0, 1, 2, 63, 64, 65, 500, 3000}) {
    ColumnBatch batch(kAllTypes);
    for (size_t row = 0; row < rows; ++row) {
      for (size_t i = 0; i < kAllTypes.size(); ++i) append_random(batch.column(i), random);
    }
    ASSERT_NO_FATAL_FAILURE(expect_round_trip(decoder, batch, rows));
  }
}

TEST(BatchCodec, RoundTripOfConstantsNullsAndLongTexts) {
  BatchDecoder decoder;
  constexpr size_t kRows = 100;
  ColumnBatch constant(kAllTypes), nulls(kAllTypes);
  std::mt19937_64 random(4);
  for (size_t i = 0; i < kAllTypes.size(); ++i) {
    Column one(kAllTypes[i]);
    do {
      one = Column(kAllTypes[i]);
      append_random(one, random);
    } while (one.has_nulls());
    for (size_t row = 0; row < kRows; ++row) {
      constant.column(i).append_from(one.view(), 0, 1);
      nulls.column(i).append_null();
    }
  }
  expect_round_trip(decoder, constant, kRows);
  expect_round_trip(decoder, nulls, kRows);
  std::vector<ScalarType> types{ScalarType::kString, ScalarType::kDynamic};
  for (size_t length : {255, 256, 65535, 65536, 1'000'000}) {
    ColumnBatch texts(types);
    for (size_t row = 0; row < 3; ++row) {
      texts.column(0).append_text(std::string(length - row, 'x'));
      texts.column(1).append_text(row == 1 ? "{}" : std::string(length, 'y'));
    }
    expect_round_trip(decoder, texts, 3);
  }
}

TEST(BatchCodec, WholeNumbersThatLieCloseTogetherTakeLess) {
  BatchDecoder decoder;
  constexpr size_t kRows = 1000;
  std::vector<ScalarType> types{ScalarType::kLong, ScalarType::kDateTime, ScalarType::kTimeSpan,
                                ScalarType::kLong};
  // The greatest distance, and how many bytes a cell of it takes.
  for (auto [range, width] : std::vector<std::pair<uint64_t, size_t>>{{UINT8_MAX, 1},
                                                                      {UINT8_MAX + 1, 2},
                                                                      {UINT16_MAX, 2},
                                                                      {UINT16_MAX + 1, 4},
                                                                      {UINT32_MAX, 4},
                                                                      {uint64_t{1} << 32, 8},
                                                                      {UINT64_MAX, 8}}) {
    ColumnBatch batch(types);
    for (size_t row = 0; row < kRows; ++row) {
      uint64_t distance = row == 500 ? range : row == 7 ? 0 : range / 2 + row % 3;
      for (size_t i = 0; i < types.size(); ++i) {
        batch.column(i).append(static_cast<int64_t>(static_cast<uint64_t>(INT64_MIN) + distance));
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_round_trip(decoder, batch, kRows)) << range;
    std::vector<uint32_t> ids{1, 2, 3, 4};
    std::string bytes;
    encode_batch(bytes, ids, views_of(batch), kRows);
    EXPECT_LT(bytes.size(), types.size() * (kRows * width + 20)) << range;
    for (size_t rows : {1, 2, 3}) {
      ASSERT_NO_FATAL_FAILURE(expect_round_trip(decoder, batch, rows)) << range;
    }
    EXPECT_THROW(decoder.decode(std::string_view(bytes).substr(0, bytes.size() - 1)),
                 std::runtime_error);
  }
}

TEST(BatchCodec, CutBytesAreRefused) {
  std::mt19937_64 random(5);
  ColumnBatch batch(kAllTypes);
  for (size_t row = 0; row < 5; ++row) {
    for (size_t i = 0; i < kAllTypes.size(); ++i) append_random(batch.column(i), random);
  }
  std::vector<uint32_t> ids(kAllTypes.size(), 1);
  std::string bytes;
  encode_batch(bytes, ids, views_of(batch), 5);
  BatchDecoder decoder;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decoder.decode(std::string_view(bytes).substr(0, size)), std::runtime_error);
  }
  EXPECT_THROW(decoder.decode(bytes + "x"), std::runtime_error);
}

}  // namespace
}  // namespace rivulet::rowstore
