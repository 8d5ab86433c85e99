#include "kql/functions/library.h"

// Geospatial functions: of points, lines and polygons in GeoJSON, and of the cells of grids.
namespace rivulet::kql {

namespace {

constexpr ScalarFunction kFunctions[] = {
    simple<"geo_angle", "R:RRRRRR", "k_geo_angle($)">(),
    simple<"geo_azimuth", "R:RRRR", "k_geo_azimuth($)">(),
    simple<"geo_distance_2points", "R:RRRR?B=false;", "k_geo_distance($)">(),
    simple<"geo_from_wkt", "D:S", "k_geo_from_wkt($)">(),
    simple<"geo_geohash_neighbors", "D:S", "k_geo_geohash_neighbors($)">(),
    simple<"geo_geohash_to_central_point", "D:S", "k_geo_geohash_center($)">(),
    simple<"geo_geohash_to_polygon", "D:S", "k_geo_geohash_polygon($)">(),
    simple<"geo_point_buffer", "D:RRR?R=10;", "k_geo_point_buffer($)">(),
    simple<"geo_point_in_circle", "B:RRRRR", "k_geo_in_circle($)">(),
    simple<"geo_point_to_geohash", "S:RR?L=5;", "k_geo_point_to_geohash($)">(),
    simple<"geo_point_to_s2cell", "S:RR?L=11;", "k_geo_point_to_s2cell($)">(),
    simple<"geo_s2cell_neighbors", "D:S", "k_geo_s2cell_neighbors($)">(),
    simple<"geo_s2cell_to_central_point", "D:S", "k_geo_s2cell_center($)">(),
    simple<"geo_s2cell_to_polygon", "D:S", "k_geo_s2cell_polygon($)">(),
};

}  // namespace

std::span<const ScalarFunction> geo_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
