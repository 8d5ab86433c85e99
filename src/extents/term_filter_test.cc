#include "extents/term_filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "extents/testing/extents_fixture.h"

namespace rivulet::extents {
namespace {

using namespace testing;

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

}  // namespace
}  // namespace rivulet::extents
