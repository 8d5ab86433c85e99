#include "kql/sql/union_sql.h"

namespace rivulet::kql {

std::string union_sql(std::span<const std::string> selects) {
  if (selects.size() == 1) return selects.front();
  size_t half = selects.size() / 2;
  return "(" + union_sql(selects.first(half)) + ") UNION ALL (" + union_sql(selects.subspan(half)) +
         ")";
}

}  // namespace rivulet::kql
