#include "functions/geo/geohash.h"

#include <algorithm>
#include <cmath>

namespace rivulet::functions::geo {

namespace {

constexpr std::string_view kAlphabet = "0123456789bcdefghjkmnpqrstuvwxyz";

// The index of the part that `fraction`, in [0, 1], is in when the whole has 2^bits.
int64_t part_of(double fraction, int bits) {
  const auto part = static_cast<int64_t>(std::floor(std::ldexp(fraction, bits)));
  return std::clamp<int64_t>(part, 0, (int64_t{1} << bits) - 1);
}

double bound(double whole, int64_t index, int bits) {
  return std::ldexp(static_cast<double>(index), -bits) * whole - whole / 2;
}

std::string to_text(const GeohashCell& cell) {
  std::string text;
  int longitude_bit = cell.longitude_bits;
  int latitude_bit = cell.latitude_bits;
  const int length = (cell.longitude_bits + cell.latitude_bits) / 5;
  bool is_longitude = true;
  for (int i = 0; i < length; ++i) {
    int digit = 0;
    for (int bit = 0; bit < 5; ++bit) {
      const int64_t value =
          is_longitude ? cell.column >> --longitude_bit : cell.row >> --latitude_bit;
      digit = digit * 2 + static_cast<int>(value & 1);
      is_longitude = !is_longitude;
    }
    text += kAlphabet[digit];
  }
  return text;
}

GeohashCell cell_of_length(int length) {
  GeohashCell cell;
  cell.longitude_bits = (5 * length + 1) / 2;
  cell.latitude_bits = 5 * length / 2;
  return cell;
}

}  // namespace

double GeohashCell::west() const {
  return bound(360, column, longitude_bits);
}
double GeohashCell::east() const {
  return bound(360, column + 1, longitude_bits);
}
double GeohashCell::south() const {
  return bound(180, row, latitude_bits);
}
double GeohashCell::north() const {
  return bound(180, row + 1, latitude_bits);
}

std::string geohash_of(Position position, int length) {
  GeohashCell cell = cell_of_length(length);
  cell.column = part_of((position.longitude + 180) / 360, cell.longitude_bits);
  cell.row = part_of((position.latitude + 90) / 180, cell.latitude_bits);
  return to_text(cell);
}

std::optional<GeohashCell> parse_geohash(std::string_view geohash) {
  if (geohash.empty() || geohash.size() > kMaxGeohashLength) return std::nullopt;
  GeohashCell cell = cell_of_length(static_cast<int>(geohash.size()));
  bool is_longitude = true;
  for (const char c : geohash) {
    const size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    for (int bit = 4; bit >= 0; --bit) {
      int64_t& value = is_longitude ? cell.column : cell.row;
      value = value * 2 + static_cast<int64_t>((digit >> bit) & 1);
      is_longitude = !is_longitude;
    }
  }
  return cell;
}

std::vector<std::string> geohash_neighbors(const GeohashCell& cell) {
  struct Step {
    int east;
    int north;
  };
  // In the order that Kusto lists them.
  constexpr Step kSteps[] = {{-1, -1}, {-1, 1}, {1, -1}, {0, 1}, {-1, 0}, {1, 1}, {1, 0}, {0, -1}};
  std::vector<std::string> neighbors;
  for (const Step step : kSteps) {
    GeohashCell neighbor = cell;
    const int64_t columns = int64_t{1} << cell.longitude_bits;
    neighbor.column = (cell.column + step.east + columns) % columns;
    neighbor.row = cell.row + step.north;
    if (neighbor.row < 0 || neighbor.row >> cell.latitude_bits != 0) continue;
    neighbors.push_back(to_text(neighbor));
  }
  return neighbors;
}

}  // namespace rivulet::functions::geo
