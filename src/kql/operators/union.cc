#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <unordered_map>

#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/sql/union_sql.h"

// union, search, find.
namespace rivulet::kql {

// Whether the relation is a table as it stands.
bool Binder::is_bare_scan(const Relation& relation) const {
  if (relation.source < 0 || !relation.order.empty()) return false;
  const SourceState& source = sources_[static_cast<size_t>(relation.source)];
  std::string slot = std::to_string(relation.source);
  return source.source.kind == Source::Kind::kTable &&
         relation.from == "(SELECT " + marker_ + slot + " FROM s" + slot + ")";
}

Relation Binder::union_scan(std::span<const Relation* const> tables,
                            const std::vector<std::string>& names,
                            const std::vector<RelationColumn>& columns, bool has_source_column) {
  // The tables' own sources are named no more.
  SourceState state;
  state.source.kind = Source::Kind::kUnion;
  for (const RelationColumn& target : columns) state.source.types.push_back(target.type);
  for (const Relation* table : tables) {
    SourceState& own = sources_[static_cast<size_t>(table->source)];
    Source::Part part;
    part.table = own.source.table;
    part.name = table->name;
    part.column_ids.assign(columns.size(), Source::Part::kAbsent);
    std::unordered_map<std::string_view, uint32_t> ids;  // by SQL name
    for (const SourceColumnName& column : own.columns) {
      if (column.column_id) ids.emplace(column.sql, *column.column_id);
    }
    std::unordered_map<std::string_view, const RelationColumn*> by_name;
    for (const RelationColumn& column : table->columns) by_name.emplace(column.name, &column);
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i == 0 && has_source_column) {
        part.column_ids[i] = Source::Part::kName;
        continue;
      }
      auto found = by_name.find(names[i]);
      if (found != by_name.end() && found->second->type == columns[i].type) {
        part.column_ids[i] = ids.at(found->second->sql);
      }
    }
    state.source.parts.push_back(std::move(part));
  }
  for (const Relation* table : tables) {
    SourceState& own = sources_[static_cast<size_t>(table->source)];
    own = SourceState();
    own.source.kind = Source::Kind::kNone;
  }
  Relation relation;
  relation.source = static_cast<int>(sources_.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    RelationColumn added = column(columns[i].name, columns[i].type);
    state.columns.push_back({added.sql, "c" + std::to_string(i), static_cast<uint32_t>(i)});
    relation.columns.push_back(std::move(added));
  }
  add_system_columns(relation, state);
  add_source(relation, std::move(state));
  return relation;
}

