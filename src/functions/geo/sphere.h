#pragma once

#include <s2/s2latlng.h>
#include <s2/s2point.h>

#include <optional>

#include "functions/geo/geojson.h"

// The Earth as a sphere, as in Kusto: its radius is S2's, its lines are geodesics.
namespace rivulet::functions::geo {

constexpr double kEarthRadiusMeters = 6371010.0;

inline S2Point to_point(Position position) {
  return S2LatLng::FromDegrees(position.latitude, position.longitude).ToPoint();
}
inline Position to_position(const S2Point& point) {
  const S2LatLng coordinates(point);
  return {coordinates.lng().degrees(), coordinates.lat().degrees()};
}
// Nothing when a coordinate is out of range.
inline std::optional<S2Point> checked_point(double longitude, double latitude) {
  const Position position{longitude, latitude};
  if (!is_valid(position)) return std::nullopt;
  return to_point(position);
}

// Between such points there is no one shortest way. The conversion from degrees is off by an ulp or two.
inline bool are_antipodal(const S2Point& a, const S2Point& b) {
  return (a + b).Norm2() < 1e-28;
}

double distance_meters(const S2Point& a, const S2Point& b);

// Clockwise from north, in [0, 2 pi). Nothing for points that are equal or antipodal.
std::optional<double> azimuth_radians(Position from, Position to);
// Clockwise from the line b-a to the line b-c, in [0, 2 pi). Nothing where a line is none: its ends are
// equal or antipodal.
std::optional<double> angle_radians(const S2Point& a, const S2Point& b, const S2Point& c);

}  // namespace rivulet::functions::geo
