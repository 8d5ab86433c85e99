#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// GeoJSON as the geospatial functions take and give it: the JSON text of a dynamic value. Reading checks
// what can be said of coordinates one by one: their range, their number, that rings are closed.
namespace rivulet::functions::geo {

// Degrees.
struct Position {
  double longitude = 0;
  double latitude = 0;

  bool operator==(const Position&) const = default;
};

// A finite longitude in [-180, 180] and latitude in [-90, 90].
bool is_valid(Position position);

// The vertices of a line or of a ring, whose last vertex is its first.
using Path = std::vector<Position>;
// A polygon: its shell, then its holes.
using Rings = std::vector<Path>;

// Nothing for any other text.
std::optional<Position> read_point(std::string_view json);
// A LineString or a MultiLineString, of lines with two positions or more.
struct Lines {
  bool is_multi = false;
  std::vector<Path> lines;
};
std::optional<Lines> read_lines(std::string_view json);
// A Polygon or a MultiPolygon, of closed rings with four positions or more.
struct Polygons {
  bool is_multi = false;
  std::vector<Rings> polygons;
};
std::optional<Polygons> read_polygons(std::string_view json);

// The geometries, by the number of them: "Point" for one, "MultiPoint" for more, and so on.
std::string write_points(const std::vector<Position>& points);
std::string write_multi_points(const std::vector<Position>& points);
std::string write_lines(const std::vector<Path>& lines);
std::string write_lines(const Lines& lines);
std::string write_polygons(const std::vector<Rings>& polygons);
std::string write_polygons(const Polygons& polygons);
// One geometry as it is; none or several as a GeometryCollection.
std::string write_collection(const std::vector<std::string>& geometries);

}  // namespace rivulet::functions::geo
