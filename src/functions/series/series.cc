#include "functions/series/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "functions/families.h"
#include "functions/json/json.h"

namespace rivulet::functions {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Complex = std::complex<double>;

// In place; the length is a power of two.
void transform_power_of_two(std::vector<Complex>& a, bool is_inverse) {
  const size_t n = a.size();
  for (size_t i = 1, j = 0; i < n; ++i) {
    size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(a[i], a[j]);
  }
  for (size_t length = 2; length <= n; length <<= 1) {
    const double angle = 2 * std::numbers::pi / static_cast<double>(length) * (is_inverse ? 1 : -1);
    std::vector<Complex> roots(length / 2);
    for (size_t k = 0; k < roots.size(); ++k)
      roots[k] = std::polar(1.0, angle * static_cast<double>(k));
    for (size_t i = 0; i < n; i += length) {
      count_work(4 * length);
      for (size_t k = 0; k < length / 2; ++k) {
        const Complex u = a[i + k];
        const Complex v = a[i + k + length / 2] * roots[k];
        a[i + k] = u + v;
        a[i + k + length / 2] = u - v;
      }
    }
  }
}

}  // namespace

std::optional<Series> parse_series(std::string_view value) {
  if (json_kind(value) != JsonKind::kArray) return std::nullopt;
  Series series;
  for_each_element(value, [&](std::string_view element) {
    const JsonKind kind = json_kind(element);
    if (kind == JsonKind::kBool) {
      series.push_back(element == "true" ? 1 : 0);
    } else {
      series.push_back(json_double(element).value_or(kNaN));
    }
    return true;
  });
  return series;
}

// Kahan's summation: the mean of equal values is that value, however many there are.
double mean_of(std::span<const double> series) {
  long double sum = 0, lost = 0;
  for (const double value : series) {
    const long double term = value - lost;
    const long double next = sum + term;
    lost = next - sum - term;
    sum = next;
  }
  return static_cast<double>(sum / static_cast<long double>(series.size()));
}

double rounding_of(std::span<const double> series) {
  // Some operations, each of which may be wrong in the last bit.
  constexpr double kBits = 16 * std::numeric_limits<double>::epsilon();
  double greatest = 0;
  for (const double value : series) {
    if (std::isfinite(value)) greatest = std::max(greatest, std::abs(value));
  }
  return kBits * greatest;
}

