#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/syntax/wildcard.h"
#include "types/json.h"
#include "types/text.h"

// project and its relatives, extend, distinct.
namespace rivulet::kql {
namespace {

// Order of column names in project-reorder; granny compares runs of digits as numbers.
bool name_less(const std::string& a, const std::string& b, bool is_granny) {
  if (!is_granny) return a < b;
  size_t i = 0;
  size_t j = 0;
  auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      while (i < a.size() && a[i] == '0') ++i;
      while (j < b.size() && b[j] == '0') ++j;
      size_t a_end = i;
      size_t b_end = j;
      while (a_end < a.size() && is_digit(a[a_end])) ++a_end;
      while (b_end < b.size() && is_digit(b[b_end])) ++b_end;
      if (a_end - i != b_end - j) return a_end - i < b_end - j;
      int order = a.compare(i, a_end - i, b, j, b_end - j);
      if (order != 0) return order < 0;
      i = a_end;
      j = b_end;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

}  // namespace

std::vector<OutputColumn> Binder::bind_items(const std::vector<NamedExpression>& items,
                                             Relation& input, const Environment* environment) {
  std::vector<OutputColumn> bound;
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  for (const NamedExpression& item : items) {
    if (item.value->kind == Expression::Kind::kStar) {
      for (const RelationColumn& column : input.columns)
        bound.push_back({column.name, false, column_expr(column)});
      continue;
    }
    if (bind_tuple(item, input, scope, bound)) continue;
    OutputColumn output;
    output.is_named = !item.names.empty();
    output.is_column = item.value->kind == Expression::Kind::kName;
    output.name = result_name(item, &input);
    output.value = bind(*item.value, scope);
    bound.push_back(std::move(output));
  }
  return bound;
}

// Adds the items to `columns`, computing those that are no column yet. With `replaces` (extend) an item takes the
// place of a column that has its name, and an item that is such a column stands there already. Else it gets a number
// behind its name. What the query itself names, by `a = …` or as a column, it may name once.
std::vector<RelationColumn> Binder::place_items(Relation& input, std::vector<OutputColumn> items,
                                                std::vector<RelationColumn> columns,
                                                bool replaces) {
  std::string list;
  int unnamed = 0;
  std::set<std::string, std::less<>> declared;
  for (OutputColumn& item : items) {
    auto taken = std::find_if(columns.begin(), columns.end(), [&](const RelationColumn& column) {
      return column.name == item.name;
    });
    bool is_taken = taken != columns.end();
    if (item.is_named && declared.contains(item.name)) {
      throw operator_error("SEM0045", "Duplicate column name '" + item.name + "'");
    }
    if (item.is_named || item.is_column) declared.insert(item.name);
    if (is_taken && replaces && item.is_column && !item.is_named) continue;
    RelationColumn placed;
    placed.type = item.value.type;
    const std::string& sql = item.value.sql;
    bool is_made = sql.size() > 1 && sql[0] == 'k' &&
                   sql.find_first_not_of("0123456789", 1) == std::string::npos;
    if (is_made) {
      placed.sql = sql;
    } else {
      placed.sql = new_name();
      if (!list.empty()) list += ", ";
      list += defined(sql, placed.sql);
    }
    if (item.name.empty()) {
      do {
        placed.name = "Column" + std::to_string(++unnamed);
      } while (has_column(columns, placed.name));
    } else if (is_taken && replaces) {
      placed.name = item.name;
      *taken = std::move(placed);
      continue;
    } else {
      placed.name = unique_name(columns, item.name);
    }
    columns.push_back(std::move(placed));
  }
  add_sql(input, list);
  return columns;
}

// (a, b) = f(x), or a function that gives several columns; false when the item is neither.
bool Binder::bind_tuple(const NamedExpression& item, Relation& input, const Scope& scope,
                        std::vector<OutputColumn>& bound) {
  const Expression& call = *item.value;
  bool is_tuple = item.is_tuple && item.names.size() > 1;
  const TupleFunction* function = nullptr;
  bool has_one_name = !item.names.empty() && !item.is_tuple;
  if (call.kind == Expression::Kind::kCall && !call.object) {
    function = find_tuple_function(call.text);
  }
  if (function == nullptr && !is_tuple) return false;
  std::vector<Expr> values;
  std::vector<std::string> names;
  if (function != nullptr) {
    std::vector<Expr> arguments = bind_arguments(call, scope);
    check_arity(call.text, function->min_arguments, function->max_arguments, arguments.size());
    values = function->bind(context(call.position, &input), arguments);
    std::vector<std::string> argument_names;
    for (const NamedExpression& argument : call.arguments) {
      argument_names.push_back(result_name(argument));
    }
    names = function->column_names(argument_names);
  } else {
    Expr array = bind(call, scope);
    array.sql = as_column(input, array);
    array.literal.reset();
    for (size_t i = 0; i < item.names.size(); ++i) {
      values.push_back(call_library("[]", {array, long_literal(static_cast<int64_t>(i))},
                                    item.position, &input));
    }
  }
  if (item.names.size() > values.size()) {
    throw operator_error("SEM0219", "There are more names than columns");
  }
  // (x) = f(…) leaves the other columns out, and so does x = f(…) in a print; elsewhere that names the first.
  bool has_names_only = item.is_tuple || (has_one_name && operator_ == "print");
  size_t count = has_names_only ? item.names.size() : values.size();
  for (size_t i = 0; i < count; ++i) {
    bool is_named = i < item.names.size();
    bound.push_back({is_named ? item.names[i] : names[i], is_named, std::move(values[i])});
  }
  return true;
}

// Indices of the columns that a name or a wildcard names.
std::vector<size_t> Binder::matching_columns(const Expression& pattern, const Relation& input,
                                             bool must_exist,
                                             const Environment* environment) const {
  std::vector<size_t> matches;
  for (size_t i = 0; i < input.columns.size(); ++i) {
    bool fits = pattern.kind == Expression::Kind::kName
                    ? input.columns[i].name == pattern.text
                    : matches_wildcard(pattern.text, input.columns[i].name);
    if (fits) matches.push_back(i);
  }
  if (matches.empty() && must_exist && pattern.kind == Expression::Kind::kName) {
    const Binding* binding = find_binding(environment, pattern.text);
    if (binding == nullptr || !binding->is_outside) fail_column(pattern.text);
    throw operator_error("SEM0100", "'" + pattern.text +
                                        "' is a column of the row outside: the subquery reads it, "
                                        "and it is not among the columns of its own rows");
  }
  return matches;
}

Relation Binder::apply(const ProjectOperator& project, Relation input,
                       const Environment* environment) {
  if (project.form == "extend") {
    std::vector<OutputColumn> items = bind_items(project.items, input, environment);
    input.columns = place_items(input, std::move(items), input.columns, true);
    return input;
  }
  if (project.form == "project") {
    std::vector<OutputColumn> items = bind_items(project.items, input, environment);
    input.columns = place_items(input, std::move(items), {}, false);
    return input;
  }
  if (project.form == "distinct") {
    std::vector<OutputColumn> items = bind_items(project.items, input, environment);
    input.columns = place_items(input, std::move(items), {}, false);
    Relation result = restart(input);
    result.from = "(SELECT DISTINCT " + sql_list(input) + " FROM " + input.from + ")";
    return result;
  }
  if (project.form == "project-rename") {
    for (const NamedExpression& item : project.items) {
      if (item.names.size() != 1 || item.value->kind != Expression::Kind::kName) {
        throw operator_error("SEM0003", "Expected new = old");
      }
      size_t index = matching_columns(*item.value, input, true, environment).front();
      if (item.names[0] != item.value->text && has_column(input.columns, item.names[0])) {
        throw operator_error("SEM0045", "Duplicate column name '" + item.names[0] + "'");
      }
      input.columns[index].name = item.names[0];
    }
    return input;
  }
  std::vector<bool> is_named(input.columns.size(), false);
  if (project.form == "project-by-names") {
    // Names, wildcards and dynamic arrays of either, in the order given.
    std::vector<RelationColumn> columns;
    auto add = [&](const Expression& pattern) {
      for (size_t index : matching_columns(pattern, input, false, environment)) {
        if (!is_named[index]) columns.push_back(input.columns[index]);
        is_named[index] = true;
      }
    };
    auto add_name = [&](const std::string& name) {
      Expression pattern;
      pattern.kind = name.find('*') == std::string::npos ? Expression::Kind::kName
                                                         : Expression::Kind::kPattern;
      pattern.text = name;
      add(pattern);
    };
    for (const NamedExpression& item : project.items) {
      using Kind = Expression::Kind;
      bool is_bare = item.value->kind == Kind::kPattern || item.value->kind == Kind::kStar ||
                     (item.value->kind == Kind::kName && input.find(item.value->text) != nullptr);
      if (is_bare) {
        add(*item.value);
        continue;
      }
      Literal literal = require_literal(*item.value, environment);
      const auto* text = std::get_if<std::string>(&literal.value);
      if (text == nullptr) throw operator_error("SEM0003", "Expected names of columns");
      if (literal.type == ScalarType::kString) {
        add_name(*text);
        continue;
      }
      auto names = json_strings(*text);
      if (!names) throw operator_error("SEM0003", "Expected names of columns");
      for (const std::string& name : *names) add_name(name);
    }
    input.columns = std::move(columns);
    return input;
  }
  for (const NamedExpression& item : project.items) {
    for (size_t index : matching_columns(*item.value, input, true, environment))
      is_named[index] = true;
  }
  bool keeps = project.form == "project-keep";
  std::vector<RelationColumn> columns;
  for (size_t i = 0; i < input.columns.size(); ++i) {
    if (is_named[i] == keeps) columns.push_back(input.columns[i]);
  }
  input.columns = std::move(columns);
  return input;
}

Relation Binder::apply(const ReorderOperator& reorder, Relation input,
                       const Environment* environment) {
  using Order = ReorderOperator::Item::Order;
  std::vector<bool> is_placed(input.columns.size(), false);
  std::vector<RelationColumn> columns;
  for (const ReorderOperator::Item& item : reorder.items) {
    std::vector<size_t> matches;
    for (size_t index : matching_columns(*item.name, input, true, environment)) {
      if (!is_placed[index]) matches.push_back(index);
    }
    if (item.order != Order::kNone) {
      bool is_granny =
          item.order == Order::kGrannyAscending || item.order == Order::kGrannyDescending;
      bool is_descending =
          item.order == Order::kDescending || item.order == Order::kGrannyDescending;
      std::stable_sort(matches.begin(), matches.end(), [&](size_t a, size_t b) {
        if (is_descending) std::swap(a, b);
        return name_less(input.columns[a].name, input.columns[b].name, is_granny);
      });
    }
    for (size_t index : matches) {
      is_placed[index] = true;
      columns.push_back(input.columns[index]);
    }
  }
  for (size_t i = 0; i < input.columns.size(); ++i) {
    if (!is_placed[i]) columns.push_back(input.columns[i]);
  }
  input.columns = std::move(columns);
  return input;
}

}  // namespace rivulet::kql
