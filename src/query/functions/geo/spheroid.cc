#include "query/functions/geo/spheroid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <utility>

// The equations of Bessel and Helmert in the form of C. F. F. Karney, "Algorithms for geodesics" (2013):
// the line is looked at on the auxiliary sphere, and the one unknown, its azimuth at the first point, is
// found by halving, since the longitude that the line reaches grows with it. The integrands are smooth
// enough for a quadrature of few points to be exact in double precision.
namespace rivulet::query::geo {

namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kEquatorialRadiusMeters = 6378137.0;
constexpr double kFlattening = 1 / 298.257223563;
constexpr double kPolarRadiusMeters = kEquatorialRadiusMeters * (1 - kFlattening);
constexpr double kSecondEccentricitySquared =
    kFlattening * (2 - kFlattening) / ((1 - kFlattening) * (1 - kFlattening));

struct Node {
  double abscissa;
  double weight;
};

// Nodes and weights of the Gauss-Legendre rule, by Newton's method on the polynomial.
template <int kCount>
std::array<Node, kCount> gauss_legendre() {
  std::array<Node, kCount> nodes;
  for (int i = 0; i < kCount; ++i) {
    double x = std::cos(kPi * (i + 0.75) / (kCount + 0.5));
    double derivative = 1;
    for (int iteration = 0; iteration < 20; ++iteration) {
      double before = 1;
      double value = x;
      for (int n = 2; n <= kCount; ++n) {
        before = std::exchange(value, ((2 * n - 1) * x * value - (n - 1) * before) / n);
      }
      derivative = kCount * (x * value - before) / (x * x - 1);
      x -= value / derivative;
    }
    nodes[i] = {x, 2 / ((1 - x * x) * derivative * derivative)};
  }
  return nodes;
}

template <typename Integrand>
double integral(double from, double to, Integrand&& integrand) {
  static const auto kNodes = gauss_legendre<20>();
  const double center = (from + to) / 2;
  const double half = (to - from) / 2;
  double sum = 0;
  for (const Node& node : kNodes) sum += node.weight * integrand(center + half * node.abscissa);
  return sum * half;
}

// Reduced latitude.
struct Latitude {
  double sine;
  double cosine;
};

Latitude reduced(double degrees) {
  const double radians = degrees * kPi / 180;
  const double sine = (1 - kFlattening) * std::sin(radians);
  // The poles' cosine must not vanish, so that azimuths stay defined.
  const double cosine = std::max(std::cos(radians), 1e-150);
  const double length = std::hypot(sine, cosine);
  return {sine / length, cosine / length};
}

// The geodesic from latitude `a`, with the azimuth pi / 2 + `turn`, to where it reaches the latitude `b` going
// north. `a` is the latitude farther from the equator, in the south.
class Geodesic {
 public:
  Geodesic(Latitude a, Latitude b, double turn) {
    const double sine = std::cos(turn);
    const double cosine = -std::sin(turn);
    equator_sine_ = sine * a.cosine;
    equator_cosine_ = std::hypot(cosine, sine * a.sine);
    squared_ = kSecondEccentricitySquared * equator_cosine_ * equator_cosine_;
    const double difference = a.cosine < -a.sine ? (b.cosine - a.cosine) * (b.cosine + a.cosine)
                                                 : (a.sine - b.sine) * (a.sine + b.sine);
    const double end_cosine =
        std::sqrt(std::max(0.0, cosine * a.cosine * cosine * a.cosine + difference));
    start_ = std::atan2(a.sine, cosine * a.cosine);
    end_ = std::atan2(b.sine, end_cosine);
    start_longitude_ = std::atan2(equator_sine_ * a.sine, cosine * a.cosine);
    longitude_ = std::atan2(equator_sine_ * b.sine, end_cosine) - start_longitude_ - lag(end_);
  }

  // That it covers.
  double longitude() const { return longitude_; }
  double length_meters() const { return kPolarRadiusMeters * arc(end_); }

