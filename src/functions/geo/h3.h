#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "functions/geo/geojson.h"

// H3, a grid of hexagons, and twelve pentagons, in 16 resolutions on the faces of an icosahedron. A cell is a
// number of 64 bits: its resolution, one of 122 cells of resolution 0, and a digit a resolution that
// says which of seven children it is in.
namespace rivulet::functions::geo::h3 {

using Cell = uint64_t;

constexpr int kMaxResolution = 15;
// Cells that may cover a polygon, as in Kusto.
constexpr size_t kMaxPolygonCells = 61'680;

std::optional<Cell> parse(std::string_view text);
std::string to_text(Cell cell);

int resolution(Cell cell);
bool is_pentagon(Cell cell);

// `resolution` is in [0, 15] and the position is valid.
Cell cell_at(Position position, int resolution);
Position center(Cell cell);
// The corners, counterclockwise; more than six or five where edges bend, on the edges of the icosahedron.
Path boundary(Cell cell);

// `resolution` is not above that of the cell.
Cell parent(Cell cell, int resolution);
// `resolution` is not below that of the cell.
std::vector<Cell> children(Cell cell, int resolution);

// The cells at each distance from a cell, up to `distance`, each ring counterclockwise. A ring is shorter near a
// pentagon.
std::vector<std::vector<Cell>> rings(Cell cell, int distance);

// The cells whose centers are in the polygons on the plane of longitudes and latitudes, in ascending order;
// nothing when they are too many.
std::optional<std::vector<Cell>> cells_in(const std::vector<Rings>& polygons, int resolution);

}  // namespace rivulet::functions::geo::h3
