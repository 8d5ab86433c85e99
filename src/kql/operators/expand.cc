#include <algorithm>

#include "common/error.h"
#include "kql/bind/binder.h"

// mv-expand and mv-apply.
namespace rivulet::kql {

namespace {

// The column that an expanded expression stands for: itself, or todynamic() of it. Null when there is none.
const Expression* expanded_column(const Expression& expression) {
  const Expression* column = &expression;
  if (column->kind == Expression::Kind::kCall && column->arguments.size() == 1 &&
      (column->text == "todynamic" || column->text == "parse_json" || column->text == "parsejson" ||
       column->text == "toobject")) {
    column = column->arguments[0].value.get();
  }
  return column->kind == Expression::Kind::kName ? column : nullptr;
}

}  // namespace

// A row for every element of the items' arrays, side by side: none for an empty one, one for a null. Items
// that stand for a column replace it; others are added. `ordinal` gets the SQL name of the element's index.
Relation Binder::expand(const std::vector<NamedExpression>& items,
                        const std::vector<OperatorOption>& options, const Expression* limit,
                        Relation input, const Environment* environment, std::string* ordinal) {
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
    const Expression* column = expanded_column(*item.value);
    added.name = item.names.empty() && column != nullptr ? column->text : result_name(item);
    added.replaces = has_column(input.columns, added.name);
    if (added.name.empty()) added.name = "Column1";
    Expr value = bind(*item.value, scope);
    if (value.type != ScalarType::kDynamic) {
      throw operator_error("SEM0003", "'" + added.name + "' is of type " +
                                          std::string(kusto_name(value.type)) +
                                          ": only a dynamic can be expanded");
    }
    if (!item.typeof_name.empty()) added.type = *parse_scalar_type(item.typeof_name);
    std::string json = as_column(input, value);
    std::string members = "k_bag_members(" + json + (makes_pairs ? ", true)" : ", false)");
    // An array's elements, a bag's members; anything else stands for itself.
    std::string list = "CASE WHEN NOT k_expands(" + json + ") THEN NULL WHEN " + json +
                       "[1] = '[' THEN json_extract(" + json + ", '$[*]')::VARCHAR[] WHEN " + json +
                       "[1] = '{' THEN json_extract(" + members + ", '$[*]')::VARCHAR[] ELSE [" +
                       json + "] END";
    added.list = stage(input, list);
    expanded.push_back(std::move(added));
  }
  if (expanded.empty()) throw operator_error("SEM0003", "There is nothing to expand");
  std::string longest;
  for (const Expanded& item : expanded)
    longest += (longest.empty() ? "len(" : ", len(") + item.list + ")";
  std::string length = expanded.size() == 1 ? longest : "greatest(" + longest + ")";
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
                           std::move(input), environment, &ordinal);
  if (has_order) result.order.push_back({ordinal, false, true});
  return result;
}

// The subquery runs over the expanded rows of each input row; its columns come behind the input's. It may
// name the input's columns too: they are constants to it.
Relation Binder::apply(const MvApplyOperator& mv_apply, Relation input,
                       const Environment* environment) {
  if (is_in_lateral()) {
    return leave_lateral(std::move(input), [&](Relation rows) {
      return apply(mv_apply, std::move(rows), environment);
    });
  }
  std::string ordinal;
  // The row an element belongs to.
  std::string row = stage(input, "row_number() OVER ()");
  std::vector<RelationColumn> outer = input.columns;
  std::vector<OrderKey> outer_order = input.order;
  Relation expanded =
      expand(mv_apply.items, mv_apply.options, mv_apply.limit.get(), input, environment, &ordinal);
  // Columns that the expansion made, and those of the input that it left.
  std::vector<RelationColumn> made;
  std::vector<RelationColumn> kept;
  for (const RelationColumn& candidate : expanded.columns) {
    bool is_old = std::any_of(outer.begin(), outer.end(), [&](const RelationColumn& column) {
      return column.sql == candidate.sql;
    });
    (is_old ? kept : made).push_back(candidate);
  }
  Relation all = materialize(expanded, {row, ordinal});

  // The rows outside, and the elements of one of them. Each element has the columns of its row too, for what reads
  // them.
  std::string current = new_name();
  Lateral lateral;
  lateral.add(current, current);
  lateral.keys.push_back(current);
  Relation elements;
  elements.columns = made;
  elements.order = {{ordinal, false, true}};
  std::string element_list = "*";
  std::string outer_list = row + " AS " + current;
  Relation result;
  const Environment* inner = environment;
  for (const RelationColumn& column : kept) {
    RelationColumn visible = column;
    visible.sql = new_name();
    std::string value = or_default(column.type, "any_value(" + column.sql + ")");
    outer_list += ", " + value + " AS " + visible.sql;
    lateral.add(visible.sql, visible.sql);
    elements.outside.push_back({visible.sql, new_name()});
    element_list +=
        optional_column(or_default(column.type, column.sql), elements.outside.back().sql);
    Binding binding;
    binding.scalar = column_expr(visible);
    binding.statement = statement_;
    binding.table_depth = table_depth_;
    binding.is_outside = true;
    inner = declare(inner, column.name, std::move(binding));
    result.columns.push_back(std::move(visible));
  }
  for (const OrderKey& key : outer_order) {
    OrderKey visible = key;
    visible.sql = new_name();
    outer_list += ", any_value(" + key.sql + ") AS " + visible.sql;
    result.order.push_back(std::move(visible));
  }
  for (const Relation::Outside& column : all.outside) {
    std::string visible = new_name();
    outer_list += optional_column("any_value(" + column.sql + ")", visible);
    lateral.add(column.name, visible);
    elements.outside.push_back({column.name, column.sql});
    result.outside.push_back({column.name, std::move(visible), column.is_key});
  }
  elements.from =
      "(SELECT " + element_list + " FROM " + all.from + " WHERE " + row + " = " + current + ")";
  lateral.rows = "(SELECT " + outer_list + " FROM " + all.from + " GROUP BY " + row + ")";
  Relation sub = bind_lateral(realias(elements), mv_apply.subquery->operators, inner, lateral);

  for (RelationColumn column : sub.columns) {
    column.name = unique_name(result.columns, column.name);
    result.columns.push_back(std::move(column));
  }
  if (!result.order.empty()) {
    for (const OrderKey& key : sub.order) result.order.push_back(key);
  }
  result.from = "(SELECT * FROM " + lateral.rows + " o" + current + ", LATERAL " + sub.from + " i" +
                current + ")";
  check_size(result.from);
  return result;
}

}  // namespace rivulet::kql
