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
    return bind_signature("range", "D:TT?P=36000000000::BIGINT;", "k_range_datetime($)", arguments);
  }
  if (start.type == ScalarType::kTimeSpan) {
    return bind_signature("range", "D:PP?P=36000000000::BIGINT;", "k_range_timespan($)", arguments);
  }
  const auto is_real = [](const Expr& e) {
    return e.type == ScalarType::kReal || e.type == ScalarType::kDecimal;
  };
  if (is_real(start) || is_real(stop) || (arguments.size() > 2 && is_real(arguments[2]))) {
    return bind_signature("range", "D:RR?R=1::DOUBLE;", "k_range_real($)", arguments);
  }
  return bind_signature("range", "D:LL?L=1::BIGINT;", "k_range($)", arguments);
}

template <FixedString kFunction>
Expr bind_sort(const CallContext&, Arguments arguments) {
  std::string nulls_last = "TRUE";
  if (arguments.size() > 1 && arguments.back().type == ScalarType::kBool) {
    nulls_last = arguments.back().sql;
    arguments = arguments.first(arguments.size() - 1);
  }
  std::string sql = std::string(kFunction.view()) + "(" + nulls_last;
  for (const Expr& array : arguments) sql += ", " + convert(array, ScalarType::kDynamic).sql;
  return dynamic_expr(sql + ")", arguments);
}

constexpr ScalarFunction kFunctions[] = {
    {"pack_array", 1, -1, bind_pack_array},
    {"bag_pack", 2, -1, bind_bag_pack},
    {"pack", 2, -1, bind_bag_pack},
    {"pack_dictionary", 2, -1, bind_bag_pack},
    {"range", 2, 3, bind_range},
    {"array_sort_asc", 1, -1, bind_sort<"k_array_sort_asc">},
    {"array_sort_desc", 1, -1, bind_sort<"k_array_sort_desc">},
    simple<"array_concat", "D:D*", "k_array_concat($)">(),
    simple<"array_iff", "D:DDD", "k_array_iff($)">(),
    simple<"array_iif", "D:DDD", "k_array_iff($)">(),
    simple<"array_index_of", "L:DD?L=0::BIGINT;L=(-1)::BIGINT;L=1::BIGINT;",
           "k_array_index_of($)">(),
    simple<"array_reverse", "D:D", "k_array_reverse($)">(),
    simple<"array_rotate_left", "D:DL", "k_array_rotate_left($)">(),
    simple<"array_rotate_right", "D:DL", "k_array_rotate_right($)">(),
    simple<"array_shift_left", "D:DL?D=NULL::VARCHAR;", "k_array_shift_left($)">(),
    simple<"array_shift_right", "D:DL?D=NULL::VARCHAR;", "k_array_shift_right($)">(),
    simple<"array_slice", "D:DLL", "k_array_slice($)">(),
    simple<"array_split", "D:DD", "k_array_split($)">(),
    simple<"array_sum", "R:D", "k_array_sum($)">(),
    simple<"set_union", "D:D*", "k_set_union($)">(),
    simple<"set_intersect", "D:D*", "k_set_intersect($)">(),
    simple<"set_difference", "D:D*", "k_set_difference($)">(),
    simple<"set_has_element", "B:DD", "k_set_has_element($)">(),
    simple<"jaccard_index", "R:DD", "k_jaccard_index($)">(),
    simple<"zip", "D:D*", "k_zip($)">(),
    simple<"bag_has_key", "B:DS", "k_bag_has_key($)">(),
    simple<"bag_keys", "D:D", "k_bag_keys($)">(),
    simple<"bag_merge", "D:D*", "k_bag_merge($)">(),
    simple<"bag_remove_keys", "D:DD", "k_bag_remove_keys($)">(),
    simple<"bag_set_key", "D:DSD", "k_bag_set_key($)">(),
    simple<"bag_zip", "D:DD", "k_bag_zip($)">(),
    simple<"treepath", "D:D", "k_treepath($)">(),
    simple<"dynamic_to_json", "S:D", "k_dynamic_to_json($)">(),
    simple<"repeat", "D:DL", "k_repeat($)">(),
    simple<"array_length", "L:D", "k_array_length($)">(),
    simple<"arraylength", "L:D", "k_array_length($)">(),
};

}  // namespace

std::span<const ScalarFunction> dynamic_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
