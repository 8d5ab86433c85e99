#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/operators/plugins.h"

namespace rivulet::kql {

// Columns s0, s1, …: how many values the first sketch holds, the first two have in common, and so on;
// an intersection is counted by the sizes of unions.
Relation Binder::bind_dcount_intersect(const PluginCall& plugin, Relation input) {
  constexpr size_t kMaxSketches = 6;
  size_t count = plugin.positional_count();
  if (count < 2 || count > kMaxSketches) check_arity("dcount_intersect", 2, kMaxSketches, count);
  std::vector<Expr> sketches;
  for (size_t i = 0; i < count; ++i) {
    sketches.push_back(column_expr(plugin_column(plugin, input, i, "hll")));
  }
  std::vector<RelationColumn> columns = input.columns;
  std::string list;
  for (size_t last = 0; last < count; ++last) {
    std::string sum;
    for (size_t chosen = 1; chosen < (size_t{1} << (last + 1)); ++chosen) {
      std::vector<Expr> members;
      for (size_t i = 0; i <= last; ++i) {
        if ((chosen >> i) & 1) members.push_back(sketches[i]);
      }
      bool adds = members.size() % 2 == 1;
      Expr merged = members.size() == 1 ? members[0]
                                        : call_library("hll_merge", members, plugin.call.position);
      sum +=
          (adds ? " + " : " - ") + call_library("dcount_hll", {merged}, plugin.call.position).sql;
    }
    RelationColumn added =
        column(unique_name(columns, "s" + std::to_string(last)), ScalarType::kLong);
    list += (list.empty() ? "" : ", ") + ("greatest(0::BIGINT" + sum + ", 0) AS ") + added.sql;
    columns.push_back(std::move(added));
  }
  add_sql(input, list);
  input.columns = std::move(columns);
  return input;
}

}  // namespace rivulet::kql
