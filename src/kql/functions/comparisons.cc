#include <cmath>

#include "kql/functions/library.h"

// Comparisons, logic, and the operators of strings.
namespace rivulet::kql {

namespace {

[[noreturn]] void refuse_comparison(const Expr& a, const Expr& b) {
  throw semantic_error(
      "SEM0064", "Cannot compare values of types " + std::string(kusto_name(a.type)) + " and " +
                     std::string(kusto_name(b.type)) + ". Try adding explicit casts");
}

struct Pair {
  Expr a;
  Expr b;
};

bool is_null_literal(const Expr& e) {
  return e.literal && e.literal->is_null();
}

// The two as values of one type; `is_ordering` for < and its kin.
Pair to_comparable(const Expr& a, const Expr& b, bool is_ordering) {
  if (a.type == b.type) {
    if (is_ordering && a.type == ScalarType::kDynamic) refuse_comparison(a, b);
    return {a, b};
  }
  if (a.type == ScalarType::kDynamic) return {convert(a, b.type), b};
  if (b.type == ScalarType::kDynamic) return {a, convert(b, a.type)};
  const auto countable = [](ScalarType type) {
    return is_number(type) || type == ScalarType::kBool;
  };
  if (countable(a.type) && countable(b.type)) {
    ScalarType type = ScalarType::kLong;
    if (a.type == ScalarType::kDecimal || b.type == ScalarType::kDecimal)
      type = ScalarType::kDecimal;
    if (a.type == ScalarType::kReal || b.type == ScalarType::kReal) type = ScalarType::kReal;
    return {convert(a, type), convert(b, type)};
  }
  if (is_null_literal(a)) return {convert(a, b.type), b};
  if (is_null_literal(b)) return {a, convert(b, a.type)};
  refuse_comparison(a, b);
}

Expr boolean(std::string sql, const Expr& a, const Expr& b) {
  const Expr both[] = {a, b};
  return make_expr(ScalarType::kBool, std::move(sql), both);
}

// A literal that is equal to itself: not null and no NaN.
bool is_definite(const Expr& e) {
  if (!e.literal || e.literal->is_null()) return false;
  const auto* real = std::get_if<double>(&e.literal->value);
  return real == nullptr || !std::isnan(*real);
}

// Null beside a value is unlike it; null beside null is null.
Expr equality(const Expr& left, const Expr& right, bool is_equal) {
  const auto [a, b] = to_comparable(left, right, false);
  if (a.type == ScalarType::kString)
    return boolean("(" + a.sql + (is_equal ? " = " : " <> ") + b.sql + ")", a, b);
  if (a.type == ScalarType::kDynamic) {
    return boolean((is_equal ? "" : "(NOT ") + call_sql("k_equal_dynamic", {a.sql, b.sql}) +
                       (is_equal ? "" : ")"),
                   a, b);
  }
  const std::string_view distinct = is_equal ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ";
  if (is_definite(a) || is_definite(b))
    return boolean("(" + a.sql + std::string(distinct) + b.sql + ")", a, b);
  if (a.type == ScalarType::kReal) {
    return boolean(call_sql(is_equal ? "k_equal_real" : "k_not_equal_real", {a.sql, b.sql}), a, b);
  }
  return boolean("(CASE WHEN " + a.sql + " IS NULL AND " + b.sql + " IS NULL THEN NULL ELSE " +
                     a.sql + std::string(distinct) + b.sql + " END)",
                 a, b);
}

Expr ordering(const Expr& left, const Expr& right, std::string_view op) {
  const auto [a, b] = to_comparable(left, right, true);
  if (a.type == ScalarType::kGuid || a.type == ScalarType::kBool) {
    if (a.type == ScalarType::kGuid) refuse_comparison(a, b);
  }
  if (a.type == ScalarType::kReal) {
    // DuckDB holds NaN for the greatest number; below a literal it cannot be.
    const bool is_less = op.front() == '<';
    const bool is_safe = is_less ? is_definite(b) : is_definite(a);
    if (!is_safe) {
      const std::string_view function = op.size() == 1 ? "k_less_real" : "k_less_equal_real";
      return boolean(
          is_less ? call_sql(function, {a.sql, b.sql}) : call_sql(function, {b.sql, a.sql}), a, b);
    }
  }
  return boolean("(" + a.sql + " " + std::string(op) + " " + b.sql + ")", a, b);
}

Expr bind_equal(const CallContext&, Arguments a) {
  return equality(a[0], a[1], true);
}
Expr bind_not_equal(const CallContext&, Arguments a) {
  return equality(a[0], a[1], false);
}
Expr bind_less(const CallContext&, Arguments a) {
  return ordering(a[0], a[1], "<");
}
Expr bind_less_equal(const CallContext&, Arguments a) {
  return ordering(a[0], a[1], "<=");
}
Expr bind_greater(const CallContext&, Arguments a) {
  return ordering(a[0], a[1], ">");
}
Expr bind_greater_equal(const CallContext&, Arguments a) {
  return ordering(a[0], a[1], ">=");
}

Expr bind_between(const CallContext& context, Arguments arguments) {
  const Expr& value = arguments[0];
  Expr end = arguments[2];
  // datetime between (start .. length)
  if (value.type == ScalarType::kDateTime && end.type == ScalarType::kTimeSpan) {
    const Expr terms[] = {arguments[1], end};
    end = find_scalar_function("+")->bind(context, Arguments(terms));
  }
  const Expr low = ordering(value, arguments[1], ">=");
  const Expr high = ordering(value, end, "<=");
  return make_expr(ScalarType::kBool, "(" + low.sql + " AND " + high.sql + ")", arguments);
}
Expr bind_not_between(const CallContext& context, Arguments arguments) {
  Expr inside = bind_between(context, arguments);
  inside.sql = "(NOT " + inside.sql + ")";
  return inside;
}

Expr as_bool(std::string_view function, Arguments arguments, size_t index) {
  auto value = convert_argument(arguments[index], ScalarType::kBool);
  if (!value) argument_error(function, index, "a bool");
  return *std::move(value);
}
template <FixedString kName, FixedString kSql>
Expr bind_logic(const CallContext&, Arguments arguments) {
  std::string sql = "(";
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) sql += kSql.view();
    sql += as_bool(kName.view(), arguments, i).sql;
  }
  return make_expr(ScalarType::kBool, sql + ")", arguments);
}
Expr bind_not(const CallContext&, Arguments arguments) {
  return make_expr(ScalarType::kBool, "(NOT " + as_bool("not", arguments, 0).sql + ")", arguments);
}

