#include "kql/binder.h"

#include <algorithm>
#include <cctype>

#include "common/error.h"
#include "common/guid.h"
#include "kql/literal.h"
#include "kql/parser.h"

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

// Names, keywords and numbers in SQL.
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
    : catalog_(catalog), options_(options), database_(catalog.find_database(options.database)) {
  marker_ = to_string(new_guid());
}

void Binder::count_step() {
  if (++steps_ > kMaxSteps) throw semantic_error("SEM0016", "The query is too complex");
}

void Binder::check_size(const std::string& sql) const {
  if (sql.size() > kMaxSqlBytes) throw semantic_error("SEM0016", "The query is too complex");
}

std::vector<BoundStatement> Binder::bind_script(const Script& script) {
  std::vector<BoundStatement> bound;
  const Environment* environment = declare(nullptr, "", Binding{});
  for (const Statement& statement : script.statements) {
    if (statement.kind != Statement::Kind::kQuery) {
      environment = declare_statement(statement, environment);
      continue;
    }
    begin_statement();
    bool continues_input = bound.empty() && options_.input != nullptr;
    bound.push_back(
        finish(continues_input
                   ? bind_operators(input_relation(), statement.pipeline->operators, environment)
                   : bind_pipeline(*statement.pipeline, environment)));
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
  environment.parent = parent;
  if (!name.empty()) environment.bindings.emplace(std::move(name), std::move(binding));
  return &environment;
}

Binding* Binder::find_binding(const Environment* environment, std::string_view name) const {
  for (; environment != nullptr; environment = environment->parent) {
    auto found = environment->bindings.find(name);
    // Environments live in environments_, and only binding a name for the first time changes them.
    if (found != environment->bindings.end()) return const_cast<Binding*>(&found->second);
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
          Scope scope;
          Expr value = convert(bind(*expression, scope), parameter.type);
          literal = with_literal(value).literal;
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
  if (ctes_.empty()) {
    sql += relation.from;
  } else {
    bool is_recursive =
        std::any_of(ctes_.begin(), ctes_.end(), [](const Cte& cte) { return cte.is_recursive; });
    sql += is_recursive ? "(WITH RECURSIVE " : "(WITH ";
    for (size_t i = 0; i < ctes_.size(); ++i) {
      if (i > 0) sql += ", ";
      sql += ctes_[i].name + (ctes_[i].is_recursive ? " AS (" : " AS MATERIALIZED (") +
             ctes_[i].sql + ")";
    }
    sql += " SELECT * FROM " + relation.from + ")";
  }
  if (!relation.order.empty()) sql += " ORDER BY " + relation.order_by();
  check_size(sql);
  statement.sql = finish_sources(std::move(sql));
  for (const SourceState& source : sources_) statement.sources.push_back(source.source);
  statement.name = result_name_;
  statement.visualization = visualization_;
  statement.is_sorted = relation.is_sorted;
  return statement;
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
  relation.from = "(SELECT *, " + sql_list + " FROM " + relation.from + ")";
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
  relation.from = "(SELECT * FROM " + relation.from + " WHERE " + sql + ")";
  check_size(relation.from);
}

Relation Binder::restart(const Relation& relation) {
  Relation result = relation;
  result.order.clear();
  result.is_sorted = false;
  result.source = -1;
  for (std::string* column : result.system_columns()) column->clear();
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
  if (list.empty()) list = "1 AS unused";
  result.from = "(SELECT " + list + optional_list + " FROM " + relation.from + ")";
  result.source = -1;
  check_size(result.from);
  return result;
}

Relation Binder::materialize(Relation relation) {
  std::set<std::string> names;
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
  Cte cte;
  cte.name = "m" + std::to_string(next_cte_++);
  cte.sql = "SELECT " + list + " FROM " + relation.from;
  check_size(cte.sql);
  relation.from = cte.name;
  relation.source = -1;
  ctes_.push_back(std::move(cte));
  return relation;
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
  for (int suffix = 1;; ++suffix) {
    std::string candidate = name + std::to_string(suffix);
    if (!has_column(columns, candidate)) return candidate;
  }
}

}  // namespace rivulet::kql
