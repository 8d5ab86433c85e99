#pragma once

#include <string>
#include <vector>

#include "kql/sql/relation.h"

namespace rivulet::kql {

// A graph under construction: two common table expressions.
//   edges(source, target, id BIGINT, properties STRUCT of the edge columns' SQL names)
//   nodes(id, properties STRUCT of the node columns' SQL names, degree_in and degree_out, ordinal BIGINT)
struct Graph {
  std::string edges;
  std::string nodes;
  std::vector<RelationColumn> edge_properties;
  std::vector<RelationColumn> node_properties;
  ScalarType node_id_type = ScalarType::kString;
};

}  // namespace rivulet::kql