  // The longitude from the start and the latitude, in degrees, after a part of the length.
  Position at(double meters) const {
    const double wanted = meters / kPolarRadiusMeters;
    double sigma = start_ + wanted / arc(end_) * (end_ - start_);
    for (int i = 0; i < 4; ++i) sigma -= (arc(sigma) - wanted) / stretch(sigma);
    const double sine = equator_cosine_ * std::sin(sigma);
    const double cosine = std::hypot(equator_sine_, equator_cosine_ * std::cos(sigma));
    const double longitude = std::atan2(equator_sine_ * std::sin(sigma), std::cos(sigma)) -
                             start_longitude_ - lag(sigma);
    return {longitude * 180 / kPi, std::atan2(sine, (1 - kFlattening) * cosine) * 180 / kPi};
  }

 private:
  double stretch(double sigma) const {
    return std::sqrt(1 + squared_ * std::sin(sigma) * std::sin(sigma));
  }
  // From the start, in polar radii.
  double arc(double sigma) const {
    return integral(start_, sigma, [&](double at) { return stretch(at); });
  }
  // What the longitude on the auxiliary sphere is ahead of that on the spheroid.
  double lag(double sigma) const {
    return kFlattening * equator_sine_ * integral(start_, sigma, [&](double at) {
             return (2 - kFlattening) / (1 + (1 - kFlattening) * stretch(at));
           });
  }

  double equator_sine_;  // of the azimuth where it crosses the equator
  double equator_cosine_;
  double squared_;
  double start_;  // on the auxiliary sphere, from the equator
  double end_;
  double start_longitude_;
  double longitude_;
};

// The shortest line between two positions: a geodesic after reflections that bring the positions where
// Geodesic has them, or a part of the equator.
class ShortestLine {
 public:
  ShortestLine(Position a, Position b) {
    double longitude = std::remainder(b.longitude - a.longitude, 360);
    is_swapped_ = std::abs(a.latitude) < std::abs(b.latitude);
    if (is_swapped_) {
      std::swap(a, b);
      longitude = -longitude;
    }
    start_longitude_ = a.longitude;
    is_westward_ = longitude < 0;
    is_northern_ = a.latitude > 0;
    if (is_northern_) {
      a.latitude = -a.latitude;
      b.latitude = -b.latitude;
    }
    const double radians = std::abs(longitude) * kPi / 180;
    if (a.latitude == 0 && radians <= (1 - kFlattening) * kPi) {
      length_meters_ = kEquatorialRadiusMeters * radians;
      return;
    }
    Latitude from = reduced(a.latitude);
    const Latitude to = reduced(b.latitude);
    // The side of the equator must show.
    if (a.latitude == 0) from.sine = -1e-150;
    double low = -kPi / 2;  // northward
    double high = kPi / 2;  // southward, over the pole
    for (int i = 0; i < 200; ++i) {
      const double middle = (low + high) / 2;
      if (middle == low || middle == high) break;
      (Geodesic(from, to, middle).longitude() < radians ? low : high) = middle;
    }
    geodesic_.emplace(from, to, (low + high) / 2);
    length_meters_ = geodesic_->length_meters();
  }

  double length_meters() const { return length_meters_; }

  Position at(double meters) const {
    if (is_swapped_) meters = length_meters_ - meters;
    Position position;
    if (geodesic_ && length_meters_ > 0) {
      position = geodesic_->at(meters);
    } else {
      position.longitude = meters / kEquatorialRadiusMeters * 180 / kPi;
    }
    if (is_westward_) position.longitude = -position.longitude;
    if (is_northern_) position.latitude = -position.latitude;
    position.longitude = std::remainder(start_longitude_ + position.longitude, 360);
    return position;
  }

 private:
  bool is_swapped_;
  bool is_westward_;
  bool is_northern_;
  double start_longitude_;
  double length_meters_;
  std::optional<Geodesic> geodesic_;
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
  return ShortestLine(a, b).length_meters();
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

}  // namespace rivulet::query::geo
