#include <algorithm>
#include <array>

#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/operators/plugins.h"
#include "types/json.h"

// evaluate: which plugin it is, and the plugins whose columns depend on data.
namespace rivulet::kql {

// By bag_unpack or pivot, where the data says which.
constexpr size_t kMaxMadeColumns = 1000;

const Expression& PluginCall::required(size_t index, std::string_view name) const {
  const Expression* found = argument(index, name);
  if (found == nullptr) {
    throw semantic_error("SEM0219",
                         call.text + "(): argument '" + std::string(name) + "' is missing");
  }
  return *found;
}

// By position among the arguments without names, or by name.
const Expression* PluginCall::argument(size_t index, std::string_view name) const {
  size_t position = 0;
  for (const NamedExpression& given : call.arguments) {
    if (!given.names.empty()) {
      if (given.names[0] == name) return given.value.get();
    } else if (position++ == index) {
      return given.value.get();
    }
  }
  return nullptr;
}

size_t PluginCall::positional_count() const {
  return static_cast<size_t>(
      std::count_if(call.arguments.begin(), call.arguments.end(),
                    [](const NamedExpression& given) { return given.names.empty(); }));
}

Relation Binder::apply(const EvaluateOperator& evaluate, Relation input,
                       const Environment* environment) {
  return bind_plugin(evaluate, std::move(input), environment);
}

Relation Binder::bind_plugin(const EvaluateOperator& evaluate, std::optional<Relation> input,
                             const Environment* environment) {
  const Expression& call = *evaluate.call;
  using Plugin = Relation (Binder::*)(const PluginCall&, Relation);
  struct Entry {
    std::string_view name;
    Plugin bind;
  };
  static constexpr std::array kPlugins{
      Entry{"bag_unpack", &Binder::bind_bag_unpack},
      Entry{"pivot", &Binder::bind_pivot},
      Entry{"narrow", &Binder::bind_narrow},
      Entry{"ipv4_lookup", &Binder::bind_ip_lookup},
      Entry{"ipv6_lookup", &Binder::bind_ip_lookup},
      Entry{"geo_polygon_lookup", &Binder::bind_geo_lookup},
      Entry{"geo_line_lookup", &Binder::bind_geo_lookup},
      Entry{"schema_merge", &Binder::bind_schema_merge},
      Entry{"rolling_percentile", &Binder::bind_rolling_percentile},
      Entry{"sliding_window_counts", &Binder::bind_sliding_window_counts},
      Entry{"active_users_count", &Binder::bind_active_users_count},
      Entry{"activity_counts_metrics", &Binder::bind_activity_counts_metrics},
      Entry{"session_count", &Binder::bind_session_count},
      Entry{"dcount_intersect", &Binder::bind_dcount_intersect},
  };
  auto entry = std::find_if(kPlugins.begin(), kPlugins.end(),
                            [&](const Entry& candidate) { return candidate.name == call.text; });
  if (entry == kPlugins.end()) throw not_supported("plugin '" + call.text + "'");
  if (!input)
    throw operator_error("SEM0003", "Plugin '" + call.text + "' needs a table piped to it");
  PluginCall plugin{call, environment, evaluate.schema ? &*evaluate.schema : nullptr,
                    evaluate.schema_has_star};
  Relation result = (this->*entry->bind)(plugin, std::move(*input));
  if (evaluate.schema && call.text != "bag_unpack") {
    // The schema that the query gives: those columns, converted.
    std::vector<RelationColumn> columns;
    for (const ColumnDeclaration& declared : *evaluate.schema) {
      const RelationColumn* found = result.find(declared.name);
      RelationColumn added;
      added.name = declared.name;
      added.type = declared.type;
      Expr value = found != nullptr ? convert(column_expr(*found), declared.type)
                                    : literal_expr({declared.type, {}});
      if (found == nullptr && declared.type == ScalarType::kString) value = text_literal("");
      added.sql = as_column(result, value);
      columns.push_back(std::move(added));
    }
    result.columns = std::move(columns);
  }
  return result;
}

std::string PluginCall::column_name(size_t index, std::string_view name) const {
  const Expression& found = required(index, name);
  if (found.kind != Expression::Kind::kName) {
    throw semantic_error("SEM0003",
                         call.text + "(): argument '" + std::string(name) + "' must be a column");
  }
  return found.text;
}

const RelationColumn& Binder::plugin_column(const PluginCall& plugin, const Relation& input,
                                            size_t index, std::string_view name) {
  std::string column_name = plugin.column_name(index, name);
  const RelationColumn* found = input.find(column_name);
  if (found == nullptr) fail_column(column_name);
  return *found;
}

// A column for every key of the bags in one column.
Relation Binder::bind_bag_unpack(const PluginCall& plugin, Relation input) {
  RelationColumn bag = plugin_column(plugin, input, 0, "Column");
  if (bag.type != ScalarType::kDynamic) {
    throw operator_error("SEM0003", "bag_unpack(): '" + bag.name + "' must be of type dynamic");
  }
  std::string prefix, conflict = "error";
  std::vector<std::string> ignored;
  if (const Expression* given = plugin.argument(1, "OutputColumnPrefix")) {
    prefix = require_string(*given, plugin.environment);
  }
  if (const Expression* given = plugin.argument(2, "columnsConflict")) {
    conflict = require_string(*given, plugin.environment);
  }
  if (const Expression* given = plugin.argument(3, "ignoredProperties")) {
    Literal list = require_literal(*given, plugin.environment);
    const auto* json = std::get_if<std::string>(&list.value);
    if (json != nullptr) ignored = json_strings(*json).value_or(ignored);
  }
  if (conflict != "error" && conflict != "replace_source" && conflict != "keep_source") {
    throw operator_error("SEM0003",
                         "bag_unpack(): '" + conflict + "' is not a way to settle conflicts");
  }
  struct Key {
    std::string name;
    ScalarType type;
  };
  std::vector<Key> keys;
  std::vector<RelationColumn> columns;
  if (plugin.schema != nullptr) {
    for (const ColumnDeclaration& declared : *plugin.schema) {
      // A column that the input has stays as it is.
      const RelationColumn* own = input.find(declared.name);
      if (own != nullptr && own->sql != bag.sql && !plugin.schema_has_star) {
        columns.push_back(*own);
      } else {
        keys.push_back({declared.name, declared.type});
      }
    }
  } else {
    // Which keys there are, and of which types: asked of the data.
    std::string key = new_name(), type = new_name(), member = new_name(), pair = new_name();
    Relation asked;
    asked.columns = {{"key", ScalarType::kString, key}, {"type", ScalarType::kString, type}};
    asked.from =
        "(SELECT " + key + ", CASE WHEN count(DISTINCT " + type + ") = 1 THEN min(" + type +
        ") WHEN bool_and(" + type + " IN ('long', 'real')) THEN 'real' ELSE 'dynamic' END AS " +
        type + " FROM (SELECT " + key + ", CASE WHEN " + member + "[1] = '\"' THEN 'string' WHEN " +
        member + " IN ('true', 'false') THEN 'bool' WHEN " + member +
        "[1] IN ('{', '[') THEN 'dynamic' WHEN " + member +
        " = 'null' THEN NULL WHEN regexp_matches(" + member +
        ", '[.eE]') THEN 'real' ELSE 'long' END AS " + type + " FROM (SELECT json_extract_string(" +
        pair + ", '$[0]') AS " + key + ", json_extract(" + pair + ", '$[1]')::VARCHAR AS " +
        member + " FROM (SELECT unnest(json_extract(k_bag_members(" + bag.sql +
        ", true), '$[*]')) AS " + pair + " FROM " + input.from + " WHERE " + bag.sql +
        "[1] = '{'))) GROUP BY " + key + ")";
    asked.order = {{key, false, true}};
    ResultTable answer = probe(std::move(asked));
    if (answer.rows.row_count() > kMaxMadeColumns) {
      throw operator_error("SEM0003", "bag_unpack(): the bags have more than " +
                                          std::to_string(kMaxMadeColumns) +
                                          " properties: name the wanted ones, as in "
                                          "'evaluate bag_unpack(d) : (a: long)'");
    }
    for (size_t row = 0; row < answer.rows.row_count(); ++row) {
      std::string name(answer.rows.column(0).view().text(row));
      if (std::find(ignored.begin(), ignored.end(), name) != ignored.end()) continue;
      ColumnView types = answer.rows.column(1).view();
      keys.push_back({name, parse_scalar_type(types.text(row)).value_or(ScalarType::kDynamic)});
    }
  }
  bool keeps_rest = plugin.schema == nullptr || plugin.schema_has_star;
  if (keeps_rest) {
    for (const RelationColumn& column : input.columns) {
      if (column.sql != bag.sql) columns.push_back(column);
    }
  }
  std::string list;
  for (const Key& key : keys) {
    std::string name = prefix + key.name;
    auto taken = std::find_if(columns.begin(), columns.end(),
                              [&](const RelationColumn& column) { return column.name == name; });
    if (taken != columns.end() && conflict == "keep_source") continue;
    if (taken != columns.end() && conflict == "error" && plugin.schema == nullptr) {
      throw operator_error("SEM0003",
                           "bag_unpack(): the table has a column '" + name + "' already");
    }
    std::string source_key = key.name;
    if (plugin.schema != nullptr && !prefix.empty() && source_key.starts_with(prefix)) {
      source_key.erase(0, prefix.size());
      name = key.name;
    }
    Expr value = call_library("[]", {column_expr(bag), text_literal(source_key)}, Position{});
    if (key.type != ScalarType::kDynamic) {
      value = call_library("to" + std::string(kusto_name(key.type)), {value}, Position{});
    }
    RelationColumn added = column(name, key.type);
    list += (list.empty() ? "" : ", ") + value.sql + " AS " + added.sql;
    if (taken != columns.end()) {
      *taken = std::move(added);
    } else {
      columns.push_back(std::move(added));
    }
  }
  add_sql(input, list);
  input.columns = std::move(columns);
  return input;
}

// A column for every value of one column, holding an aggregate.
Relation Binder::bind_pivot(const PluginCall& plugin, Relation input) {
  RelationColumn pivot = plugin_column(plugin, input, 0, "pivotColumn");
  Scope scope;
  scope.environment = plugin.environment;
  scope.row = &input;
  scope.allows_aggregates = true;
  Expr value;
  std::vector<std::string> used{pivot.name};
  if (const Expression* aggregate_call = plugin.argument(1, "aggregateFunction")) {
    value = bind(*aggregate_call, scope);
    std::vector<const Expression*> open{aggregate_call};
    while (!open.empty()) {
      const Expression* next = open.back();
      open.pop_back();
      if (next->kind == Expression::Kind::kName) used.push_back(next->text);
      for (const NamedExpression& argument : next->arguments) open.push_back(argument.value.get());
    }
  } else {
    value.type = ScalarType::kLong;
    value.sql = "count(*)::BIGINT";
  }
  Relation result = restart(input);
  result.columns.clear();
  std::string groups;
  auto add_group = [&](const RelationColumn& column) {
    groups += (groups.empty() ? "" : ", ") + column.sql;
    result.columns.push_back(column);
  };
  if (plugin.positional_count() > 2) {
    for (size_t i = 2; i < plugin.positional_count(); ++i)
      add_group(plugin_column(plugin, input, i, "column"));
  } else {
    for (const RelationColumn& column : input.columns) {
      if (std::find(used.begin(), used.end(), column.name) == used.end()) add_group(column);
    }
  }
  std::string cell = new_name();
  std::string prefix = groups.empty() ? "" : groups + ", ";
  Relation cells = restart(input);
  cells.from = "(SELECT " + prefix + pivot.sql + ", " + value.sql + " AS " + cell + " FROM " +
               input.from + " GROUP BY " + prefix + pivot.sql + ")";
  Relation asked;
  Expr as_text = call_library("tostring", {column_expr(pivot)}, Position{});
  std::string name = new_name();
  asked.from = "(SELECT DISTINCT " + as_text.sql + " AS " + name + " FROM " + input.from + ")";
  asked.columns = {{"name", ScalarType::kString, name}};
  asked.order = {{name, false, true}};
  ResultTable answer = probe(std::move(asked));
  if (answer.rows.row_count() > kMaxMadeColumns) {
    throw operator_error("SEM0003", "pivot(): the column has more than " +
                                        std::to_string(kMaxMadeColumns) + " values");
  }
  std::string list = groups;
  bool counts = value.type == ScalarType::kLong || value.type == ScalarType::kInt ||
                value.type == ScalarType::kReal || value.type == ScalarType::kDecimal;
  for (size_t row = 0; row < answer.rows.row_count(); ++row) {
    std::string text(answer.rows.column(0).view().text(row));
    RelationColumn added = column(unique_name(result.columns, text), value.type);
    std::string chosen = "any_value(CASE WHEN " + as_text.sql + " = " + text_literal(text).sql +
                         " THEN " + cell + " END)";
    if (counts) {
      chosen = "coalesce(" + chosen + ", 0)";
    } else {
      chosen = or_default(value.type, chosen);
    }
    list += (list.empty() ? "" : ", ") + chosen + " AS " + added.sql;
    result.columns.push_back(std::move(added));
  }
  if (list.empty()) list = "1 AS unused";
  result.from = "(SELECT " + list + " FROM " + cells.from +
                (groups.empty() ? "" : " GROUP BY " + groups) + ")";
  check_size(result.from);
  return result;
}

Relation Binder::bind_narrow(const PluginCall&, Relation input) {
  if (input.columns.empty()) throw operator_error("SEM0003", "narrow(): the table has no columns");
  std::string order = input.order.empty() ? "" : "ORDER BY " + input.order_by();
  std::string row = stage(input, "(row_number() OVER (" + order + ") - 1)::BIGINT");
  Relation result;
  result.columns = {column("Row", ScalarType::kLong), column("Column", ScalarType::kString),
                    column("Value", ScalarType::kString)};
  std::string ordinal = new_name();
  std::string cells;
  for (size_t i = 0; i < input.columns.size(); ++i) {
    const RelationColumn& source = input.columns[i];
    Expr value = column_expr(source);
    if (source.type != ScalarType::kString) value = call_library("tostring", {value}, Position{});
    cells += (i == 0 ? "" : ", ") + ("struct_pack(name := " + text_literal(source.name).sql) +
             ", value := " + value.sql + ", place := " + std::to_string(i) + "::BIGINT)";
  }
  result.from = "(SELECT " + row + " AS " + result.columns[0].sql +
                ", struct_extract(cell, 'name') AS " + result.columns[1].sql +
                ", struct_extract(cell, 'value') AS " + result.columns[2].sql +
                ", struct_extract(cell, 'place') AS " + ordinal + " FROM (SELECT " + row +
                ", unnest([" + cells + "]) AS cell FROM " + input.from + "))";
  result.order = {{result.columns[0].sql, false, true}, {ordinal, false, true}};
  return result;
}

}  // namespace rivulet::kql
