#pragma once

#include "catalog/policies/merge.h"
#include "extents/extent_files.h"

namespace rivulet::extents {

// Extents of one table that are worth being merged into one, in the order of their sequences; empty when there
// are none. They follow each other in that order, have the same tags, and are together within the policy's
// bounds. None holds more than half of all their rows, so that a row is written again only into an
// extent of twice the size: log2(max_rows / rows of a seal) times at most.
ExtentList plan_merge(const ExtentList& extents, const catalog::MergePolicy& policy);

}  // namespace rivulet::extents
