#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "kql/bind/comparable.h"
#include "kql/functions/library.h"
#include "kql/syntax/literal.h"

// Comparisons, logic, and the operators of strings.
namespace rivulet::kql {

namespace {

[[noreturn]] void refuse_comparison(const Expr& a, const Expr& b) {
  throw semantic_error(
      "SEM0064", "Cannot compare values of types " + std::string(kusto_name(a.type)) + " and " +
                     std::string(kusto_name(b.type)) + ". Try adding explicit casts");
}

using Pair = std::pair<Expr, Expr>;

bool is_null_literal(const Expr& e) {
  return e.literal && e.literal->is_null();
}

// The whole number that a text spells, as a long. Unlike tolong(), it is null for a text with a fraction.
Expr spelled_whole(const Expr& text) {
  if (text.literal && !text.literal->is_null()) {
    const auto whole = parse_whole(std::get<std::string>(text.literal->value));
    return literal_expr(whole ? Literal{ScalarType::kLong, *whole}
                              : Literal{ScalarType::kLong, {}});
  }
  return make_expr(ScalarType::kLong, call_sql("k_string_to_whole", {text.sql}), {&text, 1});
}

// A text and a value of another type: the value that the text spells in that type, null where it spells none.
Pair spelled_beside(const Expr& text, const Expr& other) {
  if (!is_integer(other.type)) return {convert(text, other.type), other};
  Expr whole = spelled_whole(text);
  const Expr narrow = whole.literal ? convert(whole, other.type) : whole;
  if (narrow.type == other.type && narrow.literal) return {narrow, other};
  return {std::move(whole), convert(other, ScalarType::kLong)};
}

// The two as values of one type; `is_ordering` for < and its kin, which take no text beside another type.
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
  if (!is_ordering && a.type == ScalarType::kString) return spelled_beside(a, b);
  if (!is_ordering && b.type == ScalarType::kString) {
    auto [spelled, other] = spelled_beside(b, a);
    return {std::move(other), std::move(spelled)};
  }
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

// Literals of a list as one text: the engine plans an element of an SQL list in some 10 µs and 1 KB. Those that cannot
// stand in it, and few, stay elements.
class PackedList {
 public:
  // Takes the literal if it can stand in the text.
  bool add(const Expr& element) {
    if (!element.literal) return false;
    const auto text =
        std::visit([](const auto& value) { return text_of(value); }, element.literal->value);
    if (!text || text->find(kSeparator) != std::string::npos) return false;
    if (count_++ > 0) text_ += kSeparator;
    text_ += *text;
    return true;
  }
  bool is_long() const { return count_ > kMostElements; }
  // Whether `subject`, of the elements' type, is among them.
  std::string sql(const Expr& subject, bool folds) const {
    const std::string text = literal_sql({ScalarType::kString, text_});
    switch (subject.type) {
      case ScalarType::kString:
        return call_sql(folds ? "k_among_folded" : "k_among", {subject.sql, text});
      case ScalarType::kGuid:
        return call_sql("k_among", {"(" + subject.sql + ")::VARCHAR", text});
      case ScalarType::kReal:
        return call_sql("k_among_real", {subject.sql, text});
      default:
        return call_sql("k_among_long", {"(" + subject.sql + ")::BIGINT", text});
    }
  }

 private:
  using Text = std::optional<std::string>;
  static Text text_of(int32_t value) { return std::to_string(value); }
  static Text text_of(int64_t value) { return std::to_string(value); }
  static Text text_of(const Guid& value) { return to_string(value); }
  static Text text_of(const std::string& value) { return value; }
  static Text text_of(double value) {
    char digits[32];
    return std::string(digits, std::to_chars(digits, std::end(digits), value).ptr);
  }
  static Text text_of(std::monostate) { return std::nullopt; }
  static Text text_of(bool) { return std::nullopt; }
  static Text text_of(const Decimal&) { return std::nullopt; }

