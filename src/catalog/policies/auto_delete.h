#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/policies/policy_kind.h"
#include "common/clock.h"

namespace rivulet::catalog {

// When a table goes by itself.
struct AutoDeletePolicy {
  Ticks expiry = 0;           // ExpiryDate: the table goes after it
  bool deletes_rows = false;  // DeleteIfNotEmpty

  bool operator==(const AutoDeletePolicy&) const = default;
  // Of the text as it is stored; nothing when it has no date.
  static std::optional<AutoDeletePolicy> parse(std::string_view text);
};

std::string normalize_auto_delete(std::string_view text);
inline constexpr PolicyKind kAutoDeletePolicy{"auto_delete", "AutoDeletePolicy",   true, false,
                                              false,         normalize_auto_delete};

}  // namespace rivulet::catalog