double quantile_of(const Series& sorted, double fraction) {
  if (sorted.empty()) return kNaN;
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  if (below + 1 >= sorted.size()) return sorted.back();
  const double part = place - static_cast<double>(below);
  // Infinities have no difference to take a part of.
  if (part == 0 || !std::isfinite(sorted[below])) return sorted[below];
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

double median_of(Series values) {
  std::erase_if(values, [](double v) { return std::isnan(v); });
  std::sort(values.begin(), values.end());
  return quantile_of(values, 0.5);
}

LineFit fit_line(const double* values, size_t count) {
  LineFit fit;
  const double n = static_cast<double>(count);
  const double mean_x = (n - 1) / 2, mean_y = mean_of({values, count});
  long double xx = 0, xy = 0, yy = 0;
  for (size_t i = 0; i < count; ++i) {
    const long double dx = static_cast<double>(i) - mean_x, dy = values[i] - mean_y;
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
  }
  fit.slope = xx > 0 ? static_cast<double>(xy / xx) : 0;
  fit.interception = mean_y - fit.slope * (mean_x + 1);
  double residual = 0;
  for (size_t i = 0; i < count; ++i) {
    const double error = values[i] - (fit.slope * static_cast<double>(i + 1) + fit.interception);
    residual += error * error;
  }
  fit.variance = count > 1 ? static_cast<double>(yy) / (n - 1) : 0;
  fit.rvariance = count > 1 ? residual / (n - 1) : 0;
  fit.rsquare = yy > 0 ? 1 - residual / static_cast<double>(yy) : 1;
  return fit;
}

std::vector<Complex> fourier(std::vector<Complex> values, bool is_inverse) {
  const size_t n = values.size();
  if (n == 0) return values;
  if ((n & (n - 1)) == 0) {
    transform_power_of_two(values, is_inverse);
  } else {
    // Bluestein: as a convolution of a length that is a power of two.
    size_t size = 1;
    while (size < 2 * n + 1) size <<= 1;
    std::vector<Complex> chirp(n), a(size), b(size);
    for (size_t i = 0; i < n; ++i) {
      const auto square = static_cast<double>(static_cast<uint64_t>(i) * i % (2 * n));
      chirp[i] = std::polar(
          1.0, std::numbers::pi * square / static_cast<double>(n) * (is_inverse ? 1 : -1));
      a[i] = values[i] * chirp[i];
    }
    b[0] = std::conj(chirp[0]);
    for (size_t i = 1; i < n; ++i) b[i] = b[size - i] = std::conj(chirp[i]);
    transform_power_of_two(a, false);
    transform_power_of_two(b, false);
    for (size_t i = 0; i < size; ++i) a[i] *= b[i];
    transform_power_of_two(a, true);
    for (size_t i = 0; i < n; ++i) values[i] = a[i] / static_cast<double>(size) * chirp[i];
  }
  if (is_inverse) {
    for (Complex& value : values) value /= static_cast<double>(n);
  }
  return values;
}

Series autocorrelation(const Series& series) {
  const size_t n = series.size();
  if (n == 0) return {};
  const double mean = mean_of(series);
  size_t size = 1;
  while (size < 2 * n) size <<= 1;
  std::vector<Complex> a(size);
  for (size_t i = 0; i < n; ++i) a[i] = series[i] - mean;
  transform_power_of_two(a, false);
  for (Complex& value : a) value = std::norm(value);
  transform_power_of_two(a, true);
  Series result(n);
  const double whole = a[0].real() / static_cast<double>(n);
  for (size_t lag = 0; lag < n; ++lag) {
    result[lag] = whole > 0 ? a[lag].real() / static_cast<double>(n - lag) / whole : 0;
  }
  return result;
}

namespace {

// Element by element.

template <double (*f)(double)>
std::optional<Json> map(std::string_view value) {
  if (json_kind(value) != JsonKind::kArray) return std::nullopt;
  JsonArray out;
  for_each_element(value, [&](std::string_view element) {
    const auto number = json_double(element);
    out.add_double(number ? std::optional(f(*number)) : std::nullopt);
    return true;
  });
  return out.finish();
}
double f_abs(double x) {
  return std::abs(x);
}
double f_acos(double x) {
  return std::acos(x);
}
double f_asin(double x) {
  return std::asin(x);
}
double f_atan(double x) {
  return std::atan(x);
}
double f_ceiling(double x) {
  return std::ceil(x);
}
double f_cos(double x) {
  return std::cos(x);
}
double f_exp(double x) {
  return std::exp(x);
}
double f_floor(double x) {
  return std::floor(x);
}
double f_log(double x) {
  return std::log(x);
}
double f_sign(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : x;
}
double f_sin(double x) {
  return std::sin(x);
}
double f_tan(double x) {
  return std::tan(x);
}

// The elements of an array, or one number for all places.
struct Operand {
  std::vector<std::string_view> elements;
  std::string_view scalar;
  bool is_array = false;

  explicit Operand(std::string_view value) : is_array(json_kind(value) == JsonKind::kArray) {
    if (is_array) {
      elements = json_elements(value);
    } else {
      scalar = value;
    }
  }
  std::string_view at(size_t i) const {
    if (!is_array) return scalar;
    return i < elements.size() ? elements[i] : std::string_view();
  }
};

template <typename Write>
std::optional<Json> combine(std::string_view left, std::string_view right, Write&& write) {
  const Operand a(left), b(right);
  if (!a.is_array && !b.is_array) return std::nullopt;
  const size_t count = std::max(a.elements.size(), b.elements.size());
  JsonArray out;
  for (size_t i = 0; i < count; ++i) {
    count_work(kJsonStepWork);
    const auto x = json_double(a.at(i)), y = json_double(b.at(i));
    if (!x || !y) {
      out.add({});
    } else {
      write(out, a.at(i), b.at(i), *x, *y);
    }
  }
  return out.finish();
}

double f_add(double x, double y) {
  return x + y;
}
double f_subtract(double x, double y) {
  return x - y;
}
double f_multiply(double x, double y) {
  return x * y;
}
double f_divide(double x, double y) {
  return x / y;
}
double f_pow(double x, double y) {
  return std::pow(x, y);
}

template <double (*f)(double, double), bool kKeepsWhole>
std::optional<Json> arithmetic(std::string_view left, std::string_view right) {
  return combine(left, right,
                 [](JsonArray& out, std::string_view a, std::string_view b, double x, double y) {
                   const double value = f(x, y);
                   // Whole numbers stay whole.
                   if (kKeepsWhole && json_kind(a) == JsonKind::kLong &&
                       json_kind(b) == JsonKind::kLong && std::abs(value) < 9e15) {
                     out.add_long(static_cast<int64_t>(value));
                   } else {
                     out.add_double(value);
                   }
                 });
}

bool f_equal(double x, double y) {
  return x == y;
}
bool f_not_equal(double x, double y) {
  return x != y;
}
bool f_less(double x, double y) {
  return x < y;
}
bool f_less_equal(double x, double y) {
  return x <= y;
}
bool f_greater(double x, double y) {
  return x > y;
}
bool f_greater_equal(double x, double y) {
  return x >= y;
}

template <bool (*f)(double, double)>
std::optional<Json> compare(std::string_view left, std::string_view right) {
  return combine(left, right,
                 [](JsonArray& out, std::string_view, std::string_view, double x, double y) {
                   out.add_bool(f(x, y));
                 });
}

// One number of a series or two. What is no number is left out.

std::optional<double> sum(std::string_view value) {
  const auto series = parse_series(value);
  if (!series) return std::nullopt;
  double total = 0;
  for (const double x : *series) total += std::isnan(x) ? 0 : x;
  return total;
}
std::optional<double> product(std::string_view value) {
  const auto series = parse_series(value);
  if (!series) return std::nullopt;
  double total = 1;
  for (const double x : *series) total *= std::isnan(x) ? 1 : x;
  return total;
}
double dot(const Series& a, const Series& b) {
  double total = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double term = a[i] * b[i];
    total += std::isnan(term) ? 0 : term;
  }
  return total;
}
std::optional<double> magnitude(std::string_view value) {
  const auto series = parse_series(value);
  return series ? std::optional(std::sqrt(dot(*series, *series))) : std::nullopt;
}
// One of the two may be a number, which then stands at every place.
std::optional<double> dot_product(std::string_view left, std::string_view right) {
  auto a = parse_series(left), b = parse_series(right);
  if (!a && b && json_double(left)) a = Series(b->size(), *json_double(left));
  if (!b && a && json_double(right)) b = Series(a->size(), *json_double(right));
  if (!a || !b || a->empty() || b->empty()) return std::nullopt;
  return dot(*a, *b);
}
std::optional<double> cosine_similarity(std::string_view left, std::string_view right,
                                        std::optional<double> magnitude_a,
                                        std::optional<double> magnitude_b) {
  auto a = parse_series(left), b = parse_series(right);
  if (!a || !b || a->empty() || b->empty()) return std::nullopt;
  const size_t count = std::min(a->size(), b->size());
  a->resize(count);
  b->resize(count);
  const double size_a = magnitude_a ? *magnitude_a : std::sqrt(dot(*a, *a));
  const double size_b = magnitude_b ? *magnitude_b : std::sqrt(dot(*b, *b));
  return dot(*a, *b) / (size_a * size_b);
}
std::optional<double> pearson(std::string_view left, std::string_view right) {
  const auto a = parse_series(left), b = parse_series(right);
  if (!a || !b || a->empty() || a->size() != b->size()) return std::nullopt;
  const double mean_a = mean_of(*a), mean_b = mean_of(*b);
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a->size(); ++i) {
    ab += ((*a)[i] - mean_a) * ((*b)[i] - mean_b);
    aa += ((*a)[i] - mean_a) * ((*a)[i] - mean_a);
    bb += ((*b)[i] - mean_b) * ((*b)[i] - mean_b);
  }
  return ab / std::sqrt(aa * bb);
}

