#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "functions/families.h"
#include "functions/time/calendar.h"
#include "types/text.h"

// The calendar's functions of datetime and timespan. What lies outside 0001-01-01 to 9999-12-31 is null.
namespace rivulet::functions {

namespace {

enum class Period {
  kYear,
  kQuarter,
  kMonth,
  kWeek,
  kDay,
  kHour,
  kMinute,
  kSecond,
  kMillisecond,
  kMicrosecond,
  kNanosecond,
  kDayOfYear,
  kWeekOfYear,
};

constexpr std::pair<std::string_view, Period> kPeriods[] = {
    {"year", Period::kYear},
    {"quarter", Period::kQuarter},
    {"month", Period::kMonth},
    {"week", Period::kWeek},
    {"day", Period::kDay},
    {"hour", Period::kHour},
    {"minute", Period::kMinute},
    {"second", Period::kSecond},
    {"millisecond", Period::kMillisecond},
    {"microsecond", Period::kMicrosecond},
    {"nanosecond", Period::kNanosecond},
    {"dayofyear", Period::kDayOfYear},
    {"weekofyear", Period::kWeekOfYear},
    {"week_of_year", Period::kWeekOfYear},
};

Period period_of(std::string_view name) {
  std::string folded;
  for (const char c : name) folded += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  for (const auto& [known, period] : kPeriods) {
    if (folded == known) return period;
  }
  throw std::invalid_argument("'" + std::string(name) + "' is not a part of a datetime");
}

std::optional<int64_t> checked(__int128 ticks) {
  if (ticks < 0 || ticks > kMaxDateTimeTicks) return std::nullopt;
  return static_cast<int64_t>(ticks);
}

// The first day of the month `months` after year 1, January; the month may be out of range.
std::optional<int64_t> first_of_month(int64_t months) {
  if (months < 0 || months >= 12 * 9999) return std::nullopt;
  return days_of(months / 12 + 1, static_cast<int>(months % 12) + 1, 1);
}
int64_t months_of(int64_t ticks) {
  const CivilDate date = date_of(ticks);
  return (date.year - 1) * 12 + date.month - 1;
}

std::optional<int64_t> add_months(int64_t ticks, int64_t months) {
  if (std::abs(months) > 12 * 10000) return std::nullopt;
  const CivilDate date = date_of(ticks);
  const int64_t target = (date.year - 1) * 12 + date.month - 1 + months;
  const auto first = first_of_month(target);
  if (!first) return std::nullopt;
  const int last = days_in_month(target / 12 + 1, static_cast<int>(target % 12) + 1);
  const int64_t time = ticks - floor_divide(ticks, kTicksPerDay) * kTicksPerDay;
  return (*first + std::min(date.day, last) - 1) * kTicksPerDay + time;
}

// Ticks of a period of fixed length, 0 for others.
int64_t fixed_ticks(Period period) {
  switch (period) {
    case Period::kWeek:
      return 7 * kTicksPerDay;
    case Period::kDay:
      return kTicksPerDay;
    case Period::kHour:
      return kTicksPerHour;
    case Period::kMinute:
      return kTicksPerMinute;
    case Period::kSecond:
      return kTicksPerSecond;
    case Period::kMillisecond:
      return kTicksPerMillisecond;
    case Period::kMicrosecond:
      return kTicksPerMicrosecond;
    default:
      return 0;
  }
}

std::optional<int64_t> datetime_add(std::string_view part, int64_t amount, int64_t ticks) {
  const Period period = period_of(part);
  switch (period) {
    case Period::kYear:
      return std::abs(amount) > 10000 ? std::nullopt : add_months(ticks, amount * 12);
    case Period::kQuarter:
      return std::abs(amount) > 50000 ? std::nullopt : add_months(ticks, amount * 3);
    case Period::kMonth:
      return add_months(ticks, amount);
    case Period::kNanosecond:
      return checked(static_cast<__int128>(ticks) + amount / 100);
    default:
      if (fixed_ticks(period) == 0) period_of({});
      return checked(static_cast<__int128>(ticks) +
                     static_cast<__int128>(amount) * fixed_ticks(period));
  }
}

// How many borders of the period lie between the two.
int64_t datetime_diff(std::string_view part, int64_t a, int64_t b) {
  const Period period = period_of(part);
  switch (period) {
    case Period::kYear:
      return date_of(a).year - date_of(b).year;
    case Period::kQuarter:
      return months_of(a) / 3 - months_of(b) / 3;
    case Period::kMonth:
      return months_of(a) - months_of(b);
    case Period::kWeek:
      // 0001-01-01 was a Monday, so weeks from Sunday begin one day before.
      return floor_divide(a + kTicksPerDay, 7 * kTicksPerDay) -
             floor_divide(b + kTicksPerDay, 7 * kTicksPerDay);
    case Period::kNanosecond:
      return static_cast<int64_t>((static_cast<uint64_t>(a) - static_cast<uint64_t>(b)) * 100);
    default: {
      const int64_t unit = fixed_ticks(period);
      if (unit == 0) period_of({});
      return floor_divide(a, unit) - floor_divide(b, unit);
    }
  }
}

int32_t day_of_year(int64_t ticks) {
  const int64_t days = floor_divide(ticks, kTicksPerDay);
  return static_cast<int32_t>(days - days_of(date_of_days(days).year, 1, 1) + 1);
}

// ISO 8601: the week of its Thursday.
int32_t week_of_year(int64_t ticks) {
  const int64_t days = floor_divide(ticks, kTicksPerDay);
  const int weekday = (weekday_of_days(days) + 6) % 7;  // 0 is Monday
  const int64_t thursday = days - weekday + 3;
  return static_cast<int32_t>((thursday - days_of(date_of_days(thursday).year, 1, 1)) / 7 + 1);
}

int32_t year(int64_t ticks) {
  return static_cast<int32_t>(date_of(ticks).year);
}
int32_t month(int64_t ticks) {
  return date_of(ticks).month;
}
int32_t day_of_month(int64_t ticks) {
  return date_of(ticks).day;
}
int32_t hour_of_day(int64_t ticks) {
  return static_cast<int32_t>((ticks - floor_divide(ticks, kTicksPerDay) * kTicksPerDay) /
                              kTicksPerHour);
}
int64_t day_of_week(int64_t ticks) {
  return weekday_of_days(floor_divide(ticks, kTicksPerDay)) * kTicksPerDay;
}

std::optional<int64_t> datetime_part(std::string_view part, int64_t ticks) {
  const int64_t within_second = ticks % kTicksPerSecond;
  switch (period_of(part)) {
    case Period::kYear:
      return date_of(ticks).year;
    case Period::kQuarter:
      return (date_of(ticks).month + 2) / 3;
    case Period::kMonth:
      return date_of(ticks).month;
    case Period::kWeek:
    case Period::kWeekOfYear:
      return week_of_year(ticks);
    case Period::kDay:
      return date_of(ticks).day;
    case Period::kDayOfYear:
      return day_of_year(ticks);
    case Period::kHour:
      return hour_of_day(ticks);
    case Period::kMinute:
      return ticks / kTicksPerMinute % 60;
    case Period::kSecond:
      return ticks / kTicksPerSecond % 60;
    case Period::kMillisecond:
      return within_second / kTicksPerMillisecond;
    case Period::kMicrosecond:
      return within_second / kTicksPerMicrosecond;
    case Period::kNanosecond:
      return within_second * 100;
  }
  return std::nullopt;
}

std::optional<int64_t> start_of_day(int64_t ticks, int64_t offset) {
  return checked((floor_divide(ticks, kTicksPerDay) + static_cast<__int128>(offset)) *
                 kTicksPerDay);
}
std::optional<int64_t> start_of_week(int64_t ticks, int64_t offset) {
  const int64_t days = floor_divide(ticks, kTicksPerDay);
  return checked((days - weekday_of_days(days) + static_cast<__int128>(offset) * 7) * kTicksPerDay);
}
std::optional<int64_t> start_of_month(int64_t ticks, int64_t offset) {
  if (std::abs(offset) > 12 * 10000) return std::nullopt;
  const auto days = first_of_month(months_of(ticks) + offset);
  return days ? std::optional(*days * kTicksPerDay) : std::nullopt;
}
std::optional<int64_t> start_of_year(int64_t ticks, int64_t offset) {
  if (std::abs(offset) > 10000) return std::nullopt;
  const auto days = first_of_month((date_of(ticks).year - 1 + offset) * 12);
  return days ? std::optional(*days * kTicksPerDay) : std::nullopt;
}
// The tick before the period that follows.
template <auto start>
std::optional<int64_t> end_of(int64_t ticks, int64_t offset) {
  int64_t following;
  if (__builtin_add_overflow(offset, 1, &following)) return std::nullopt;
  const auto next = start(ticks, following);
  if (next) return *next - 1;
  return start(ticks, offset) ? std::optional(kMaxDateTimeTicks) : std::nullopt;
}

std::optional<int64_t> make_datetime(int64_t year, int64_t month, int64_t day, int64_t hour,
                                     int64_t minute, double second) {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 ||
      day > days_in_month(year, static_cast<int>(month)) || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || !(second >= 0 && second < 60)) {
    return std::nullopt;
  }
  return days_of(year, static_cast<int>(month), static_cast<int>(day)) * kTicksPerDay +
         hour * kTicksPerHour + minute * kTicksPerMinute +
         static_cast<int64_t>(std::round(second * kTicksPerSecond));
}
std::optional<int64_t> make_timespan(int64_t days, int64_t hours, int64_t minutes, double seconds) {
  if (std::abs(days) > 10675199 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59 ||
      !(seconds >= 0 && seconds < 60)) {
    return std::nullopt;
  }
  const __int128 ticks = static_cast<__int128>(days) * kTicksPerDay + hours * kTicksPerHour +
                         minutes * kTicksPerMinute +
                         static_cast<int64_t>(std::round(seconds * kTicksPerSecond));
  return static_cast<int64_t>(ticks);
}

void append_padded(std::string& out, int64_t value, size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

// The run of equal letters at `at`.
size_t run_length(std::string_view format, size_t at) {
  size_t end = at;
  while (end < format.size() && format[end] == format[at]) ++end;
  return end - at;
}

bool is_delimiter(char c) {
  return std::string_view(" /-:,._[]").find(c) != std::string_view::npos;
}

// A fraction of a second to `digits` places; of an F form nothing when it is zero, and no zeros at its end.
void append_fraction(std::string& out, int64_t ticks_in_second, size_t digits, bool trim) {
  std::string fraction;
  append_padded(fraction, ticks_in_second, 7);
  fraction.resize(std::min<size_t>(digits, 7));
  if (trim) {
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  }
  out += fraction;
}

// Throws for an element (a run of one letter) that is none of `elements`.
void check_element(std::string_view function, std::string_view element,
                   std::initializer_list<std::string_view> elements) {
  if (std::find(elements.begin(), elements.end(), element) != elements.end()) return;
  throw std::invalid_argument(std::string(function) + "(): there is no format element '" +
                              std::string(element) + "'");
}

std::string format_datetime(int64_t ticks, std::string_view format) {
  const CivilDate date = date_of(ticks);
  const int64_t time = ticks - floor_divide(ticks, kTicksPerDay) * kTicksPerDay;
  const int64_t hour = time / kTicksPerHour;
  std::string out;
  for (size_t at = 0; at < format.size();) {
    const char letter = format[at];
    if (is_delimiter(letter)) {
      out += letter;
      ++at;
      continue;
    }
    const size_t run = run_length(format, at);
    check_element(
        "format_datetime", format.substr(at, run),
        {"d",  "dd",  "f",    "ff",    "fff",    "ffff",    "fffff", "ffffff", "fffffff", "F",
         "FF", "FFF", "FFFF", "FFFFF", "FFFFFF", "FFFFFFF", "h",     "hh",     "H",       "HH",
         "m",  "mm",  "M",    "MM",    "s",      "ss",      "y",     "yy",     "yyyy",    "tt"});
    at += run;
    switch (letter) {
      case 'y':
        if (run > 2) {
          append_padded(out, date.year, run);
        } else {
          append_padded(out, date.year % 100, run);
        }
        break;
      case 'M':
        append_padded(out, date.month, run);
        break;
      case 'd':
        append_padded(out, date.day, run);
        break;
      case 'h':
        append_padded(out, hour % 12 == 0 ? 12 : hour % 12, run);
        break;
      case 'H':
        append_padded(out, hour, run);
        break;
      case 'm':
        append_padded(out, time / kTicksPerMinute % 60, run);
        break;
      case 's':
        append_padded(out, time / kTicksPerSecond % 60, run);
        break;
      case 'f':
      case 'F':
        append_fraction(out, time % kTicksPerSecond, run, letter == 'F');
        break;
      default:  // tt
        out += hour < 12 ? "AM" : "PM";
        break;
    }
  }
  return out;
}

std::string format_timespan(int64_t ticks, std::string_view format) {
  const uint64_t size = ticks < 0 ? 0 - static_cast<uint64_t>(ticks) : static_cast<uint64_t>(ticks);
  const int64_t days = static_cast<int64_t>(size / kTicksPerDay);
  const int64_t time = static_cast<int64_t>(size % kTicksPerDay);
  std::string out;
  if (ticks < 0) out += '-';
  for (size_t at = 0; at < format.size();) {
    const char letter = format[at];
    if (is_delimiter(letter)) {
      out += letter;
      ++at;
      continue;
    }
    const size_t run = run_length(format, at);
    check_element("format_timespan", format.substr(at, run),
                  {"d",  "dd",  "ddd",  "dddd",  "ddddd",  "dddddd", "ddddddd", "dddddddd",
                   "h",  "hh",  "H",    "HH",    "m",      "mm",     "s",       "ss",
                   "f",  "ff",  "fff",  "ffff",  "fffff",  "ffffff", "fffffff", "F",
                   "FF", "FFF", "FFFF", "FFFFF", "FFFFFF", "FFFFFFF"});
    at += run;
    switch (letter) {
      case 'd':
        append_padded(out, days, run);
        break;
      case 'h':
      case 'H':
        append_padded(out, time / kTicksPerHour, run);
        break;
      case 'm':
        append_padded(out, time / kTicksPerMinute % 60, run);
        break;
      case 's':
        append_padded(out, time / kTicksPerSecond % 60, run);
        break;
      default:  // f and F
        append_fraction(out, time % kTicksPerSecond, run, letter == 'F');
        break;
    }
  }
  return out;
}

// Since 1970, counted in units of `ticks` ticks; or, for nanoseconds, of a hundredth.
std::optional<int64_t> from_unix_time(double count, int64_t unit_ticks) {
  if (!(std::abs(count) < 1e18)) return std::nullopt;
  const double ticks = count * static_cast<double>(unit_ticks);
  if (!(std::abs(ticks) < 4e18)) return std::nullopt;
  return checked(static_cast<__int128>(ticks) + kUnixEpochTicks);
}
std::optional<int64_t> from_unix_time_long(int64_t count, int64_t unit_ticks) {
  return checked(static_cast<__int128>(count) * unit_ticks + kUnixEpochTicks);
}
std::optional<int64_t> from_unix_nanoseconds(int64_t count) {
  return checked(static_cast<__int128>(floor_divide(count, 100)) + kUnixEpochTicks);
}

constexpr Udf kFunctions[] = {
    udf<datetime_add>("k_datetime_add"),
    udf<datetime_diff>("k_datetime_diff"),
    udf<datetime_part>("k_datetime_part"),
    udf<year>("k_year"),
    udf<month>("k_month"),
    udf<day_of_month>("k_dayofmonth"),
    udf<day_of_year>("k_dayofyear"),
    udf<day_of_week>("k_dayofweek"),
    udf<week_of_year>("k_weekofyear"),
    udf<hour_of_day>("k_hourofday"),
    udf<start_of_day>("k_startofday"),
    udf<start_of_week>("k_startofweek"),
    udf<start_of_month>("k_startofmonth"),
    udf<start_of_year>("k_startofyear"),
    udf<end_of<start_of_day>>("k_endofday"),
    udf<end_of<start_of_week>>("k_endofweek"),
    udf<end_of<start_of_month>>("k_endofmonth"),
    udf<end_of<start_of_year>>("k_endofyear"),
    udf<make_datetime>("k_make_datetime"),
    udf<make_timespan>("k_make_timespan"),
    udf<format_datetime>("k_format_datetime"),
    udf<format_timespan>("k_format_timespan"),
    udf<from_unix_time>("k_from_unix_time_real"),
    udf<from_unix_time_long>("k_from_unix_time"),
    udf<from_unix_nanoseconds>("k_from_unix_nanoseconds"),
};

}  // namespace

std::span<const Udf> datetime_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
