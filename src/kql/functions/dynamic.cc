#include "kql/functions/library.h"

// The making of arrays and bags.
namespace rivulet::kql {

namespace {

Expr dynamic_expr(std::string sql, Arguments from) {
  return make_expr(ScalarType::kDynamic, std::move(sql), from);
}

Expr bind_pack_array(const CallContext&, Arguments arguments) {
  std::string sql = "k_pack_array(";
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += convert(arguments[i], ScalarType::kDynamic).sql;
  }
  return dynamic_expr(sql + ")", arguments);
}

Expr bind_bag_pack(const CallContext&, Arguments arguments) {
  if (arguments.size() % 2 != 0)
    throw semantic_error("SEM0219", "bag_pack(): takes pairs of a key and a value");
  std::string sql = "k_pack_bag(";
  for (size_t i = 0; i < arguments.size(); i += 2) {
    if (i > 0) sql += ", ";
    const Expr key = convert(convert(arguments[i], ScalarType::kString), ScalarType::kDynamic);
    sql += key.sql + ", " + convert(arguments[i + 1], ScalarType::kDynamic).sql;
  }
  return dynamic_expr(sql + ")", arguments);
}

Expr bind_range(const CallContext&, Arguments arguments) {
  const Expr& start = arguments[0];
  const Expr& stop = arguments[1];
  if (start.type == ScalarType::kDateTime) {
    return bind_signature("range", "D:TT?P=864000000000::BIGINT;", "k_range_datetime($)",
                          arguments);
  }
  if (start.type == ScalarType::kTimeSpan) {
    return bind_signature("range", "D:PP?P=864000000000::BIGINT;", "k_range_timespan($)",
                          arguments);
  }
  const auto is_real = [](const Expr& e) {
    return e.type == ScalarType::kReal || e.type == ScalarType::kDecimal;
  };
  if (is_real(start) || is_real(stop) || (arguments.size() > 2 && is_real(arguments[2]))) {
    return bind_signature("range", "D:RR?R=1::DOUBLE;", "k_range_real($)", arguments);
  }
  return bind_signature("range", "D:LL?L=1::BIGINT;", "k_range($)", arguments);
}

constexpr ScalarFunction kFunctions[] = {
    {"pack_array", 1, -1, bind_pack_array},
    {"bag_pack", 2, -1, bind_bag_pack},
    {"pack", 2, -1, bind_bag_pack},
    {"pack_dictionary", 2, -1, bind_bag_pack},
    {"range", 2, 3, bind_range},
    simple<"repeat", "D:DL", "k_repeat($)">(),
    simple<"array_length", "L:D", "k_array_length($)">(),
    simple<"arraylength", "L:D", "k_array_length($)">(),
};

}  // namespace

std::span<const ScalarFunction> dynamic_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
