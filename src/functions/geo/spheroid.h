#pragma once

#include <optional>

#include "functions/geo/geojson.h"

namespace rivulet::functions::geo {

// The length of the shortest way between two positions on the WGS-84 spheroid.
double spheroid_distance_meters(Position a, Position b);

// Where a line comes closest to a position, as a part of its length in [0, 1]. Nothing for a line without length.
std::optional<double> locate_on_spheroid(const Path& path, Position point);

}  // namespace rivulet::functions::geo
