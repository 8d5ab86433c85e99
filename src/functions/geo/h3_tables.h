#pragma once

#include <array>
#include <cstdint>

#include "functions/geo/geojson.h"

// How H3 lays its grid on the Earth: the facts that the rest follows from.
namespace rivulet::functions::geo::h3 {

constexpr int kVertexCount = 12;
constexpr int kFaceCount = 20;
constexpr int kBaseCellCount = 122;

extern const std::array<Position, kVertexCount> kVertices;

// Counterclockwise. The first vertex of a face lies on the first axis of its plane.
extern const std::array<std::array<uint8_t, 3>, kFaceCount> kFaceVertices;

// Where a cell of resolution 0 has its home, whose axes its digits follow: a face, and a + b w in the lattice of
// its plane (see h3.cc). Pentagons are at the first vertex of their home.
struct BaseCell {
  uint8_t face;
  int8_t a;
  int8_t b;
};
extern const std::array<BaseCell, kBaseCellCount> kBaseCells;

}  // namespace rivulet::functions::geo::h3