// All rows of all tables. Columns match by name; a name with several types becomes a column for each, one beside the
// other (x_long, x_string), which must yield to columns that bear such a name themselves. With `source_column` the first
// column names each row's table.
Relation Binder::union_all(std::vector<Relation> tables, bool is_inner,
                           const std::string& source_column) {
  std::optional<uint64_t> most = properties_.binding.max_union_tables;
  if (most && tables.size() > *most) {
    throw operator_error("SEM0003", "A union of " + std::to_string(tables.size()) +
                                        " tables is beyond the request property "
                                        "'query_max_entities_in_union', " +
                                        std::to_string(*most));
  }
  struct Target {
    std::string name;  // in the tables
    ScalarType type;
    size_t table_count = 0;  // that have it
  };
  std::vector<Target> targets;
  std::map<std::pair<std::string, ScalarType>, size_t, std::less<>> by_key;
  for (const Relation& table : tables) {
    for (const RelationColumn& source : table.columns) {
      auto [found, is_new] = by_key.try_emplace({source.name, source.type}, targets.size());
      if (is_new) targets.push_back({source.name, source.type});
      ++targets[found->second].table_count;
    }
  }
  if (is_inner) {
    std::erase_if(targets,
                  [&](const Target& target) { return target.table_count < tables.size(); });
  }
  struct Name {
    size_t place;  // among the names, in the order of their first columns
    int types = 0;
  };
  std::map<std::string, Name> by_name;
  for (const Target& target : targets) {
    ++by_name.try_emplace(target.name, Name{by_name.size()}).first->second.types;
  }
  std::stable_sort(targets.begin(), targets.end(), [&](const Target& a, const Target& b) {
    return by_name.at(a.name).place < by_name.at(b.name).place;
  });
  Relation result;
  std::vector<std::string> names;  // of result.columns, in the tables
  std::set<std::string> taken;
  auto add = [&](const std::string& name, std::string as, ScalarType type) {
    taken.insert(as);
    result.columns.push_back(column(std::move(as), type));
    names.push_back(name);
  };
  bool has_source_column = !source_column.empty();
  if (has_source_column) add("", source_column, ScalarType::kString);
  auto is_own_name = [&](const std::string& name) {
    auto found = by_name.find(name);
    return found != by_name.end() && found->second.types == 1;
  };
  for (const Target& target : targets) {
    bool is_own = is_own_name(target.name);
    std::string base = target.name;
    if (!is_own) base += "_" + std::string(kusto_name(target.type));
    std::string name = base;
    for (int suffix = 1; taken.contains(name) || (!is_own && is_own_name(name)); ++suffix)
      name = base + std::to_string(suffix);
    add(target.name, std::move(name), target.type);
  }
  for (size_t i = 0; i < tables.size(); ++i) {
    if (tables[i].name.empty()) tables[i].name = "union_arg" + std::to_string(i);
  }

  // Plain tables are one source together; every other operand is a SELECT.
  std::vector<const Relation*> plain;
  std::vector<const Relation*> others;
  for (const Relation& table : tables) (is_bare_scan(table) ? plain : others).push_back(&table);
  if (plain.size() == tables.size()) {
    return union_scan(plain, names, result.columns, has_source_column);
  }
  // Of the rows' tables; rows that come from none have what the functions say of such a row.
  const std::array<std::string, 5> kNoSystemColumns = {"NULL::BIGINT", "NULL::BIGINT",
                                                       literal_sql({ScalarType::kGuid, Guid{}}),
                                                       "'[]'", "NULL::BIGINT"};
  for (size_t i = 0; i < kNoSystemColumns.size(); ++i) {
    bool is_known = std::any_of(tables.begin(), tables.end(), [&](const Relation& table) {
      return !table.system_columns()[i]->empty();
    });
    if (is_known) *result.system_columns()[i] = new_name();
  }
  auto system_list = [&](const Relation& relation) {
    std::string list;
    for (size_t i = 0; i < kNoSystemColumns.size(); ++i) {
      const std::string& name = *result.system_columns()[i];
      if (name.empty()) continue;
      const std::string& own = *relation.system_columns()[i];
      list += optional_column(own.empty() ? kNoSystemColumns[i] : own, name);
    }
    return list;
  };
  std::vector<std::string> selects;
  auto select = [&](const std::string& list, const Relation& relation) {
    selects.push_back("SELECT " + (list.empty() ? "1 AS unused" : list) + system_list(relation) +
                      " FROM " + relation.from);
  };
  if (plain.size() == 1) others.push_back(plain.front());
  if (plain.size() > 1) {
    Relation all = union_scan(plain, names, result.columns, has_source_column);
    std::string list;
    for (size_t i = 0; i < result.columns.size(); ++i) {
      list += (i == 0 ? "" : ", ") + all.columns[i].sql + " AS " + result.columns[i].sql;
    }
    select(list, all);
  }
  for (const Relation* table : others) {
    std::map<std::pair<std::string_view, ScalarType>, const RelationColumn*> found;
    for (const RelationColumn& source : table->columns) {
      found.emplace(std::pair<std::string_view, ScalarType>(source.name, source.type), &source);
    }
    std::string list;
    for (size_t i = 0; i < result.columns.size(); ++i) {
      const RelationColumn& target = result.columns[i];
      std::string value;
      if (i == 0 && has_source_column) {
        value = text_literal(table->name).sql;
      } else if (auto source = found.find({names[i], target.type}); source != found.end()) {
        value = source->second->sql;
      } else {
        value = target.type == ScalarType::kString ? "''" : literal_sql({target.type, {}});
      }
      list += (list.empty() ? "" : ", ") + defined(value, target.sql);
    }
    select(list, *table);
  }
  result.from = "(" + union_sql(selects) + ")";
  check_size(result.from);
  return result;
}

