#include "kql/functions/library.h"

// Geospatial functions: of points, lines and polygons in GeoJSON, and of the cells of grids.
namespace rivulet::kql {

namespace {

// A function with another one behind it where its last argument is left out.
template <FixedString kName, FixedString kSignature, FixedString kShortSql, FixedString kSql>
constexpr ScalarFunction with_default() {
  constexpr Arity arity = arity_of(kSignature.view());
  return {kName.view(), arity.least, arity.most, [](const CallContext&, Arguments arguments) {
            const bool is_short = arguments.size() < static_cast<size_t>(arity.most);
            return bind_signature(kName.view(), kSignature.view(),
                                  is_short ? kShortSql.view() : kSql.view(), arguments);
          }};
}

Expr bind_ip_location(const CallContext&, Arguments) {
  throw not_supported(
      "geo_info_from_ip_address(): there is no table of the locations of addresses");
}

constexpr ScalarFunction kFunctions[] = {
    simple<"geo_angle", "R:RRRRRR", "k_geo_angle($)">(),
    simple<"geo_azimuth", "R:RRRR", "k_geo_azimuth($)">(),
    simple<"geo_closest_point_on_line", "D:RRD", "k_geo_closest_on_line($)">(),
    simple<"geo_closest_point_on_polygon", "D:RRD", "k_geo_closest_on_polygon($)">(),
    simple<"geo_distance_2points", "R:RRRR?B=false;", "k_geo_distance($)">(),
    simple<"geo_distance_point_to_line", "R:RRD", "k_geo_distance_to_line($)">(),
    simple<"geo_distance_point_to_polygon", "R:RRD", "k_geo_distance_to_polygon($)">(),
    simple<"geo_from_wkt", "D:S", "k_geo_from_wkt($)">(),
    simple<"geo_geohash_neighbors", "D:S", "k_geo_geohash_neighbors($)">(),
    simple<"geo_geohash_to_central_point", "D:S", "k_geo_geohash_center($)">(),
    simple<"geo_geohash_to_polygon", "D:S", "k_geo_geohash_polygon($)">(),
    with_default<"geo_h3cell_children", "D:S?L", "k_geo_h3cell_children($)",
                 "k_geo_h3cell_children_at($)">(),
    simple<"geo_h3cell_level", "I:S", "k_geo_h3cell_level($)::INTEGER">(),
    simple<"geo_h3cell_neighbors", "D:S", "k_geo_h3cell_neighbors($)">(),
    with_default<"geo_h3cell_parent", "S:S?L", "k_geo_h3cell_parent($)",
                 "k_geo_h3cell_parent_at($)">(),
    simple<"geo_h3cell_rings", "D:SL", "k_geo_h3cell_rings($)">(),
    simple<"geo_h3cell_to_central_point", "D:S", "k_geo_h3cell_center($)">(),
    simple<"geo_h3cell_to_polygon", "D:S", "k_geo_h3cell_polygon($)">(),
    {"geo_info_from_ip_address", 1, 1, bind_ip_location},
    simple<"geo_intersection_2lines", "D:DD", "k_geo_lines_intersection($)">(),
    simple<"geo_intersection_2polygons", "D:DD", "k_geo_polygons_intersection($)">(),
    simple<"geo_intersection_line_with_polygon", "D:DD", "k_geo_line_polygon_intersection($)">(),
    simple<"geo_intersects_2lines", "B:DD", "k_geo_lines_intersect($)">(),
    simple<"geo_intersects_2polygons", "B:DD", "k_geo_polygons_intersect($)">(),
    simple<"geo_intersects_line_with_polygon", "B:DD", "k_geo_line_intersects_polygon($)">(),
    simple<"geo_line_buffer", "D:DR?R=10;", "k_geo_line_buffer($)">(),
    simple<"geo_line_centroid", "D:D", "k_geo_line_centroid($)">(),
    simple<"geo_line_densify", "D:D?R=10;B=false;", "k_geo_line_densify($)">(),
    simple<"geo_line_interpolate_point", "D:DR", "k_geo_line_interpolate($)">(),
    simple<"geo_line_length", "R:D", "k_geo_line_length($)">(),
    simple<"geo_line_locate_point", "R:DRR?B=false;", "k_geo_line_locate($)">(),
    simple<"geo_line_simplify", "D:D?R=10;", "k_geo_line_simplify($)">(),
    simple<"geo_line_to_s2cells", "D:D?L=11;R=0;", "k_geo_line_to_s2cells($)">(),
    simple<"geo_point_buffer", "D:RRR?R=10;", "k_geo_point_buffer($)">(),
    simple<"geo_point_in_circle", "B:RRRRR", "k_geo_in_circle($)">(),
    simple<"geo_point_in_polygon", "B:RRD", "k_geo_in_polygon($)">(),
    simple<"geo_point_to_geohash", "S:RR?L=5;", "k_geo_point_to_geohash($)">(),
    simple<"geo_point_to_h3cell", "S:RR?L=6;", "k_geo_point_to_h3cell($)">(),
    simple<"geo_point_to_s2cell", "S:RR?L=11;", "k_geo_point_to_s2cell($)">(),
    simple<"geo_polygon_area", "R:D", "k_geo_polygon_area($)">(),
    simple<"geo_polygon_buffer", "D:DR?R=10;", "k_geo_polygon_buffer($)">(),
    simple<"geo_polygon_centroid", "D:D", "k_geo_polygon_centroid($)">(),
    simple<"geo_polygon_densify", "D:D?R=10;B=false;", "k_geo_polygon_densify($)">(),
    simple<"geo_polygon_perimeter", "R:D", "k_geo_polygon_perimeter($)">(),
    simple<"geo_polygon_simplify", "D:D?R=10;", "k_geo_polygon_simplify($)">(),
    simple<"geo_polygon_to_h3cells", "D:D?L=6;R=0;", "k_geo_polygon_to_h3cells($)">(),
    simple<"geo_polygon_to_s2cells", "D:D?L=11;R=0;", "k_geo_polygon_to_s2cells($)">(),
    simple<"geo_s2cell_neighbors", "D:S", "k_geo_s2cell_neighbors($)">(),
    simple<"geo_s2cell_to_central_point", "D:S", "k_geo_s2cell_center($)">(),
    simple<"geo_s2cell_to_polygon", "D:S", "k_geo_s2cell_polygon($)">(),
    simple<"geo_simplify_polygons_array", "D:D?R=10;", "k_geo_simplify_polygons($)">(),
    simple<"geo_union_lines_array", "D:D", "k_geo_unite_lines($)">(),
    simple<"geo_union_polygons_array", "D:D", "k_geo_unite_polygons($)">(),
};

}  // namespace

std::span<const ScalarFunction> geo_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
