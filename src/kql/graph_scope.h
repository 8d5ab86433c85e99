#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kql/expr.h"

namespace rivulet::kql {

// The nodes and edges that a graph-match pattern names, seen from its where and project.
struct GraphScope {
  // "variable" to its properties' values.
  std::map<std::string, std::map<std::string, Expr, std::less<>>, std::less<>> variables;

  std::optional<Expr> member(std::string_view variable, std::string_view property) const {
    auto found = variables.find(variable);
    if (found == variables.end()) return std::nullopt;
    auto value = found->second.find(property);
    if (value == found->second.end()) return std::nullopt;
    return value->second;
  }
  // A bare property is found where the scope has it under the empty variable (inside all(), any(), map()).
  std::optional<Expr> find(std::string_view property) const { return member("", property); }
};

}  // namespace rivulet::kql
