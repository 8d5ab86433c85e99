#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "types/scalar_type.h"

namespace rivulet::kql {

struct RelationColumn {
  std::string name;  // in KQL
  ScalarType type = ScalarType::kString;
  std::string sql;  // generated, unique in the statement
};

struct OrderKey {
  std::string sql;
  bool is_descending = false;
  bool nulls_first = true;
};

// A table under construction: SQL that yields at least `columns` and the columns of `order`. Operators
// that only add or drop columns keep all others in the SQL (SELECT *), so a hidden sort key goes along by
// itself; DuckDB leaves out what nobody reads.
struct Relation {
  std::string from;  // what may stand behind FROM: "(SELECT …)"
  std::vector<RelationColumn> columns;
  std::vector<OrderKey> order;  // empty: the rows have no order
  bool is_sorted = false;       // the client asked for the order
  std::string name;             // of the table, for withsource; empty when it has none
  int source = -1;              // the source that it filters and projects, and nothing else
  std::string ingestion_time;   // SQL columns; empty when the rows come from no table
  std::string commit_sequence;
  std::string extent_id, extent_tags, extent_row;
  // What make-graph made of the rows: index into the binder's graphs.
  int graph = -1;

  const RelationColumn* find(std::string_view column_name) const;
  // The columns that no schema names: of the ingestion and of the extent.
  std::array<std::string*, 5> system_columns() {
    return {&ingestion_time, &commit_sequence, &extent_id, &extent_tags, &extent_row};
  }
  std::array<const std::string*, 5> system_columns() const {
    return {&ingestion_time, &commit_sequence, &extent_id, &extent_tags, &extent_row};
  }
  // Inside of an SQL ORDER BY; empty without order.
  std::string order_by() const;
};

}  // namespace rivulet::kql
