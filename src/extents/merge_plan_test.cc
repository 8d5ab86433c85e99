#include "extents/merge_plan.h"

#include <gtest/gtest.h>

#include "extents/testing/fake_extent.h"

namespace rivulet::extents {
namespace {

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

}  // namespace
}  // namespace rivulet::extents