// Missing values.

bool is_missing(std::string_view element, std::optional<std::string_view> placeholder) {
  if (!placeholder) return json_kind(element) == JsonKind::kNull;
  return json_equal(element, *placeholder);
}
template <bool kForward>
std::optional<Json> fill(std::string_view value, std::optional<std::string_view> placeholder) {
  if (json_kind(value) != JsonKind::kArray) return std::nullopt;
  auto elements = json_elements(value);
  if (!kForward) std::reverse(elements.begin(), elements.end());
  std::string_view last;
  for (std::string_view& element : elements) {
    if (!is_missing(element, placeholder)) {
      last = element;
    } else if (!last.empty()) {
      element = last;
    }
  }
  if (!kForward) std::reverse(elements.begin(), elements.end());
  JsonArray out;
  for (const std::string_view element : elements) out.add(element);
  return out.finish();
}
std::optional<Json> fill_const(std::string_view value, std::optional<std::string_view> constant,
                               std::optional<std::string_view> placeholder) {
  if (json_kind(value) != JsonKind::kArray) return std::nullopt;
  JsonArray out;
  for_each_element(value, [&](std::string_view element) {
    out.add(is_missing(element, placeholder) ? constant.value_or("null") : element);
    return true;
  });
  return out.finish();
}
std::optional<Json> fill_linear(std::string_view value, std::optional<std::string_view> placeholder,
                                bool fills_edges, std::optional<std::string_view> constant) {
  if (json_kind(value) != JsonKind::kArray) return std::nullopt;
  const auto elements = json_elements(value);
  std::vector<size_t> known;
  bool is_whole = true;
  for (size_t i = 0; i < elements.size(); ++i) {
    if (is_missing(elements[i], placeholder)) continue;
    known.push_back(i);
    is_whole &= json_kind(elements[i]) == JsonKind::kLong;
  }
  JsonArray out;
  size_t next = 0;  // of known
  for (size_t i = 0; i < elements.size(); ++i) {
    while (next < known.size() && known[next] < i) ++next;
    if (known.empty()) {
      out.add(constant.value_or("null"));
    } else if (next < known.size() && known[next] == i) {
      out.add(elements[i]);
    } else if (next == 0 || next == known.size()) {
      out.add(fills_edges ? elements[next == 0 ? known.front() : known.back()] : elements[i]);
    } else {
      const size_t left = known[next - 1], right = known[next];
      const double x = json_double(elements[left]).value_or(kNaN),
                   y = json_double(elements[right]).value_or(kNaN);
      const double filled =
          x + (y - x) * static_cast<double>(i - left) / static_cast<double>(right - left);
      if (is_whole) {
        out.add_long(static_cast<int64_t>(filled));
      } else {
        out.add_double(filled);
      }
    }
  }
  return out.finish();
}

