#include <unicode/basictz.h>
#include <unicode/strenum.h>
#include <unicode/timezone.h>
#include <unicode/unistr.h>
#include <memory>
#include <stdexcept>

#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/time/calendar.h"

// Local time by the time zones of the IANA, from ICU.
namespace rivulet::functions {

namespace {

// Nothing for a name that is no time zone.
std::unique_ptr<icu::TimeZone> find_zone(std::string_view name) {
  std::unique_ptr<icu::TimeZone> zone(icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(
      icu::StringPiece(name.data(), static_cast<int32_t>(name.size())))));
  if (zone == nullptr || *zone == icu::TimeZone::getUnknown()) {
    throw std::invalid_argument("'" + std::string(name) + "' is not a time zone");
  }
  return zone;
}
const icu::TimeZone& cached_zone(std::string_view name) {
  thread_local CachedByText<std::unique_ptr<icu::TimeZone>> cache;
  return *cache.get(name, find_zone);
}

// How far the zone is ahead of UTC at the time, which is local or UTC.
int64_t offset_ticks(std::string_view name, int64_t ticks, bool is_local) {
  const double milliseconds =
      static_cast<double>(floor_divide(ticks - kUnixEpochTicks, kTicksPerMillisecond));
  int32_t raw = 0, saving = 0;
  UErrorCode status = U_ZERO_ERROR;
  const icu::TimeZone& zone = cached_zone(name);
  if (const auto* basic = dynamic_cast<const icu::BasicTimeZone*>(&zone);
      is_local && basic != nullptr) {
    // A time that clocks skip is read with the offset after, one that comes twice as standard time.
    basic->getOffsetFromLocal(milliseconds, UCAL_TZ_LOCAL_LATTER, UCAL_TZ_LOCAL_STANDARD_LATTER,
                              raw, saving, status);
  } else {
    zone.getOffset(milliseconds, is_local, raw, saving, status);
  }
  if (U_FAILURE(status)) throw std::runtime_error("no offset of the time zone is known");
  return (int64_t{raw} + saving) * kTicksPerMillisecond;
}

std::optional<int64_t> in_range(int64_t ticks) {
  if (ticks < 0 || ticks > kMaxDateTimeTicks) return std::nullopt;
  return ticks;
}
std::optional<int64_t> utc_to_local(int64_t ticks, std::string_view zone) {
  return in_range(ticks + offset_ticks(zone, ticks, false));
}
std::optional<int64_t> local_to_utc(int64_t ticks, std::string_view zone) {
  return in_range(ticks - offset_ticks(zone, ticks, true));
}

Json list_zones() {
  JsonArray out;
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::StringEnumeration> zones(icu::TimeZone::createTimeZoneIDEnumeration(
      UCAL_ZONE_TYPE_CANONICAL, nullptr, nullptr, status));
  if (U_FAILURE(status) || zones == nullptr) return out.finish();
  int32_t size = 0;
  while (const char* name = zones->next(&size, status)) {
    if (U_FAILURE(status)) break;
    out.add_string({name, static_cast<size_t>(size)});
  }
  return out.finish();
}

constexpr Udf kFunctions[] = {
    udf<utc_to_local>("k_utc_to_local"),
    udf<local_to_utc>("k_local_to_utc"),
    udf<list_zones>("k_list_timezones"),
};

}  // namespace

std::span<const Udf> time_zone_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