  static constexpr char kSeparator = '\x01';
  static constexpr int kMostElements = 1'000;

  std::string text_;
  int count_ = 0;
};

std::string among_sql(const Expr& value, Arguments candidates, bool ignores_case) {
  std::string sql;
  const auto add_term = [&](const std::string& term) { sql += (sql.empty() ? "" : " OR ") + term; };
  // One list for each form in which the value is compared: as it is, and in other types.
  struct List {
    Expr subject;
    std::string form;
    bool may_be_null;  // a text that spells no value of the elements' type
    PackedList packed;
    std::string packed_elements, other_elements;
  };
  std::vector<List> lists;
  std::vector<Expr> arrays;
  for (const Expr& candidate : candidates) {
    if (candidate.type == ScalarType::kDynamic) {
      arrays.push_back(candidate);
      continue;
    }
    auto [subject, other] = to_comparable(value, candidate, false);
    if (other.literal && other.literal->is_null()) continue;  // null is among nothing
    if (subject.type == ScalarType::kReal && !is_definite(other)) {
      // In an SQL list NaN would be among NaN.
      add_term(equality(value, candidate, true).sql);
      continue;
    }
    const bool folds = ignores_case && subject.type == ScalarType::kString;
    const std::string form = folds ? call_sql("k_fold", {subject.sql}) : subject.sql;
    const std::string element = folds ? call_sql("k_fold", {other.sql}) : other.sql;
    auto list = std::find_if(lists.begin(), lists.end(),
                             [&](const List& existing) { return existing.form == form; });
    if (list == lists.end())
      list = lists.insert(list, {subject, form, subject.type != value.type, {}, "", ""});
    std::string& elements = list->packed.add(other) ? list->packed_elements : list->other_elements;
    elements += (elements.empty() ? "" : ", ") + element;
  }
  for (const List& list : lists) {
    const auto add_list_term = [&](const std::string& term) {
      add_term(list.may_be_null ? "coalesce(" + term + ", FALSE)" : term);
    };
    if (list.packed.is_long()) {
      add_list_term(list.packed.sql(list.subject, ignores_case));
      if (!list.other_elements.empty())
        add_list_term(list.form + " IN (" + list.other_elements + ")");
    } else {
      const bool has_both = !list.packed_elements.empty() && !list.other_elements.empty();
      add_list_term(list.form + " IN (" + list.packed_elements + (has_both ? ", " : "") +
                    list.other_elements + ")");
    }
  }
  for (const Expr& array : arrays) {
    // A value of a type of its own is compared with each element as with a value of any type.
    const std::string function =
        std::string(value.type == ScalarType::kDynamic ? "k_in_array" : "k_in_elements") +
        (ignores_case ? "_ci" : "");
    const std::string is_in =
        call_sql(function, {convert(value, ScalarType::kDynamic).sql, array.sql});
    add_term(value.type == ScalarType::kReal ? "(NOT isnan(" + value.sql + ") AND " + is_in + ")"
                                             : is_in);
  }
  return sql.empty() ? "FALSE" : sql;
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
    text_operator<"like", "k_like">(),
    text_operator<"!like", "k_like">(),
    text_operator<"likecs", "k_like_cs">(),
    text_operator<"!likecs", "k_like_cs">(),
    text_operator<"containscs", "contains">(),
    text_operator<"!containscs", "contains">(),
    {"has_any", 2, -1, bind_text_among<"has_any", "k_has_any">},
    {"has_all", 2, -1, bind_text_among<"has_all", "k_has_all">},
    {"in", 2, -1, bind_in<false, false>},
    {"!in", 2, -1, bind_in<true, false>},
    {"in~", 2, -1, bind_in<false, true>},
    {"!in~", 2, -1, bind_in<true, true>},
    {"[]", 2, 2, bind_subscript},
};

}  // namespace

std::pair<Expr, Expr> as_comparable(const Expr& a, const Expr& b) {
  return to_comparable(a, b, false);
}

std::span<const ScalarFunction> comparison_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
