#include <s2/s2cell.h>

#include "functions/families.h"
#include "functions/geo/geohash.h"
#include "functions/geo/reshape.h"
#include "functions/geo/s2cells.h"
#include "functions/geo/sphere.h"
#include "functions/geo/spheroid.h"
#include "functions/geo/token_array.h"
#include "functions/geo/wkt.h"
#include "functions/json/json.h"

// Points on Earth, and the cells of geohash and of S2 that they are in.
namespace rivulet::functions {

namespace {

using geo::Position;

std::optional<double> geo_distance(double longitude_a, double latitude_a, double longitude_b,
                                   double latitude_b, bool uses_spheroid) {
  const Position a{longitude_a, latitude_a};
  const Position b{longitude_b, latitude_b};
  if (!is_valid(a) || !is_valid(b)) return std::nullopt;
  if (uses_spheroid) return geo::spheroid_distance_meters(a, b);
  return geo::distance_meters(geo::to_point(a), geo::to_point(b));
}

std::optional<double> geo_azimuth(double longitude_a, double latitude_a, double longitude_b,
                                  double latitude_b) {
  const Position a{longitude_a, latitude_a};
  const Position b{longitude_b, latitude_b};
  if (!is_valid(a) || !is_valid(b)) return std::nullopt;
  return geo::azimuth_radians(a, b);
}

std::optional<double> geo_angle(double longitude_a, double latitude_a, double longitude_b,
                                double latitude_b, double longitude_c, double latitude_c) {
  const auto a = geo::checked_point(longitude_a, latitude_a);
  const auto b = geo::checked_point(longitude_b, latitude_b);
  const auto c = geo::checked_point(longitude_c, latitude_c);
  if (!a || !b || !c) return std::nullopt;
  return geo::angle_radians(*a, *b, *c);
}

std::optional<bool> geo_in_circle(double longitude, double latitude, double center_longitude,
                                  double center_latitude, double radius_meters) {
  const auto point = geo::checked_point(longitude, latitude);
  const auto center = geo::checked_point(center_longitude, center_latitude);
  if (!point || !center || !(radius_meters > 0)) return std::nullopt;
  return geo::distance_meters(*point, *center) <= radius_meters;
}

std::optional<Json> geo_point_buffer(double longitude, double latitude, double radius_meters,
                                     double tolerance_meters) {
  const auto point = geo::checked_point(longitude, latitude);
  if (!point) return std::nullopt;
  const auto polygon = geo::buffer(*point, radius_meters, tolerance_meters);
  if (polygon == nullptr) return std::nullopt;
  return json_result(geo::write(*polygon));
}

std::optional<Json> geo_from_wkt(std::string_view wkt) {
  auto json = geo::wkt_to_geojson(wkt);
  if (!json) return std::nullopt;
  return Json{std::move(*json)};
}

Json point_json(Position position) {
  return {geo::write_points({position})};
}

// The polygon with the corners, in their order.
Json polygon_json(geo::Path corners) {
  corners.push_back(corners.front());
  return {geo::write_polygons({geo::Rings{std::move(corners)}})};
}

std::optional<std::string> geo_point_to_geohash(double longitude, double latitude, int64_t length) {
  const Position position{longitude, latitude};
  if (!is_valid(position) || length < 1 || length > geo::kMaxGeohashLength) return std::nullopt;
  return geo::geohash_of(position, static_cast<int>(length));
}

std::optional<Json> geo_geohash_center(std::string_view geohash) {
  const auto cell = geo::parse_geohash(geohash);
  if (!cell) return std::nullopt;
  return point_json({(cell->west() + cell->east()) / 2, (cell->south() + cell->north()) / 2});
}

std::optional<Json> geo_geohash_polygon(std::string_view geohash) {
  const auto cell = geo::parse_geohash(geohash);
  if (!cell) return std::nullopt;
  return polygon_json({{cell->west(), cell->south()},
                       {cell->east(), cell->south()},
                       {cell->east(), cell->north()},
                       {cell->west(), cell->north()}});
}

std::optional<Json> geo_geohash_neighbors(std::string_view geohash) {
  const auto cell = geo::parse_geohash(geohash);
  if (!cell) return std::nullopt;
  JsonArray array;
  for (const std::string& neighbor : geo::geohash_neighbors(*cell)) array.add_string(neighbor);
  return array.finish();
}

std::optional<std::string> geo_point_to_s2cell(double longitude, double latitude, int64_t level) {
  const auto point = geo::checked_point(longitude, latitude);
  if (!point || level < 0 || level > geo::kMaxS2Level) return std::nullopt;
  return S2CellId(*point).parent(static_cast<int>(level)).ToToken();
}

std::optional<Json> geo_s2cell_center(std::string_view token) {
  const auto cell = geo::parse_s2cell(token);
  if (!cell) return std::nullopt;
  return point_json(geo::to_position(cell->ToPoint()));
}

std::optional<Json> geo_s2cell_polygon(std::string_view token) {
  const auto id = geo::parse_s2cell(token);
  if (!id) return std::nullopt;
  const S2Cell cell(*id);
  geo::Path corners;
  for (int i = 0; i < 4; ++i) corners.push_back(geo::to_position(cell.GetVertex(i)));
  return polygon_json(std::move(corners));
}

std::optional<Json> geo_s2cell_neighbors(std::string_view token) {
  const auto cell = geo::parse_s2cell(token);
  if (!cell) return std::nullopt;
  return geo::token_array(geo::s2cell_neighbors(*cell));
}

constexpr Udf kFunctions[] = {
    udf<geo_distance>("k_geo_distance"),
    udf<geo_azimuth>("k_geo_azimuth"),
    udf<geo_angle>("k_geo_angle"),
    udf<geo_in_circle>("k_geo_in_circle"),
    udf<geo_point_buffer>("k_geo_point_buffer"),
    udf<geo_from_wkt>("k_geo_from_wkt"),
    udf<geo_point_to_geohash>("k_geo_point_to_geohash"),
    udf<geo_geohash_center>("k_geo_geohash_center"),
    udf<geo_geohash_polygon>("k_geo_geohash_polygon"),
    udf<geo_geohash_neighbors>("k_geo_geohash_neighbors"),
    udf<geo_point_to_s2cell>("k_geo_point_to_s2cell"),
    udf<geo_s2cell_center>("k_geo_s2cell_center"),
    udf<geo_s2cell_polygon>("k_geo_s2cell_polygon"),
    udf<geo_s2cell_neighbors>("k_geo_s2cell_neighbors"),
};

}  // namespace

std::span<const Udf> geo_point_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
