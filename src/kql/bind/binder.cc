#include "kql/bind/binder.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <utility>

#include "common/error.h"
#include "common/guid.h"
#include "kql/syntax/literal.h"
#include "kql/syntax/parser.h"

namespace rivulet::kql {
namespace {

// Bounds on what a query may cost to bind: each keeps a small text from growing without end.
constexpr int kMaxBindDepth = 120;            // functions and subqueries inside each other
constexpr int64_t kMaxSteps = 400'000;        // expressions and operators bound, functions inlined
constexpr size_t kMaxSqlBytes = 16ull << 20;  // of the generated SQL
constexpr double kMaxInlinedBytes = 8192;     // of an expression with those of its columns

bool is_too_long_inlined(double size, std::string_view sql) {
  return size > kMaxInlinedBytes && size > 2 * static_cast<double>(sql.size());
}

// Names, keywords and numbers in SQL: the longest runs of letters, digits and underscores. Every name that the binder
// makes is such a word as a whole, so that looking for a name's word finds every use of it. (It may also find the word
// in a string of the query, which costs a column that is read in vain.)
template <typename Visit>
void for_each_word(std::string_view sql, Visit visit) {
  auto is_word = [&](size_t i) {
    return i < sql.size() && (std::isalnum(static_cast<unsigned char>(sql[i])) || sql[i] == '_');
  };
  for (size_t at = 0; at < sql.size();) {
    size_t end = at;
    while (is_word(end)) ++end;
    if (end > at) visit(sql.substr(at, end - at));
    at = end + 1;
  }
}

}  // namespace

BindDepth::BindDepth(int& depth) : depth_(depth) {
  if (++depth_ > kMaxBindDepth) {
    --depth_;
    throw semantic_error("SEM0016", "The query nests too deeply (or a function calls itself)");
  }
}

std::vector<BoundStatement> bind_query(std::string_view text, const catalog::Catalog& catalog,
                                       const BindOptions& options) {
  Binder binder(catalog, options);
  if (options.input != nullptr) {
    Script script = parse_continuation(text);
    return binder.bind_script(script);
  }
  if (!options.database.empty() && catalog.find_database(options.database) == nullptr) {
    throw database_not_found(options.database);
  }
  Script script = parse_query(text);
  return binder.bind_script(script);
}

Binder::Binder(const catalog::Catalog& catalog, const BindOptions& options)
    : catalog_(catalog),
      options_(options),
      database_(catalog.find_database(options.database)),
      properties_(options.properties) {
  marker_ = " " + to_string(new_guid());  // the blank keeps it apart from a word before it
}

void Binder::count_step() {
  if (options_.check_stop) options_.check_stop();
  if (++steps_ <= kMaxSteps) return;
  throw semantic_error(
      "SEM0016",
      "The query is too complex: with the functions that it calls it has more than 400,000 "
      "expressions and operators. Ingest long lists of values into a table and query that");
}

void Binder::check_size(const std::string& sql) const {
  if (sql.size() > kMaxSqlBytes) throw semantic_error("SEM0016", "The query is too complex");
}

std::vector<BoundStatement> Binder::bind_script(const Script& script) {
  std::vector<BoundStatement> bound;
  const Environment* environment =
      options_.input == nullptr
          ? declare(nullptr, "", Binding{})
          : declare(nullptr, "$command_results", {.kind = Binding::Kind::kInput});
  for (const Statement& statement : script.statements) {
    if (statement.kind == Statement::Kind::kSet) {
      apply_set(statement);
      continue;
    }
    if (statement.kind != Statement::Kind::kQuery) {
      environment = declare_statement(statement, environment);
      continue;
    }
    begin_statement();
    RequestProperties own = properties_;  // functions may set more for this statement
    bool continues_input = bound.empty() && options_.input != nullptr;
    Relation relation = continues_input ? bind_operators(input_relation(),
                                                         statement.pipeline->operators, environment)
                                        : bind_pipeline(*statement.pipeline, environment);
    if (properties_.gives_schema && relation.graph < 0) {
      relation = apply(GetSchemaOperator{}, std::move(relation), environment);
    }
    std::optional<uint64_t> most = properties_.max_output_columns;
    if (most && relation.columns.size() > *most) {
      throw limits_exceeded("Query result set has exceeded the internal column count limit " +
                            std::to_string(*most) +
                            " (maxoutputcolumns; see https://aka.ms/kustoquerylimits)");
    }
    bound.push_back(finish(std::move(relation)));
    properties_ = std::move(own);
  }
  if (bound.empty())
    throw semantic_error("SEM0003", "The query has no tabular expression statement");
  return bound;
}

void Binder::begin_statement() {
  ++statement_;
  sources_.clear();
  ctes_.clear();
  optional_columns_.clear();
  visualization_ = {};
  result_name_ = "PrimaryResult";
}

const Environment* Binder::declare(const Environment* parent, std::string name, Binding binding) {
  Environment& environment = environments_.emplace_back();
  if (parent != nullptr && parent->visible == parent->declared->count) {
    environment = *parent;
  } else {
    environment.parent = parent;
    environment.declared = std::make_shared<DeclaredNames>();
  }
  if (name.empty()) return &environment;
  DeclaredNames& declared = *environment.declared;
  declared.names[std::move(name)].emplace(declared.count, std::move(binding));
  environment.visible = ++declared.count;
  return &environment;
}

Binding* Binder::find_binding(const Environment* environment, std::string_view name) const {
  for (; environment != nullptr; environment = environment->parent) {
    auto found = environment->declared->names.find(name);
    if (found == environment->declared->names.end()) continue;
    auto behind = found->second.lower_bound(environment->visible);
    if (behind != found->second.begin()) return &std::prev(behind)->second;
  }
  return nullptr;
}

const Environment* Binder::declare_statement(const Statement& statement,
                                             const Environment* environment) {
  count_step();
  switch (statement.kind) {
    case Statement::Kind::kLet: {
      Binding binding;
      binding.environment = environment;
      binding.table_depth = table_depth_;
      if (statement.function) {
        binding.kind = Binding::Kind::kFunction;
        binding.function = statement.function;
      } else {
        binding.pipeline = statement.pipeline;
        binding.kind = is_table(*statement.pipeline, environment) ? Binding::Kind::kTable
                                                                  : Binding::Kind::kScalar;
      }
      return declare(environment, statement.name, std::move(binding));
    }
    case Statement::Kind::kDeclareParameters:
      return declare_parameters(statement, environment);
    case Statement::Kind::kSet:
    case Statement::Kind::kQuery:
      break;
  }
  return environment;
}

void Binder::apply_set(const Statement& statement) {
  if (set_property(properties_, statement.name, statement.value, PropertyOrigin::kSetStatement))
    return;
  throw semantic_error("SEM0003", "set: there is no request property '" + statement.name + "'");
}

const Environment* Binder::declare_parameters(const Statement& statement,
                                              const Environment* environment) {
  for (const ParameterDeclaration& parameter : statement.parameters) {
    Binding binding;
    auto given = options_.parameters.find(parameter.name);
    if (given != options_.parameters.end()) {
      std::optional<Literal> literal = literal_from_text(parameter.type, given->second);
      if (!literal) {  // the text may be a literal with its type: datetime(2020-01-01), 1d, long(5)
        try {
          ExpressionPtr expression = parse_scalar(given->second);
          literal = with_literal(convert(constant(*expression, nullptr), parameter.type)).literal;
        } catch (const Error&) {
        }
      } else if (parameter.type == ScalarType::kTimeSpan || parameter.type == ScalarType::kLong ||
                 parameter.type == ScalarType::kReal) {
        // "1" is one day as a timespan's text, as in the service.
      }
      if (!literal) {
        throw semantic_error("SEM0500", "The value of query parameter '" + parameter.name +
                                            "' is no " + std::string(kusto_name(parameter.type)));
      }
      binding.scalar = literal_expr(*literal);
    } else if (parameter.default_value) {
      binding.scalar = convert(constant(*parameter.default_value, environment), parameter.type);
    } else {
      throw semantic_error("SEM0500", "Query parameter '" + parameter.name + "' has no value");
    }
    environment = declare(environment, parameter.name, std::move(binding));
  }
  return environment;
}

BoundStatement Binder::finish(Relation relation) {
  if (relation.graph >= 0) {
    throw semantic_error("SEM0003", "A graph is no result: use graph-match or graph-to-table");
  }
  if (relation.columns.empty()) throw semantic_error("SEM0003", "The result has no columns");
  BoundStatement statement;
  std::string sql = "SELECT ";
  for (const RelationColumn& column : relation.columns) {
    if (!statement.columns.empty()) sql += ", ";
    sql += column.sql;
    statement.columns.push_back({column.name, column.type});
  }
  sql += " FROM ";
  std::vector<Cte> ctes = named_ctes(relation.from);
  if (ctes.empty()) {
    sql += relation.from;
  } else {
    sql += "(" + with_clause(ctes) + "SELECT * FROM " + relation.from + ")";
  }
  sql += relation.sorting();
  check_size(sql);
  statement.sql = finish_sources(std::move(sql));
  for (const SourceState& source : sources_) statement.sources.push_back(source.source);
  statement.name = result_name_;
  statement.visualization = visualization_;
  statement.is_sorted = relation.is_sorted;
  statement.properties = properties_;
  return statement;
}

// "WITH … " for a SELECT.
std::string Binder::with_clause(std::span<const Cte> ctes) {
  if (ctes.empty()) return "";
  bool is_recursive =
      std::any_of(ctes.begin(), ctes.end(), [](const Cte& cte) { return cte.is_recursive; });
  std::string sql;
  for (const Cte& cte : ctes) {
    sql += sql.empty() ? (is_recursive ? "WITH RECURSIVE " : "WITH ") : ", ";
    sql += cte.name + (cte.is_recursive ? " AS (" : " AS MATERIALIZED (") + cte.sql + ")";
  }
  return sql + " ";
}

// Those that the SQL names, itself or by way of others.
std::vector<Binder::Cte> Binder::named_ctes(std::string_view sql) const {
  if (ctes_.empty()) return {};
  std::unordered_map<std::string_view, size_t> indices;
  for (size_t i = 0; i < ctes_.size(); ++i) indices.emplace(ctes_[i].name, i);
  std::vector<bool> is_named(ctes_.size());
  auto note = [&](std::string_view text) {
    for_each_word(text, [&](std::string_view word) {
      auto found = indices.find(word);
      if (found != indices.end()) is_named[found->second] = true;
    });
  };
  note(sql);
  for (size_t i = ctes_.size(); i-- > 0;) {  // each names earlier ones only, and itself
    if (is_named[i]) note(ctes_[i].sql);
  }
  std::vector<Cte> named;
  for (size_t i = 0; i < ctes_.size(); ++i) {
    if (is_named[i]) named.push_back(ctes_[i]);
  }
  return named;
}

// Puts the column lists of the sources in, with those columns only that the SQL names somewhere, and the
// optional columns that it names.
std::string Binder::finish_sources(std::string sql) {
  std::set<std::string_view> names;
  auto add_names = [&](std::string_view text) {
    for_each_word(text, [&](std::string_view word) {
      if (word.front() == 'k') names.insert(word);
    });
  };
  add_names(sql);
  // Who names an optional column was made after it.
  std::vector<bool> is_named(optional_columns_.size());
  for (size_t i = optional_columns_.size(); i-- > 0;) {
    is_named[i] = names.contains(optional_columns_[i].name);
    if (is_named[i]) add_names(optional_columns_[i].sql);
  }
  std::vector<std::string> lists;
  for (SourceState& source : sources_) {
    std::string list;
    source.source.column_ids.clear();
    source.source.needs_system_columns = source.source.needs_extent_columns = false;
    for (const SourceColumnName& column : source.columns) {
      if (!names.contains(column.sql)) continue;
      if (!list.empty()) list += ", ";
      list += column.source_sql + " AS " + column.sql;
      if (column.column_id) {
        source.source.column_ids.push_back(*column.column_id);
      } else if (column.source_sql == "sys_time" || column.source_sql == "sys_seq") {
        source.source.needs_system_columns = true;
      } else {
        source.source.needs_extent_columns = true;
      }
    }
    std::sort(source.source.column_ids.begin(), source.source.column_ids.end());
    if (list.empty()) list = "1 AS unused";
    lists.push_back(std::move(list));
  }
  std::string result;
  result.reserve(sql.size());
  for (size_t at = 0;;) {
    size_t found = sql.find(marker_, at);
    result.append(sql, at, found == std::string::npos ? std::string::npos : found - at);
    if (found == std::string::npos) return result;
    at = found + marker_.size();
    bool is_optional = sql[at] == kOptionalMark;
    if (is_optional) ++at;
    size_t slot = 0;
    while (at < sql.size() && sql[at] >= '0' && sql[at] <= '9')
      slot = slot * 10 + (sql[at++] - '0');
    if (!is_optional) {
      result += lists[slot];
    } else if (is_named[slot]) {
      result += ", " + optional_columns_[slot].sql + " AS " + optional_columns_[slot].name;
    }
  }
}

std::string Binder::optional_column(std::string sql, std::string name) {
  optional_columns_.push_back({std::move(sql), std::move(name)});
  return marker_ + kOptionalMark + std::to_string(optional_columns_.size() - 1) + " ";
}

ResultTable Binder::probe(Relation relation) {
  if (!options_.probe) {
    throw not_supported("'" + operator_ + "' where the result's columns depend on data");
  }
  // The statement under way goes on with the same sources afterwards.
  std::string name = result_name_;
  Visualization visualization = visualization_;
  BoundStatement statement = finish(std::move(relation));
  result_name_ = std::move(name);
  visualization_ = std::move(visualization);
  for_each_word(statement.sql, [&](std::string_view word) {
    if (!is_in_lateral() || !lateral_->names.contains(word)) return;
    throw operator_error("SEM0003",
                         "What must be known before the query runs depends on each row outside");
  });
  return options_.probe(statement);
}

// Bytes of the SQL with the columns' SQL in the places of their names.
double Binder::inlined_size(std::string_view sql) const {
  double size = static_cast<double>(sql.size());
  for_each_word(sql, [&](std::string_view word) {
    if (word.front() != 'k') return;
    auto found = inlined_sizes_.find(std::string(word));
    if (found != inlined_sizes_.end()) size += found->second;
  });
  return size;
}

std::string Binder::defined(const std::string& sql, const std::string& name) {
  double size = inlined_size(sql);
  bool must_stay = is_too_long_inlined(size, sql);
  double& noted = inlined_sizes_[name];  // a column of a union has several
  noted = std::max(noted, must_stay ? static_cast<double>(sql.size()) : size);
  return (must_stay ? "CASE WHEN random() < 2 THEN " + sql + " END" : sql) + " AS " + name;
}

void Binder::add_sql(Relation& relation, const std::string& sql_list) {
  if (sql_list.empty()) return;
  relation.wrap("(SELECT *, " + sql_list + " FROM " + relation.from + ")", sql_list);
  check_size(relation.from);
}

std::string Binder::stage(Relation& relation, const std::string& sql) {
  std::string name = new_name();
  add_sql(relation, defined(sql, name));
  return name;
}

std::string Binder::as_column(Relation& relation, const Expr& value) {
  bool is_name = value.sql.size() > 1 && value.sql[0] == 'k' &&
                 std::all_of(value.sql.begin() + 1, value.sql.end(),
                             [](char c) { return c >= '0' && c <= '9'; });
  return is_name ? value.sql : stage(relation, value.sql);
}

void Binder::filter(Relation& relation, const std::string& condition) {
  bool must_stay = is_too_long_inlined(inlined_size(condition), condition);
  std::string sql = must_stay ? stage(relation, condition) : condition;
  relation.wrap("(SELECT * FROM " + relation.from + " WHERE " + sql + ")", sql);
  check_size(relation.from);
}

Relation Binder::restart(const Relation& relation) {
  Relation result = relation;
  result.order.clear();
  result.is_sorted = false;
  result.source = -1;
  for (std::string* column : result.system_columns()) column->clear();
  result.outside.clear();
  return result;
}

std::string Binder::sql_list(const Relation& relation) const {
  std::string list;
  for (const RelationColumn& column : relation.columns) {
    if (!list.empty()) list += ", ";
    list += column.sql;
  }
  return list.empty() ? "1 AS unused" : list;
}

Relation Binder::realias(const Relation& relation) {
  Relation result = relation;
  std::map<std::string, std::string> names;
  std::string list;
  std::string optional_list;
  auto rename = [&](std::string& sql, bool is_optional) {
    if (sql.empty()) return;
    auto [found, is_new] = names.try_emplace(sql, "");
    if (is_new) {
      found->second = new_name();
      if (is_optional) {
        optional_list += optional_column(sql, found->second);
      } else {
        list += (list.empty() ? "" : ", ") + defined(sql, found->second);
      }
    }
    sql = found->second;
  };
  for (RelationColumn& column : result.columns) rename(column.sql, false);
  for (OrderKey& key : result.order) rename(key.sql, false);
  for (std::string* column : result.system_columns()) rename(*column, true);
  for (Relation::Outside& column : result.outside) rename(column.sql, true);
  if (list.empty()) list = "1 AS unused";
  result.from = "(SELECT " + list + optional_list + " FROM " + relation.from + ")";
  result.source = -1;
  check_size(result.from);
  return result;
}

Relation Binder::materialize(Relation relation, const std::vector<std::string>& kept) {
  std::set<std::string> names(kept.begin(), kept.end());
  for (const RelationColumn& column : relation.columns) names.insert(column.sql);
  for (const OrderKey& key : relation.order) names.insert(key.sql);
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  if (list.empty()) list = "1 AS unused";
  for (const std::string* column : relation.system_columns()) {
    if (!column->empty() && names.insert(*column).second) list += optional_column(*column, *column);
  }
  for (const Relation::Outside& column : relation.outside) {
    if (names.insert(column.sql).second) list += optional_column(column.sql, column.sql);
  }
  Cte cte;
  cte.name = "m" + std::to_string(next_cte_++);
  cte.sql = "SELECT " + list + " FROM " + relation.from;
  check_size(cte.sql);
  relation.from = cte.name;
  relation.source = -1;
  add_cte(std::move(cte));
  return relation;
}

// The innermost lateral of what is bound while it lives.
class Binder::LateralScope {
 public:
  LateralScope(Binder& binder, Lateral* lateral)
      : lateral_(binder.lateral_), outer_(std::exchange(binder.lateral_, lateral)) {}
  ~LateralScope() { lateral_ = outer_; }
  LateralScope(const LateralScope&) = delete;
  LateralScope& operator=(const LateralScope&) = delete;

