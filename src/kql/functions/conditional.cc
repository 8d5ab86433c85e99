#include "kql/functions/library.h"
#include "kql/sql/failure_mark.h"

// Choices between values, and questions about their absence.
namespace rivulet::kql {

namespace {

bool is_null_literal(const Expr& e) {
  return e.literal && e.literal->is_null();
}

// The type that all branches share, or else dynamic, where the function takes that (iff, case). A null literal fits any.
ScalarType shared_type(std::string_view function, std::span<const Expr* const> branches,
                       bool may_be_dynamic = false) {
  std::optional<ScalarType> type;
  for (const Expr* branch : branches) {
    if (is_null_literal(*branch)) continue;
    const auto next = type ? common_type(*type, branch->type) : std::optional(branch->type);
    if (!next && may_be_dynamic) return ScalarType::kDynamic;
    if (!next) {
      throw semantic_error("SEM0240", std::string(function) + "(): the values are of types " +
                                          std::string(kusto_name(*type)) + " and " +
                                          std::string(kusto_name(branch->type)) +
                                          ", which have none in common");
    }
    type = next;
  }
  return type.value_or(branches[0]->type);
}

Expr condition_of(std::string_view function, Arguments arguments, size_t index) {
  auto value = convert_argument(arguments[index], ScalarType::kBool);
  if (!value) argument_error(function, index, "a bool");
  return *std::move(value);
}

// The branch that is taken, where the conditions are literals.
Expr choose(std::string_view function, Arguments arguments) {
  std::vector<const Expr*> branches;
  for (size_t i = 1; i < arguments.size(); i += 2) branches.push_back(&arguments[i]);
  branches.push_back(&arguments[arguments.size() - 1]);
  const ScalarType type = shared_type(function, branches, true);
  std::string sql = "(CASE";
  for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
    sql += " WHEN " + condition_of(function, arguments, i).sql + " THEN " +
           convert(arguments[i + 1], type).sql;
  }
  sql += " ELSE " + convert(arguments[arguments.size() - 1], type).sql + " END)";
  return make_expr(type, std::move(sql), arguments);
}

Expr bind_iff(const CallContext&, Arguments arguments) {
  return choose("iff", arguments);
}

Expr bind_case(const CallContext&, Arguments arguments) {
  if (arguments.size() % 2 == 0) {
    throw semantic_error("SEM0219",
                         "case(): takes pairs of a condition and a value, and a last value");
  }
  return choose("case", arguments);
}

// The values in their shared type, comma-separated.
std::string list_of(std::string_view function, Arguments arguments, ScalarType& type) {
  std::vector<const Expr*> branches;
  for (const Expr& argument : arguments) branches.push_back(&argument);
  type = shared_type(function, branches);
  std::string sql;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) sql += ", ";
    const Expr value = convert(arguments[i], type);
    // coalesce takes the first string that is not empty.
    sql += type == ScalarType::kString && function == "coalesce" ? "nullif(" + value.sql + ", '')"
                                                                 : value.sql;
  }
  return sql;
}

Expr bind_coalesce(const CallContext&, Arguments arguments) {
  ScalarType type;
  const std::string sql = list_of("coalesce", arguments, type);
  return make_expr(type, "coalesce(" + sql + (type == ScalarType::kString ? ", '')" : ")"),
                   arguments);
}

// NaN is the greatest or least only where there is no number.
template <bool kIsMax>
Expr bind_extreme(const CallContext&, Arguments arguments) {
  ScalarType type;
  const std::string_view function = kIsMax ? "max_of" : "min_of";
  const std::string sql = list_of(function, arguments, type);
  if (type == ScalarType::kDynamic || type == ScalarType::kGuid)
    argument_error(function, 0, "a value that has an order");
  if (kIsMax && type == ScalarType::kReal) {
    // The engine holds NaN for the greatest number: the greatest is the least of the negative ones.
    std::string negative;
    for (const Expr& argument : arguments)
      negative += (negative.empty() ? "-" : ", -") + convert(argument, type).sql;
    return make_expr(type, "(-least(" + negative + "))", arguments);
  }
  return make_expr(type, (kIsMax ? "greatest(" : "least(") + sql + ")", arguments);
}

template <bool kIsNegated>
Expr bind_isnull(const CallContext&, Arguments arguments) {
  return make_expr(ScalarType::kBool,
                   "(" + arguments[0].sql + (kIsNegated ? " IS NOT NULL)" : " IS NULL)"),
                   arguments);
}

template <bool kIsNegated>
Expr bind_isempty(const CallContext& context, Arguments arguments) {
  const Expr& value = arguments[0];
  if (value.type == ScalarType::kString) {
    return make_expr(ScalarType::kBool, "(" + value.sql + (kIsNegated ? " <> '')" : " = '')"),
                     arguments);
  }
  if (value.type == ScalarType::kDynamic) {
    const std::string sql =
        "(coalesce(" + value.sql + ", '\"\"') " + (kIsNegated ? "<>" : "=") + " '\"\"')";
    return make_expr(ScalarType::kBool, sql, arguments);
  }
  return bind_isnull<kIsNegated>(context, arguments);
}

Expr bind_assert(const CallContext&, Arguments arguments) {
  const Expr condition = condition_of("assert", arguments, 0);
  const std::string message = constant_string("assert", arguments, 1);
  return make_expr(ScalarType::kBool,
                   "(CASE WHEN " + condition.sql + " THEN TRUE ELSE error(" +
                       duckdb::string_literal(std::string(kFailureMark) + message) + ") END)",
                   arguments);
}

constexpr ScalarFunction kFunctions[] = {
    {"iff", 3, 3, bind_iff},
    {"iif", 3, 3, bind_iff},
    {"case", 3, -1, bind_case},
    {"coalesce", 2, 64, bind_coalesce},
    {"max_of", 2, 64, bind_extreme<true>},
    {"min_of", 2, 64, bind_extreme<false>},
    {"isnull", 1, 1, bind_isnull<false>},
    {"isnotnull", 1, 1, bind_isnull<true>},
    {"notnull", 1, 1, bind_isnull<true>},
    {"isempty", 1, 1, bind_isempty<false>},
    {"isnotempty", 1, 1, bind_isempty<true>},
    {"notempty", 1, 1, bind_isempty<true>},
    {"assert", 2, 2, bind_assert},
    simple<"isnan", "B:R", "coalesce(k_isnan($), FALSE)">(),
    simple<"isinf", "B:R", "coalesce(k_isinf($), FALSE)">(),
    simple<"isfinite", "B:R", "coalesce(k_isfinite($), FALSE)">(),
};

}  // namespace

std::span<const ScalarFunction> conditional_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
