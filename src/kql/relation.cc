#include "kql/relation.h"

namespace rivulet::kql {

const RelationColumn* Relation::find(std::string_view column_name) const {
  for (const RelationColumn& column : columns) {
    if (column.name == column_name) return &column;
  }
  return nullptr;
}

std::string Relation::order_by() const {
  std::string text;
  for (const OrderKey& key : order) {
    if (!text.empty()) text += ", ";
    text += key.sql;
    text += key.is_descending ? " DESC" : " ASC";
    text += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
  }
  return text;
}

}  // namespace rivulet::kql
