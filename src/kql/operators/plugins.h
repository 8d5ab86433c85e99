#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kql/syntax/syntax.h"

namespace rivulet::kql {

struct Environment;

// A call of a plugin: its arguments by position or by name.
struct PluginCall {
  const Expression& call;
  const Environment* environment;
  const std::vector<ColumnDeclaration>* schema;  // that the query gives behind ':'; null without
  bool schema_has_star = false;

  // Null when it is not given.
  const Expression* argument(size_t index, std::string_view name) const;
  const Expression& required(size_t index, std::string_view name) const;
  // The text of an argument that must be a bare name.
  std::string column_name(size_t index, std::string_view name) const;
  size_t positional_count() const;
};

}  // namespace rivulet::kql
