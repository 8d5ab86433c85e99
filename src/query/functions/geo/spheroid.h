#pragma once

#include "query/functions/geo/geojson.h"

namespace rivulet::query::geo {

// The length of the shortest way between two positions on the WGS-84 spheroid.
double spheroid_distance_meters(Position a, Position b);

}  // namespace rivulet::query::geo
