#pragma once

#include <chrono>
#include <cstdint>

namespace rivulet {

// Ticks of 100 ns since 0001-01-01T00:00:00Z: the value of Kusto's datetime.
using Ticks = int64_t;

constexpr int64_t kTicksPerMicrosecond = 10;
constexpr int64_t kTicksPerMillisecond = 10'000;
constexpr int64_t kTicksPerSecond = 10'000'000;
constexpr int64_t kTicksPerMinute = 60 * kTicksPerSecond;
constexpr int64_t kTicksPerHour = 60 * kTicksPerMinute;
constexpr int64_t kTicksPerDay = 24 * kTicksPerHour;
// 1970-01-01 and 9999-12-31T23:59:59.9999999 as ticks.
constexpr Ticks kUnixEpochTicks = 621'355'968'000'000'000;
constexpr Ticks kMaxDateTimeTicks = 3'155'378'975'999'999'999;

// The door to the clock: passed in, so that a test can own time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time, UTC.
  virtual Ticks now() const = 0;
  // For durations; never goes back.
  virtual std::chrono::steady_clock::time_point steady_now() const = 0;
};

// The machine's clock; lives for the whole process.
const Clock& system_clock();

}  // namespace rivulet
