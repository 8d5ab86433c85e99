#include "kql/functions/library.h"

#include <charconv>

#include "types/text.h"

namespace rivulet::kql {

namespace {

std::optional<ScalarType> type_of_letter(char letter) {
  switch (letter) {
    case 'B':
      return ScalarType::kBool;
    case 'I':
      return ScalarType::kInt;
    case 'L':
      return ScalarType::kLong;
    case 'R':
      return ScalarType::kReal;
    case 'M':
      return ScalarType::kDecimal;
    case 'T':
      return ScalarType::kDateTime;
    case 'P':
      return ScalarType::kTimeSpan;
    case 'G':
      return ScalarType::kGuid;
    case 'S':
      return ScalarType::kString;
    case 'D':
      return ScalarType::kDynamic;
    default:
      return std::nullopt;
  }
}

std::string_view article_and_name(ScalarType type) {
  switch (type) {
    case ScalarType::kBool:
      return "a bool";
    case ScalarType::kInt:
    case ScalarType::kLong:
      return "a whole number";
    case ScalarType::kReal:
    case ScalarType::kDecimal:
      return "a number";
    case ScalarType::kDateTime:
      return "a datetime";
    case ScalarType::kTimeSpan:
      return "a timespan";
    case ScalarType::kGuid:
      return "a guid";
    case ScalarType::kString:
      return "a string";
    case ScalarType::kDynamic:
      return "a dynamic";
  }
  return "a value";
}

Expr converted(const Expr& from, ScalarType type, std::string sql) {
  Expr result;
  result.type = type;
  result.sql = std::move(sql);
  result.is_constant = from.is_constant;
  return result;
}

Expr null_of(const Expr& from, ScalarType type) {
  if (from.is_constant) return literal_expr({type, {}});
  return converted(
      from, type,
      type == ScalarType::kString ? "''" : "NULL::" + std::string(duckdb::sql_type(type)));
}

std::string cast(const Expr& from, ScalarType type) {
  return "(" + from.sql + ")::" + std::string(duckdb::sql_type(type));
}

// The literal in another type, for the cheap cases that other functions look at.
std::optional<Literal> convert_literal(const Literal& from, ScalarType type) {
  if (from.is_null())
    return type == ScalarType::kString ? Literal{type, std::string()} : Literal{type, {}};
  std::optional<int64_t> whole;
  if (const auto* value = std::get_if<int32_t>(&from.value)) whole = *value;
  if (const auto* value = std::get_if<int64_t>(&from.value)) whole = *value;
  if (whole && is_integer(from.type)) {
    if (type == ScalarType::kLong) return Literal{type, *whole};
    if (type == ScalarType::kReal) return Literal{type, static_cast<double>(*whole)};
    if (type == ScalarType::kString) return Literal{type, std::to_string(*whole)};
    if (type == ScalarType::kDynamic) return Literal{type, std::to_string(*whole)};
    if (type == ScalarType::kInt && *whole == static_cast<int32_t>(*whole)) {
      return Literal{type, static_cast<int32_t>(*whole)};
    }
  }
  if (const auto* text = std::get_if<std::string>(&from.value); text != nullptr) {
    if (from.type == ScalarType::kString) {
      if (type == ScalarType::kDynamic) {
        std::string json;
        append_json_string(json, *text);
        return Literal{type, json};
      }
      if (type == ScalarType::kDateTime) {
        const auto ticks = parse_datetime(*text);
        return ticks ? Literal{type, *ticks} : Literal{type, {}};
      }
      if (type == ScalarType::kTimeSpan) {
        const auto ticks = parse_timespan(*text);
        return ticks ? Literal{type, *ticks} : Literal{type, {}};
      }
      if (type == ScalarType::kBool) {
        const auto flag = parse_bool(*text);
        return flag ? Literal{type, *flag} : Literal{type, {}};
      }
      if (type == ScalarType::kReal) {
        const auto real = parse_real(*text);
        return real ? Literal{type, *real} : Literal{type, {}};
      }
      if (type == ScalarType::kDecimal) {
        const auto decimal = parse_decimal(*text);
        return decimal ? Literal{type, *decimal} : Literal{type, {}};
      }
      if (type == ScalarType::kGuid) {
        // What is spelled in another way, toguid() may read.
        if (const auto guid = parse_guid(*text)) return Literal{type, *guid};
      }
    }
  }
  return std::nullopt;
}

std::string string_of(const Expr& from) {
  switch (from.type) {
    case ScalarType::kReal:
      return call_sql("k_real_to_string", {from.sql});
    case ScalarType::kDecimal:
      return call_sql("k_decimal_to_string", {from.sql});
    case ScalarType::kDateTime:
      return call_sql("k_datetime_to_string", {from.sql});
    case ScalarType::kTimeSpan:
      return call_sql("k_timespan_to_string", {from.sql});
    case ScalarType::kDynamic:
      return call_sql("k_dynamic_to_string", {from.sql});
    default:
      return "coalesce((" + from.sql + ")::VARCHAR, '')";
  }
}

std::string dynamic_of(const Expr& from) {
  switch (from.type) {
    case ScalarType::kReal:
      return call_sql("k_real_to_dynamic", {from.sql});
    case ScalarType::kDecimal:
      return call_sql("k_decimal_to_dynamic", {from.sql});
    case ScalarType::kDateTime:
      return call_sql("k_datetime_to_dynamic", {from.sql});
    case ScalarType::kTimeSpan:
      return call_sql("k_timespan_to_dynamic", {from.sql});
    case ScalarType::kGuid:
      return call_sql("k_guid_to_dynamic", {from.sql});
    case ScalarType::kString:
      return call_sql("k_string_to_dynamic", {from.sql});
    default:
      return cast(from, ScalarType::kString);
  }
}

// The conversion's SQL, empty where there is none and the result is always null.
std::string conversion_sql(const Expr& from, ScalarType type) {
  const ScalarType source = from.type;
  if (type == ScalarType::kString) return string_of(from);
  if (type == ScalarType::kDynamic) return dynamic_of(from);
  if (source == ScalarType::kString || source == ScalarType::kDynamic) {
    const std::string prefix = source == ScalarType::kString ? "k_string_to_" : "k_dynamic_to_";
    if (type == ScalarType::kInt && source == ScalarType::kDynamic) {
      return "k_long_to_int(k_dynamic_to_long(" + from.sql + "))";
    }
    return prefix + std::string(kusto_name(type)) + "(" + from.sql + ")";
  }
  switch (type) {
    case ScalarType::kBool:
      if (is_number(source)) return "(" + from.sql + " <> 0)";
      return {};
    case ScalarType::kInt:
      if (source == ScalarType::kBool) return cast(from, type);
      if (source == ScalarType::kGuid) return {};
      return call_sql("k_long_to_int", {conversion_sql(from, ScalarType::kLong)});
    case ScalarType::kLong:
      if (source == ScalarType::kInt || source == ScalarType::kBool) return cast(from, type);
      if (is_ticks(source) || source == ScalarType::kLong) return from.sql;
      if (source == ScalarType::kReal) return call_sql("k_real_to_long", {from.sql});
      if (source == ScalarType::kDecimal) return call_sql("k_decimal_to_long", {from.sql});
      return {};
    case ScalarType::kReal:
      if (source == ScalarType::kDecimal) return call_sql("k_decimal_to_real", {from.sql});
      if (source == ScalarType::kGuid) return {};
      return cast(from, type);
    case ScalarType::kDecimal:
      if (source == ScalarType::kReal) return call_sql("k_real_to_decimal", {from.sql});
      if (source == ScalarType::kGuid) return {};
      return call_sql("k_long_to_decimal", {cast(from, ScalarType::kLong)});
    case ScalarType::kDateTime:
      if (is_integer(source) || source == ScalarType::kTimeSpan) {
        return call_sql("k_valid_datetime", {cast(from, ScalarType::kLong)});
      }
      return {};
    case ScalarType::kTimeSpan:
      if (is_integer(source)) return cast(from, ScalarType::kLong);
      return {};
    default:
      return {};
  }
}

}  // namespace

std::string call_sql(std::string_view function, std::initializer_list<std::string_view> arguments) {
  std::string sql(function);
  sql += '(';
  bool is_first = true;
  for (const std::string_view argument : arguments) {
    if (!is_first) sql += ", ";
    is_first = false;
    sql += argument;
  }
  sql += ')';
  return sql;
}

Expr make_expr(ScalarType type, std::string sql, Arguments from) {
  Expr result;
  result.type = type;
  result.sql = std::move(sql);
  result.is_constant =
      std::all_of(from.begin(), from.end(), [](const Expr& e) { return e.is_constant; });
  return result;
}

std::string long_sql(int64_t value) {
  return literal_sql({ScalarType::kLong, value});
}

DecimalSums decimal_sums(const std::string& value, const std::string& over) {
  return {"sum(k_decimal_high(" + value + "))" + over, "sum(k_decimal_low(" + value + "))" + over};
}
std::string decimal_sum_sql(const std::string& value, const std::string& over) {
  const auto [high, low] = decimal_sums(value, over);
  return "k_join_decimal(coalesce(" + high + ", 0::HUGEINT), coalesce(" + low + ", 0::HUGEINT))";
}

std::string arg_extreme_sql(std::string function, std::string_view value, std::string_view by,
                            ScalarType by_type) {
  std::string key(by);
  if (by_type == ScalarType::kReal && function.starts_with("arg_max")) {
    // The engine holds NaN for the greatest number.
    function.replace(0, 7, "arg_min");
    key = "-" + key;
  }
  return call_sql(function, {value, key});
}

Expr convert(const Expr& expr, ScalarType type) {
  if (expr.type == type) return expr;
  if (expr.literal) {
    if (auto literal = convert_literal(*expr.literal, type))
      return literal_expr(std::move(*literal));
  }
  std::string sql = conversion_sql(expr, type);
  if (sql.empty()) return null_of(expr, type);
  return converted(expr, type, std::move(sql));
}

std::optional<Expr> convert_argument(const Expr& expr, ScalarType type) {
  if (expr.type == type) return expr;
  if (type == ScalarType::kDynamic || expr.type == ScalarType::kDynamic) return convert(expr, type);
  const ScalarType from = expr.type;
  switch (type) {
    case ScalarType::kLong:
    case ScalarType::kInt:
      // A whole number in any width; bool counts as 0 or 1.
      if (is_integer(from) || from == ScalarType::kBool) return convert(expr, type);
      break;
    case ScalarType::kReal:
    case ScalarType::kDecimal:
      if (is_number(from)) return convert(expr, type);
      break;
    case ScalarType::kBool:
      if (is_number(from)) return convert(expr, type);
      break;
    default:
      break;
  }
  // A typed null or an untyped one fits everywhere.
  if (expr.literal && expr.literal->is_null()) return convert(expr, type);
  return std::nullopt;
}

void argument_error(std::string_view function, size_t index, std::string_view wanted) {
  throw semantic_error("SEM0231", std::string(function) + "(): argument #" +
                                      std::to_string(index + 1) + " must be " +
                                      std::string(wanted));
}

ScalarType type_argument(std::string_view function, const Expr& expr, size_t index) {
  if (expr.literal) {
    if (const auto* name = std::get_if<std::string>(&expr.literal->value)) {
      if (const auto type = parse_scalar_type(*name)) return *type;
    }
  }
  argument_error(function, index, "a type, such as typeof(long)");
}

int64_t constant_long(std::string_view function, Arguments arguments, size_t index) {
  const auto converted = convert_argument(arguments[index], ScalarType::kLong);
  if (converted && converted->literal) {
    if (const auto* value = std::get_if<int64_t>(&converted->literal->value)) return *value;
  }
  argument_error(function, index, "a constant whole number");
}

std::string constant_string(std::string_view function, Arguments arguments, size_t index) {
  const auto& literal = arguments[index].literal;
  if (literal && literal->type == ScalarType::kString) {
    if (const auto* value = std::get_if<std::string>(&literal->value)) return *value;
  }
  argument_error(function, index, "a constant string");
}

double constant_real(std::string_view function, Arguments arguments, size_t index) {
  const auto converted = convert_argument(arguments[index], ScalarType::kReal);
  if (converted && converted->literal) {
    if (const auto* value = std::get_if<double>(&converted->literal->value)) return *value;
  }
  argument_error(function, index, "a constant number");
}

Expr bind_signature(std::string_view name, std::string_view signature, std::string_view sql,
                    Arguments arguments) {
  std::vector<std::string> values;
  std::optional<ScalarType> first_type;
  size_t used = 0;
  for (size_t i = 2; i < signature.size(); ++i) {
    const char letter = signature[i];
    if (letter == '?') continue;
    const auto wanted = type_of_letter(letter);
    std::string_view absent;
    if (i + 1 < signature.size() && signature[i + 1] == '=') {
      const size_t end = signature.find(';', i);
      absent = signature.substr(i + 2, end - i - 2);
      i = end;
    }
    const bool repeats = i + 1 < signature.size() && signature[i + 1] == '*';
    if (repeats) ++i;
    do {
      if (used >= arguments.size()) {
        if (!absent.empty()) values.emplace_back(absent);
        break;
      }
      const Expr& argument = arguments[used];
      if (letter == 'A') {
        values.push_back(convert(argument, ScalarType::kString).sql);
      } else if (!wanted) {
        values.push_back(argument.sql);
      } else {
        auto value = convert_argument(argument, *wanted);
        if (!value) argument_error(name, used, article_and_name(*wanted));
        values.push_back(std::move(value->sql));
      }
      if (used == 0) first_type = argument.type;
      ++used;
    } while (repeats);
  }

  std::string out;
  for (size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] != '$') {
      out += sql[i];
    } else if (i + 1 < sql.size() && sql[i + 1] >= '1' && sql[i + 1] <= '9') {
      const size_t index = sql[++i] - '1';
      out += index < values.size() ? values[index] : "NULL";
    } else {
      for (size_t v = 0; v < values.size(); ++v) {
        if (v > 0) out += ", ";
        out += values[v];
      }
    }
  }
  const auto type = signature[0] == '1' ? first_type : type_of_letter(signature[0]);
  return make_expr(type.value_or(ScalarType::kDynamic), std::move(out), arguments);
}

}  // namespace rivulet::kql