// Filters.

std::optional<Json> to_json(const Series& series) {
  JsonArray out;
  for (const double value : series)
    out.add_double(std::isnan(value) ? std::nullopt : std::optional(value));
  return out.finish();
}

// A filter's length times the series' is bounded.
constexpr size_t kMaxFilterWork = size_t{1} << 28;

std::optional<Json> fir(std::string_view value, std::string_view filter,
                        std::optional<bool> normalize, bool center) {
  const auto series = parse_series(value);
  auto taps = parse_series(filter);
  if (!series || !taps || taps->empty()) return std::nullopt;
  if (series->size() * taps->size() > kMaxFilterWork)
    throw std::length_error("series_fir(): the filter is too long");
  const bool has_negative = std::any_of(taps->begin(), taps->end(), [](double t) { return t < 0; });
  const bool normalizes = normalize.value_or(!has_negative);
  if (normalizes) {
    if (has_negative) return std::nullopt;
    double total = 0;
    for (const double tap : *taps) total += tap;
    for (double& tap : *taps) tap /= total;
  }
  const int64_t shift = center ? static_cast<int64_t>(taps->size() - 1) / 2 : 0;
  Series out(series->size());
  for (int64_t i = 0; i < static_cast<int64_t>(out.size()); ++i) {
    count_work(taps->size());
    double total = 0;
    for (int64_t k = 0; k < static_cast<int64_t>(taps->size()); ++k) {
      const int64_t from = i + shift - k;
      if (from < 0 || from >= static_cast<int64_t>(series->size())) continue;
      total += (*series)[from] * (*taps)[k];
    }
    out[i] = total;
  }
  return to_json(out);
}

