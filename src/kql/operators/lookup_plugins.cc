#include <algorithm>

#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/operators/plugins.h"

// Plugins that join a table by a predicate: ipv4_lookup, ipv6_lookup, geo_polygon_lookup,
// geo_line_lookup; and schema_merge.
namespace rivulet::kql {
namespace {

bool is_true(const Literal& literal) {
  const auto* flag = std::get_if<bool>(&literal.value);
  return flag != nullptr && *flag;
}

}  // namespace

// Rows of `input` beside the rows of `table` for which `condition` holds.
Relation Binder::join_on(Relation input, Relation table, const std::string& condition,
                         bool keeps_unmatched, const std::vector<std::string>& left_out) {
  Relation result;
  std::string list;
  for (const RelationColumn& source : input.columns) {
    list += (list.empty() ? "" : ", ") + source.sql;
    result.columns.push_back(source);
  }
  for (const RelationColumn& source : table.columns) {
    if (std::find(left_out.begin(), left_out.end(), source.sql) != left_out.end()) continue;
    RelationColumn added = column(unique_name(result.columns, source.name), source.type);
    list += (list.empty() ? "" : ", ") + or_default(source.type, source.sql) + " AS " + added.sql;
    result.columns.push_back(std::move(added));
  }
  std::string suffix = new_name();
  result.from = "(SELECT " + list + " FROM " + input.from + " l" + suffix +
                (keeps_unmatched ? " LEFT JOIN " : " JOIN ") + table.from + " r" + suffix + " ON " +
                condition + ")";
  check_size(result.from);
  return result;
}

Relation Binder::bind_ip_lookup(const PluginCall& plugin, Relation input) {
  bool is_v6 = plugin.call.text == "ipv6_lookup";
  Relation table = bind_table(plugin.required(0, "LookupTable"), plugin.environment);
  RelationColumn source = plugin_column(plugin, input, 1, "SourceIPKey");
  RelationColumn network = plugin_column(plugin, table, 2, "LookupKey");
  // More lookup keys join by equality, by the same name on both sides.
  std::string condition;
  const char* function = is_v6 ? "ipv6_is_match" : "ipv4_is_in_range";
  condition =
      call_library(function, {column_expr(source), column_expr(network)}, plugin.call.position).sql;
  bool keeps_unmatched = false;
  std::vector<std::string> left_out;
  for (size_t i = 3; i < plugin.positional_count(); ++i) {
    const Expression& argument = *plugin.argument(i, "");
    if (argument.kind == Expression::Kind::kName) {
      const RelationColumn* left = input.find(argument.text);
      const RelationColumn* right = table.find(argument.text);
      if (left == nullptr || right == nullptr) fail_column(argument.text);
      condition +=
          " AND " +
          call_library("==", {column_expr(*left), column_expr(*right)}, argument.position).sql;
      left_out.push_back(right->sql);
    } else {
      keeps_unmatched = is_true(require_literal(argument, plugin.environment));
    }
  }
  if (const Expression* given = plugin.argument(SIZE_MAX, "return_unmatched")) {
    keeps_unmatched = is_true(require_literal(*given, plugin.environment));
  }
  Relation result = join_on(input, std::move(table), condition, keeps_unmatched, left_out);
  if (is_v6) {
    // As documented, the table's columns stand in front here.
    std::rotate(result.columns.begin(),
                result.columns.begin() + static_cast<ptrdiff_t>(input.columns.size()),
                result.columns.end());
  }
  return result;
}

Relation Binder::bind_geo_lookup(const PluginCall& plugin, Relation input) {
  bool is_polygon = plugin.call.text == "geo_polygon_lookup";
  Relation table = bind_table(plugin.required(0, "LookupTable"), plugin.environment);
  RelationColumn shape =
      plugin_column(plugin, table, 1, is_polygon ? "LookupPolygonKey" : "LookupLineKey");
  RelationColumn longitude = plugin_column(plugin, input, 2, "SourceLongitude");
  RelationColumn latitude = plugin_column(plugin, input, 3, "SourceLatitude");
  std::optional<Expr> radius;
  if (const Expression* given = plugin.argument(4, "radius")) {
    radius = convert(constant(*given, plugin.environment), ScalarType::kReal);
  }
  bool keeps_unmatched = false;
  if (const Expression* given = plugin.argument(5, "return_unmatched")) {
    keeps_unmatched = is_true(require_literal(*given, plugin.environment));
  }
  bool keeps_key = false;
  if (const Expression* given = plugin.argument(7, "return_lookup_key")) {
    keeps_key = is_true(require_literal(*given, plugin.environment));
  }
  std::vector<Expr> point{column_expr(longitude), column_expr(latitude), column_expr(shape)};
  Expr condition;
  if (is_polygon && !radius) {
    condition = call_library("geo_point_in_polygon", point, plugin.call.position);
  } else {
    if (!radius)
      throw operator_error("SEM0219", plugin.call.text + "(): argument 'radius' is missing");
    Expr distance =
        call_library(is_polygon ? "geo_distance_point_to_polygon" : "geo_distance_point_to_line",
                     point, plugin.call.position);
    condition = call_library("<=", {distance, *radius}, plugin.call.position);
  }
  std::vector<std::string> left_out;
  if (!keeps_key) left_out.push_back(shape.sql);
  return join_on(std::move(input), std::move(table), condition.sql, keeps_unmatched, left_out);
}

// Merges schemas as getschema gives them: of each column its type, or what is wrong with it.
Relation Binder::bind_schema_merge(const PluginCall& plugin, Relation input) {
  bool preserves_order = true;
  if (const Expression* given = plugin.argument(0, "PreserveOrder")) {
    preserves_order = is_true(require_literal(*given, plugin.environment));
  }
  for (std::string_view needed : {"ColumnName", "ColumnOrdinal", "ColumnType"}) {
    if (input.find(needed) == nullptr) fail_column(needed);
  }
  Relation asked = input;
  asked.columns = {*input.find("ColumnName"), *input.find("ColumnOrdinal"),
                   *input.find("ColumnType")};
  ResultTable answer = probe(std::move(asked));
  struct Merged {
    std::string name;
    std::string type;
    int64_t ordinal = 0;
    bool is_type_known = true;
    bool is_in_order = true;
  };
  std::vector<Merged> merged;
  for (size_t row = 0; row < answer.rows.row_count(); ++row) {
    std::string name(answer.rows.column(0).view().text(row));
    ColumnView ordinals = answer.rows.column(1).view();
    int64_t ordinal = ordinals.type == ScalarType::kInt ? ordinals.cell<int32_t>(row)
                                                        : ordinals.cell<int64_t>(row);
    std::string type(answer.rows.column(2).view().text(row));
    auto known = std::find_if(merged.begin(), merged.end(),
                              [&](const Merged& one) { return one.name == name; });
    if (known == merged.end()) {
      merged.push_back({name, type, ordinal, true, true});
    } else {
      known->is_type_known = known->is_type_known && known->type == type;
      known->is_in_order = known->is_in_order && known->ordinal == ordinal;
      known->ordinal = std::max(known->ordinal, ordinal);
    }
  }
  std::stable_sort(merged.begin(), merged.end(),
                   [](const Merged& a, const Merged& b) { return a.ordinal < b.ordinal; });
  Relation result;
  result.columns = {
      column("ColumnName", ScalarType::kString), column("ColumnOrdinal", ScalarType::kInt),
      column("DataType", ScalarType::kString), column("ColumnType", ScalarType::kString)};
  std::string rows;
  int ordinal = 0;
  for (const Merged& one : merged) {
    std::string type = one.type;
    std::string data_type = type;
    int place = ordinal++;
    if (std::optional<ScalarType> known = parse_scalar_type(type)) data_type = clr_name(*known);
    std::string problem = !one.is_type_known ? "ERROR(column has conflicting types)"
                          : preserves_order && !one.is_in_order ? "ERROR(columns are out of order)"
                                                                : "";
    if (!problem.empty()) {
      type = problem;
      data_type = "ERROR(unknown CSL type:" + problem + ")";
      place = -1;
    }
    rows += (rows.empty() ? "(" : ", (") + text_literal(one.name).sql + ", " +
            std::to_string(place) + "::INTEGER, " + text_literal(data_type).sql + ", " +
            text_literal(type).sql + ")";
  }
  bool is_empty = rows.empty();
  if (is_empty) rows = "('', 0::INTEGER, '', '')";
  result.from = "(SELECT * FROM (VALUES " + rows + ") v" + result.columns[0].sql + "(" +
                sql_list(result) + ")" + (is_empty ? " WHERE FALSE" : "") + ")";
  return result;
}

}  // namespace rivulet::kql
