#pragma once

#include <s2/s2shape_index.h>

#include <memory>
#include <optional>
#include <vector>

#include "functions/geo/geojson.h"
#include "functions/geo/shapes.h"

// Shapes made of shapes: simpler, wider, or with more vertices.
namespace rivulet::functions::geo {

// Without vertices closer to each other than `tolerance_meters`, nor edges shorter; what is smaller
// vanishes. Nothing when the tolerance is none that Kusto takes.
bool is_simplification_tolerance(double tolerance_meters);
std::vector<std::unique_ptr<S2Polyline>> simplify_lines(
    const std::vector<std::unique_ptr<S2Polyline>>& lines, double tolerance_meters);
// Edges that polygons share stay shared.
std::vector<std::unique_ptr<S2Polygon>> simplify_polygons(
    const std::vector<const S2Polygon*>& polygons, double tolerance_meters);

// All points within the radius of a point, a line or a polygon; `tolerance_meters` is how far the edges may be
// from it. Null when the radius or the tolerance is not valid.
constexpr double kBufferToleranceMeters = 10;  // where none is given
std::unique_ptr<S2Polygon> buffer(const S2Point& point, double radius_meters,
                                  double tolerance_meters);
std::unique_ptr<S2Polygon> buffer(const S2ShapeIndex& index, double radius_meters,
                                  double tolerance_meters);

// Adds the vertices that keep geodesic edges within `tolerance_meters` of the straight edges of the plane of
// longitudes and latitudes. Where `preserves_crossing`, an edge goes the short way round the Earth, over
// the antimeridian if need be.
bool is_densification_tolerance(double tolerance_meters);
// False, and the paths are left as they are, when they would become longer than Kusto allows.
bool densify_all(std::vector<Path>& paths, double tolerance_meters, bool preserves_crossing);

}  // namespace rivulet::functions::geo
