#include "common/clock.h"

namespace rivulet {
namespace {

class SystemClock final : public Clock {
 public:
  Ticks now() const override {
    auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return kUnixEpochTicks +
           std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count() / 100;
  }
  std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace rivulet