std::optional<Json> iir(std::string_view value, std::string_view numerators,
                        std::string_view denominators) {
  const auto series = parse_series(value), b = parse_series(numerators),
             a = parse_series(denominators);
  if (!series || !b || !a || b->empty() || a->empty() || (*a)[0] == 0) return std::nullopt;
  if (series->size() * (a->size() + b->size()) > kMaxFilterWork) {
    throw std::length_error("series_iir(): the filter is too long");
  }
  Series out(series->size());
  for (size_t i = 0; i < out.size(); ++i) {
    count_work(a->size() + b->size());
    double total = 0;
    for (size_t k = 0; k < b->size() && k <= i; ++k) total += (*b)[k] * (*series)[i - k];
    for (size_t k = 1; k < a->size() && k <= i; ++k) total -= (*a)[k] * out[i - k];
    out[i] = total / (*a)[0];
  }
  return to_json(out);
}

// The transform's real and imaginary parts, in one array.
template <bool kIsInverse>
std::optional<Json> transform(std::string_view real, std::optional<std::string_view> imaginary) {
  const auto x = parse_series(real);
  const auto y = imaginary ? parse_series(*imaginary) : std::nullopt;
  if (!x || (imaginary && (!y || y->size() != x->size()))) return std::nullopt;
  std::vector<Complex> values(x->size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = {(*x)[i], y ? (*y)[i] : 0};
  values = fourier(std::move(values), kIsInverse);
  JsonArray reals, imaginaries, both;
  for (const Complex& value : values) {
    reals.add_double(value.real());
    imaginaries.add_double(value.imag());
  }
  both.add(reals.finish().text);
  both.add(imaginaries.finish().text);
  return both.finish();
}

constexpr Udf kFunctions[] = {
    udf<map<f_abs>>("k_series_abs"),
    udf<map<f_acos>>("k_series_acos"),
    udf<map<f_asin>>("k_series_asin"),
    udf<map<f_atan>>("k_series_atan"),
    udf<map<f_ceiling>>("k_series_ceiling"),
    udf<map<f_cos>>("k_series_cos"),
    udf<map<f_exp>>("k_series_exp"),
    udf<map<f_floor>>("k_series_floor"),
    udf<map<f_log>>("k_series_log"),
    udf<map<f_sign>>("k_series_sign"),
    udf<map<f_sin>>("k_series_sin"),
    udf<map<f_tan>>("k_series_tan"),
    udf<arithmetic<f_add, true>>("k_series_add"),
    udf<arithmetic<f_subtract, true>>("k_series_subtract"),
    udf<arithmetic<f_multiply, true>>("k_series_multiply"),
    udf<arithmetic<f_divide, false>>("k_series_divide"),
    udf<arithmetic<f_pow, false>>("k_series_pow"),
    udf<compare<f_equal>>("k_series_equals"),
    udf<compare<f_not_equal>>("k_series_not_equals"),
    udf<compare<f_less>>("k_series_less"),
    udf<compare<f_less_equal>>("k_series_less_equals"),
    udf<compare<f_greater>>("k_series_greater"),
    udf<compare<f_greater_equal>>("k_series_greater_equals"),
    udf<sum>("k_series_sum"),
    udf<product>("k_series_product"),
    udf<magnitude>("k_series_magnitude"),
    udf<dot_product>("k_series_dot_product"),
    udf<cosine_similarity>("k_series_cosine_similarity"),
    udf<pearson>("k_series_pearson_correlation"),
    udf<fill<true>>("k_series_fill_forward"),
    udf<fill<false>>("k_series_fill_backward"),
    udf<fill_const>("k_series_fill_const"),
    udf<fill_linear>("k_series_fill_linear"),
    udf<fir>("k_series_fir"),
    udf<iir>("k_series_iir"),
    udf<transform<false>>("k_series_fft"),
    udf<transform<true>>("k_series_ifft"),
};

}  // namespace

std::span<const Udf> series_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
