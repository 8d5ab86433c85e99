#include "functions/geo/sphere.h"

#include <s2/s1angle.h>
#include <s2/s2measures.h>
#include <s2/s2predicates.h>

#include <cmath>
#include <numbers>

namespace rivulet::functions::geo {

namespace {

bool is_line(const S2Point& a, const S2Point& b) {
  return a != b && !are_antipodal(a, b);
}

double normalized(double angle) {
  const double turn = 2 * std::numbers::pi;
  if (angle < 0) angle += turn;
  return angle >= turn ? 0 : angle;
}

}  // namespace

double distance_meters(const S2Point& a, const S2Point& b) {
  return S1Angle(a, b).radians() * kEarthRadiusMeters;
}

std::optional<double> azimuth_radians(Position from, Position to) {
  if (!is_line(to_point(from), to_point(to))) return std::nullopt;
  const double radians = std::numbers::pi / 180;
  const double delta = (to.longitude - from.longitude) * radians;
  const double from_latitude = from.latitude * radians;
  const double to_latitude = to.latitude * radians;
  const double east = std::sin(delta) * std::cos(to_latitude);
  const double north = std::cos(from_latitude) * std::sin(to_latitude) -
                       std::sin(from_latitude) * std::cos(to_latitude) * std::cos(delta);
  return normalized(std::atan2(east, north));
}

std::optional<double> angle_radians(const S2Point& a, const S2Point& b, const S2Point& c) {
  if (!is_line(a, b) || !is_line(b, c)) return std::nullopt;
  if (a == c) return 0;
  const double angle = S2::Angle(a, b, c);
  return normalized(s2pred::Sign(a, b, c) > 0 ? angle : 2 * std::numbers::pi - angle);
}

}  // namespace rivulet::functions::geo
