#include <s2/s2closest_edge_query.h>
#include <s2/s2polygon.h>

#include "functions/families.h"
#include "functions/geo/overlay.h"
#include "functions/geo/reshape.h"
#include "functions/geo/s2cells.h"
#include "functions/geo/shapes.h"
#include "functions/geo/sphere.h"
#include "functions/geo/token_array.h"
#include "functions/json/json.h"

// Polygons on Earth.
namespace rivulet::functions {

namespace {

using geo::PolygonShape;
using geo::shape_of;

std::optional<bool> geo_in_polygon(double longitude, double latitude, std::string_view json) {
  const auto point = geo::checked_point(longitude, latitude);
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (!point || shape == nullptr) return std::nullopt;
  return shape->polygon().Contains(*point);
}

std::optional<double> geo_distance_to_polygon(double longitude, double latitude,
                                              std::string_view json) {
  const auto point = geo::checked_point(longitude, latitude);
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (!point || shape == nullptr) return std::nullopt;
  S2ClosestEdgeQuery query(&shape->index());
  S2ClosestEdgeQuery::PointTarget target(*point);
  return query.GetDistance(&target).radians() * geo::kEarthRadiusMeters;
}

std::optional<Json> geo_closest_on_polygon(double longitude, double latitude,
                                           std::string_view json) {
  const auto point = geo::checked_point(longitude, latitude);
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (!point || shape == nullptr) return std::nullopt;
  S2ClosestEdgeQuery query(&shape->index());
  S2ClosestEdgeQuery::PointTarget target(*point);
  const auto closest = query.FindClosestEdge(&target);
  if (closest.is_interior()) return Json{geo::write_points({{longitude, latitude}})};
  return Json{geo::write(std::vector<S2Point>{query.Project(*point, closest)})};
}

std::optional<double> geo_polygon_area(std::string_view json) {
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (shape == nullptr) return std::nullopt;
  return shape->polygon().GetArea() * geo::kEarthRadiusMeters * geo::kEarthRadiusMeters;
}

std::optional<double> geo_polygon_perimeter(std::string_view json) {
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (shape == nullptr) return std::nullopt;
  double length = 0;
  for (int i = 0; i < shape->polygon().num_loops(); ++i) {
    const S2Loop& loop = *shape->polygon().loop(i);
    for (int vertex = 0; vertex < loop.num_vertices(); ++vertex) {
      length += geo::distance_meters(loop.vertex(vertex), loop.vertex(vertex + 1));
    }
  }
  return length;
}

std::optional<Json> geo_polygon_centroid(std::string_view json) {
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (shape == nullptr) return std::nullopt;
  const S2Point centroid = shape->polygon().GetCentroid();
  if (centroid.Norm2() == 0) return std::nullopt;
  return Json{geo::write(std::vector<S2Point>{centroid.Normalize()})};
}

std::optional<Json> geo_polygon_simplify(std::string_view json, double tolerance_meters) {
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (shape == nullptr || !geo::is_simplification_tolerance(tolerance_meters)) return std::nullopt;
  return json_result(geo::write(geo::simplify_polygons({&shape->polygon()}, tolerance_meters)));
}

std::optional<Json> geo_polygon_densify(std::string_view json, double tolerance_meters,
                                        bool preserves_crossing) {
  if (shape_of<PolygonShape>(json) == nullptr ||
      !geo::is_densification_tolerance(tolerance_meters)) {
    return std::nullopt;
  }
  auto polygons = geo::read_polygons(json);
  for (geo::Rings& rings : polygons->polygons) {
    if (!geo::densify_all(rings, tolerance_meters, preserves_crossing)) return std::nullopt;
  }
  return Json{geo::write_polygons(*polygons)};
}

std::optional<Json> geo_polygon_buffer(std::string_view json, double radius_meters,
                                       double tolerance_meters) {
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (shape == nullptr) return std::nullopt;
  const auto polygon = geo::buffer(shape->index(), radius_meters, tolerance_meters);
  if (polygon == nullptr) return std::nullopt;
  return json_result(geo::write(*polygon));
}

std::optional<Json> geo_polygon_to_s2cells(std::string_view json, int64_t level,
                                           double radius_meters) {
  const PolygonShape* shape = shape_of<PolygonShape>(json);
  if (shape == nullptr) return std::nullopt;
  return geo::token_array(geo::cover(shape->index(), radius_meters, level));
}

std::optional<bool> geo_polygons_intersect(std::string_view a, std::string_view b) {
  const PolygonShape* first = shape_of<PolygonShape>(a);
  const PolygonShape* second = shape_of<PolygonShape>(b);
  if (first == nullptr || second == nullptr) return std::nullopt;
  return geo::intersects(first->index(), second->index());
}

std::optional<Json> geo_polygons_intersection(std::string_view a, std::string_view b) {
  const PolygonShape* first = shape_of<PolygonShape>(a);
  const PolygonShape* second = shape_of<PolygonShape>(b);
  if (first == nullptr || second == nullptr) return std::nullopt;
  return Json{geo::intersection(first->index(), second->index())};
}

// The polygons of an array of GeoJSON, none when one of them is not valid.
std::vector<std::unique_ptr<PolygonShape>> read_all(std::string_view array) {
  std::vector<std::unique_ptr<PolygonShape>> shapes;
  if (json_kind(array) != JsonKind::kArray) return shapes;
  for_each_element(array, [&](std::string_view json) {
    shapes.push_back(PolygonShape::read(json));
    return shapes.back() != nullptr;
  });
  if (!shapes.empty() && shapes.back() == nullptr) shapes.clear();
  return shapes;
}

std::optional<Json> geo_unite_polygons(std::string_view array) {
  std::vector<std::unique_ptr<S2Polygon>> polygons;
  for (const auto& shape : read_all(array)) polygons.push_back(shape->take_polygon());
  if (polygons.empty()) return std::nullopt;
  return json_result(geo::write(*geo::unite_polygons(std::move(polygons))));
}

std::optional<Json> geo_simplify_polygons(std::string_view array, double tolerance_meters) {
  if (!geo::is_simplification_tolerance(tolerance_meters)) return std::nullopt;
  const auto shapes = read_all(array);
  std::vector<const S2Polygon*> polygons;
  for (const auto& shape : shapes) polygons.push_back(&shape->polygon());
  if (polygons.empty()) return std::nullopt;
  return json_result(geo::write(geo::simplify_polygons(polygons, tolerance_meters)));
}

constexpr Udf kFunctions[] = {
    udf<geo_in_polygon>("k_geo_in_polygon"),
    udf<geo_distance_to_polygon>("k_geo_distance_to_polygon"),
    udf<geo_closest_on_polygon>("k_geo_closest_on_polygon"),
    udf<geo_polygon_area>("k_geo_polygon_area"),
    udf<geo_polygon_perimeter>("k_geo_polygon_perimeter"),
    udf<geo_polygon_centroid>("k_geo_polygon_centroid"),
    udf<geo_polygon_simplify>("k_geo_polygon_simplify"),
    udf<geo_polygon_densify>("k_geo_polygon_densify"),
    udf<geo_polygon_buffer>("k_geo_polygon_buffer"),
    udf<geo_polygon_to_s2cells>("k_geo_polygon_to_s2cells"),
    udf<geo_polygons_intersect>("k_geo_polygons_intersect"),
    udf<geo_polygons_intersection>("k_geo_polygons_intersection"),
    udf<geo_unite_polygons>("k_geo_unite_polygons"),
    udf<geo_simplify_polygons>("k_geo_simplify_polygons"),
};

}  // namespace

std::span<const Udf> geo_polygon_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
