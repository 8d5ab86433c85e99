#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/series/series.h"

// What is fitted to series or told of them: statistics, lines, periods, decomposition, outliers.
namespace rivulet::functions {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A series that has numbers only.
std::optional<Series> finite_series(std::string_view value) {
  auto series = parse_series(value);
  if (!series || series->empty()) return std::nullopt;
  for (const double x : *series) {
    if (!std::isfinite(x)) return std::nullopt;
  }
  return series;
}

void add_series(std::string& out, const Series& series) {
  JsonArray array;
  for (const double value : series) array.add_double(value);
  out += array.finish().text;
}

std::optional<Json> stats(std::string_view value, bool ignores_nonfinite) {
  const auto series = parse_series(value);
  if (!series) return std::nullopt;
  size_t least = 0, greatest = 0;
  Series finite;
  for (size_t i = 0; i < series->size(); ++i) {
    const double x = (*series)[i];
    if (!std::isfinite(x)) {
      if (!ignores_nonfinite) return std::nullopt;
      continue;
    }
    if (finite.empty() || x < (*series)[least]) least = i;
    if (finite.empty() || x > (*series)[greatest]) greatest = i;
    finite.push_back(x);
  }
  if (finite.empty()) return std::nullopt;
  const size_t count = finite.size();
  const double mean = mean_of(finite);
  double sum = 0, squares = 0;
  for (const double x : finite) {
    sum += x;
    squares += (x - mean) * (x - mean);
  }
  const double variance = count > 1 ? squares / static_cast<double>(count - 1) : 0;
  JsonObject out;
  out.add_double("min", (*series)[least]);
  out.add_long("min_idx", static_cast<int64_t>(least));
  out.add_double("max", (*series)[greatest]);
  out.add_long("max_idx", static_cast<int64_t>(greatest));
  out.add_double("avg", mean);
  out.add_double("stdev", std::sqrt(variance));
  out.add_double("variance", variance);
  out.add_double("sum", sum);
  out.add_long("len", static_cast<int64_t>(count));
  return out.finish();
}

// Lines.

void add_line(JsonObject& out, const LineFit& fit) {
  out.add_double("rsquare", fit.rsquare);
  out.add_double("slope", fit.slope);
  out.add_double("variance", fit.variance);
  out.add_double("rvariance", fit.rvariance);
  out.add_double("interception", fit.interception);
}
void append_line(Series& out, const LineFit& fit, size_t count) {
  for (size_t i = 0; i < count; ++i)
    out.push_back(fit.slope * static_cast<double>(i + 1) + fit.interception);
}

std::optional<Json> line(std::string_view value) {
  const auto series = finite_series(value);
  if (!series) return std::nullopt;
  const LineFit fit = fit_line(series->data(), series->size());
  Series fitted;
  append_line(fitted, fit, series->size());
  JsonObject out;
  add_line(out, fit);
  add_series(out.next("line_fit"), fitted);
  return out.finish();
}

// Sums over the first places, of which the residual of a line through any stretch follows.
struct Prefix {
  long double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
};
double stretch_residual(const std::vector<Prefix>& prefix, size_t begin, size_t end) {
  const long double n = static_cast<long double>(end - begin);
  const Prefix &a = prefix[begin], &b = prefix[end];
  const long double x = b.x - a.x, y = b.y - a.y;
  const long double xx = b.xx - a.xx - x * x / n, xy = b.xy - a.xy - x * y / n,
                    yy = b.yy - a.yy - y * y / n;
  const long double residual = xx > 0 ? yy - xy * xy / xx : yy;
  return static_cast<double>(std::max(residual, 0.0L));
}

std::optional<Json> two_lines(std::string_view value) {
  const auto series = finite_series(value);
  if (!series || series->size() < 4) return std::nullopt;
  const size_t n = series->size();
  std::vector<Prefix> prefix(n + 1);
  // Around the middle the sums are small, and so is what rounding does to them.
  const double middle_x = static_cast<double>(n - 1) / 2, middle_y = mean_of(*series);
  for (size_t i = 0; i < n; ++i) {
    const long double x = static_cast<long double>(i) - middle_x, y = (*series)[i] - middle_y;
    const Prefix& p = prefix[i];
    prefix[i + 1] = {p.x + x, p.y + y, p.xx + x * x, p.xy + x * y, p.yy + y * y};
  }
  size_t best = 2;
  const double rounding = rounding_of(*series);
  const double least_gain = rounding * rounding * static_cast<double>(n);
  double least = std::numeric_limits<double>::infinity();
  for (size_t split = 2; split + 2 <= n; ++split) {
    const double residual = stretch_residual(prefix, 0, split) + stretch_residual(prefix, split, n);
    if (residual < least - least_gain) {
      least = residual;
      best = split;
    }
  }
  const LineFit whole = fit_line(series->data(), n);
  const LineFit left = fit_line(series->data(), best),
                right = fit_line(series->data() + best, n - best);
  const double rvariance = least / static_cast<double>(n - 1);
  Series fitted;
  append_line(fitted, left, best);
  append_line(fitted, right, n - best);
  JsonObject out, left_out, right_out;
  add_line(left_out, left);
  add_line(right_out, right);
  out.add_double("rsquare", whole.variance > 0 ? 1 - rvariance / whole.variance : 1);
  out.add_long("split_idx", static_cast<int64_t>(best));
  out.add_double("variance", whole.variance);
  out.add_double("rvariance", rvariance);
  add_series(out.next("line_fit"), fitted);
  out.add("right", right_out.finish().text);
  out.add("left", left_out.finish().text);
  return out.finish();
}

// Polynomials.

constexpr int64_t kMaxDegree = 32;

std::optional<Json> polynomial(std::string_view y_value, std::optional<std::string_view> x_value,
                               int64_t degree) {
  const auto y = finite_series(y_value);
  if (!y || degree < 0 || degree > kMaxDegree || y->size() <= static_cast<size_t>(degree))
    return std::nullopt;
  Series x;
  if (x_value) {
    auto given = finite_series(*x_value);
    if (!given || given->size() != y->size()) return std::nullopt;
    x = *std::move(given);
  } else {
    for (size_t i = 1; i <= y->size(); ++i) x.push_back(static_cast<double>(i));
  }
  // So many different places fix no more coefficients.
  Series places(x);
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  if (places.size() <= static_cast<size_t>(degree)) return std::nullopt;
  // Householder's reflections on the Vandermonde matrix, column by column.
  const size_t rows = y->size(), columns = static_cast<size_t>(degree) + 1;
  if (rows * columns > size_t{1} << 25)
    throw std::length_error("series_fit_poly(): the series is too long");
  std::vector<std::vector<long double>> matrix(columns, std::vector<long double>(rows));
  std::vector<long double> target(y->begin(), y->end());
  for (size_t i = 0; i < rows; ++i) {
    long double power = 1;
    for (size_t k = 0; k < columns; ++k) {
      matrix[k][i] = power;
      power *= x[i];
    }
  }
  for (size_t k = 0; k < columns; ++k) {
    long double norm = 0;
    for (size_t i = k; i < rows; ++i) norm += matrix[k][i] * matrix[k][i];
    norm = std::sqrt(norm);
    if (norm == 0) return std::nullopt;
    if (matrix[k][k] > 0) norm = -norm;
    std::vector<long double> v(matrix[k].begin() + static_cast<int64_t>(k), matrix[k].end());
    v[0] -= norm;
    long double square = 0;
    for (const long double e : v) square += e * e;
    const auto reflect = [&](std::vector<long double>& column) {
      count_work(4 * v.size());
      long double dot = 0;
      for (size_t i = 0; i < v.size(); ++i) dot += v[i] * column[k + i];
      const long double factor = square > 0 ? 2 * dot / square : 0;
      for (size_t i = 0; i < v.size(); ++i) column[k + i] -= factor * v[i];
    };
    for (size_t j = k; j < columns; ++j) reflect(matrix[j]);
    reflect(target);
  }
  std::vector<long double> coefficients(columns);
  for (size_t k = columns; k-- > 0;) {
    long double sum = target[k];
    for (size_t j = k + 1; j < columns; ++j) sum -= matrix[j][k] * coefficients[j];
    coefficients[k] = sum / matrix[k][k];
  }
  Series fitted(rows);
  double residual = 0, squares = 0;
  const double mean = mean_of(*y);
  for (size_t i = 0; i < rows; ++i) {
    long double sum = 0;
    for (size_t k = columns; k-- > 0;) sum = sum * x[i] + coefficients[k];
    fitted[i] = static_cast<double>(sum);
    residual += (fitted[i] - (*y)[i]) * (fitted[i] - (*y)[i]);
    squares += ((*y)[i] - mean) * ((*y)[i] - mean);
  }
  const double divisor = rows > 1 ? static_cast<double>(rows - 1) : 1;
  JsonArray from_highest;
  for (size_t k = columns; k-- > 0;) from_highest.add_double(static_cast<double>(coefficients[k]));
  JsonObject out;
  out.add_double("rsquare", squares > 0 ? 1 - residual / squares : 1);
  out.add("coefficients", from_highest.finish().text);
  out.add_double("variance", squares / divisor);
  out.add_double("rvariance", residual / divisor);
  add_series(out.next("poly_fit"), fitted);
  return out.finish();
}

// Periods. A lag is a period when the series is more like itself there than at the lags around it; its
// score is how much it still is like itself after two of them.

constexpr size_t kLeastPeriod = 4;

// A correlation that is no greater comes from rounding.
constexpr double kLeastCorrelation = 1e-9;

bool is_hill(const Series& correlation, size_t lag) {
  return lag >= 1 && lag + 1 < correlation.size() &&
         correlation[lag] > correlation[lag - 1] + kLeastCorrelation &&
         correlation[lag] >= correlation[lag + 1] - kLeastCorrelation;
}
double period_score(const Series& correlation, size_t lag) {
  if (lag < kLeastPeriod || 2 * lag >= correlation.size() || !is_hill(correlation, lag)) return 0;
  return std::clamp(correlation[2 * lag], 0.0, 1.0);
}

struct Period {
  double length;
  double score;
};
// The best first; no multiples of a better one, and none that a neighbour outdoes.
std::vector<Period> find_periods(const Series& series, double shortest, double longest,
                                 size_t count) {
  const Series correlation = autocorrelation(series);
  std::vector<Period> hills;
  for (size_t lag = kLeastPeriod; 2 * lag < correlation.size(); ++lag) {
    const double length = static_cast<double>(lag);
    if (length < shortest || length > longest) continue;
    const double score = period_score(correlation, lag);
    if (score > kLeastCorrelation && correlation[lag] > kLeastCorrelation)
      hills.push_back({length, score});
  }
  std::stable_sort(hills.begin(), hills.end(), [&](const Period& a, const Period& b) {
    return correlation[static_cast<size_t>(a.length)] >
           correlation[static_cast<size_t>(b.length)] + 0.05;
  });
  std::vector<Period> kept;
  for (const Period& hill : hills) {
    count_work(1 + kept.size());
    const bool is_outdone = std::any_of(kept.begin(), kept.end(), [&](const Period& better) {
      const double ratio = hill.length / better.length;
      return ratio > 0.5 && (ratio < 1.5 || std::abs(ratio - std::round(ratio)) < 0.1);
    });
    if (is_outdone) continue;
    kept.push_back(hill);
    if (kept.size() == count) break;
  }
  std::stable_sort(kept.begin(), kept.end(),
                   [](const Period& a, const Period& b) { return a.score > b.score; });
  return kept;
}

constexpr int64_t kMaxPeriods = 1024;

Json periods_json(const std::vector<Period>& periods) {
  JsonArray lengths, scores, both;
  for (const Period& period : periods) {
    lengths.add_double(period.length);
    scores.add_double(period.score);
  }
  both.add(lengths.finish().text);
  both.add(scores.finish().text);
  return both.finish();
}
std::optional<Json> periods_detect(std::string_view value, double shortest, double longest,
                                   int64_t count) {
  const auto series = finite_series(value);
  if (!series || count < 0 || count > kMaxPeriods) return std::nullopt;
  auto periods = find_periods(*series, shortest, longest, static_cast<size_t>(count));
  periods.resize(static_cast<size_t>(count), {0, 0});
  return periods_json(periods);
}
std::optional<Json> periods_validate(std::string_view value, Rest<double> lengths) {
  const auto series = finite_series(value);
  if (!series) return std::nullopt;
  const Series correlation = autocorrelation(*series);
  std::vector<Period> periods;
  for (const auto& length : lengths) {
    if (!length) return std::nullopt;
    const double lag = std::round(*length);
    const bool fits = lag >= kLeastPeriod && lag * 2 <= static_cast<double>(series->size());
    periods.push_back({*length, fits ? period_score(correlation, static_cast<size_t>(lag)) : 0});
  }
  return periods_json(periods);
}

// The period to take out: given, or found when it is -1; 0 for none.
size_t choose_period(const Series& learned, int64_t wanted, double threshold) {
  if (wanted > 0)
    return static_cast<size_t>(wanted) <= learned.size() ? static_cast<size_t>(wanted) : 0;
  if (wanted == 0) return 0;
  const auto found = find_periods(learned, 0, static_cast<double>(learned.size()), 1);
  return found.empty() || found[0].score < threshold ? 0 : static_cast<size_t>(found[0].length);
}
// The median of each phase, over `count` places.
Series seasonal_part(const Series& learned, size_t period, size_t count) {
  Series result(count, 0);
  if (period == 0) return result;
  for (size_t phase = 0; phase < period; ++phase) {
    count_work(kJsonStepWork + (learned.size() + count) / period);
    Series values;
    for (size_t i = phase; i < learned.size(); i += period) values.push_back(learned[i]);
    const double median = median_of(std::move(values));
    for (size_t i = phase; i < count; i += period) result[i] = median;
  }
  return result;
}

std::optional<Json> seasonal(std::string_view value, int64_t period, double threshold) {
  const auto series = finite_series(value);
  if (!series) return std::nullopt;
  Json out;
  add_series(out.text,
             seasonal_part(*series, choose_period(*series, period, threshold), series->size()));
  return out;
}

struct Decomposition {
  Series baseline, seasonal, trend, residual;
};
std::optional<Decomposition> decomposition_of(std::string_view value, int64_t period,
                                              std::string_view trend, int64_t test_points,
                                              double threshold) {
  const auto series = finite_series(value);
  if (!series || test_points < 0 || static_cast<size_t>(test_points) >= series->size())
    return std::nullopt;
  if (trend != "avg" && trend != "linefit" && trend != "none") {
    throw std::invalid_argument("the trend must be 'avg', 'linefit' or 'none'");
  }
  const size_t n = series->size();
  Series learned(series->begin(), series->end() - test_points);
  Decomposition result;
  result.seasonal = seasonal_part(learned, choose_period(learned, period, threshold), n);
  for (size_t i = 0; i < learned.size(); ++i) learned[i] -= result.seasonal[i];
  if (trend == "avg") {
    result.trend.assign(n, mean_of(learned));
  } else if (trend == "linefit") {
    append_line(result.trend, fit_line(learned.data(), learned.size()), n);
  } else {
    result.trend.assign(n, 0);
  }
  for (size_t i = 0; i < n; ++i) {
    result.baseline.push_back(result.seasonal[i] + result.trend[i]);
    result.residual.push_back((*series)[i] - result.baseline[i]);
  }
  return result;
}
std::optional<Json> decompose(std::string_view value, int64_t period, std::string_view trend,
                              int64_t test_points, double threshold) {
  const auto parts = decomposition_of(value, period, trend, test_points, threshold);
  if (!parts) return std::nullopt;
  JsonArray out;
  add_series(out.next(), parts->baseline);
  add_series(out.next(), parts->seasonal);
  add_series(out.next(), parts->trend);
  add_series(out.next(), parts->residual);
  return out.finish();
}
std::optional<Json> forecast(std::string_view value, int64_t points, int64_t period,
                             std::string_view trend, double threshold) {
  const auto parts = decomposition_of(value, period, trend, points, threshold);
  if (!parts) return std::nullopt;
  Json out;
  add_series(out.text, parts->baseline);
  return out;
}

// Outliers. Beyond the quartiles a value's score is its distance from them in interquartile ranges; of
// the custom form these are taken without the greatest (for scores above 0) or least values. Distances and
// ranges up to `rounding` count as none: beyond quartiles that are equal but for it, a score is infinite.
Series outlier_scores(const Series& series, bool is_custom, double ignored, double low, double high,
                      double rounding) {
  const auto is_absent = [&](double x) { return std::isnan(x) || x == ignored; };
  Series sorted;
  for (const double x : series) {
    if (!is_absent(x)) sorted.push_back(x);
  }
  std::sort(sorted.begin(), sorted.end());
  Series scores(series.size(), 0);
  if (sorted.empty()) return scores;
  const double lower = quantile_of(sorted, 0.25), upper = quantile_of(sorted, 0.75);
  double above = upper, above_range = upper - lower, below = lower, below_range = upper - lower;
  if (is_custom) {
    const double least = quantile_of(sorted, low / 100), greatest = quantile_of(sorted, high / 100);
    Series without_greatest, without_least;
    for (const double x : sorted) {
      if (x < greatest) without_greatest.push_back(x);
      if (x >= least) without_least.push_back(x);
    }
    if (!without_greatest.empty()) {
      above = quantile_of(without_greatest, 0.75);
      above_range = above - quantile_of(without_greatest, 0.25);
    }
    below = quantile_of(without_least, 0.25);
    below_range = quantile_of(without_least, 0.75) - below;
  }
  for (size_t i = 0; i < series.size(); ++i) {
    const double x = series[i];
    if (is_absent(x)) continue;
    const auto score = [&](double distance, double range) {
      return distance / (range > rounding ? range : 0);
    };
    if (x > upper + rounding) scores[i] = score(x - above, above_range);
    if (x < lower - rounding) scores[i] = score(x - below, below_range);
  }
  return scores;
}

bool is_custom_kind(std::string_view kind) {
  if (kind != "tukey" && kind != "ctukey")
    throw std::invalid_argument("the kind must be 'tukey' or 'ctukey'");
  return kind == "ctukey";
}
std::optional<Json> outliers(std::string_view value, std::string_view kind,
                             std::optional<double> ignored, double low, double high) {
  const auto series = parse_series(value);
  if (!series || !(low >= 2 && low < high && high <= 98)) return std::nullopt;
  Json out;
  add_series(out.text, outlier_scores(*series, is_custom_kind(kind), ignored.value_or(kNaN), low,
                                      high, rounding_of(*series)));
  return out;
}

std::optional<Json> anomalies(std::string_view value, double threshold, int64_t period,
                              std::string_view trend, int64_t test_points, std::string_view kind,
                              double period_threshold) {
  const auto parts = decomposition_of(value, period, trend, test_points, period_threshold);
  if (!parts) return std::nullopt;
  // What is left of a series is as exact as the series was.
  const double rounding = std::max(rounding_of(*parse_series(value)), rounding_of(parts->baseline));
  const Series scores =
      outlier_scores(parts->residual, is_custom_kind(kind), kNaN, 10, 90, rounding);
  JsonArray flags, out;
  for (const double score : scores)
    flags.add_long(score > threshold ? 1 : score < -threshold ? -1 : 0);
  out.add(flags.finish().text);
  add_series(out.next(), scores);
  add_series(out.next(), parts->baseline);
  return out.finish();
}

constexpr Udf kFunctions[] = {
    udf<stats>("k_series_stats"),
    udf<line>("k_series_fit_line"),
    udf<two_lines>("k_series_fit_2lines"),
    udf<polynomial>("k_series_fit_poly"),
    udf<periods_detect>("k_series_periods_detect"),
    udf<periods_validate>("k_series_periods_validate"),
    udf<seasonal>("k_series_seasonal"),
    udf<decompose>("k_series_decompose"),
    udf<forecast>("k_series_decompose_forecast"),
    udf<outliers>("k_series_outliers"),
    udf<anomalies>("k_series_decompose_anomalies"),
};

}  // namespace

std::span<const Udf> series_model_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
