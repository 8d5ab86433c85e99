#include "extents/extent_layout.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace rivulet::extents {
namespace {

std::string marked(const ExtentLayout& layout, std::vector<uint32_t> columns, size_t blocks) {
  std::vector<bool> marks(blocks);
  layout.mark(columns, marks);
  std::string text;
  for (bool mark : marks) text += mark ? 'x' : '.';
  return text;
}

TEST(ExtentLayout, MarksTheBlocksOfColumnsAndWhatIsBehindAll) {
  // Two row groups of three columns, and a footer; blocks of ten bytes.
  std::vector<ExtentLayout::Pages> pages{{7, 4, 12},  {7, 50, 58}, {8, 12, 25},
                                         {8, 58, 60}, {9, 25, 50}, {9, 60, 70}};
  ExtentLayout layout(pages, 95, 10);
  EXPECT_EQ(marked(layout, {}, 10), ".......xxx");
  EXPECT_EQ(marked(layout, {7}, 10), "xx...x.xxx");
  EXPECT_EQ(marked(layout, {8}, 10), ".xx..x.xxx");
  EXPECT_EQ(marked(layout, {9}, 10), "..xxx.xxxx");
  EXPECT_EQ(marked(layout, {7, 9, 1}, 10), "xxxxxxxxxx");
  std::string bytes;
  ByteWriter writer(bytes);
  layout.write(writer);
  ByteReader reader(bytes);
  EXPECT_EQ(ExtentLayout(reader), layout);
  EXPECT_TRUE(reader.at_end());
}

TEST(ExtentLayout, WhereNothingIsKnownEveryBlockIsOfEveryColumn) {
  EXPECT_EQ(marked(ExtentLayout(), {3}, 3), "xxx");
  std::vector<ExtentLayout::Pages> pages{{7, 4, 8}};
  EXPECT_EQ(marked(ExtentLayout(pages, 10, 10), {3}, 1), "x");
  EXPECT_EQ(marked(ExtentLayout({}, 100, 10), {3}, 10), "xxxxxxxxxx");
}

TEST(ExtentLayout, DamageIsRefusedAndNothingIsMarkedBeyondTheFile) {
  std::vector<ExtentLayout::Pages> pages{{7, 0, 35}, {8, 35, 80}};
  std::string bytes;
  ByteWriter writer(bytes);
  ExtentLayout(pages, 95, 10).write(writer);
  for (size_t at = 1; at < bytes.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      ByteReader reader(damaged);
      try {
        EXPECT_EQ(marked(ExtentLayout(reader), {7, 8}, 10).size(), 10u);
      } catch (const std::runtime_error&) {
      }
    }
  }
}

}  // namespace
}  // namespace rivulet::extents
