#include <cmath>
#include <numbers>
#include <random>

#include "common/guid.h"
#include "functions/families.h"

// Mathematical functions of reals. Outside of its domain a function gives NaN or an infinity.
namespace rivulet::functions {

namespace {

// Named, since the standard functions are overloaded.
double f_sin(double x) {
  return std::sin(x);
}
double f_cos(double x) {
  return std::cos(x);
}
double f_tan(double x) {
  return std::tan(x);
}
double f_cot(double x) {
  return 1 / std::tan(x);
}
double f_asin(double x) {
  return std::asin(x);
}
double f_acos(double x) {
  return std::acos(x);
}
double f_atan(double x) {
  return std::atan(x);
}
double f_atan2(double y, double x) {
  return std::atan2(y, x);
}
double f_exp(double x) {
  return std::exp(x);
}
double f_exp2(double x) {
  return std::exp2(x);
}
double f_exp10(double x) {
  return std::pow(10.0, x);
}
double f_log(double x) {
  return std::log(x);
}
double f_log2(double x) {
  return std::log2(x);
}
double f_log10(double x) {
  return std::log10(x);
}
double f_sqrt(double x) {
  return std::sqrt(x);
}
double f_pow(double x, double y) {
  return std::pow(x, y);
}
double f_gamma(double x) {
  return std::tgamma(x);
}
double f_loggamma(double x) {
  return std::lgamma(x);
}
double f_erf(double x) {
  return std::erf(x);
}
double f_erfc(double x) {
  return std::erfc(x);
}
double f_degrees(double x) {
  return x * 180.0 / std::numbers::pi;
}
double f_radians(double x) {
  return x * std::numbers::pi / 180.0;
}
double f_abs(double x) {
  return std::abs(x);
}
double f_sign(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : x;
}
double f_ceiling(double x) {
  return std::ceil(x);
}

// A half away from zero.
double f_round(double x, int64_t digits) {
  if (!std::isfinite(x) || digits > 15) return x;
  if (digits < 0) {
    const double unit = std::pow(10.0, static_cast<double>(std::min<int64_t>(-digits, 308)));
    return std::round(x / unit) * unit;
  }
  const double unit = std::pow(10.0, static_cast<double>(digits));
  const double scaled = x * unit;
  return std::isfinite(scaled) ? std::round(scaled) / unit : x;
}

bool is_nan(double x) {
  return std::isnan(x);
}
bool is_inf(double x) {
  return std::isinf(x);
}
bool is_finite(double x) {
  return std::isfinite(x);
}

std::mt19937_64& generator() {
  thread_local std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return engine;
}
double random_real() {
  return std::uniform_real_distribution<double>(0, 1)(generator());
}
std::optional<int64_t> random_long(int64_t limit) {
  if (limit <= 0) return std::nullopt;
  return std::uniform_int_distribution<int64_t>(0, limit - 1)(generator());
}
Guid random_guid() {
  return new_guid();
}

constexpr Udf kFunctions[] = {
    udf<f_sin>("k_sin"),
    udf<f_cos>("k_cos"),
    udf<f_tan>("k_tan"),
    udf<f_cot>("k_cot"),
    udf<f_asin>("k_asin"),
    udf<f_acos>("k_acos"),
    udf<f_atan>("k_atan"),
    udf<f_atan2>("k_atan2"),
    udf<f_exp>("k_exp"),
    udf<f_exp2>("k_exp2"),
    udf<f_exp10>("k_exp10"),
    udf<f_log>("k_log"),
    udf<f_log2>("k_log2"),
    udf<f_log10>("k_log10"),
    udf<f_sqrt>("k_sqrt"),
    udf<f_pow>("k_pow"),
    udf<f_gamma>("k_gamma"),
    udf<f_loggamma>("k_loggamma"),
    udf<f_erf>("k_erf"),
    udf<f_erfc>("k_erfc"),
    udf<f_degrees>("k_degrees"),
    udf<f_radians>("k_radians"),
    udf<f_abs>("k_abs_real"),
    udf<f_sign>("k_sign"),
    udf<f_ceiling>("k_ceiling"),
    udf<f_round>("k_round"),
    udf<is_nan>("k_isnan"),
    udf<is_inf>("k_isinf"),
    udf<is_finite>("k_isfinite"),
    volatile_udf<random_real>("k_rand"),
    volatile_udf<random_long>("k_rand_below"),
    volatile_udf<random_guid>("k_new_guid"),
};

}  // namespace

std::span<const Udf> math_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
