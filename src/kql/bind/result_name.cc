#include <algorithm>
#include <array>

#include "kql/bind/binder.h"

// The names of columns that a query does not name.
namespace rivulet::kql {
namespace {

// Functions whose column takes the name of their first argument.
constexpr std::array<std::string_view, 65> kNamedByFirstArgument{"abs",
                                                                 "acos",
                                                                 "asin",
                                                                 "atan",
                                                                 "atan2",
                                                                 "bin",
                                                                 "bin_at",
                                                                 "bin_auto",
                                                                 "binary_and",
                                                                 "binary_not",
                                                                 "binary_or",
                                                                 "binary_shift_left",
                                                                 "binary_shift_right",
                                                                 "binary_xor",
                                                                 "bitset_count_ones",
                                                                 "ceiling",
                                                                 "cos",
                                                                 "erf",
                                                                 "erfc",
                                                                 "exp",
                                                                 "exp10",
                                                                 "exp2",
                                                                 "floor",
                                                                 "format_bytes",
                                                                 "format_datetime",
                                                                 "format_timespan",
                                                                 "gamma",
                                                                 "log",
                                                                 "log10",
                                                                 "log2",
                                                                 "loggamma",
                                                                 "parse_csv",
                                                                 "parse_json",
                                                                 "parse_xml",
                                                                 "parsejson",
                                                                 "pow",
                                                                 "rand",
                                                                 "round",
                                                                 "series_fill_backward",
                                                                 "series_fill_const",
                                                                 "series_fill_forward",
                                                                 "series_fill_linear",
                                                                 "series_fir",
                                                                 "series_iir",
                                                                 "series_outliers",
                                                                 "sin",
                                                                 "split",
                                                                 "sqrt",
                                                                 "startofday",
                                                                 "tan",
                                                                 "tobool",
                                                                 "toboolean",
                                                                 "todatetime",
                                                                 "todecimal",
                                                                 "todouble",
                                                                 "todynamic",
                                                                 "toguid",
                                                                 "tohex",
                                                                 "toint",
                                                                 "tolong",
                                                                 "toobject",
                                                                 "toreal",
                                                                 "tostring",
                                                                 "totime",
                                                                 "totimespan"};

struct Prefix {
  std::string_view function;
  std::string_view prefix;
};
// Those whose column is the prefix and the name of their first argument.
constexpr std::array<Prefix, 8> kPrefixes{{{"dcount_hll", "dcount_hll_"},
                                           {"gettype", "type_"},
                                           {"percentile_tdigest", "percentile_tdigest_"},
                                           {"percentiles_array_tdigest", "percentile_tdigest_"},
                                           {"repeat", "repeat_"},
                                           {"string_size", "string_size_"},
                                           {"strlen", "strlen_"},
                                           {"treepath", "tree_"}}};
// Those whose column always has the same name.
constexpr std::array<Prefix, 4> kFixedNames{{{"hll_merge", "hll_merged_result"},
                                             {"ingestion_time", "$IngestionTime"},
                                             {"merge_tdigest", "tdigests_merge_result"},
                                             {"tdigest_merge", "tdigests_merge_result"}}};
// Aggregates that make several columns or name them by their other arguments; bind_multi_aggregate does that
// where they stand alone, and inside a call they give no name.
constexpr std::array<std::string_view, 9> kMultiAggregates{
    "arg_max",     "arg_min",      "argmax",      "argmin",  "percentile",
    "percentiles", "percentilesw", "percentilew", "take_any"};

template <typename List>
bool is_among(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

const Prefix* find_prefix(std::span<const Prefix> list, std::string_view function) {
  for (const Prefix& entry : list) {
    if (entry.function == function) return &entry;
  }
  return nullptr;
}

// What stands in brackets, as a part of a name: a string or a whole number.
std::string literal_name(const Literal& literal) {
  if (literal.type == ScalarType::kString) return std::get<std::string>(literal.value);
  if (const auto* small = std::get_if<int32_t>(&literal.value)) return std::to_string(*small);
  const auto* whole = std::get_if<int64_t>(&literal.value);
  return whole != nullptr && literal.type == ScalarType::kLong ? std::to_string(*whole) : "";
}

}  // namespace

std::string Binder::result_name(const NamedExpression& item, const Relation* row,
                                bool allows_aggregates) {
  return item.names.empty() ? result_name(*item.value, row, allows_aggregates) : item.names[0];
}

std::string Binder::result_name(const Expression& expression, const Relation* row,
                                bool allows_aggregates) {
  using Kind = Expression::Kind;
  switch (expression.kind) {
    case Kind::kName:
      return expression.text;
    case Kind::kMember: {
      const Expression& object = *expression.arguments[0].value;
      bool is_side = object.kind == Kind::kName && object.text.starts_with("$");
      std::string left = is_side ? "" : result_name(object, nullptr, allows_aggregates);
      return left.empty() ? expression.text : left + "_" + expression.text;
    }
    case Kind::kIndex: {
      const Expression& key = *expression.arguments[1].value;
      std::string right = key.kind == Kind::kLiteral ? literal_name(key.literal) : "";
      std::string left = result_name(*expression.arguments[0].value, nullptr, allows_aggregates);
      return left.empty() ? right : left + "_" + right;
    }
    case Kind::kCall:
      return call_name(expression, row, allows_aggregates);
    default:
      return "";
  }
}

std::string Binder::row_argument_name(const Expression& call, size_t index) {
  std::string name = result_name(call.arguments[index]);
  if (!name.empty()) return name;
  bool is_old = call.text == "argmax" || call.text == "argmin";
  std::string number = "arg" + std::to_string(index);
  if (call.text == "any" || call.text == "take_any")
    return call.text == "any" ? number : "any_" + number;
  std::string prefix = call.text.ends_with("max") ? "max_" : "min_";
  if (index == 0) return is_old ? "" : prefix;
  return is_old ? number : prefix + result_name(call.arguments[0]) + "_" + number;
}

std::string Binder::call_name(const Expression& call, const Relation* row, bool allows_aggregates) {
  if (call.object) return "";
  const std::string& function = call.text;
  auto first_name = [&](bool in_aggregates) {
    return call.arguments.empty() ? "" : result_name(call.arguments[0], nullptr, in_aggregates);
  };
  const AggregateFunction* aggregate =
      allows_aggregates ? find_aggregate_function(function) : nullptr;
  if (aggregate != nullptr) {
    if (is_among(kMultiAggregates, function)) return "";
    return std::string(aggregate->result_prefix) + first_name(false);
  }
  if (is_among(kNamedByFirstArgument, function)) return first_name(allows_aggregates);
  if (const Prefix* found = find_prefix(kPrefixes, function)) {
    return std::string(found->prefix) + first_name(allows_aggregates);
  }
  if (const Prefix* found = find_prefix(kFixedNames, function)) return std::string(found->prefix);
  if (function == "make_datetime" || function == "make_timespan") {
    return call.arguments.size() == 1 ? first_name(allows_aggregates) : "";
  }
  if (function == "column_ifexists" || function == "columnifexists") {
    // The column's own name; the value that stands for a column that is not there has none.
    if (row == nullptr || call.arguments.empty()) return "";
    const Expression& name = *call.arguments[0].value;
    std::string text = name.kind == Expression::Kind::kLiteral ? literal_name(name.literal) : "";
    return row->find(text) != nullptr ? text : "";
  }
  return "";
}

}  // namespace rivulet::kql
