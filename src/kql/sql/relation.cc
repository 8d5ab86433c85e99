#include "kql/sql/relation.h"

#include <utility>

namespace rivulet::kql {

const RelationColumn* Relation::find(std::string_view column_name) const {
  for (const RelationColumn& column : columns) {
    if (column.name == column_name) return &column;
  }
  return nullptr;
}

const Relation::Outside* Relation::find_outside(std::string_view outside_name) const {
  for (const Outside& column : outside) {
    if (column.name == outside_name) return &column;
  }
  return nullptr;
}

std::string OrderKey::direction() const {
  return std::string(is_descending ? "DESC" : "ASC") +
         (nulls_first ? " NULLS FIRST" : " NULLS LAST");
}

std::string OrderKey::term() const {
  return sql + " " + direction();
}

std::string Relation::order_by() const {
  std::string text;
  for (const OrderKey& key : order) {
    if (!text.empty()) text += ", ";
    text += key.term();
  }
  return text;
}

std::string Relation::sort_key() const {
  if (order.empty()) return "";
  std::string text = "create_sort_key(";
  for (const OrderKey& key : order) text += key.sql + ", '" + key.direction() + "', ";
  return text + "'', 'ASC NULLS LAST')";  // of a text too, as the key of one number is no text
}

std::string Relation::sorting() const {
  const bool comes_in_order =
      order.size() == 1 && order[0].sql == ordered_key && from == ordered_from;
  return order.empty() || comes_in_order ? "" : " ORDER BY " + order_by();
}

void Relation::wrap(std::string sql, std::string_view added) {
  // A subquery becomes a join and a window a sort: neither keeps the order.
  const bool keeps_order = !ordered_from.empty() && from == ordered_from &&
                           added.find("SELECT") == std::string_view::npos &&
                           added.find("OVER") == std::string_view::npos;
  from = std::move(sql);
  if (keeps_order) {
    ordered_from = from;
  } else {
    ordered_from.clear();
  }
}

}  // namespace rivulet::kql
