#include "functions/families.h"
#include "functions/geo/h3.h"
#include "functions/geo/reshape.h"
#include "functions/geo/shapes.h"
#include "functions/json/json.h"

// The cells of H3.
namespace rivulet::functions {

namespace {

using geo::Position;
namespace h3 = geo::h3;

// Resolutions that children may be away from a cell, and cells that rings may be: as in Kusto.
constexpr int64_t kMaxChildrenSteps = 5;
constexpr int64_t kMaxRingDistance = 142;

bool is_resolution(int64_t resolution) {
  return resolution >= 0 && resolution <= h3::kMaxResolution;
}

void add(JsonArray& array, const std::vector<h3::Cell>& cells) {
  for (const h3::Cell cell : cells) array.add_string(h3::to_text(cell));
}

Json cell_array(const std::vector<h3::Cell>& cells) {
  JsonArray array;
  add(array, cells);
  return array.finish();
}

std::optional<std::string> geo_point_to_h3cell(double longitude, double latitude,
                                               int64_t resolution) {
  const Position position{longitude, latitude};
  if (!is_valid(position) || !is_resolution(resolution)) return std::nullopt;
  return h3::to_text(h3::cell_at(position, static_cast<int>(resolution)));
}

std::optional<Json> geo_h3cell_center(std::string_view text) {
  const auto cell = h3::parse(text);
  if (!cell) return std::nullopt;
  return Json{geo::write_points({h3::center(*cell)})};
}

std::optional<Json> geo_h3cell_polygon(std::string_view text) {
  const auto cell = h3::parse(text);
  if (!cell) return std::nullopt;
  geo::Path corners = h3::boundary(*cell);
  corners.push_back(corners.front());
  return Json{geo::write_polygons({geo::Rings{std::move(corners)}})};
}

std::optional<int64_t> geo_h3cell_level(std::string_view text) {
  const auto cell = h3::parse(text);
  if (!cell) return std::nullopt;
  return h3::resolution(*cell);
}

std::optional<std::string> geo_h3cell_parent_at(std::string_view text, int64_t resolution) {
  const auto cell = h3::parse(text);
  if (!cell || resolution < 0 || resolution > h3::resolution(*cell)) return std::nullopt;
  return h3::to_text(h3::parent(*cell, static_cast<int>(resolution)));
}

std::optional<std::string> geo_h3cell_parent(std::string_view text) {
  const auto cell = h3::parse(text);
  if (!cell) return std::nullopt;
  return geo_h3cell_parent_at(text, h3::resolution(*cell) - 1);
}

std::optional<Json> geo_h3cell_children_at(std::string_view text, int64_t resolution) {
  const auto cell = h3::parse(text);
  if (!cell || resolution > h3::kMaxResolution || resolution < h3::resolution(*cell) ||
      resolution - h3::resolution(*cell) > kMaxChildrenSteps) {
    return std::nullopt;
  }
  return cell_array(h3::children(*cell, static_cast<int>(resolution)));
}

std::optional<Json> geo_h3cell_children(std::string_view text) {
  const auto cell = h3::parse(text);
  if (!cell) return std::nullopt;
  return geo_h3cell_children_at(text, h3::resolution(*cell) + 1);
}

std::optional<Json> geo_h3cell_neighbors(std::string_view text) {
  const auto cell = h3::parse(text);
  if (!cell) return std::nullopt;
  return cell_array(h3::rings(*cell, 1)[1]);
}

std::optional<Json> geo_h3cell_rings(std::string_view text, int64_t distance) {
  const auto cell = h3::parse(text);
  if (!cell || distance < 0 || distance > kMaxRingDistance) return std::nullopt;
  JsonArray array;
  for (const auto& ring : h3::rings(*cell, static_cast<int>(distance))) {
    array.add(cell_array(ring).text);
  }
  return array.finish();
}

std::optional<Json> geo_polygon_to_h3cells(std::string_view json, int64_t resolution,
                                           double radius_meters) {
  const auto* shape = geo::shape_of<geo::PolygonShape>(json);
  if (shape == nullptr || !is_resolution(resolution) || !(radius_meters >= 0)) return std::nullopt;
  std::string wider;
  if (radius_meters > 0) {
    // The tolerance of buffers where none is given.
    const auto polygon = geo::buffer(shape->index(), radius_meters, geo::kBufferToleranceMeters);
    if (polygon == nullptr) return std::nullopt;
    wider = geo::write(*polygon);
    json = wider;
  }
  const auto polygons = geo::read_polygons(json);
  if (!polygons) return std::nullopt;
  const auto cells = h3::cells_in(polygons->polygons, static_cast<int>(resolution));
  if (!cells) return std::nullopt;
  return cell_array(*cells);
}

constexpr Udf kFunctions[] = {
    udf<geo_point_to_h3cell>("k_geo_point_to_h3cell"),
    udf<geo_h3cell_center>("k_geo_h3cell_center"),
    udf<geo_h3cell_polygon>("k_geo_h3cell_polygon"),
    udf<geo_h3cell_level>("k_geo_h3cell_level"),
    udf<geo_h3cell_parent>("k_geo_h3cell_parent"),
    udf<geo_h3cell_parent_at>("k_geo_h3cell_parent_at"),
    udf<geo_h3cell_children>("k_geo_h3cell_children"),
    udf<geo_h3cell_children_at>("k_geo_h3cell_children_at"),
    udf<geo_h3cell_neighbors>("k_geo_h3cell_neighbors"),
    udf<geo_h3cell_rings>("k_geo_h3cell_rings"),
    udf<geo_polygon_to_h3cells>("k_geo_polygon_to_h3cells"),
};

}  // namespace

std::span<const Udf> geo_h3_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