Relation Binder::bind_union(const UnionOperator& unite, std::optional<Relation> piped,
                            const Environment* environment) {
  bool is_inner = false;
  bool is_fuzzy = properties_.binding.is_best_effort;
  std::string source_column;
  for (const OperatorOption& option : unite.options) {
    if (option.name == "kind") {
      if (option.text != "inner" && option.text != "outer") {
        throw operator_error("SEM0003", "'" + option.text + "' is not a kind of union");
      }
      is_inner = option.text == "inner";
    } else if (option.name == "isfuzzy") {
      is_fuzzy = option.text == "true";
    } else if (option.name == "withsource" || option.name == "with_source") {
      source_column = option.text;
    }
  }
  std::vector<Relation> tables;
  if (piped) tables.push_back(std::move(*piped));
  std::string outer_operator = operator_;
  for (const ExpressionPtr& table : unite.tables) {
    try {
      for (Relation& bound : bind_tables(*table, environment)) tables.push_back(std::move(bound));
    } catch (const Error&) {
      if (!is_fuzzy) throw;
    }
    operator_ = outer_operator;
  }
  if (tables.empty()) throw operator_error("SEM0100", "None of the union's tables exists");
  if (tables.size() == 1 && source_column.empty()) return tables.front();
  return union_all(std::move(tables), is_inner, source_column);
}

Relation Binder::apply(const UnionOperator& unite, Relation input, const Environment* environment) {
  return bind_union(unite, std::move(input), environment);
}

// A bare string in a search means that any column has the term; a '*' at its ends widens the match.
Expr Binder::bind_search_predicate(const Expression& expression, const Scope& scope,
                                   bool is_case_sensitive) {
  count_step();
  using Kind = Expression::Kind;
  if (expression.kind == Kind::kLiteral && expression.literal.type == ScalarType::kString) {
    std::string term = std::get<std::string>(expression.literal.value);
    if (term == "*") return literal_expr({ScalarType::kBool, true});
    bool starts_open = term.starts_with("*");
    bool ends_open = term.size() > 1 && term.ends_with("*");
    if (starts_open) term.erase(0, 1);
    if (ends_open) term.pop_back();
    std::string name = starts_open && ends_open ? "contains"
                       : starts_open            ? "hassuffix"
                       : ends_open              ? "hasprefix"
                                                : "has";
    if (is_case_sensitive) name += "_cs";
    std::vector<Expr> matches;
    Expr value = text_literal(term);
    for (const RelationColumn& column : scope.row->columns) {
      if (column.name == "$table") continue;
      Expr operand = column_expr(column);
      if (column.type != ScalarType::kString) {
        operand = call_library("tostring", {operand}, expression.position, scope.row);
      }
      matches.push_back(call_library(name, {operand, value}, expression.position, scope.row));
    }
    if (matches.empty()) return literal_expr({ScalarType::kBool, false});
    return bind_chain("or", std::move(matches), expression);
  }
  if (expression.kind == Kind::kStar) return literal_expr({ScalarType::kBool, true});
  bool is_chain =
      expression.kind == Kind::kBinary && (expression.text == "and" || expression.text == "or");
  if (is_chain) {
    std::vector<Expr> operands;
    for (const NamedExpression& argument : expression.arguments) {
      operands.push_back(bind_search_predicate(*argument.value, scope, is_case_sensitive));
    }
    return bind_chain(expression.text, std::move(operands), expression);
  }
  bool is_not = expression.kind == Kind::kCall && expression.text == "not" &&
                expression.arguments.size() == 1;
  if (is_not) {
    Expr inner = bind_search_predicate(*expression.arguments[0].value, scope, is_case_sensitive);
    return call_library("not", {inner}, expression.position, scope.row);
  }
  return bind_predicate(expression, scope);
}

