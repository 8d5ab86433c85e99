#include <numbers>

#include "kql/functions/library.h"

// Mathematical functions.
namespace rivulet::kql {

namespace {

Expr bind_abs(const CallContext&, Arguments arguments) {
  const Expr& value = arguments[0];
  switch (value.type) {
    case ScalarType::kInt:
    case ScalarType::kLong:
    case ScalarType::kTimeSpan: {
      // The least of all has no counterpart and stays as it is.
      const Expr whole = convert(value, ScalarType::kLong);
      const ScalarType type = value.type == ScalarType::kTimeSpan ? value.type : ScalarType::kLong;
      return make_expr(type,
                       "(CASE WHEN " + whole.sql + " < 0 THEN k_negate(" + whole.sql + ") ELSE " +
                           whole.sql + " END)",
                       arguments);
    }
    case ScalarType::kDecimal:
      return make_expr(value.type, "abs(" + value.sql + ")", arguments);
    default:
      return bind_signature("abs", "R:R", "k_abs_real($)", arguments);
  }
}

// A whole number stays one.
Expr bind_ceiling(const CallContext&, Arguments arguments) {
  if (is_integer(arguments[0].type)) return arguments[0];
  return bind_signature("ceiling", "R:R", "k_ceiling($)", arguments);
}

Expr bind_round(const CallContext&, Arguments arguments) {
  const Expr& value = arguments[0];
  const Expr rounded = bind_signature("round", "R:R?L=0::BIGINT;", "k_round($)", arguments);
  if (!is_integer(value.type)) return rounded;
  const auto& digits = arguments.back().literal;
  const auto* count = digits ? std::get_if<int64_t>(&digits->value) : nullptr;
  const bool keeps_all = arguments.size() == 1 || (count != nullptr && *count >= 0);
  return keeps_all ? value : convert(rounded, value.type);
}

Expr bind_rand(const CallContext&, Arguments arguments) {
  Expr result;
  if (arguments.empty()) {
    result.type = ScalarType::kReal;
    result.sql = "k_rand()";
    return result;
  }
  result = bind_signature("rand", "R:L", "k_rand_below($)::DOUBLE", arguments);
  result.is_constant = false;
  return result;
}

Expr bind_new_guid(const CallContext&, Arguments) {
  Expr result;
  result.type = ScalarType::kGuid;
  result.sql = "k_new_guid()";
  return result;
}

Expr bind_pi(const CallContext&, Arguments) {
  return literal_expr({ScalarType::kReal, std::numbers::pi});
}

constexpr ScalarFunction kFunctions[] = {
    simple<"sin", "R:R", "k_sin($)">(),
    simple<"cos", "R:R", "k_cos($)">(),
    simple<"tan", "R:R", "k_tan($)">(),
    simple<"cot", "R:R", "k_cot($)">(),
    simple<"asin", "R:R", "k_asin($)">(),
    simple<"acos", "R:R", "k_acos($)">(),
    simple<"atan", "R:R", "k_atan($)">(),
    simple<"atan2", "R:RR", "k_atan2($)">(),
    simple<"exp", "R:R", "k_exp($)">(),
    simple<"exp2", "R:R", "k_exp2($)">(),
    simple<"exp10", "R:R", "k_exp10($)">(),
    simple<"log", "R:R", "k_log($)">(),
    simple<"log2", "R:R", "k_log2($)">(),
    simple<"log10", "R:R", "k_log10($)">(),
    simple<"sqrt", "R:R", "k_sqrt($)">(),
    simple<"pow", "R:RR", "k_pow($)">(),
    simple<"gamma", "R:R", "k_gamma($)">(),
    simple<"loggamma", "R:R", "k_loggamma($)">(),
    simple<"erf", "R:R", "k_erf($)">(),
    simple<"erfc", "R:R", "k_erfc($)">(),
    simple<"degrees", "R:R", "k_degrees($)">(),
    simple<"radians", "R:R", "k_radians($)">(),
    {"ceiling", 1, 1, bind_ceiling},
    {"round", 1, 2, bind_round},
    simple<"beta_cdf", "R:RRR", "k_beta_cdf($)">(),
    simple<"beta_pdf", "R:RRR", "k_beta_pdf($)">(),
    simple<"beta_inv", "R:RRR", "k_beta_inv($)">(),
    simple<"welch_test", "R:RRRRRR", "k_welch_test($)">(),
    simple<"convert_angle", "R:RSS", "k_convert_angle($)">(),
    simple<"convert_energy", "R:RSS", "k_convert_energy($)">(),
    simple<"convert_force", "R:RSS", "k_convert_force($)">(),
    simple<"convert_length", "R:RSS", "k_convert_length($)">(),
    simple<"convert_mass", "R:RSS", "k_convert_mass($)">(),
    simple<"convert_speed", "R:RSS", "k_convert_speed($)">(),
    simple<"convert_temperature", "R:RSS", "k_convert_temperature($)">(),
    simple<"convert_volume", "R:RSS", "k_convert_volume($)">(),
    {"abs", 1, 1, bind_abs},
    simple<"sign", "R:R", "k_sign($)">(),
    {"pi", 0, 0, bind_pi},
    {"rand", 0, 1, bind_rand},
    {"new_guid", 0, 0, bind_new_guid},
};

}  // namespace

std::span<const ScalarFunction> math_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
