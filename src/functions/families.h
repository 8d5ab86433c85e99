#pragma once

#include <span>

#include "functions/udf.h"

// The k_* functions by family, one file each: what register_functions adds.
namespace rivulet::functions {

std::span<const Udf> arithmetic_functions();
std::span<const Udf> term_functions();
std::span<const Udf> conversion_functions();
std::span<const Udf> dynamic_functions();
std::span<const Udf> text_functions();
std::span<const Udf> regex_functions();
std::span<const Udf> datetime_functions();
std::span<const Udf> math_functions();
std::span<const Udf> aggregate_functions();
std::span<const Udf> array_functions();
std::span<const Udf> bag_functions();
std::span<const Udf> encoding_functions();
std::span<const Udf> parsing_functions();
std::span<const Udf> network_functions();
std::span<const Udf> unit_functions();
std::span<const Udf> statistic_functions();
std::span<const Udf> geo_point_functions();
std::span<const Udf> sketch_functions();
std::span<const Udf> series_functions();
std::span<const Udf> series_model_functions();
std::span<const Udf> time_zone_functions();
std::span<const Udf> geo_line_functions();
std::span<const Udf> geo_polygon_functions();
std::span<const Udf> geo_h3_functions();

}  // namespace rivulet::functions
