#include "functions/math/statistics.h"

#include <cmath>
#include <limits>

#include "functions/families.h"

namespace rivulet::functions {

namespace {

constexpr double kMaxShape = 10000;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Lentz's continued fraction.
double beta_fraction(double x, double a, double b) {
  constexpr int kMaxSteps = 1000;
  constexpr double kTiny = 1e-300;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kTiny) d = kTiny;
  d = 1 / d;
  double result = d;
  for (int m = 1; m <= kMaxSteps; ++m) {
    const double m2 = 2.0 * m;
    double term = m * (b - m) * x / ((a + m2 - 1) * (a + m2));
    d = 1 + term * d;
    if (std::abs(d) < kTiny) d = kTiny;
    c = 1 + term / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    result *= d * c;
    term = -(a + m) * (a + b + m) * x / ((a + m2) * (a + m2 + 1));
    d = 1 + term * d;
    if (std::abs(d) < kTiny) d = kTiny;
    c = 1 + term / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double step = d * c;
    result *= step;
    if (std::abs(step - 1) < 1e-16) break;
  }
  return result;
}

double log_beta(double a, double b) {
  return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
}

bool is_shape(double a, double b) {
  return a > 0 && b > 0 && a <= kMaxShape && b <= kMaxShape;
}

double beta_cdf(double x, double a, double b) {
  if (!is_shape(a, b) || !(x >= 0 && x <= 1)) return kNaN;
  return incomplete_beta(x, a, b);
}
double beta_pdf(double x, double a, double b) {
  if (!is_shape(a, b) || !(x >= 0 && x <= 1)) return kNaN;
  return std::exp((a - 1) * std::log(x) + (b - 1) * std::log1p(-x) - log_beta(a, b));
}
std::optional<double> beta_inv(double probability, double a, double b) {
  if (!(probability >= 0 && probability <= 1)) return std::nullopt;
  if (!is_shape(a, b)) return kNaN;
  if (probability == 0 || probability == 1) return probability;
  double low = 0, high = 1;
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (incomplete_beta(middle, a, b) < probability ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

// The p-value of Welch's test of equal means.
double welch_test(double mean1, double variance1, double count1, double mean2, double variance2,
                  double count2) {
  const double part1 = variance1 / count1, part2 = variance2 / count2;
  const double t = (mean1 - mean2) / std::sqrt(part1 + part2);
  const double freedom = (part1 + part2) * (part1 + part2) /
                         (part1 * part1 / (count1 - 1) + part2 * part2 / (count2 - 1));
  return student_two_sided(t, freedom);
}

constexpr Udf kFunctions[] = {
    udf<beta_cdf>("k_beta_cdf"),
    udf<beta_pdf>("k_beta_pdf"),
    udf<beta_inv>("k_beta_inv"),
    udf<welch_test>("k_welch_test"),
};

}  // namespace

double incomplete_beta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(a * std::log(x) + b * std::log1p(-x) - log_beta(a, b));
  // The fraction converges fast on one side of the mean; the other follows by symmetry.
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double student_two_sided(double t, double degrees_of_freedom) {
  if (!std::isfinite(t) || !(degrees_of_freedom > 0)) return kNaN;
  return incomplete_beta(degrees_of_freedom / (degrees_of_freedom + t * t), degrees_of_freedom / 2,
                         0.5);
}

std::span<const Udf> statistic_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
