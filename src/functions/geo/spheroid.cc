#include "functions/geo/spheroid.h"

#include <GeographicLib/Geodesic.hpp>
#include <GeographicLib/GeodesicLine.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace rivulet::functions::geo {

namespace {

// The shortest line between two positions.
class ShortestLine {
 public:
  ShortestLine(Position a, Position b)
      : line_(GeographicLib::Geodesic::WGS84().InverseLine(a.latitude, a.longitude, b.latitude,
                                                           b.longitude)) {}

  double length_meters() const { return line_.Distance(); }

  Position at(double meters) const {
    Position position;
    line_.Position(meters, position.latitude, position.longitude);
    return position;
  }

 private:
  GeographicLib::GeodesicLine line_;
};

// How far along the line it is closest to the point, by golden section.
double closest_meters(const ShortestLine& line, Position point, double& distance_meters) {
  const double ratio = (std::sqrt(5) - 1) / 2;
  const auto distance = [&](double meters) {
    return spheroid_distance_meters(line.at(meters), point);
  };
  double low = 0;
  double high = line.length_meters();
  double left = high - ratio * (high - low);
  double right = low + ratio * (high - low);
  double left_distance = distance(left);
  double right_distance = distance(right);
  while (high - low > 1e-4) {
    if (left_distance < right_distance) {
      high = std::exchange(right, left);
      right_distance = left_distance;
      left = high - ratio * (high - low);
      left_distance = distance(left);
    } else {
      low = std::exchange(left, right);
      left_distance = right_distance;
      right = low + ratio * (high - low);
      right_distance = distance(right);
    }
  }
  // An end is not reached by halving.
  double best = (low + high) / 2;
  distance_meters = distance(best);
  for (const double end : {0.0, line.length_meters()}) {
    const double end_distance = distance(end);
    if (end_distance <= distance_meters) {
      distance_meters = end_distance;
      best = end;
    }
  }
  return best;
}

}  // namespace

double spheroid_distance_meters(Position a, Position b) {
  double meters = 0;
  GeographicLib::Geodesic::WGS84().Inverse(a.latitude, a.longitude, b.latitude, b.longitude,
                                           meters);
  return meters;
}

std::optional<double> locate_on_spheroid(const Path& path, Position point) {
  double length_meters = 0;
  double best_meters = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const ShortestLine line(path[i], path[i + 1]);
    double distance = 0;
    const double meters = closest_meters(line, point, distance);
    if (distance < best_distance) {
      best_distance = distance;
      best_meters = length_meters + meters;
    }
    length_meters += line.length_meters();
  }
  if (!(length_meters > 0)) return std::nullopt;
  return best_meters / length_meters;
}

}  // namespace rivulet::functions::geo
