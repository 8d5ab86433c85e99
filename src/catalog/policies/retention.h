#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/policies/policy_kind.h"
#include "common/clock.h"

namespace rivulet::catalog {

// How long rows are kept.
struct RetentionPolicy {
  std::optional<Ticks> soft_delete_period;  // SoftDeletePeriod; nothing: for ever

  // Of the text as it is stored.
  static RetentionPolicy parse(std::string_view text);
};

std::string normalize_retention(std::string_view text);
inline constexpr PolicyKind kRetentionPolicy{"retention", "RetentionPolicy",  true, true,
                                             false,       normalize_retention};

}  // namespace rivulet::catalog
