#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalog/policies/policy_kind.h"
#include "common/clock.h"

namespace rivulet::catalog {

// Tags that begin so go when their extent is this old.
struct TagRetention {
  std::string prefix;
  Ticks period = 0;

  bool operator==(const TagRetention&) const = default;
};

// [{"TagPrefix":"drop-by:","RetentionPeriod":"3.00:00:00"}, …]
struct ExtentTagsRetentionPolicy {
  std::vector<TagRetention> rules;

  // Of the text as it is stored.
  static ExtentTagsRetentionPolicy parse(std::string_view text);
};

std::string normalize_extent_tags_retention(std::string_view text);
inline constexpr PolicyKind kExtentTagsRetentionPolicy{
    "extent_tags_retention",        "ExtentTagsRetentionPolicy", true, true, false,
    normalize_extent_tags_retention};

}  // namespace rivulet::catalog
