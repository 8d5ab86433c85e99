#include <s2/s2closest_edge_query.h>
#include <s2/s2polyline.h>

#include "functions/families.h"
#include "functions/geo/overlay.h"
#include "functions/geo/reshape.h"
#include "functions/geo/s2cells.h"
#include "functions/geo/shapes.h"
#include "functions/geo/sphere.h"
#include "functions/geo/spheroid.h"
#include "functions/geo/token_array.h"
#include "functions/json/json.h"

// Lines on Earth, and what they have in common with polygons.
namespace rivulet::functions {

namespace {

using geo::LineShape;
using geo::PolygonShape;
using geo::shape_of;

std::optional<double> geo_distance_to_line(double longitude, double latitude,
                                           std::string_view json) {
  const auto point = geo::checked_point(longitude, latitude);
  const LineShape* line = shape_of<LineShape>(json);
  if (!point || line == nullptr) return std::nullopt;
  S2ClosestEdgeQuery query(&line->index());
  S2ClosestEdgeQuery::PointTarget target(*point);
  return query.GetDistance(&target).radians() * geo::kEarthRadiusMeters;
}

std::optional<Json> geo_closest_on_line(double longitude, double latitude, std::string_view json) {
  const auto point = geo::checked_point(longitude, latitude);
  const LineShape* line = shape_of<LineShape>(json);
  if (!point || line == nullptr) return std::nullopt;
  S2ClosestEdgeQuery query(&line->index());
  S2ClosestEdgeQuery::PointTarget target(*point);
  const S2Point closest = query.Project(*point, query.FindClosestEdge(&target));
  return Json{geo::write(std::vector<S2Point>{closest})};
}

double length_radians(const std::vector<std::unique_ptr<S2Polyline>>& lines) {
  double length = 0;
  for (const auto& line : lines) length += line->GetLength().radians();
  return length;
}

std::optional<double> geo_line_length(std::string_view json) {
  const LineShape* line = shape_of<LineShape>(json);
  if (line == nullptr) return std::nullopt;
  return length_radians(line->united()) * geo::kEarthRadiusMeters;
}

std::optional<Json> geo_line_centroid(std::string_view json) {
  const LineShape* line = shape_of<LineShape>(json);
  if (line == nullptr) return std::nullopt;
  S2Point sum(0, 0, 0);
  for (const auto& part : line->united()) sum += part->GetCentroid();
  // A line round the whole Earth has no centroid on it.
  if (sum.Norm2() == 0) return std::nullopt;
  return Json{geo::write(std::vector<S2Point>{sum.Normalize()})};
}

std::optional<Json> geo_line_interpolate(std::string_view json, double fraction) {
  const LineShape* line = shape_of<LineShape>(json);
  if (line == nullptr || line->is_multi() || !(fraction >= 0 && fraction <= 1)) return std::nullopt;
  return Json{geo::write(std::vector<S2Point>{line->lines().front()->Interpolate(fraction)})};
}

std::optional<double> geo_line_locate(std::string_view json, double longitude, double latitude,
                                      bool uses_spheroid) {
  const auto point = geo::checked_point(longitude, latitude);
  const LineShape* line = shape_of<LineShape>(json);
  if (!point || line == nullptr || line->is_multi()) return std::nullopt;
  if (uses_spheroid) {
    const auto path = geo::read_lines(json);
    return geo::locate_on_spheroid(path->lines.front(), {longitude, latitude});
  }
  const S2Polyline& polyline = *line->lines().front();
  int next_vertex = 0;
  const S2Point closest = polyline.Project(*point, &next_vertex);
  return polyline.UnInterpolate(closest, next_vertex);
}

std::optional<Json> geo_line_simplify(std::string_view json, double tolerance_meters) {
  const LineShape* line = shape_of<LineShape>(json);
  if (line == nullptr || !geo::is_simplification_tolerance(tolerance_meters)) return std::nullopt;
  const auto lines = geo::simplify_lines(line->united(), tolerance_meters);
  if (lines.empty()) return std::nullopt;
  return Json{geo::write(lines)};
}

std::optional<Json> geo_line_densify(std::string_view json, double tolerance_meters,
                                     bool preserves_crossing) {
  if (shape_of<LineShape>(json) == nullptr || !geo::is_densification_tolerance(tolerance_meters)) {
    return std::nullopt;
  }
  auto lines = geo::read_lines(json);
  if (!geo::densify_all(lines->lines, tolerance_meters, preserves_crossing)) return std::nullopt;
  return Json{geo::write_lines(*lines)};
}

std::optional<Json> geo_line_buffer(std::string_view json, double radius_meters,
                                    double tolerance_meters) {
  const LineShape* line = shape_of<LineShape>(json);
  if (line == nullptr) return std::nullopt;
  const auto polygon = geo::buffer(line->index(), radius_meters, tolerance_meters);
  if (polygon == nullptr) return std::nullopt;
  return json_result(geo::write(*polygon));
}

std::optional<Json> geo_line_to_s2cells(std::string_view json, int64_t level,
                                        double radius_meters) {
  const LineShape* line = shape_of<LineShape>(json);
  if (line == nullptr) return std::nullopt;
  return geo::token_array(geo::cover(line->index(), radius_meters, level));
}

std::optional<bool> geo_lines_intersect(std::string_view a, std::string_view b) {
  const LineShape* first = shape_of<LineShape>(a);
  const LineShape* second = shape_of<LineShape>(b);
  if (first == nullptr || second == nullptr) return std::nullopt;
  return geo::intersects(first->index(), second->index());
}

std::optional<bool> geo_line_intersects_polygon(std::string_view a, std::string_view b) {
  const LineShape* line = shape_of<LineShape>(a);
  const PolygonShape* polygon = shape_of<PolygonShape>(b);
  if (line == nullptr || polygon == nullptr) return std::nullopt;
  return geo::intersects(line->index(), polygon->index());
}

std::optional<Json> geo_lines_intersection(std::string_view a, std::string_view b) {
  const LineShape* first = shape_of<LineShape>(a);
  const LineShape* second = shape_of<LineShape>(b);
  if (first == nullptr || second == nullptr) return std::nullopt;
  return Json{geo::intersection(first->index(), second->index())};
}

std::optional<Json> geo_line_polygon_intersection(std::string_view a, std::string_view b) {
  const LineShape* line = shape_of<LineShape>(a);
  const PolygonShape* polygon = shape_of<PolygonShape>(b);
  if (line == nullptr || polygon == nullptr) return std::nullopt;
  return Json{geo::intersection(line->index(), polygon->index())};
}

std::optional<Json> geo_unite_lines(std::string_view array) {
  std::vector<std::unique_ptr<LineShape>> shapes;
  if (json_kind(array) != JsonKind::kArray) return std::nullopt;
  for_each_element(array, [&](std::string_view json) {
    shapes.push_back(LineShape::read(json));
    return shapes.back() != nullptr;
  });
  if (shapes.empty() || shapes.back() == nullptr) return std::nullopt;
  std::vector<const std::vector<std::unique_ptr<S2Polyline>>*> lines;
  for (const auto& shape : shapes) lines.push_back(&shape->lines());
  return Json{geo::write(geo::unite_lines(lines))};
}

constexpr Udf kFunctions[] = {
    udf<geo_distance_to_line>("k_geo_distance_to_line"),
    udf<geo_closest_on_line>("k_geo_closest_on_line"),
    udf<geo_line_length>("k_geo_line_length"),
    udf<geo_line_centroid>("k_geo_line_centroid"),
    udf<geo_line_interpolate>("k_geo_line_interpolate"),
    udf<geo_line_locate>("k_geo_line_locate"),
    udf<geo_line_simplify>("k_geo_line_simplify"),
    udf<geo_line_densify>("k_geo_line_densify"),
    udf<geo_line_buffer>("k_geo_line_buffer"),
    udf<geo_line_to_s2cells>("k_geo_line_to_s2cells"),
    udf<geo_lines_intersect>("k_geo_lines_intersect"),
    udf<geo_line_intersects_polygon>("k_geo_line_intersects_polygon"),
    udf<geo_lines_intersection>("k_geo_lines_intersection"),
    udf<geo_line_polygon_intersection>("k_geo_line_polygon_intersection"),
    udf<geo_unite_lines>("k_geo_unite_lines"),
};

}  // namespace

std::span<const Udf> geo_line_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
