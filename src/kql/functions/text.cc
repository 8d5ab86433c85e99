#include "kql/functions/library.h"

// Functions of strings.
namespace rivulet::kql {

namespace {

Expr text_expr(std::string sql, Arguments from) {
  return make_expr(ScalarType::kString, std::move(sql), from);
}

Expr bind_strcat(const CallContext&, Arguments arguments) {
  bool all_literal = true;
  std::string text;
  std::string sql = "k_strcat(";
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Expr value = convert(arguments[i], ScalarType::kString);
    const auto* literal = value.literal ? std::get_if<std::string>(&value.literal->value) : nullptr;
    all_literal &= literal != nullptr;
    if (literal != nullptr) text += *literal;
    if (i > 0) sql += ", ";
    sql += value.sql;
  }
  if (all_literal) return literal_expr({ScalarType::kString, text});
  return text_expr(sql + ")", arguments);
}

Expr bind_reverse(const CallContext&, Arguments arguments) {
  return text_expr(call_sql("k_reverse", {convert(arguments[0], ScalarType::kString).sql}),
                   arguments);
}

Expr bind_strcat_delim(const CallContext&, Arguments arguments) {
  std::string sql = "k_join(";
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += convert(arguments[i], ScalarType::kString).sql;
  }
  return text_expr(sql + ")", arguments);
}

// indexof and indexof_regex; what is no string is searched as its text.
template <FixedString kName, FixedString kFunction>
Expr bind_indexof(const CallContext&, Arguments arguments) {
  std::string sql = std::string(kFunction.view()) + "(" +
                    convert(arguments[0], ScalarType::kString).sql + ", " +
                    convert(arguments[1], ScalarType::kString).sql;
  constexpr std::string_view kAbsent[] = {"0::BIGINT", "(-1)::BIGINT", "1::BIGINT"};
  for (size_t i = 2; i < 5; ++i) {
    if (i < arguments.size()) {
      const auto value = convert_argument(arguments[i], ScalarType::kLong);
      if (!value) argument_error(kName.view(), i, "a whole number");
      sql += ", " + value->sql;
    } else {
      sql += ", " + std::string(kAbsent[i - 2]);
    }
  }
  return make_expr(ScalarType::kLong, sql + ")", arguments);
}

Expr bind_countof(const CallContext&, Arguments arguments) {
  const std::string kind =
      arguments.size() > 2 ? constant_string("countof", arguments, 2) : "normal";
  if (kind != "normal" && kind != "regex") argument_error("countof", 2, "\"normal\" or \"regex\"");
  return bind_signature("countof", "L:SS", kind == "regex" ? "k_countof_regex($)" : "k_countof($)",
                        arguments.first(2));
}

Expr bind_split(const CallContext&, Arguments arguments) {
  return bind_signature("split", "D:AS?L", arguments.size() > 2 ? "k_split_at($)" : "k_split($)",
                        arguments);
}

Expr bind_extract(const CallContext&, Arguments arguments) {
  Expr text = bind_signature("extract", "S:SLS", "k_extract($)", arguments.first(3));
  if (arguments.size() < 4) return text;
  const ScalarType type = type_argument("extract", arguments[3], 3);
  if (type == ScalarType::kDynamic)
    return make_expr(type, call_sql("k_parse_json", {text.sql}), arguments);
  return convert(text, type);
}

Expr bind_extract_all(const CallContext&, Arguments arguments) {
  if (arguments.size() == 2)
    return bind_signature("extract_all", "D:SS", "k_extract_all($1, NULL, $2)", arguments);
  return bind_signature("extract_all", "D:SDS", "k_extract_all($)", arguments);
}

// extract_json(path, source[, typeof(T)]); the source is a JSON text or a dynamic.
Expr bind_extract_json(const CallContext&, Arguments arguments) {
  const bool is_dynamic = arguments[1].type == ScalarType::kDynamic;
  Expr value =
      bind_signature("extract_json", is_dynamic ? "D:SD" : "D:SS",
                     is_dynamic ? "k_extract_dynamic($)" : "k_extract_json($)", arguments.first(2));
  const ScalarType type =
      arguments.size() > 2 ? type_argument("extract_json", arguments[2], 2) : ScalarType::kString;
  return convert(value, type);
}

constexpr ScalarFunction kFunctions[] = {
    simple<"strlen", "L:S", "k_strlen($)">(),
    simple<"string_size", "L:S", "k_string_size($)">(),
    simple<"substring", "S:AL?L=9223372036854775807::BIGINT;", "k_substring($)">(),
    simple<"toupper", "S:A", "k_toupper($)">(),
    simple<"tolower", "S:A", "k_tolower($)">(),
    simple<"strrep", "S:AL?A='';", "k_strrep($)">(),
    simple<"strcmp", "L:AA", "k_strcmp($)">(),
    simple<"strcat_array", "S:DA", "k_join_array($)">(),
    simple<"array_strcat", "S:DA", "k_join_array($)">(),
    simple<"replace_string", "S:SSS", "k_replace_string($)">(),
    simple<"replace_strings", "S:SDD", "k_replace_strings($)">(),
    simple<"replace_regex", "S:SSS", "k_replace_regex($)">(),
    simple<"replace", "S:SSS", "k_replace_regex($3, $1, $2)">(),
    simple<"trim", "S:SS", "k_trim($)">(),
    simple<"trim_start", "S:SS", "k_trim_start($)">(),
    simple<"trim_end", "S:SS", "k_trim_end($)">(),
    simple<"translate", "S:SSS", "k_translate($)">(),
    simple<"regex_quote", "S:A", "k_regex_quote($)">(),
    simple<"isascii", "B:A", "k_isascii($)">(),
    simple<"isutf8", "B:A", "k_isutf8($)">(),
    simple<"unicode_codepoints_from_string", "D:A", "k_code_points($)">(),
    simple<"to_utf8", "D:A", "k_code_points($)">(),
    simple<"unicode_codepoints_to_string", "S:D*", "k_from_code_points($)">(),
    simple<"make_string", "S:D*", "k_from_code_points($)">(),
    simple<"has_any_index", "L:SD", "k_has_any_index($)">(),
    {"reverse", 1, 1, bind_reverse},
    {"strcat", 1, 64, bind_strcat},
    {"strcat_delim", 2, 65, bind_strcat_delim},
    {"indexof", 2, 5, bind_indexof<"indexof", "k_indexof">},
    {"indexof_regex", 2, 5, bind_indexof<"indexof_regex", "k_indexof_regex">},
    {"countof", 2, 3, bind_countof},
    {"split", 2, 3, bind_split},
    {"extract", 3, 4, bind_extract},
    {"extract_json", 2, 3, bind_extract_json},
    {"extractjson", 2, 3, bind_extract_json},
    {"extract_all", 2, 3, bind_extract_all},
    {"extractall", 2, 3, bind_extract_all},
};

}  // namespace

std::span<const ScalarFunction> text_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