 private:
  Lateral*& lateral_;
  Lateral* outer_;
};

void Lateral::add(const std::string& name, const std::string& sql) {
  columns.emplace(name, sql);
  names.insert(sql);
}

bool Binder::reads_outside(std::string_view sql) const {
  if (!is_in_lateral()) return false;
  bool reads = false;
  auto read = [&](std::string_view text) {
    for_each_word(text, [&](std::string_view word) { reads |= lateral_->names.contains(word); });
  };
  read(sql);
  for (const Cte& cte : named_ctes(sql)) {
    if (!cte.is_closed) read(cte.sql);
  }
  return reads;
}

Relation Binder::bind_lateral(Relation part, std::span<const Operator> operators,
                              const Environment* environment, Lateral& lateral) {
  LateralScope scope(*this, &lateral);
  size_t first = ctes_.size();
  Relation result = realias(bind_operators(std::move(part), operators, environment));
  // What reads the row outside can be computed only where that row is in sight; the rest is computed once.
  std::vector<Cte> own, others;
  std::set<std::string, std::less<>> inside;
  for (size_t i = first; i < ctes_.size(); ++i) {
    bool reads_row = false;
    if (!ctes_[i].is_closed) {
      for_each_word(ctes_[i].sql, [&](std::string_view word) {
        reads_row |= lateral.names.contains(word) || inside.contains(word);
      });
    }
    if (reads_row) inside.insert(ctes_[i].name);
    (reads_row ? own : others).push_back(std::move(ctes_[i]));
  }
  ctes_.resize(first);
  std::move(others.begin(), others.end(), std::back_inserter(ctes_));
  result.from = "(" + with_clause(own) + "SELECT * FROM " + result.from + ")";
  check_size(result.from);
  return result;
}

namespace {

// Thrown in an independent attempt of leave_lateral where it names the row outside.
struct NamesRowOutside {};

}  // namespace

Relation Binder::leave_lateral(Relation input, const std::function<Relation(Relation)>& operate) {
  Lateral& lateral = *lateral_;
  // Where nothing depends on the row outside, neither the rows nor what runs over them, it is as anywhere else.
  if (!reads_outside(input.from)) {
    LateralScope scope(*this, nullptr);
    std::string name = operator_;
    ++independent_attempts_;
    try {
      Relation result = operate(input);
      --independent_attempts_;
      return result;
    } catch (const NamesRowOutside&) {
      --independent_attempts_;
      operator_ = std::move(name);
    } catch (...) {
      --independent_attempts_;
      throw;
    }
  }
  Relation rows = close_lateral(std::move(input));
  {
    LateralScope scope(*this, nullptr);
    rows = operate(std::move(rows));
  }
  rows = materialize(std::move(rows));
  ctes_.back().is_closed = true;
  return of_row_outside(std::move(rows), lateral);
}

Relation Binder::close_lateral(Relation input) {
  Lateral& lateral = *lateral_;
  if (!lateral.is_shared) {
    Cte rows;
    rows.name = "m" + std::to_string(next_cte_++);
    rows.sql = "SELECT * FROM " + lateral.rows;
    rows.is_closed = true;
    lateral.rows = rows.name;
    lateral.is_shared = true;
    add_cte(std::move(rows));
  }
  std::vector<Cte> own;
  for (Cte& cte : named_ctes(input.from)) {
    if (!cte.is_closed && reads_outside(cte.name)) own.push_back(std::move(cte));
  }
  std::set<std::string> names;
  for (const RelationColumn& column : input.columns) names.insert(column.sql);
  for (const OrderKey& key : input.order) names.insert(key.sql);
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  if (list.empty()) list = "1 AS unused";
  input.outside.clear();
  for (const auto& [name, sql] : lateral.columns) {
    bool is_key = std::find(lateral.keys.begin(), lateral.keys.end(), name) != lateral.keys.end();
    input.outside.push_back({name, new_name(), is_key});
    list += optional_column(sql, input.outside.back().sql);
  }
  for (std::string* column : input.system_columns()) column->clear();
  const std::string alias = new_name();
  input.from = "(SELECT " + list + " FROM " + lateral.rows + " o" + alias + ", LATERAL (" +
               with_clause(own) + "SELECT * FROM " + input.from + ") i" + alias + ")";
  input = materialize(std::move(input));
  ctes_.back().is_closed = true;
  return input;
}

Relation Binder::of_row_outside(Relation rows, const Lateral& lateral) const {
  std::string condition;
  for (const std::string& key : lateral.keys) {
    condition += (condition.empty() ? "" : " AND ") + rows.find_outside(key)->sql +
                 " IS NOT DISTINCT FROM " + lateral_->columns.at(key);
  }
  rows.from = "(SELECT * FROM " + rows.from + " WHERE " + condition + ")";
  return rows;
}

Binding Binder::relation_binding(Relation relation) {
  Binding binding;
  binding.kind = Binding::Kind::kRelation;
  binding.lateral = reads_outside(relation.from) ? lateral_ : nullptr;
  binding.relation = std::make_shared<const Relation>(std::move(relation));
  return binding;
}

// Rows that depend on the row outside of another lateral, further out, are in sight by way of the rows for all of its
// rows.
Relation Binder::bind_relation(const Binding& binding, std::string_view name) {
  if (binding.lateral == nullptr || binding.lateral == lateral_) return realias(*binding.relation);
  Lateral& lateral = *binding.lateral;
  bool is_known = is_in_lateral() && std::all_of(lateral.keys.begin(), lateral.keys.end(),
                                                 [&](const std::string& key) {
                                                   return lateral_->columns.contains(key);
                                                 });
  if (!is_known) {
    if (independent_attempts_ > 0) throw NamesRowOutside{};
    throw not_supported("'" + std::string(name) + "', which depends on a row outside, here");
  }
  Relation rows;
  {
    LateralScope scope(*this, &lateral);
    rows = close_lateral(*binding.relation);
  }
  return realias(of_row_outside(std::move(rows), lateral));
}

// As a column of the row inside where there is one, because an aggregate or a window function over nothing but columns
// of the row outside would be one of that row's relation in SQL.
Expr Binder::bind_outside(Binding& binding, std::string_view name, const Scope& scope) {
  Expr value = bind_scalar_binding(binding, name, scope);
  if (scope.row != nullptr) {
    if (const Relation::Outside* column = scope.row->find_outside(value.sql)) {
      value.sql = column->sql;
      return value;
    }
  }
  if (!is_in_lateral() || !lateral_->columns.contains(value.sql)) {
    if (independent_attempts_ > 0) throw NamesRowOutside{};
    throw operator_error(
        "SEM0003",
        "'" + std::string(name) + "' is a column of a row outside, which cannot be used here");
  }
  std::string declared = value.sql;
  value.sql = lateral_->columns.at(declared);
  if (scope.row != nullptr && stage_target(scope) == scope.row) {
    value.sql = stage(*scope.row, value.sql);
    scope.row->outside.push_back({std::move(declared), value.sql});
  }
  return value;
}

void Binder::separate_columns(Relation& relation) {
  std::set<std::string> seen;
  std::string list;
  for (RelationColumn& column : relation.columns) {
    if (seen.insert(column.sql).second) continue;
    std::string own = new_name();
    list += (list.empty() ? "" : ", ") + defined(column.sql, own);
    column.sql = std::move(own);
  }
  add_sql(relation, list);
}

void Binder::ensure_order(Relation& relation) {
  if (!relation.order.empty()) return;
  relation.order.push_back({stage(relation, "row_number() OVER ()"), false, true});
}

bool Binder::has_column(const std::vector<RelationColumn>& columns, std::string_view name) {
  return std::any_of(columns.begin(), columns.end(),
                     [&](const RelationColumn& column) { return column.name == name; });
}

std::string Binder::unique_name(const std::vector<RelationColumn>& columns,
                                const std::string& name) {
  if (!has_column(columns, name)) return name;
  // Of name1, name2, … the first that is not taken.
  std::vector<bool> is_taken(columns.size() + 2);
  for (const RelationColumn& column : columns) {
    if (!column.name.starts_with(name)) continue;
    const char* suffix = column.name.data() + name.size();
    const char* end = column.name.data() + column.name.size();
    size_t number = 0;
    auto [stop, error] = std::from_chars(suffix, end, number);
    if (error != std::errc() || stop != end || *suffix == '0') continue;
    if (number < is_taken.size()) is_taken[number] = true;
  }
  size_t number = 1;
  while (is_taken[number]) ++number;
  return name + std::to_string(number);
}

}  // namespace rivulet::kql
