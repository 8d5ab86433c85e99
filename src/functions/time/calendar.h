#pragma once

#include <cstdint>

#include "common/clock.h"

// The proleptic Gregorian calendar over ticks since 0001-01-01.
namespace rivulet::functions {

struct CivilDate {
  int64_t year;
  int month;  // from 1
  int day;    // from 1
};

constexpr int64_t floor_divide(int64_t a, int64_t b) {
  return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

// Days since 0001-01-01 of a date; month and day must be in range.
constexpr int64_t days_of(int64_t year, int month, int day) {
  year -= month <= 2;
  const int64_t era = floor_divide(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 306;
}
static_assert(days_of(1, 1, 1) == 0);
static_assert(days_of(1970, 1, 1) * kTicksPerDay == kUnixEpochTicks);

constexpr CivilDate date_of_days(int64_t days) {
  days += 306;
  const int64_t era = floor_divide(days, 146097);
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
          static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1)};
}

constexpr CivilDate date_of(Ticks ticks) {
  return date_of_days(floor_divide(ticks, kTicksPerDay));
}

constexpr bool is_leap_year(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}
constexpr int days_in_month(int64_t year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : kDays[month - 1];
}
// 0 is Sunday; 0001-01-01 was a Monday.
constexpr int weekday_of_days(int64_t days) {
  return static_cast<int>(((days + 1) % 7 + 7) % 7);
}

}  // namespace rivulet::functions
