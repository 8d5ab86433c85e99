#pragma once

#include <s2/s2shape_index.h>

#include <string>

// What two shapes have in common. Polygons contain their edges and vertices, lines their ends.
namespace rivulet::functions::geo {

bool intersects(const S2ShapeIndex& a, const S2ShapeIndex& b);
// As GeoJSON: points, then lines, then polygons; a GeometryCollection where that is not one geometry.
std::string intersection(const S2ShapeIndex& a, const S2ShapeIndex& b);

}  // namespace rivulet::functions::geo
