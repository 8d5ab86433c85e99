#include "types/column.h"

#include <cstring>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "types/column_batch.h"

namespace rivulet {
namespace {

TEST(ScalarType, Names) {
  EXPECT_EQ(parse_scalar_type("int"), ScalarType::kInt);
  EXPECT_EQ(parse_scalar_type("System.Data.SqlTypes.SqlDecimal"), ScalarType::kDecimal);
  EXPECT_EQ(parse_scalar_type("System.SByte"), ScalarType::kBool);
  EXPECT_EQ(parse_scalar_type("uniqueid"), ScalarType::kGuid);
  EXPECT_FALSE(parse_scalar_type("Int"));
  EXPECT_FALSE(parse_scalar_type(""));
  for (int i = 1; i <= 10; ++i) {
    auto type = static_cast<ScalarType>(i);
    EXPECT_EQ(parse_scalar_type(kusto_name(type)), type);
    EXPECT_EQ(parse_scalar_type(clr_name(type)), type);
    EXPECT_FALSE(v1_data_type(type).empty());
  }
}

TEST(Column, NullsAppearLateAndGoAway) {
  Column column(ScalarType::kLong);
  for (int64_t i = 0; i < 100; ++i) column.append(i);
  EXPECT_FALSE(column.has_nulls());
  column.append_null();
  for (int64_t i = 101; i < 300; ++i) column.append(i);
  ColumnView view = column.view();
  for (size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(view.is_null(i), i == 100);
    if (i != 100) {
      EXPECT_EQ(view.cell<int64_t>(i), static_cast<int64_t>(i));
    }
  }
  column.truncate(100);
  column.append(int64_t{7});
  EXPECT_FALSE(column.view().is_null(100));
}

TEST(Column, StringsAreNeverNull) {
  Column column(ScalarType::kString);
  column.append_null();
  column.append_text("a text longer than the cell");
  EXPECT_FALSE(column.has_nulls());
  EXPECT_EQ(column.view().text(0), "");
  EXPECT_EQ(column.view().text(1), "a text longer than the cell");
}

// Against a plain model, over appends, copies and truncations.
TEST(Column, BehavesLikeAVector) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    Column column(ScalarType::kDynamic);
    std::vector<std::optional<std::string>> model;
    auto append = [&](Column& to, std::vector<std::optional<std::string>>& expected) {
      if (random() % 4 == 0) {
        to.append_null();
        expected.emplace_back();
      } else {
        std::string text(random() % 40, static_cast<char>('a' + random() % 26));
        to.append_text(text);
        expected.emplace_back(text);
      }
    };
    for (int step = 0; step < 300; ++step) {
      switch (random() % 20) {
        case 0: {
          size_t size = random() % (model.size() + 1);
          column.truncate(size);
          model.resize(size);
          break;
        }
        case 1: {
          size_t count = random() % 70;
          column.append_nulls(count);
          model.resize(model.size() + count);
          break;
        }
        case 2: {
          Column source(ScalarType::kDynamic);
          std::vector<std::optional<std::string>> texts;
          for (unsigned i = random() % 100; i > 0; --i) append(source, texts);
          size_t first = texts.empty() ? 0 : random() % texts.size();
          size_t count = texts.empty() ? 0 : random() % (texts.size() - first + 1);
          column.append_from(source.view(), first, count);
          for (size_t i = first; i < first + count; ++i) model.push_back(texts[i]);
          break;
        }
        default:
          append(column, model);
      }
    }
    Column moved = std::move(column);
    ASSERT_EQ(moved.size(), model.size());
    for (size_t i = 0; i < model.size(); ++i) {
      ASSERT_EQ(moved.view().is_null(i), !model[i].has_value());
      if (model[i]) {
        ASSERT_EQ(moved.view().text(i), *model[i]);
      }
    }
  }
}

TEST(Column, CellsOfNullsAreNotRead) {
  StringRef cells[2];
  std::memset(static_cast<void*>(cells), 0x5A, sizeof(cells));
  cells[1] = StringRef("text");
  const uint64_t validity = 2;
  Column column(ScalarType::kDynamic);
  column.append_from(ColumnView{ScalarType::kDynamic, cells, &validity}, 0, 2);
  EXPECT_TRUE(column.view().is_null(0));
  EXPECT_EQ(column.view().text(1), "text");
}

// For the undefined behaviour sanitizer: nothing is copied from a null pointer.
TEST(Column, AnEmptyTextMayBeANullPointer) {
  StringRef cell{std::string_view()};
  EXPECT_EQ(cell.view(), "");
}

TEST(Column, SmallColumnsStaySmall) {
  Column column(ScalarType::kLong);
  column.append(int64_t{1});
  EXPECT_LE(column.memory_bytes(), 64u);
}

TEST(TextArena, BlocksDoNotMove) {
  TextArena arena;
  std::vector<std::pair<std::string_view, std::string>> texts;
  for (size_t i = 0; i < 3000; ++i) {
    std::string text(i % 700, static_cast<char>('a' + i % 26));
    texts.emplace_back(arena.store(text), text);
  }
  for (const auto& [stored, text] : texts) EXPECT_EQ(stored, text);
}

TEST(ColumnBatch, CountsRows) {
  ColumnBatch batch({ScalarType::kLong, ScalarType::kString});
  EXPECT_EQ(batch.row_count(), 0u);
  batch.column(0).append(int64_t{1});
  batch.column(1).append_text("x");
  EXPECT_EQ(batch.row_count(), 1u);
  EXPECT_EQ(batch.column_count(), 2u);
}

// Cells and texts of all columns lie in one arena: they are aligned, and do not run into each other.
TEST(ColumnBatch, ColumnsThatShareAnArenaBehaveLikeOthers) {
  const std::vector<ScalarType> types{ScalarType::kString, ScalarType::kDecimal, ScalarType::kBool,
                                      ScalarType::kDynamic, ScalarType::kLong};
  std::mt19937 random(2);
  for (size_t rows : {1, 3, 5, 40, 1000}) {
    ColumnBatch batch(types);
    std::vector<Column> alone;
    for (ScalarType type : types) alone.emplace_back(type);
    auto append = [&](size_t i, const auto& cell) {
      batch.column(i).append(cell);
      alone[i].append(cell);
    };
    for (size_t row = 0; row < rows; ++row) {
      append(1, static_cast<Decimal>(random()));
      append(2, static_cast<uint8_t>(random() % 2));
      append(4, static_cast<int64_t>(random()));
      for (size_t i : {0, 3}) {
        std::string text(random() % 50, static_cast<char>('a' + random() % 26));
        batch.column(i).append_text(text);
        alone[i].append_text(text);
      }
    }
    ColumnBatch moved = std::move(batch);
    for (size_t i = 0; i < types.size(); ++i) {
      ColumnView view = moved.column(i).view(), expected = alone[i].view();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(view.cells) % 16, 0u);
      if (is_text(types[i])) {
        for (size_t row = 0; row < rows; ++row) ASSERT_EQ(view.text(row), expected.text(row));
      } else {
        EXPECT_EQ(std::memcmp(view.cells, expected.cells, rows * cell_size(types[i])), 0);
      }
    }
    EXPECT_LE(moved.memory_bytes(), types.size() * (sizeof(Column) + 128) + 500 * rows);
  }
}

}  // namespace
}  // namespace rivulet
