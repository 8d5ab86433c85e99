// The text forms of datetime and timespan.
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet {
namespace {

constexpr int kFractionDigits = 7;

// Days since 0001-01-01 of a date of the proleptic Gregorian calendar.
constexpr int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  int64_t era = year / 400;  // year is at least 0
  auto year_of_era = static_cast<unsigned>(year - era * 400);
  unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 306;
}
static_assert(days_from_civil(1, 1, 1) == 0);
static_assert(days_from_civil(1970, 1, 1) * kTicksPerDay == kUnixEpochTicks);

struct Civil {
  int year = 0;
  unsigned month = 1, day = 1;
};

constexpr Civil civil_from_days(int64_t days) {
  days += 306;
  int64_t era = days / 146'097;
  auto day_of_era = static_cast<unsigned>(days - era * 146'097);
  unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  unsigned shifted_month = (5 * day_of_year + 2) / 153;
  Civil civil;
  civil.day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  civil.month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  civil.year = static_cast<int>(year_of_era + era * 400) + (civil.month <= 2 ? 1 : 0);
  return civil;
}

constexpr unsigned days_in_month(int year, unsigned month) {
  constexpr unsigned char kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && is_leap ? 29 : kDays[month - 1];
}

struct DateTimeParts {
  int year = 0;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0;
  int64_t fraction_ticks = 0;
  int offset_minutes = 0;
};

std::optional<Ticks> to_ticks(const DateTimeParts& parts) {
  if (parts.year < 1 || parts.year > 9999 || parts.month < 1 || parts.month > 12 || parts.day < 1 ||
      static_cast<unsigned>(parts.day) >
          days_in_month(parts.year, static_cast<unsigned>(parts.month)) ||
      parts.hour > 23 || parts.minute > 59 || parts.second > 59) {
    return std::nullopt;
  }
  int64_t days = days_from_civil(parts.year, static_cast<unsigned>(parts.month),
                                 static_cast<unsigned>(parts.day));
  int64_t seconds = ((parts.hour * 60) + parts.minute - parts.offset_minutes) * 60 + parts.second;
  Ticks ticks = days * kTicksPerDay + seconds * kTicksPerSecond + parts.fraction_ticks;
  if (ticks < 0 || ticks > kMaxDateTimeTicks) return std::nullopt;
  return ticks;
}

int two_digits(const char* text) {
  unsigned high = static_cast<unsigned char>(text[0]) - '0';
  unsigned low = static_cast<unsigned char>(text[1]) - '0';
  return high > 9 || low > 9 ? -1 : static_cast<int>(high * 10 + low);
}

// "2014-05-25T08:20:03[.123…][Z]", by far the most frequent form; nothing means "look again, slower".
std::optional<Ticks> parse_fixed_iso(std::string_view text) {
  if (text.size() < 19) return std::nullopt;
  const char* p = text.data();
  if (p[4] != '-' || p[7] != '-' || (p[10] != 'T' && p[10] != ' ') || p[13] != ':' ||
      p[16] != ':') {
    return std::nullopt;
  }
  int century = two_digits(p), year = two_digits(p + 2);
  DateTimeParts parts;
  parts.month = two_digits(p + 5);
  parts.day = two_digits(p + 8);
  parts.hour = two_digits(p + 11);
  parts.minute = two_digits(p + 14);
  parts.second = two_digits(p + 17);
  if ((century | year | parts.month | parts.day | parts.hour | parts.minute | parts.second) < 0) {
    return std::nullopt;
  }
  parts.year = century * 100 + year;
  size_t at = 19;
  if (at < text.size() && p[at] == '.') {
    size_t first = ++at;
    int64_t scale = kTicksPerSecond / 10;
    for (; at < text.size() && p[at] >= '0' && p[at] <= '9'; ++at, scale /= 10) {
      parts.fraction_ticks += (p[at] - '0') * scale;
    }
    if (at == first) return std::nullopt;
  }
  if (at < text.size() && p[at] == 'Z') ++at;
  if (at != text.size()) return std::nullopt;
  return to_ticks(parts);
}

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 7> kWeekdays = {
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

struct Zone {
  std::string_view name;
  int offset_minutes;
};
constexpr std::array<Zone, 12> kZones = {{{"z", 0},
                                          {"utc", 0},
                                          {"gmt", 0},
                                          {"ut", 0},
                                          {"est", -300},
                                          {"edt", -240},
                                          {"cst", -360},
                                          {"cdt", -300},
                                          {"mst", -420},
                                          {"mdt", -360},
                                          {"pst", -480},
                                          {"pdt", -420}}};

// The index of a full name or its first three letters ("sept" too).
template <size_t N>
int find_name(const std::array<std::string_view, N>& names, std::string_view word) {
  for (size_t i = 0; i < N; ++i) {
    if (text::equals_ignoring_case(word, names[i]) ||
        text::equals_ignoring_case(word, names[i].substr(0, 3)) ||
        (word.size() == 4 && text::equals_ignoring_case(word, names[i].substr(0, 4)))) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

// Two digits are a year of 1950 to 2049, as in .NET.
int full_year(int year, int digits) {
  if (digits > 2) return year;
  return year < 50 ? 2000 + year : 1900 + year;
}

// Every other form: a date, then perhaps a time, then perhaps a zone.
class DateTimeParser {
 public:
  explicit DateTimeParser(std::string_view text) : scan_(text) {}

  std::optional<Ticks> parse() {
    scan_.skip_blanks();
    if (!parse_date()) return std::nullopt;
    bool has_blank = scan_.skip_blanks() > 0;
    if (!scan_.at_end()) {
      if (scan_.peek() == 'T' || scan_.peek() == 't') {
        scan_.skip(1);
      } else if (!has_blank) {
        return std::nullopt;
      }
      if (!parse_time()) return std::nullopt;
      scan_.skip_blanks();
      if (!parse_zone()) return std::nullopt;
      scan_.skip_blanks();
    }
    if (!scan_.at_end()) return std::nullopt;
    return to_ticks(parts_);
  }

 private:
  bool parse_date() {
    std::string_view word = scan_.take_letters();
    if (!word.empty() && find_name(kWeekdays, word) >= 0) {
      scan_.skip_if(',');
      scan_.skip_blanks();
      word = scan_.take_letters();
    }
    if (!word.empty()) return parse_date_from_month(word);

    int digits = 0;
    int first = scan_.take_number(digits);
    if (digits == 4) return parse_date_from_year(first);
    if (digits < 1 || digits > 2) return false;
    const char separator = scan_.peek();
    if (separator == '/' || separator == '-') {
      text::Scanner ahead = scan_;
      ahead.skip(1);
      if (ahead.at_digit()) return parse_us_date(first, separator);
    }
    return parse_date_from_day(first);
  }

  // "2014", "2014-11", "2014-11-08", "2014/11/08", "2014.11.08"
  bool parse_date_from_year(int year) {
    parts_.year = year;
    char separator = scan_.peek();
    if (separator != '-' && separator != '/' && separator != '.') return true;
    scan_.skip(1);
    int digits = 0;
    parts_.month = scan_.take_number(digits);
    if (digits < 1 || digits > 2) return false;
    if (scan_.peek() != separator) return true;
    scan_.skip(1);
    parts_.day = scan_.take_number(digits);
    return digits == 1 || digits == 2;
  }

  // "11/8/2014", "11-08-2014"
  bool parse_us_date(int month, char separator) {
    parts_.month = month;
    scan_.skip(1);
    int digits = 0;
    parts_.day = scan_.take_number(digits);
    if (digits < 1 || digits > 2 || !scan_.skip_if(separator)) return false;
    parts_.year = scan_.take_number(digits);
    if (digits != 2 && digits != 4) return false;
    parts_.year = full_year(parts_.year, digits);
    return true;
  }

  // "8 Nov 14", "08-Nov-2014"
  bool parse_date_from_day(int day) {
    parts_.day = day;
    if (!skip_date_separator()) return false;
    int month = find_name(kMonths, scan_.take_letters());
    if (month < 0 || !skip_date_separator()) return false;
    parts_.month = month + 1;
    int digits = 0;
    parts_.year = scan_.take_number(digits);
    if (digits != 2 && digits != 4) return false;
    parts_.year = full_year(parts_.year, digits);
    return true;
  }

  // "Nov 8, 2014", "November 8 2014"
  bool parse_date_from_month(std::string_view word) {
    int month = find_name(kMonths, word);
    if (month < 0 || !skip_date_separator()) return false;
    parts_.month = month + 1;
    int digits = 0;
    parts_.day = scan_.take_number(digits);
    if (digits < 1 || digits > 2) return false;
    bool has_comma = scan_.skip_if(',');
    if (scan_.skip_blanks() == 0 && !has_comma && !scan_.skip_if('-')) return false;
    parts_.year = scan_.take_number(digits);
    return digits == 4;
  }

  bool skip_date_separator() { return scan_.skip_if('-') || scan_.skip_blanks() > 0; }

  bool parse_time() {
    int digits = 0;
    parts_.hour = scan_.take_number(digits);
    if (digits < 1 || digits > 2) return false;
    if (scan_.skip_if(':')) {
      parts_.minute = scan_.take_number(digits);
      if (digits < 1 || digits > 2) return false;
      if (scan_.skip_if(':')) {
        parts_.second = scan_.take_number(digits);
        if (digits < 1 || digits > 2) return false;
        if (scan_.skip_if('.') || scan_.skip_if(',')) {
          int64_t scale = kTicksPerSecond / 10;
          if (!scan_.at_digit()) return false;
          for (; scan_.at_digit(); scan_.skip(1), scale /= 10) {
            parts_.fraction_ticks += (scan_.peek() - '0') * scale;
          }
        }
      }
      return parse_half_of_day(false);
    }
    return parse_half_of_day(true);
  }

  // "AM" and "PM"
  bool parse_half_of_day(bool required) {
    text::Scanner before = scan_;
    scan_.skip_blanks();
    std::string_view word = scan_.take_letters();
    bool is_morning = text::equals_ignoring_case(word, "am");
    if (!is_morning && !text::equals_ignoring_case(word, "pm")) {
      scan_ = before;
      return !required;
    }
    if (parts_.hour < 1 || parts_.hour > 12) return false;
    parts_.hour = parts_.hour % 12 + (is_morning ? 0 : 12);
    return true;
  }

  // "Z", "GMT", "+02:00", "+0200", "+02"
  bool parse_zone() {
    char sign = scan_.peek();
    if (sign == '+' || sign == '-') {
      scan_.skip(1);
      int digits = 0;
      int hours = scan_.take_number(digits);
      int minutes = 0;
      if (digits == 4) {
        minutes = hours % 100;
        hours /= 100;
      } else if (digits != 1 && digits != 2) {
        return false;
      } else if (scan_.skip_if(':')) {
        minutes = scan_.take_number(digits);
        if (digits != 2) return false;
      }
      if (hours > 14 || minutes > 59) return false;
      parts_.offset_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
      return true;
    }
    std::string_view word = scan_.take_letters();
    if (word.empty()) return true;
    for (const Zone& zone : kZones) {
      if (text::equals_ignoring_case(word, zone.name)) {
        parts_.offset_minutes = zone.offset_minutes;
        return true;
      }
    }
    return false;
  }

  text::Scanner scan_;
  DateTimeParts parts_;
};

void append_two_digits(char* out, unsigned value) {
  out[0] = static_cast<char>('0' + value / 10);
  out[1] = static_cast<char>('0' + value % 10);
}

// ".fffffff", without zeros at the end when `trim`.
void append_fraction(std::string& out, int64_t fraction_ticks, bool trim) {
  char digits[1 + kFractionDigits];
  digits[0] = '.';
  for (int i = kFractionDigits; i > 0; --i, fraction_ticks /= 10) {
    digits[i] = static_cast<char>('0' + fraction_ticks % 10);
  }
  size_t count = sizeof(digits);
  while (trim && digits[count - 1] == '0') --count;
  out.append(digits, count);
}

struct TimeUnit {
  std::string_view name;
  int64_t ticks;
};
constexpr std::array<TimeUnit, 33> kTimeUnits = {{{"d", kTicksPerDay},
                                                  {"day", kTicksPerDay},
                                                  {"days", kTicksPerDay},
                                                  {"h", kTicksPerHour},
                                                  {"hr", kTicksPerHour},
                                                  {"hrs", kTicksPerHour},
                                                  {"hour", kTicksPerHour},
                                                  {"hours", kTicksPerHour},
                                                  {"m", kTicksPerMinute},
                                                  {"min", kTicksPerMinute},
                                                  {"mins", kTicksPerMinute},
                                                  {"minute", kTicksPerMinute},
                                                  {"minutes", kTicksPerMinute},
                                                  {"s", kTicksPerSecond},
                                                  {"sec", kTicksPerSecond},
                                                  {"secs", kTicksPerSecond},
                                                  {"second", kTicksPerSecond},
                                                  {"seconds", kTicksPerSecond},
                                                  {"ms", kTicksPerMillisecond},
                                                  {"milli", kTicksPerMillisecond},
                                                  {"millis", kTicksPerMillisecond},
                                                  {"millisec", kTicksPerMillisecond},
                                                  {"millisecond", kTicksPerMillisecond},
                                                  {"milliseconds", kTicksPerMillisecond},
                                                  {"us", kTicksPerMicrosecond},
                                                  {"micro", kTicksPerMicrosecond},
                                                  {"micros", kTicksPerMicrosecond},
                                                  {"microsec", kTicksPerMicrosecond},
                                                  {"microsecond", kTicksPerMicrosecond},
                                                  {"microseconds", kTicksPerMicrosecond},
                                                  {"tick", 1},
                                                  {"ticks", 1},
                                                  {"", kTicksPerDay}}};

// "1.5h", "15 seconds", "2"
std::optional<int64_t> parse_timespan_with_unit(std::string_view text) {
  size_t unit_at = text.size();
  while (unit_at > 0 && text::is_letter(text[unit_at - 1])) --unit_at;
  const TimeUnit* unit = nullptr;
  for (const TimeUnit& candidate : kTimeUnits) {
    if (text::equals_ignoring_case(text.substr(unit_at), candidate.name)) unit = &candidate;
  }
  if (unit == nullptr) return std::nullopt;
  std::string_view number = text::trim(text.substr(0, unit_at));
  if (auto whole = parse_long(number)) {
    __int128 ticks = static_cast<__int128>(*whole) * unit->ticks;
    if (ticks > std::numeric_limits<int64_t>::max() ||
        ticks < std::numeric_limits<int64_t>::min()) {
      return std::nullopt;
    }
    return static_cast<int64_t>(ticks);
  }
  auto value = parse_real(number);
  if (!value) return std::nullopt;
  double ticks = std::round(*value * static_cast<double>(unit->ticks));
  if (!(std::abs(ticks) < 9.2233720368547748e18)) return std::nullopt;
  return static_cast<int64_t>(ticks);
}

// "[-][d.]hh:mm[:ss[.fffffff]]"
std::optional<int64_t> parse_clock_timespan(std::string_view text) {
  text::Scanner scan(text);
  bool is_negative = scan.skip_if('-');
  if (!is_negative) scan.skip_if('+');
  int digits = 0;
  int64_t days = 0;
  int64_t hours = scan.take_number(digits);
  if (digits == 0) return std::nullopt;
  if (scan.skip_if('.')) {
    days = hours;
    hours = scan.take_number(digits);
    if (digits == 0) return std::nullopt;
  }
  if (!scan.skip_if(':') || hours > 23) return std::nullopt;
  int64_t minutes = scan.take_number(digits);
  if (digits < 1 || minutes > 59) return std::nullopt;
  int64_t seconds = 0, fraction_ticks = 0;
  if (scan.skip_if(':')) {
    seconds = scan.take_number(digits);
    if (digits < 1 || seconds > 59) return std::nullopt;
    if (scan.skip_if('.')) {
      int64_t scale = kTicksPerSecond / 10;
      for (; scan.at_digit(); scan.skip(1), scale /= 10)
        fraction_ticks += (scan.peek() - '0') * scale;
    }
  }
  if (!scan.at_end()) return std::nullopt;
  __int128 ticks = static_cast<__int128>(days) * kTicksPerDay + hours * kTicksPerHour +
                   minutes * kTicksPerMinute + seconds * kTicksPerSecond + fraction_ticks;
  if (is_negative) ticks = -ticks;
  if (ticks > std::numeric_limits<int64_t>::max() || ticks < std::numeric_limits<int64_t>::min()) {
    return std::nullopt;
  }
  return static_cast<int64_t>(ticks);
}

}  // namespace

std::optional<Ticks> parse_datetime(std::string_view text) {
  if (auto ticks = parse_fixed_iso(text)) return ticks;
  return DateTimeParser(text).parse();
}

void append_datetime(std::string& out, Ticks ticks, bool trim) {
  Civil civil = civil_from_days(ticks / kTicksPerDay);
  int64_t of_day = ticks % kTicksPerDay;
  auto seconds = static_cast<unsigned>(of_day / kTicksPerSecond);
  char text[] = "yyyy-mm-ddThh:mm:ss";
  append_two_digits(text, static_cast<unsigned>(civil.year) / 100);
  append_two_digits(text + 2, static_cast<unsigned>(civil.year) % 100);
  append_two_digits(text + 5, civil.month);
  append_two_digits(text + 8, civil.day);
  append_two_digits(text + 11, seconds / 3600);
  append_two_digits(text + 14, seconds / 60 % 60);
  append_two_digits(text + 17, seconds % 60);
  out.append(text, sizeof(text) - 1);
  int64_t fraction = of_day % kTicksPerSecond;
  if (!trim || fraction != 0) append_fraction(out, fraction, trim);
  out += 'Z';
}

std::optional<int64_t> parse_timespan(std::string_view text) {
  text = text::trim(text);
  if (text.empty()) return std::nullopt;
  if (text.find(':') != std::string_view::npos) return parse_clock_timespan(text);
  return parse_timespan_with_unit(text);
}

void append_timespan(std::string& out, int64_t ticks) {
  // Unsigned, since the least value has no positive counterpart.
  uint64_t rest = ticks < 0 ? 0 - static_cast<uint64_t>(ticks) : static_cast<uint64_t>(ticks);
  if (ticks < 0) out += '-';
  if (uint64_t days = rest / kTicksPerDay; days != 0) {
    char digits[20];
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), days).ptr);
    out += '.';
  }
  auto seconds = static_cast<unsigned>(rest % kTicksPerDay / kTicksPerSecond);
  char text[] = "hh:mm:ss";
  append_two_digits(text, seconds / 3600);
  append_two_digits(text + 3, seconds / 60 % 60);
  append_two_digits(text + 6, seconds % 60);
  out.append(text, sizeof(text) - 1);
  auto fraction = static_cast<int64_t>(rest % kTicksPerSecond);
  if (fraction != 0) append_fraction(out, fraction, false);
}

}  // namespace rivulet
