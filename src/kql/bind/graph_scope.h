#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kql/sql/expr.h"

namespace rivulet::kql {

struct Graph;

// The nodes and edges that a graph-match pattern names, seen from its where and project.
struct GraphScope {
  struct Variable {
    enum class Kind { kNode, kEdge, kPath };  // kPath: an edge of several hops
    Kind kind = Kind::kNode;
    std::string sql;  // a struct of the properties; of a path the list of its edges' structs
    std::string inner_nodes;  // of a path: the list of the ids of the nodes between
    std::map<std::string, Expr, std::less<>> properties;
  };
  // Inside all(), any() and map(), the variable without a name is the element.
  std::map<std::string, Variable, std::less<>> variables;
  const Graph* graph = nullptr;

  const Variable* variable(std::string_view name) const {
    auto found = variables.find(name);
    return found == variables.end() ? nullptr : &found->second;
  }
  std::optional<Expr> member(std::string_view name, std::string_view property) const {
    const Variable* found = variable(name);
    if (found == nullptr) return std::nullopt;
    auto value = found->properties.find(property);
    if (value == found->properties.end()) return std::nullopt;
    return value->second;
  }
  std::optional<Expr> find(std::string_view property) const { return member("", property); }
};

}  // namespace rivulet::kql
