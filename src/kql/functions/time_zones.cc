#include "kql/functions/library.h"

// Local time.
namespace rivulet::kql {

namespace {

constexpr ScalarFunction kFunctions[] = {
    simple<"datetime_utc_to_local", "T:TS", "k_utc_to_local($)">(),
    simple<"datetime_local_to_utc", "T:TS", "k_local_to_utc($)">(),
    simple<"datetime_list_timezones", "D:", "k_list_timezones()">(),
};

}  // namespace

std::span<const ScalarFunction> time_zone_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
