#include "functions/register.h"

#include "functions/families.h"

namespace rivulet::functions {

namespace {

constexpr std::span<const Udf> (*kFamilies[])() = {
    arithmetic_functions, term_functions,     conversion_functions,  dynamic_functions,
    text_functions,       regex_functions,    datetime_functions,    math_functions,
    aggregate_functions,  array_functions,    bag_functions,         encoding_functions,
    parsing_functions,    network_functions,  unit_functions,        statistic_functions,
    geo_point_functions,  sketch_functions,   series_functions,      series_model_functions,
    time_zone_functions,  geo_line_functions, geo_polygon_functions, geo_h3_functions,
};

}  // namespace

void register_functions(duckdb_connection connection) {
  for (const auto family : kFamilies) {
    for (const Udf& function : family()) function.add(connection, function.name);
  }
}

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (const auto family : kFamilies) {
    for (const Udf& function : family()) names.push_back(function.name);
  }
  return names;
}

}  // namespace rivulet::functions
