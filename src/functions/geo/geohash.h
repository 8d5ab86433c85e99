#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "functions/geo/geojson.h"

// Geohashes: rectangles of the plane of longitudes and latitudes, named by 1 to 18 characters of 5 bits
// that halve the longitudes and the latitudes in turn.
namespace rivulet::functions::geo {

constexpr int kMaxGeohashLength = 18;

struct GeohashCell {
  // Columns from -180 degrees east and rows from -90 degrees north, of 2^bits each.
  int longitude_bits = 0;
  int latitude_bits = 0;
  int64_t column = 0;
  int64_t row = 0;

  double west() const;
  double east() const;
  double south() const;
  double north() const;
};

// `length` is in [1, 18] and the position is valid.
std::string geohash_of(Position position, int length);
std::optional<GeohashCell> parse_geohash(std::string_view geohash);
// The cells that touch this one, without those past the poles.
std::vector<std::string> geohash_neighbors(const GeohashCell& cell);

}  // namespace rivulet::functions::geo
