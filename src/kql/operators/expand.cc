#include <algorithm>

#include "common/error.h"
#include "kql/binder.h"

// mv-expand and mv-apply.
namespace rivulet::kql {

// A row for every element of the items' arrays, side by side. Items that name a column replace it; others
// are added. `keeps_empty`: a row with nothing to expand stays, once, with nulls. `ordinal` gets the SQL
// name of the element's index.
Relation Binder::expand(const std::vector<NamedExpression>& items,
                        const std::vector<OperatorOption>& options, const Expression* limit,
                        Relation input, const Environment* environment, bool keeps_empty,
                        std::string* ordinal) {
  bool makes_pairs = false;  // a bag becomes [key, value] arrays rather than bags of one
  std::string index_name;
  for (const OperatorOption& option : options) {
    if (option.name == "bagexpansion" || option.name == "kind") {
      if (option.text != "bag" && option.text != "array") {
        throw operator_error("SEM0003", "'" + option.text + "' is not a kind of bag expansion");
      }
      makes_pairs = option.text == "array";
    } else if (option.name == "with_itemindex") {
      index_name = option.text;
    }
  }
  struct Expanded {
    std::string name;
    bool replaces = false;
    ScalarType type = ScalarType::kDynamic;
    std::string list;  // SQL column
  };
  std::vector<Expanded> expanded;
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  for (const NamedExpression& item : items) {
    Expanded added;
    added.replaces = item.names.empty() && item.value->kind == Expression::Kind::kName;
    added.name = item.names.empty() ? result_name(*item.value) : item.names[0];
    if (!item.names.empty() && has_column(input.columns, added.name)) added.replaces = true;
    if (added.name.empty()) added.name = "Column1";
    Expr value = bind(*item.value, scope);
    if (value.type != ScalarType::kDynamic) {
      throw operator_error("SEM0003", "'" + added.name + "' is of type " +
                                          std::string(kusto_name(value.type)) +
                                          ": only a dynamic can be expanded");
    }
    if (!item.typeof_name.empty()) added.type = *parse_scalar_type(item.typeof_name);
    std::string json = as_column(input, value);
    std::string member =
        "json_extract(" + json + ", '/' || replace(replace(k, '~', '~0'), '/', '~1'))";
    std::string bag =
        makes_pairs ? "json_array(k, " + member + ")" : "json_object(k, " + member + ")";
    // An array's elements, a bag's members; anything else stands for itself.
    std::string list = "CASE WHEN " + json + "[1] = '[' THEN json_extract(" + json +
                       ", '$[*]')::VARCHAR[] WHEN " + json +
                       "[1] = '{' THEN list_transform(json_keys(" + json + "), lambda k: " + bag +
                       "::VARCHAR) ELSE [" + json + "] END";
    added.list = stage(input, list);
    expanded.push_back(std::move(added));
  }
  if (expanded.empty()) throw operator_error("SEM0003", "There is nothing to expand");
  std::string longest;
  for (const Expanded& item : expanded)
    longest += (longest.empty() ? "len(" : ", len(") + item.list + ")";
  std::string length = expanded.size() == 1 ? longest : "greatest(" + longest + ")";
  if (keeps_empty) length = "greatest(" + length + ", 1)";
  if (limit != nullptr) {
    int64_t count = require_count(*limit, environment, "The limit");
    length = "least(" + length + ", " + std::to_string(count) + ")";
  }
  *ordinal = new_name();
  add_sql(input, "unnest(range(0::BIGINT, " + length + "::BIGINT)) AS " + *ordinal);
  std::vector<RelationColumn> columns = input.columns;
  std::string list;
  for (const Expanded& item : expanded) {
    std::string element = item.list + "[" + *ordinal + " + 1]";
    Expr value;
    value.type = ScalarType::kDynamic;
    value.sql = "nullif(" + element + ", 'null')";
    RelationColumn added = column(item.name, item.type);
    if (item.type != ScalarType::kDynamic) {
      std::string function = "to" + std::string(kusto_name(item.type));
      value = call_library(function, {value}, Position{});
    }
    list += (list.empty() ? "" : ", ") + defined(value.sql, added.sql);
    auto taken = std::find_if(columns.begin(), columns.end(), [&](const RelationColumn& existing) {
      return existing.name == item.name;
    });
    if (item.replaces && taken != columns.end()) {
      *taken = std::move(added);
    } else {
      added.name = unique_name(columns, added.name);
      columns.push_back(std::move(added));
    }
  }
  add_sql(input, list);
  if (!index_name.empty()) columns.push_back({index_name, ScalarType::kLong, *ordinal});
  input.columns = std::move(columns);
  input.source = -1;
  return input;
}

Relation Binder::apply(const MvExpandOperator& mv_expand, Relation input,
                       const Environment* environment) {
  std::string ordinal;
  bool has_order = !input.order.empty();
  Relation result = expand(mv_expand.items, mv_expand.options, mv_expand.limit.get(),
                           std::move(input), environment, true, &ordinal);
  if (has_order) result.order.push_back({ordinal, false, true});
  return result;
}

// The subquery runs over the expanded rows of each input row; its columns come behind the input's. It may
// name the input's columns too: they are constants to it.
Relation Binder::apply(const MvApplyOperator& mv_apply, Relation input,
                       const Environment* environment) {
  std::string ordinal;
  // The row an element belongs to.
  std::string row = stage(input, "row_number() OVER ()");
  std::vector<RelationColumn> outer = input.columns;
  std::vector<OrderKey> outer_order = input.order;
  Relation expanded = expand(mv_apply.items, mv_apply.options, mv_apply.limit.get(), input,
                             environment, false, &ordinal);
  // Columns that the expansion made, and those of the input that it left.
  std::vector<RelationColumn> made;
  std::vector<RelationColumn> kept;
  for (const RelationColumn& candidate : expanded.columns) {
    bool is_old = std::any_of(outer.begin(), outer.end(), [&](const RelationColumn& column) {
      return column.sql == candidate.sql;
    });
    (is_old ? kept : made).push_back(candidate);
  }
  Relation all = materialize(expanded);
  // materialize() keeps columns only: add what the steps below need.
  std::string extra = ", " + row + ", " + ordinal;
  ctes_.back().sql.insert(ctes_.back().sql.find(" FROM "), extra);

  std::string current = new_name();
  std::vector<RelationColumn> renamed;
  Relation rows;
  std::string outer_list = row + " AS " + current;
  std::vector<OrderKey> order;
  const Environment* inner = environment;
  for (const RelationColumn& column : kept) {
    RelationColumn visible = column;
    visible.sql = new_name();
    outer_list += ", any_value(" + column.sql + ") AS " + visible.sql;
    Binding binding;
    Expr value = column_expr(visible);
    value.sql = or_default(column.type, value.sql);
    binding.scalar = value;
    binding.statement = statement_;
    inner = declare(inner, column.name, std::move(binding));
    renamed.push_back(std::move(visible));
  }
  for (const OrderKey& key : outer_order) {
    OrderKey visible = key;
    visible.sql = new_name();
    outer_list += ", any_value(" + key.sql + ") AS " + visible.sql;
    order.push_back(std::move(visible));
  }
  rows.from = "(SELECT " + outer_list + " FROM " + all.from + " GROUP BY " + row + ")";

  Relation elements;
  elements.columns = made;
  elements.from = "(SELECT * FROM " + all.from + " WHERE " + row + " = " + current + ")";
  elements.order = {{ordinal, false, true}};
  elements = realias(elements);
  Relation sub = bind_operators(std::move(elements), mv_apply.subquery->operators, inner);

  Relation result;
  result.columns = renamed;
  for (RelationColumn column : sub.columns) {
    column.name = unique_name(result.columns, column.name);
    result.columns.push_back(std::move(column));
  }
  result.order = order;
  if (!order.empty()) {
    for (const OrderKey& key : sub.order) result.order.push_back(key);
  }
  std::set<std::string> names;
  for (const RelationColumn& column : sub.columns) names.insert(column.sql);
  if (!order.empty()) {
    for (const OrderKey& key : sub.order) names.insert(key.sql);
  }
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  if (list.empty()) list = "1 AS unused";
  result.from = "(SELECT * FROM " + rows.from + " o" + current + ", LATERAL (SELECT " + list +
                " FROM " + sub.from + ") i" + current + ")";
  check_size(result.from);
  return result;
}

}  // namespace rivulet::kql
