#include "kql/functions/library.h"

// tostring() and its kin, and the rules of implicit conversion.
namespace rivulet::kql {

namespace {

template <ScalarType kType>
Expr bind_convert(const CallContext&, Arguments arguments) {
  return convert(arguments[0], kType);
}

Expr bind_parse_json(const CallContext&, Arguments arguments) {
  const Expr& value = arguments[0];
  if (value.type == ScalarType::kString) {
    return make_expr(ScalarType::kDynamic, call_sql("k_parse_json", {value.sql}), arguments);
  }
  return convert(value, ScalarType::kDynamic);
}

Expr bind_gettype(const CallContext&, Arguments arguments) {
  const Expr& value = arguments[0];
  if (value.type == ScalarType::kDynamic) {
    return make_expr(ScalarType::kString, call_sql("k_type_of_dynamic", {value.sql}), arguments);
  }
  return literal_expr({ScalarType::kString, std::string(kusto_name(value.type))});
}

constexpr ScalarFunction kFunctions[] = {
    {"tostring", 1, 1, bind_convert<ScalarType::kString>},
    {"tobool", 1, 1, bind_convert<ScalarType::kBool>},
    {"toboolean", 1, 1, bind_convert<ScalarType::kBool>},
    {"toint", 1, 1, bind_convert<ScalarType::kInt>},
    {"tolong", 1, 1, bind_convert<ScalarType::kLong>},
    {"toreal", 1, 1, bind_convert<ScalarType::kReal>},
    {"todouble", 1, 1, bind_convert<ScalarType::kReal>},
    {"todecimal", 1, 1, bind_convert<ScalarType::kDecimal>},
    {"todatetime", 1, 1, bind_convert<ScalarType::kDateTime>},
    {"totimespan", 1, 1, bind_convert<ScalarType::kTimeSpan>},
    {"totime", 1, 1, bind_convert<ScalarType::kTimeSpan>},
    {"toguid", 1, 1, bind_convert<ScalarType::kGuid>},
    {"todynamic", 1, 1, bind_parse_json},
    {"toobject", 1, 1, bind_parse_json},
    {"parse_json", 1, 1, bind_parse_json},
    {"parsejson", 1, 1, bind_parse_json},
    {"gettype", 1, 1, bind_gettype},
};

}  // namespace

std::span<const ScalarFunction> conversion_functions() {
  return kFunctions;
}

std::optional<ScalarType> common_type(ScalarType a, ScalarType b) {
  if (a == b) return a;
  if (a == ScalarType::kDynamic || b == ScalarType::kDynamic) return ScalarType::kDynamic;
  if (is_number(a) && is_number(b)) {
    if (a == ScalarType::kReal || b == ScalarType::kReal) return ScalarType::kReal;
    if (a == ScalarType::kDecimal || b == ScalarType::kDecimal) return ScalarType::kDecimal;
    return ScalarType::kLong;
  }
  return std::nullopt;
}

Expr convert_implicitly(const CallContext&, const Expr& expr, ScalarType type) {
  if (auto converted = convert_argument(expr, type)) return *std::move(converted);
  throw semantic_error("SEM0210", "A value of type " + std::string(kusto_name(expr.type)) +
                                      " cannot stand where a value of type " +
                                      std::string(kusto_name(type)) + " is wanted");
}

}  // namespace rivulet::kql
