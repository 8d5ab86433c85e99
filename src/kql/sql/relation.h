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

  // "DESC NULLS LAST" and its like.
  std::string direction() const;
  // As a term of an SQL ORDER BY.
  std::string term() const;
};

// A table under construction: SQL that yields at least `columns` and the columns of `order`. Operators
// that only add or drop columns keep all others in the SQL (SELECT *), so a hidden sort key goes along by
// itself; DuckDB leaves out what nobody reads.
struct Relation {
  std::string from;  // what may stand behind FROM: "(SELECT …)"
  std::vector<RelationColumn> columns;
  std::vector<OrderKey> order;  // empty: the rows have no order
  bool is_sorted = false;       // the client asked for the order
  // The `from` and the sort key by which the rows come in their order by themselves, as those of `range` do
  // while nothing but filters and projections is put around it; empty when they need not. Sorting such rows
  // would make them all before the first.
  std::string ordered_from;
  std::string ordered_key;
  std::string name;            // of the table, for withsource; empty when it has none
  int source = -1;             // the source that it filters and projects, and nothing else
  std::string ingestion_time;  // SQL columns; empty when the rows come from no table
  std::string commit_sequence;
  std::string extent_id, extent_tags, extent_row;
  // Columns of a row outside (Binder::Lateral) that the SQL yields for each row: the name that the environment has for
  // one, and its own.
  struct Outside {
    std::string name;
    std::string sql;
    bool is_key = false;  // one of those that tell the rows outside apart
  };
  std::vector<Outside> outside;
  // What make-graph made of the rows: index into the binder's graphs.
  int graph = -1;

  const RelationColumn* find(std::string_view column_name) const;
  const Outside* find_outside(std::string_view outside_name) const;
  // The columns that no schema names: of the ingestion and of the extent.
  std::array<std::string*, 5> system_columns() {
    return {&ingestion_time, &commit_sequence, &extent_id, &extent_tags, &extent_row};
  }
  std::array<const std::string*, 5> system_columns() const {
    return {&ingestion_time, &commit_sequence, &extent_id, &extent_tags, &extent_row};
  }
  // Inside of an SQL ORDER BY; empty without order.
  std::string order_by() const;
  // SQL of bytes that compare as the rows are ordered; empty without order.
  std::string sort_key() const;
  // " ORDER BY …" where the rows have to be sorted to come in their order.
  std::string sorting() const;
  // Puts SQL around `from`; `added` is what computes its filter or columns.
  void wrap(std::string sql, std::string_view added);
};

}  // namespace rivulet::kql