Relation Binder::bind_search(const SearchOperator& search, std::vector<Relation> tables,
                             const Environment* environment) {
  bool is_case_sensitive = false;
  for (const OperatorOption& option : search.options) {
    if (option.name == "kind") is_case_sensitive = option.text == "case_sensitive";
  }
  if (tables.empty()) throw operator_error("SEM0100", "There is no table to search");
  Relation all = union_all(std::move(tables), false, "$table");
  Scope scope;
  scope.environment = environment;
  scope.row = &all;
  Expr predicate = bind_search_predicate(*search.predicate, scope, is_case_sensitive);
  filter(all, predicate.sql);
  return all;
}

Relation Binder::apply(const SearchOperator& search, Relation input,
                       const Environment* environment) {
  if (!search.tables.empty()) throw operator_error("SEM0003", "search in (…) takes no piped table");
  bool is_case_sensitive = false;
  for (const OperatorOption& option : search.options) {
    if (option.name == "kind") is_case_sensitive = option.text == "case_sensitive";
  }
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  Expr predicate = bind_search_predicate(*search.predicate, scope, is_case_sensitive);
  filter(input, predicate.sql);
  if (!has_column(input.columns, "$table")) {  // a search before may have added it
    RelationColumn table = column("$table", ScalarType::kString);
    add_sql(input, text_literal(input.name).sql + " AS " + table.sql);
    input.columns.insert(input.columns.begin(), std::move(table));
  }
  return input;
}

Relation Binder::bind_find(const FindOperator& find, std::vector<Relation> tables,
                           const Environment* environment) {
  if (tables.empty()) throw operator_error("SEM0100", "There is no table to search");
  std::string source_column = "source_";
  for (const OperatorOption& option : find.options) {
    if (option.name != "datascope") source_column = option.text;
  }
  Relation all = union_all(std::move(tables), false, source_column);
  Scope scope;
  scope.environment = environment;
  scope.row = &all;
  Expr predicate = bind_search_predicate(*find.predicate, scope, false);
  filter(all, predicate.sql);
  std::vector<RelationColumn> chosen{all.columns.front()};
  bool packs = find.packs_rest;
  if (find.projects) {
    for (size_t i = 0; i < find.columns.size(); ++i) {
      const RelationColumn* found = all.find(find.columns[i].name);
      if (found == nullptr) fail_column(find.columns[i].name);
      RelationColumn column = *found;
      if (find.column_has_type[i] && column.type != find.columns[i].type) {
        column.sql = stage(all, convert(column_expr(column), find.columns[i].type).sql);
        column.type = find.columns[i].type;
      }
      chosen.push_back(std::move(column));
    }
  } else {
    // project-smart: the columns that the predicate names, and the rest in a bag.
    packs = true;
    std::vector<const Expression*> open{find.predicate.get()};
    std::vector<std::string> named;
    while (!open.empty()) {
      const Expression* next = open.back();
      open.pop_back();
      if (next->kind == Expression::Kind::kName) named.push_back(next->text);
      for (const NamedExpression& argument : next->arguments) open.push_back(argument.value.get());
    }
    for (size_t i = 1; i < all.columns.size(); ++i) {
      if (std::find(named.begin(), named.end(), all.columns[i].name) != named.end()) {
        chosen.push_back(all.columns[i]);
      }
    }
  }
  if (packs) {
    Relation rest = all;
    rest.columns.clear();
    for (const RelationColumn& column : all.columns) {
      if (!has_column(chosen, column.name)) rest.columns.push_back(column);
    }
    Expression call;
    call.kind = Expression::Kind::kCall;
    call.text = "pack_all";
    NamedExpression flag;
    flag.value = std::make_unique<Expression>();
    flag.value->literal = {ScalarType::kBool, true};
    call.arguments.push_back(std::move(flag));
    scope.row = &rest;
    Expr bag = bind_pack(call, scope);
    chosen.push_back({"pack_", ScalarType::kDynamic, stage(all, bag.sql)});
  }
  all.columns = std::move(chosen);
  return all;
}

Relation Binder::apply(const FindOperator&, Relation, const Environment*) {
  throw operator_error("SEM0003", "find takes no piped table");
}

}  // namespace rivulet::kql