// An operand of a string operator: a string, or a dynamic's text.
Expr as_text(std::string_view name, Arguments arguments, size_t index) {
  const Expr& e = arguments[index];
  if (e.type == ScalarType::kString || e.type == ScalarType::kDynamic)
    return convert(e, ScalarType::kString);
  throw semantic_error("SEM0025", "Operator '" + std::string(name) +
                                      "' cannot be applied to an operand of type " +
                                      std::string(kusto_name(e.type)) + "; a string is wanted");
}

template <FixedString kName, FixedString kFunction>
Expr bind_text_operator(const CallContext&, Arguments arguments) {
  constexpr bool is_negated = kName.view().front() == '!';
  const Expr a = as_text(kName.view(), arguments, 0), b = as_text(kName.view(), arguments, 1);
  std::string sql = call_sql(kFunction.view(), {a.sql, b.sql});
  if (is_negated) sql = "(NOT " + sql + ")";
  return make_expr(ScalarType::kBool, std::move(sql), arguments);
}
template <FixedString kName, FixedString kFunction>
constexpr ScalarFunction text_operator() {
  return {kName.view(), 2, 2, bind_text_operator<kName, kFunction>};
}

// The values to look for as one dynamic: a list of scalars, or arrays.
Expr packed(Arguments values) {
  if (values.size() == 1 && values[0].type == ScalarType::kDynamic) return values[0];
  bool all_literal = true;
  std::string json = "[";
  std::string sql = "k_pack_array(";
  for (size_t i = 0; i < values.size(); ++i) {
    const Expr value = convert(values[i], ScalarType::kDynamic);
    const auto* text = value.literal ? std::get_if<std::string>(&value.literal->value) : nullptr;
    all_literal &= text != nullptr;
    if (i > 0) {
      json += ",";
      sql += ", ";
    }
    if (text != nullptr) json += *text;
    sql += value.sql;
  }
  if (all_literal) return literal_expr({ScalarType::kDynamic, json + "]"});
  return make_expr(ScalarType::kDynamic, sql + ")", values);
}

template <FixedString kName, FixedString kFunction>
Expr bind_text_among(const CallContext&, Arguments arguments) {
  const Expr a = as_text(kName.view(), arguments, 0);
  return make_expr(ScalarType::kBool,
                   call_sql(kFunction.view(), {a.sql, packed(arguments.subspan(1)).sql}),
                   arguments);
}

std::string among_sql(const Expr& value, Arguments candidates, bool ignores_case) {
  std::vector<Expr> arrays;
  std::string list;
  std::string wide;  // terms that an IN list cannot say
  for (const Expr& candidate : candidates) {
    if (candidate.type == ScalarType::kDynamic) {
      arrays.push_back(candidate);
      continue;
    }
    Pair pair = to_comparable(value, candidate, false);
    if (pair.a.type != value.type) {
      wide += (wide.empty() ? "" : " OR ") + equality(value, candidate, true).sql;
      continue;
    }
    if (!list.empty()) list += ", ";
    list += ignores_case ? call_sql("k_fold", {pair.b.sql}) : pair.b.sql;
  }
  std::string sql = wide;
  if (!list.empty()) {
    if (!sql.empty()) sql += " OR ";
    sql += (ignores_case ? call_sql("k_fold", {value.sql}) : value.sql) + " IN (" + list + ")";
  }
  for (const Expr& array : arrays) {
    if (!sql.empty()) sql += " OR ";
    sql += call_sql(ignores_case ? "k_in_array_ci" : "k_in_array",
                    {convert(value, ScalarType::kDynamic).sql, array.sql});
  }
  if (sql.empty()) return "FALSE";
  return sql;
}

