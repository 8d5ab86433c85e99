#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalog/policies/policy_kind.h"

namespace rivulet::catalog {

// {"RowOrder":["a asc","b desc"]}: in which order the rows of an extent lie.
struct RowOrderPolicy {
  struct Column {
    std::string name;
    bool is_descending = false;
  };
  std::vector<Column> columns;

  // Of the text as it is stored.
  static RowOrderPolicy parse(std::string_view text);
};

std::string normalize_row_order(std::string_view text);
inline constexpr PolicyKind kRowOrderPolicy{"roworder", "RowOrderPolicy",   true, false,
                                            false,      normalize_row_order};

}  // namespace rivulet::catalog
