#include "extents/merge_plan.h"

#include <algorithm>
#include <span>

namespace rivulet::extents {
namespace {

// Fewer extents are not worth writing them again.
constexpr size_t kMinExtents = 4;

// The longest run of extents from the first on that may become one.
std::span<const std::shared_ptr<const ExtentView>> longest_run(
    std::span<const std::shared_ptr<const ExtentView>> extents,
    const catalog::MergePolicy& policy) {
  const ExtentView& first = *extents.front();
  uint64_t rows = 0, bytes = 0, file_bytes = 0;
  Ticks min_created = first.min_created, max_created = first.max_created;
  size_t count = 0;
  for (; count < extents.size() && count < policy.max_extents; ++count) {
    const ExtentView& extent = *extents[count];
    rows += extent.row_count;
    bytes += extent.original_size_bytes;
    file_bytes += extent.size_bytes;
    min_created = std::min(min_created, extent.min_created);
    max_created = std::max(max_created, extent.max_created);
    if (rows > policy.max_rows || bytes > policy.max_bytes || file_bytes > policy.max_file_bytes ||
        extent.tags != first.tags || max_created - min_created > policy.max_range) {
      break;
    }
  }
  return extents.first(count);
}

bool is_worth_it(std::span<const std::shared_ptr<const ExtentView>> run) {
  uint64_t rows = 0, largest = 0;
  for (const auto& extent : run) {
    rows += extent->row_count;
    largest = std::max(largest, extent->row_count);
  }
  return run.size() >= kMinExtents && largest <= rows / 2;
}

}  // namespace

ExtentList plan_merge(const ExtentList& extents, const catalog::MergePolicy& policy) {
  if (!policy.is_allowed || extents.size() < kMinExtents) return {};
  ExtentList sorted = extents;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a->min_sequence < b->min_sequence; });
  for (size_t first = 0; first + kMinExtents <= sorted.size(); ++first) {
    auto run = longest_run(std::span(sorted).subspan(first), policy);
    if (is_worth_it(run)) return {run.begin(), run.end()};
  }
  return {};
}

}  // namespace rivulet::extents