template <bool kIsNegated, bool kIgnoresCase>
Expr bind_in(const CallContext&, Arguments arguments) {
  Expr value = arguments[0];
  if (kIgnoresCase) value = as_text(kIsNegated ? "!in~" : "in~", arguments, 0);
  if (value.type == ScalarType::kDynamic && arguments.size() > 1 &&
      arguments[1].type != ScalarType::kDynamic) {
    value = convert(value, arguments[1].type);
  }
  std::string sql = among_sql(value, arguments.subspan(1), kIgnoresCase);
  // A null is among no values.
  if (value.type == ScalarType::kString) {
    sql = kIsNegated ? "(NOT (" + sql + "))" : "(" + sql + ")";
  } else {
    sql = kIsNegated ? "(NOT coalesce(" + sql + ", FALSE))" : "coalesce(" + sql + ", FALSE)";
  }
  return make_expr(ScalarType::kBool, std::move(sql), arguments);
}

Expr bind_subscript(const CallContext&, Arguments arguments) {
  const Expr& base = arguments[0];
  const Expr& index = arguments[1];
  if (base.type != ScalarType::kDynamic) {
    throw semantic_error("SEM0031", "A value of type " + std::string(kusto_name(base.type)) +
                                        " has no members; a dynamic is wanted");
  }
  switch (index.type) {
    case ScalarType::kString:
      return make_expr(ScalarType::kDynamic, call_sql("k_member", {base.sql, index.sql}),
                       arguments);
    case ScalarType::kInt:
    case ScalarType::kLong:
      return make_expr(ScalarType::kDynamic,
                       call_sql("k_element", {base.sql, convert(index, ScalarType::kLong).sql}),
                       arguments);
    case ScalarType::kDynamic:
      return make_expr(ScalarType::kDynamic, call_sql("k_at", {base.sql, index.sql}), arguments);
    default:
      throw semantic_error("SEM0031", "A dynamic cannot be indexed by a value of type " +
                                          std::string(kusto_name(index.type)));
  }
}

constexpr ScalarFunction kFunctions[] = {
    {"==", 2, 2, bind_equal},
    {"!=", 2, 2, bind_not_equal},
    {"<>", 2, 2, bind_not_equal},
    {"<", 2, 2, bind_less},
    {"<=", 2, 2, bind_less_equal},
    {">", 2, 2, bind_greater},
    {">=", 2, 2, bind_greater_equal},
    {"between", 3, 3, bind_between},
    {"!between", 3, 3, bind_not_between},
    {"and", 2, -1, bind_logic<"and", " AND ">},
    {"or", 2, -1, bind_logic<"or", " OR ">},
    {"not", 1, 1, bind_not},
    text_operator<"=~", "k_equals_ci">(),
    text_operator<"!~", "k_equals_ci">(),
    text_operator<"has", "k_has">(),
    text_operator<"!has", "k_has">(),
    text_operator<"has_cs", "k_has_cs">(),
    text_operator<"!has_cs", "k_has_cs">(),
    text_operator<"hasprefix", "k_has_prefix">(),
    text_operator<"!hasprefix", "k_has_prefix">(),
    text_operator<"hasprefix_cs", "k_has_prefix_cs">(),
    text_operator<"!hasprefix_cs", "k_has_prefix_cs">(),
    text_operator<"hassuffix", "k_has_suffix">(),
    text_operator<"!hassuffix", "k_has_suffix">(),
    text_operator<"hassuffix_cs", "k_has_suffix_cs">(),
    text_operator<"!hassuffix_cs", "k_has_suffix_cs">(),
    text_operator<"contains", "k_contains">(),
    text_operator<"!contains", "k_contains">(),
    text_operator<"contains_cs", "contains">(),
    text_operator<"!contains_cs", "contains">(),
    text_operator<"startswith", "k_starts_with">(),
    text_operator<"!startswith", "k_starts_with">(),
    text_operator<"startswith_cs", "starts_with">(),
    text_operator<"!startswith_cs", "starts_with">(),
    text_operator<"endswith", "k_ends_with">(),
    text_operator<"!endswith", "k_ends_with">(),
    text_operator<"endswith_cs", "ends_with">(),
    text_operator<"!endswith_cs", "ends_with">(),
    text_operator<"matches regex", "k_matches_regex">(),
    {"has_any", 2, -1, bind_text_among<"has_any", "k_has_any">},
    {"has_all", 2, -1, bind_text_among<"has_all", "k_has_all">},
    {"in", 2, -1, bind_in<false, false>},
    {"!in", 2, -1, bind_in<true, false>},
    {"in~", 2, -1, bind_in<false, true>},
    {"!in~", 2, -1, bind_in<true, true>},
    {"[]", 2, 2, bind_subscript},
};

}  // namespace

std::span<const ScalarFunction> comparison_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
