#include "query/functions/geo/spheroid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
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

struct Way {
  double longitude;  // that it reaches
  double length_meters;
};

// The line from latitude `a`, with the azimuth pi / 2 + `turn`, to where it reaches the latitude `b`
// going north.
Way way(Latitude a, Latitude b, double turn) {
  const double sine = std::cos(turn);
  const double cosine = -std::sin(turn);
  const double equator_sine = sine * a.cosine;
  const double equator_cosine = std::hypot(cosine, sine * a.sine);
  const double difference = a.cosine < -a.sine ? (b.cosine - a.cosine) * (b.cosine + a.cosine)
                                               : (a.sine - b.sine) * (a.sine + b.sine);
  const double end_cosine =
      std::sqrt(std::max(0.0, cosine * a.cosine * cosine * a.cosine + difference)) / b.cosine;
  const double start = std::atan2(a.sine, cosine * a.cosine);
  const double end = std::atan2(b.sine, end_cosine * b.cosine);
  const double start_longitude = std::atan2(equator_sine * a.sine, cosine * a.cosine);
  const double end_longitude = std::atan2(equator_sine * b.sine, end_cosine * b.cosine);
  const double squared = kSecondEccentricitySquared * equator_cosine * equator_cosine;
  const auto stretch = [&](double sigma) {
    return std::sqrt(1 + squared * std::sin(sigma) * std::sin(sigma));
  };
  Way result;
  result.length_meters = kPolarRadiusMeters * integral(start, end, stretch);
  result.longitude = end_longitude - start_longitude -
                     kFlattening * equator_sine * integral(start, end, [&](double sigma) {
                       return (2 - kFlattening) / (1 + (1 - kFlattening) * stretch(sigma));
                     });
  return result;
}

}  // namespace

double spheroid_distance_meters(Position a, Position b) {
  double longitude = std::abs(a.longitude - b.longitude);
  longitude = std::min(longitude, 360 - longitude) * kPi / 180;
  // By symmetry the first point is the one farther from the equator, and south of it.
  if (std::abs(a.latitude) < std::abs(b.latitude)) std::swap(a, b);
  if (a.latitude > 0) {
    a.latitude = -a.latitude;
    b.latitude = -b.latitude;
  }
  if (a.latitude == 0 && longitude <= (1 - kFlattening) * kPi) {
    return kEquatorialRadiusMeters * longitude;
  }
  Latitude from = reduced(a.latitude);
  const Latitude to = reduced(b.latitude);
  if (a.latitude == 0) from.sine = -1e-150;
  double low = -kPi / 2;  // northward
  double high = kPi / 2;  // southward, over the pole
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    if (middle == low || middle == high) break;
    (way(from, to, middle).longitude < longitude ? low : high) = middle;
  }
  return way(from, to, (low + high) / 2).length_meters;
}

}  // namespace rivulet::query::geo
