#include "kql/functions/functions.h"

#include <map>

#include "kql/functions/library.h"

namespace rivulet::kql {

namespace {

template <typename Function>
using Index = std::map<std::string_view, const Function*>;

template <typename Function>
Index<Function> index_of(std::initializer_list<std::span<const Function> (*)()> families) {
  Index<Function> index;
  for (const auto family : families) {
    for (const Function& function : family()) index.emplace(function.name, &function);
  }
  return index;
}

template <typename Function>
const Function* find(const Index<Function>& index, std::string_view name) {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}

const Index<ScalarFunction>& scalar_index() {
  static const auto index = index_of<ScalarFunction>({
      operator_functions,
      comparison_functions,
      conversion_functions,
      conditional_functions,
      text_functions,
      datetime_functions,
      dynamic_functions,
      math_functions,
      encoding_functions,
      network_functions,
      geo_functions,
      sketch_functions,
      time_zone_functions,
      series_functions,
  });
  return index;
}
const Index<AggregateFunction>& aggregate_index() {
  static const auto index = index_of<AggregateFunction>({aggregate_functions, sketch_aggregates});
  return index;
}
const Index<WindowFunction>& window_index() {
  static const auto index = index_of<WindowFunction>({window_functions});
  return index;
}

const Index<TupleFunction>& tuple_index() {
  static const auto index = index_of<TupleFunction>({tuple_functions});
  return index;
}

}  // namespace

const ScalarFunction* find_scalar_function(std::string_view name) {
  return find(scalar_index(), name);
}
const AggregateFunction* find_aggregate_function(std::string_view name) {
  return find(aggregate_index(), name);
}
const WindowFunction* find_window_function(std::string_view name) {
  return find(window_index(), name);
}
const TupleFunction* find_tuple_function(std::string_view name) {
  return find(tuple_index(), name);
}

std::vector<std::string_view> function_names() {
  std::map<std::string_view, int> names;
  for (const auto& [name, function] : scalar_index()) names[name];
  for (const auto& [name, function] : aggregate_index()) names[name];
  for (const auto& [name, function] : window_index()) names[name];
  for (const auto& [name, function] : tuple_index()) names[name];
  std::vector<std::string_view> sorted;
  for (const auto& [name, unused] : names) sorted.push_back(name);
  return sorted;
}

}  // namespace rivulet::kql
