#pragma once

#include <complex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

// Series: arrays of numbers. A place that holds no number reads as NaN.
namespace rivulet::functions {

using Series = std::vector<double>;

// Nothing when the value is no array. Elements that are no numbers are NaN.
std::optional<Series> parse_series(std::string_view value);

double mean_of(std::span<const double> series);
// What rounding may have done to numbers that were computed from those of the series by a few steps: spreads
// and distances that are not greater are none.
double rounding_of(std::span<const double> series);
// Linear interpolation between the values around the place; of the sorted values.
double quantile_of(const Series& sorted, double fraction);
double median_of(Series values);

struct LineFit {
  double rsquare = 0;
  double slope = 0;
  double variance = 0;
  double rvariance = 0;
  double interception = 0;
};
// The least-squares line through (1, y0), (2, y1) …; variances are of samples.
LineFit fit_line(const double* values, size_t count);

// The discrete Fourier transform of any length (without a factor, or the inverse with 1/n).
std::vector<std::complex<double>> fourier(std::vector<std::complex<double>> values,
                                          bool is_inverse);

// Autocorrelation at the lags from 0 to half the length and beyond, each over the pairs there are.
Series autocorrelation(const Series& series);

}  // namespace rivulet::functions
