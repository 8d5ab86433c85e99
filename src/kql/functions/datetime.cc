#include "kql/functions/library.h"

// Functions of datetime and timespan.
namespace rivulet::kql {

namespace {

Expr literal_datetime(int64_t ticks) {
  if (ticks < 0 || ticks > kMaxDateTimeTicks) return literal_expr({ScalarType::kDateTime, {}});
  return literal_expr({ScalarType::kDateTime, ticks});
}

// now(), now(offset) and ago(offset).
template <bool kIsAgo>
Expr bind_now(const CallContext& context, Arguments arguments) {
  const Expr now = literal_datetime(context.now);
  if (arguments.empty()) return now;
  const std::string_view name = kIsAgo ? "ago" : "now";
  const auto offset = convert_argument(arguments[0], ScalarType::kTimeSpan);
  if (!offset) argument_error(name, 0, "a timespan");
  const Expr terms[] = {now, *offset};
  return find_scalar_function(kIsAgo ? "-" : "+")->bind(context, Arguments(terms));
}

// make_datetime(year, month, day[, hour, minute[, second]]), or of one value.
Expr bind_make_datetime(const CallContext&, Arguments arguments) {
  if (arguments.size() == 1) return convert(arguments[0], ScalarType::kDateTime);
  if (arguments.size() == 2)
    throw semantic_error("SEM0219", "make_datetime(): takes a year, a month and a day at least");
  return bind_signature("make_datetime", "T:LLL?L=0::BIGINT;L=0::BIGINT;R=0::DOUBLE;",
                        "k_make_datetime($)", arguments);
}

// make_timespan(hours, minutes[, seconds]) or (days, hours, minutes, seconds), or of one value.
Expr bind_make_timespan(const CallContext&, Arguments arguments) {
  if (arguments.size() == 1) return convert(arguments[0], ScalarType::kTimeSpan);
  if (arguments.size() == 4)
    return bind_signature("make_timespan", "P:LLLR", "k_make_timespan($)", arguments);
  return bind_signature("make_timespan", "P:LL?R=0::DOUBLE;", "k_make_timespan(0::BIGINT, $)",
                        arguments);
}

template <FixedString kName, int64_t kUnitTicks>
Expr bind_unix_time(const CallContext&, Arguments arguments) {
  const std::string unit = long_sql(kUnitTicks);
  if (arguments[0].type == ScalarType::kReal || arguments[0].type == ScalarType::kDecimal) {
    return bind_signature(kName.view(), "T:R", "k_from_unix_time_real($, " + unit + ")", arguments);
  }
  return bind_signature(kName.view(), "T:L", "k_from_unix_time($, " + unit + ")", arguments);
}

constexpr ScalarFunction kFunctions[] = {
    {"now", 0, 1, bind_now<false>},
    {"ago", 1, 1, bind_now<true>},
    {"make_datetime", 1, 6, bind_make_datetime},
    {"make_timespan", 1, 4, bind_make_timespan},
    simple<"datetime_add", "T:SLT", "k_datetime_add($)">(),
    simple<"datetime_diff", "L:STT", "k_datetime_diff($)">(),
    simple<"datetime_part", "I:ST", "k_datetime_part($)::INTEGER">(),
    simple<"datepart", "I:ST", "k_datetime_part($)::INTEGER">(),
    simple<"getyear", "I:T", "k_year($)">(),
    simple<"getmonth", "I:T", "k_month($)">(),
    simple<"monthofyear", "I:T", "k_month($)">(),
    simple<"dayofmonth", "I:T", "k_dayofmonth($)">(),
    simple<"dayofyear", "I:T", "k_dayofyear($)">(),
    simple<"dayofweek", "P:T", "k_dayofweek($)">(),
    simple<"hourofday", "I:T", "k_hourofday($)">(),
    simple<"week_of_year", "I:T", "k_weekofyear($)::INTEGER">(),
    simple<"weekofyear", "I:T", "k_weekofyear($)::INTEGER">(),
    simple<"startofday", "T:T?L=0::BIGINT;", "k_startofday($)">(),
    simple<"startofweek", "T:T?L=0::BIGINT;", "k_startofweek($)">(),
    simple<"startofmonth", "T:T?L=0::BIGINT;", "k_startofmonth($)">(),
    simple<"startofyear", "T:T?L=0::BIGINT;", "k_startofyear($)">(),
    simple<"endofday", "T:T?L=0::BIGINT;", "k_endofday($)">(),
    simple<"endofweek", "T:T?L=0::BIGINT;", "k_endofweek($)">(),
    simple<"endofmonth", "T:T?L=0::BIGINT;", "k_endofmonth($)">(),
    simple<"endofyear", "T:T?L=0::BIGINT;", "k_endofyear($)">(),
    simple<"format_datetime", "S:TS", "k_format_datetime($)">(),
    simple<"format_timespan", "S:PS", "k_format_timespan($)">(),
    {"unixtime_seconds_todatetime", 1, 1,
     bind_unix_time<"unixtime_seconds_todatetime", kTicksPerSecond>},
    {"unixtime_milliseconds_todatetime", 1, 1,
     bind_unix_time<"unixtime_milliseconds_todatetime", kTicksPerMillisecond>},
    {"unixtime_microseconds_todatetime", 1, 1,
     bind_unix_time<"unixtime_microseconds_todatetime", kTicksPerMicrosecond>},
    simple<"unixtime_nanoseconds_todatetime", "T:L", "k_from_unix_nanoseconds($)">(),
};

}  // namespace

std::span<const ScalarFunction> datetime_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
