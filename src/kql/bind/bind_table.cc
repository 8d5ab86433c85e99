#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <utility>
#include <variant>

#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/syntax/parser.h"
#include "kql/syntax/wildcard.h"

namespace rivulet::kql {
namespace {

// What may stand in each other for the engine to plan at once: its filter pushdown goes twice through what is below a
// GROUP BY or a window, and the time to order joins grows with the fourth power of their number.
constexpr int kMaxPlanningDepth = 32;
// The same within one operator, whose windows over each other nothing parts.
constexpr int kMaxOperatorDepth = 64;

// SELECTs in each other that the engine's parser takes, with room for those around them.
constexpr int kMaxSelectDepth = 200;
// The same with those of common table expressions: what takes the engine's stack and ours, some 1.3 KB for each while it
// is planned (PlanningThreads), and less while its plan runs and is freed.
constexpr int kMaxTotalDepth = 4000;

// Columns of all operators of a query together: the engine binds each of them anew, 20 µs or so.
constexpr int64_t kMaxPlannedColumns = 200'000;

// One table deeper.
class TableDepth {
 public:
  explicit TableDepth(int& depth) : depth_(depth) { ++depth_; }
  ~TableDepth() { --depth_; }
  TableDepth(const TableDepth&) = delete;
  TableDepth& operator=(const TableDepth&) = delete;

 private:
  int& depth_;
};

}  // namespace

int planning_depth(std::string_view sql) {
  constexpr std::pair<std::string_view, int> kWords[] = {
      {"GROUP BY", 4}, {"JOIN ", 1}, {"OVER (", 4}};
  struct Level {
    int inside = 0;  // the most of any parentheses in it
    int own = 0;
  };
  std::vector<Level> levels(1);
  for (size_t at = 0; at < sql.size(); ++at) {
    if (sql[at] == '\'') {
      at = std::min(sql.find('\'', at + 1), sql.size());
    } else if (sql[at] == '(') {
      levels.emplace_back();
    } else if (sql[at] == ')' && levels.size() > 1) {
      int depth = levels.back().inside + levels.back().own;
      levels.pop_back();
      levels.back().inside = std::max(levels.back().inside, depth);
    } else if (sql[at] == 'G' || sql[at] == 'J' || sql[at] == 'O') {
      for (auto [word, weight] : kWords) {
        if (sql.substr(at, word.size()) == word) levels.back().own += weight;
      }
    }
  }
  return levels.front().inside + levels.front().own;
}

void Binder::fail_table(std::string_view name) const {
  throw operator_error("SEM0100",
                       "Failed to resolve table expression named '" + std::string(name) + "'");
}

Binder::SelectDepth Binder::select_depth(std::string_view sql) const {
  auto is_word = [&](size_t i) {
    return i < sql.size() && (std::isalnum(static_cast<unsigned char>(sql[i])) || sql[i] == '_');
  };
  std::vector<bool> is_select;  // of the parentheses that are open
  int depth = 0;
  SelectDepth most;
  for (size_t at = 0; at < sql.size(); ++at) {
    int total = 0;
    if (sql[at] == '\'') {
      at = std::min(sql.find('\'', at + 1), sql.size());
    } else if (sql[at] == '(') {
      is_select.push_back(sql.substr(at + 1).starts_with("SELECT "));
      depth += is_select.back() ? 1 : 0;
      total = depth;
    } else if (sql[at] == ')' && !is_select.empty()) {
      depth -= is_select.back() ? 1 : 0;
      is_select.pop_back();
    } else if (sql[at] == 'm' && (at == 0 || !is_word(at - 1))) {
      size_t end = at;
      while (is_word(end)) ++end;
      auto found = cte_depths_.find(std::string(sql.substr(at, end - at)));
      if (found != cte_depths_.end()) total = depth + found->second;
      at = end - 1;
    }
    most.own = std::max(most.own, depth);
    most.total = std::max(most.total, total);
  }
  return most;
}

void Binder::check_select_depth(int total) const {
  if (total <= kMaxTotalDepth) return;
  throw operator_error(
      "SEM0016",
      "The query is too long: its operators come to more than 4,000 subqueries inside each "
      "other. Give several filters to one 'where' and several columns to one 'extend' or "
      "'project'");
}

void Binder::add_cte(Cte cte) {
  const int depth = select_depth(cte.sql).total + 1;
  check_select_depth(depth);
  cte_depths_.emplace(cte.name, depth);
  ctes_.push_back(std::move(cte));
}

struct OperatorVisitor {
  Binder& binder;
  Relation& input;
  const Environment* environment;

  template <typename Operator>
  Relation operator()(const Operator& body) const {
    return binder.apply(body, std::move(input), environment);
  }
};

Relation Binder::bind_pipeline(const Pipeline& pipeline, const Environment* environment) {
  BindDepth depth(depth_);
  TableDepth table_depth(table_depth_);
  std::string outer = operator_;
  operator_ = pipeline.operators.empty() ? "" : pipeline.operators.front().name;
  if (!pipeline.source) throw operator_error("SEM0005", "The pipeline has no source");
  Relation relation = bind_source(*pipeline.source, environment);
  check_columns(relation);
  relation = bind_operators(std::move(relation), pipeline.operators, environment);
  operator_ = std::move(outer);
  return relation;
}

Relation Binder::bind_operators(Relation relation, std::span<const Operator> operators,
                                const Environment* environment) {
  std::string outer = operator_;
  for (size_t i = 0; i < operators.size(); ++i) {
    const Operator& next = operators[i];
    count_step();
    operator_ = next.name;
    bool is_graph_operator = next.name.starts_with("graph-");
    if ((relation.graph >= 0) != is_graph_operator) {
      throw operator_error("SEM0003", is_graph_operator ? "The operator needs a graph"
                                                        : "The operator takes no graph");
    }
    if (const auto* as = std::get_if<AsOperator>(&next.body)) {
      result_name_ = as->name;
      relation.name = as->name;
      if (i + 1 < operators.size()) {  // later operators may use the rows again
        relation = materialize(std::move(relation));
        environment = declare(environment, as->name, relation_binding(relation));
      }
      continue;
    }
    if (i + 1 < operators.size()) push_filter_below(next, operators[i + 1], relation, environment);
    relation = std::visit(OperatorVisitor{*this, relation, environment}, next.body);
    count_columns(relation);
    const int depth = planning_depth(relation.from);
    if (depth > kMaxOperatorDepth) {
      throw operator_error(
          "SEM0016",
          "Too many window functions build on each other in one operator: give them "
          "to several operators");
    }
    const SelectDepth selects = select_depth(relation.from);
    check_select_depth(selects.total);
    bool is_too_deep = depth > kMaxPlanningDepth || selects.own > kMaxSelectDepth;
    if (relation.graph < 0 && is_too_deep) relation = materialize(std::move(relation));
    check_columns(relation);
  }
  operator_ = std::move(outer);
  return relation;
}

void Binder::count_columns(const Relation& relation) {
  columns_ += static_cast<int64_t>(relation.columns.size());
  if (columns_ <= kMaxPlannedColumns) return;
  throw operator_error(
      "SEM0016",
      "The query is too complex: its operators have more than 200,000 columns together. Drop those "
      "that are not needed (project), or give several to one operator");
}

void Binder::check_columns(const Relation& relation) const {
  if (relation.columns.size() <= kMaxColumns) return;
  throw operator_error("SEM0016",
                       "The table has " + std::to_string(relation.columns.size()) +
                           " columns, and may have 10,000: keep rarer ones in a dynamic");
}

Relation Binder::bind_source(const PipelineSource& source, const Environment* environment) {
  struct Visitor {
    Binder& binder;
    const Environment* environment;
    Relation operator()(const ExpressionPtr& expression) {
      return binder.bind_table(*expression, environment);
    }
    Relation operator()(const DataTable& table) {
      return binder.bind_datatable(table, environment);
    }
    Relation operator()(const RangeSource& range) { return binder.bind_range(range, environment); }
    Relation operator()(const PrintSource& print) { return binder.bind_print(print, environment); }
    Relation operator()(const ExternalData&) { throw not_supported("externaldata operator"); }
    Relation operator()(const UnionOperator& unite) {
      binder.operator_ = "union";
      return binder.bind_union(unite, std::nullopt, environment);
    }
    Relation operator()(const SearchOperator& search) {
      binder.operator_ = "search";
      std::vector<Relation> tables;
      for (const ExpressionPtr& table : search.tables) {
        for (Relation& bound : binder.bind_tables(*table, environment))
          tables.push_back(std::move(bound));
      }
      if (search.tables.empty()) tables = binder.all_tables();
      return binder.bind_search(search, std::move(tables), environment);
    }
    Relation operator()(const FindOperator& find) {
      binder.operator_ = "find";
      std::vector<Relation> tables;
      for (const ExpressionPtr& table : find.tables) {
        for (Relation& bound : binder.bind_tables(*table, environment))
          tables.push_back(std::move(bound));
      }
      if (find.tables.empty()) tables = binder.all_tables();
      return binder.bind_find(find, std::move(tables), environment);
    }
    Relation operator()(const EvaluateOperator& evaluate) {
      return binder.bind_plugin(evaluate, std::nullopt, environment);
    }
  };
  return std::visit(Visitor{*this, environment}, source);
}

Relation Binder::bind_table(const Expression& expression, const Environment* environment) {
  count_step();
  BindDepth depth(depth_);
  TableDepth table_depth(table_depth_);
  using Kind = Expression::Kind;
  switch (expression.kind) {
    case Kind::kName:
      return bind_table_name(expression, environment);
    case Kind::kCall:
      return bind_table_call(expression, environment);
    case Kind::kPipeline:
      return bind_pipeline(*expression.pipeline, environment);
    case Kind::kMember: {  // database('x').T
      const Expression& object = *expression.arguments[0].value;
      if (object.kind == Kind::kCall && object.text == "cluster") throw not_supported("cluster()");
      if (object.kind == Kind::kCall && object.text == "database") {
        const catalog::Database& database = database_of(object, environment);
        if (std::optional<Relation> table = try_catalog_table(database, expression.text))
          return *table;
        if (auto function = stored_function(database, expression.text)) {
          return bind_table_function(*function, declare(nullptr, "", Binding{}), expression,
                                     environment, nullptr);
        }
        fail_table(expression.text);
      }
      break;
    }
    default:
      break;
  }
  throw operator_error("SEM0005", "A tabular expression is expected");
}

Relation Binder::bind_table_binding(Binding& binding, std::string_view name) {
  if (binding.kind == Binding::Kind::kRelation) return bind_relation(binding, name);
  if (binding.kind == Binding::Kind::kInput) return input_relation();
  if (binding.kind != Binding::Kind::kTable) fail_table(name);
  if (binding.relation && binding.statement == statement_) return realias(*binding.relation);
  // let T = materialize(…): computed once for the statement.
  const auto* expression = binding.pipeline->source && binding.pipeline->operators.empty()
                               ? std::get_if<ExpressionPtr>(&*binding.pipeline->source)
                               : nullptr;
  bool is_materialized = expression != nullptr && (*expression)->kind == Expression::Kind::kCall &&
                         (*expression)->text == "materialize";
  Relation relation = bind_pipeline(*binding.pipeline, binding.environment);
  if (relation.name.empty()) relation.name = std::string(name);
  if (!is_materialized) return relation;
  binding.relation = std::make_shared<const Relation>(relation);
  binding.statement = statement_;
  return realias(relation);
}

Relation Binder::bind_table_name(const Expression& expression, const Environment* environment) {
  const std::string& name = expression.text;
  if (Binding* binding = find_binding(environment, name)) {
    if (binding->kind == Binding::Kind::kFunction) {
      bool is_view = binding->function->is_view;
      Relation relation = bind_table_function(*binding->function, binding->environment, expression,
                                              environment, nullptr);
      if (is_view) relation.name = name;
      return relation;
    }
    if (binding->kind != Binding::Kind::kScalar) return bind_table_binding(*binding, name);
  }
  if (database_) {
    if (std::optional<Relation> table = try_catalog_table(*database_, name)) return *table;
    if (auto function = stored_function(*database_, name)) {
      return bind_table_function(*function, declare(nullptr, "", Binding{}), expression,
                                 environment, nullptr);
    }
  }
  fail_table(name);
}

const catalog::Database& Binder::database_named(std::string_view name) {
  bool is_own = database_ != nullptr && database_->name == name;
  if (properties_.binding.has_no_remote_entities && !is_own) {
    throw operator_error("SEM0003", "database('" + std::string(name) +
                                        "'): the request property "
                                        "'request_remote_entities_disabled' is set");
  }
  std::shared_ptr<const catalog::Database> database = catalog_.find_database(name);
  if (!database)
    throw operator_error("SEM0100", "Failed to resolve database named '" + std::string(name) + "'");
  pinned_.push_back(database);
  return *database;
}

const catalog::Database& Binder::database_of(const Expression& call,
                                             const Environment* environment) {
  if (call.object) throw not_supported("cluster()");
  check_arity("database", 1, 1, call.arguments.size());
  return database_named(require_string(*call.arguments[0].value, environment));
}

Relation Binder::bind_table_call(const Expression& call, const Environment* environment) {
  const std::string& name = call.text;
  if (!call.object) {
    if (name == "materialize") {
      check_arity(name, 1, 1, call.arguments.size());
      return materialize(bind_table(*call.arguments[0].value, environment));
    }
    if (name == "table") {
      check_arity(name, 1, 2, call.arguments.size());
      Expression by_name;
      by_name.kind = Expression::Kind::kName;
      by_name.position = call.position;
      by_name.text = require_string(*call.arguments[0].value, environment);
      return bind_table_name(by_name, environment);
    }
    if (name == "cluster" || name == "external_table" || name == "materialized_view" ||
        name == "graph" || name == "stored_query_result" || name == "entity_group") {
      throw not_supported(name + "()");
    }
  }
  bool is_remote_table = call.object && call.text == "table" && call.object->text == "database";
  if (is_remote_table) {
    const catalog::Database& database = database_of(*call.object, environment);
    check_arity("table", 1, 2, call.arguments.size());
    std::string table_name = require_string(*call.arguments[0].value, environment);
    if (std::optional<Relation> table = try_catalog_table(database, table_name)) return *table;
    fail_table(table_name);
  }
  FoundFunction found = find_function(call, environment);
  if (!found.definition) {
    throw operator_error("SEM0260", "Unknown function: '" + name + "'");
  }
  return bind_table_function(*found.definition, found.environment, call, environment, nullptr);
}

Relation Binder::bind_table_function(const FunctionDefinition& function,
                                     const Environment* definition, const Expression& call,
                                     const Environment* environment, const Relation* piped) {
  BindDepth depth(depth_);
  count_step();
  Scope scope;
  scope.environment = environment;
  const Environment* inner = bind_call_arguments(function, definition, call, scope, piped);
  PropertyScope properties(properties_);
  for (const Statement& statement : function.body) {
    if (statement.kind == Statement::Kind::kSet) {
      apply_set(statement);
      continue;
    }
    if (statement.kind == Statement::Kind::kQuery) return bind_pipeline(*statement.pipeline, inner);
    inner = declare_statement(statement, inner);
  }
  throw operator_error("SEM0003", "Function '" + call.text + "' gives no result");
}

std::optional<Relation> Binder::try_catalog_table(const catalog::Database& database,
                                                  std::string_view name) {
  std::shared_ptr<const catalog::Table> table = database.find_table(name);
  if (!table) return std::nullopt;
  pinned_.push_back(table);
  return scan(*table);
}

Relation Binder::scan(const catalog::Table& table) {
  Relation relation;
  relation.name = table.name;
  relation.source = static_cast<int>(sources_.size());
  SourceState state;
  state.source.kind = Source::Kind::kTable;
  state.source.table = table.id;
  for (const catalog::ColumnDef& definition : table.columns) {
    RelationColumn added = column(definition.name, definition.type);
    state.columns.push_back({added.sql, "c" + std::to_string(definition.id), definition.id});
    relation.columns.push_back(std::move(added));
  }
  add_system_columns(relation, state);
  add_source(relation, std::move(state));
  scope_table(relation);
  return relation;
}

// Leaves those rows of a table that the request properties query_datetimescope_* and query_cursor_* are about.
void Binder::scope_table(Relation& relation) {
  const RequestProperties::Binding& given = properties_.binding;
  if (given.datetime_scope_from || given.datetime_scope_to) {
    const std::string& name = given.datetime_scope_column;
    if (name.empty()) {
      throw operator_error("SEM0003",
                           "The request properties 'query_datetimescope_from' and "
                           "'query_datetimescope_to' need 'query_datetimescope_column'");
    }
    // Tables that have no such column are not scoped.
    const RelationColumn* column = relation.find(name);
    if (column != nullptr && column->type != ScalarType::kDateTime) {
      throw operator_error("SEM0003", "query_datetimescope_column: column '" + name +
                                          "' of table '" + relation.name + "' is no datetime");
    }
    auto bound = [&](ColumnBound::Op op, std::optional<Ticks> limit, const char* comparison) {
      if (column == nullptr || !limit) return;
      Literal value{ScalarType::kDateTime, int64_t{*limit}};
      SourceState& source = sources_[static_cast<size_t>(relation.source)];
      for (const SourceColumnName& stored : source.columns) {
        if (stored.sql == column->sql) {
          source.source.bounds.push_back({*stored.column_id, op, value});
        }
      }
      filter(relation, column->sql + comparison + literal_sql(value));
    };
    bound(ColumnBound::Op::kGreaterEqual, given.datetime_scope_from, " >= ");
    bound(ColumnBound::Op::kLessEqual, given.datetime_scope_to, " <= ");
  }
  const std::vector<std::string>& scoped = given.cursor_scoped_tables;
  if (std::find(scoped.begin(), scoped.end(), relation.name) == scoped.end()) return;
  if (!given.cursor_after_default) {
    throw operator_error("SEM0003",
                         "The request property 'query_cursor_scoped_tables' needs "
                         "'query_cursor_after_default'");
  }
  int64_t after = cursor_sequence(*given.cursor_after_default);
  sources_[static_cast<size_t>(relation.source)].source.after_sequence = after;
  filter(relation, relation.commit_sequence + " > " + std::to_string(after) + "::BIGINT");
  if (given.cursor_before_or_at_default) {
    filter(relation, relation.commit_sequence + " <= " +
                         std::to_string(cursor_sequence(*given.cursor_before_or_at_default)) +
                         "::BIGINT");
  }
}

void Binder::add_source(Relation& relation, SourceState state) {
  std::string slot = std::to_string(sources_.size());
  relation.from = "(SELECT " + marker_ + slot + " FROM s" + slot + ")";
  sources_.push_back(std::move(state));
}

void Binder::add_system_columns(Relation& relation, SourceState& state) {
  constexpr const char* kNames[] = {"sys_time", "sys_seq", "sys_extent", "sys_tags", "sys_row"};
  size_t i = 0;
  for (std::string* column : relation.system_columns()) {
    *column = new_name();
    state.columns.push_back({*column, kNames[i++], std::nullopt});
  }
}

Relation Binder::input_relation() {
  Relation relation;
  SourceState state;
  state.source.kind = Source::Kind::kInput;
  for (size_t i = 0; i < options_.input->size(); ++i) {
    const ResultColumn& definition = (*options_.input)[i];
    RelationColumn added = column(definition.name, definition.type);
    state.columns.push_back({added.sql, "c" + std::to_string(i), static_cast<uint32_t>(i)});
    relation.columns.push_back(std::move(added));
  }
  add_source(relation, std::move(state));
  return relation;
}

bool Binder::is_table(const Pipeline& pipeline, const Environment* environment) {
  if (!pipeline.operators.empty() || !pipeline.source) return true;
  const auto* expression = std::get_if<ExpressionPtr>(&*pipeline.source);
  return expression == nullptr || is_table(**expression, environment);
}

bool Binder::is_table(const Expression& expression, const Environment* environment) {
  BindDepth depth(depth_);
  count_step();
  using Kind = Expression::Kind;
  switch (expression.kind) {
    case Kind::kPipeline:
      return is_table(*expression.pipeline, environment);
    case Kind::kName: {
      if (const Binding* binding = find_binding(environment, expression.text)) {
        if (binding->kind == Binding::Kind::kFunction) {
          return is_table_function(*binding->function, binding->environment);
        }
        return binding->kind != Binding::Kind::kScalar;
      }
      if (!database_) return false;
      if (database_->find_table(expression.text)) return true;
      auto function = stored_function(*database_, expression.text);
      return function && is_table_function(*function, declare(nullptr, "", Binding{}));
    }
    case Kind::kCall: {
      if (!expression.object) {
        const std::string& name = expression.text;
        if (name == "materialize" && expression.arguments.size() == 1) {
          return is_table(*expression.arguments[0].value, environment);
        }
        if (name == "table" || name == "cluster" || name == "external_table" ||
            name == "materialized_view") {
          return true;
        }
        if (name == "toscalar") return false;
      } else if (expression.text == "table") {
        return true;
      }
      FoundFunction found = find_function(expression, environment);
      return found.definition && is_table_function(*found.definition, found.environment);
    }
    case Kind::kMember: {
      const Expression& object = *expression.arguments[0].value;
      return object.kind == Kind::kCall && (object.text == "database" || object.text == "cluster");
    }
    default:
      return false;
  }
}

bool Binder::is_table_function(const FunctionDefinition& function, const Environment* environment) {
  BindDepth depth(depth_);
  for (const ParameterDeclaration& parameter : function.parameters) {
    Binding binding;
    binding.kind = parameter.is_tabular ? Binding::Kind::kTable : Binding::Kind::kScalar;
    environment = declare(environment, parameter.name, std::move(binding));
  }
  for (const Statement& statement : function.body) {
    if (statement.kind == Statement::Kind::kQuery)
      return is_table(*statement.pipeline, environment);
    environment = declare_statement(statement, environment);
  }
  return false;
}

std::vector<Relation> Binder::bind_tables(const Expression& expression,
                                          const Environment* environment) {
  using Kind = Expression::Kind;
  const catalog::Database* database = database_.get();
  std::string pattern;
  if (expression.kind == Kind::kStar || expression.kind == Kind::kPattern) {
    pattern = expression.text;
  } else if (expression.kind == Kind::kMember && expression.text.ends_with("*")) {
    database = &database_of(*expression.arguments[0].value, environment);
    pattern = expression.text;
  }
  std::vector<Relation> tables;
  if (pattern.empty()) {
    tables.push_back(bind_table(expression, environment));
    return tables;
  }
  // Views of the query take part as tables do.
  std::set<std::string> seen;
  for (const Environment* level = environment; level != nullptr; level = level->parent) {
    std::map<size_t, std::pair<std::string_view, const Binding*>, std::greater<>> newest_first;
    for (const auto& [name, bindings] : level->declared->names) {
      for (const auto& [place, binding] : bindings) {
        if (place < level->visible) newest_first[place] = {name, &binding};
      }
    }
    for (const auto& [place, named] : newest_first) {
      const std::string name(named.first);
      const Binding& binding = *named.second;
      bool is_view = binding.kind == Binding::Kind::kTable ||
                     (binding.kind == Binding::Kind::kFunction && binding.function->is_view &&
                      binding.function->parameters.empty());
      if (!is_view || !matches_wildcard(pattern, name) || !seen.insert(name).second) continue;
      Expression by_name;
      by_name.kind = Kind::kName;
      by_name.text = name;
      by_name.position = expression.position;
      tables.push_back(bind_table_name(by_name, environment));
      tables.back().name = name;
    }
  }
  if (database != nullptr) {
    for (const std::shared_ptr<const catalog::Table>& table : database->tables()) {
      if (!matches_wildcard(pattern, table->name) || !seen.insert(table->name).second) continue;
      pinned_.push_back(table);
      count_step();
      tables.push_back(scan(*table));
    }
  }
  if (tables.empty()) fail_table(pattern);
  return tables;
}

std::vector<Relation> Binder::all_tables() {
  std::vector<Relation> tables;
  if (!database_) return tables;
  for (const std::shared_ptr<const catalog::Table>& table : database_->tables()) {
    pinned_.push_back(table);
    count_step();
    tables.push_back(scan(*table));
  }
  return tables;
}

Relation Binder::bind_datatable(const DataTable& table, const Environment* environment) {
  if (table.columns.empty()) throw operator_error("SEM0003", "datatable has no columns");
  Relation relation;
  for (const ColumnDeclaration& declared : table.columns) {
    if (has_column(relation.columns, declared.name)) {
      throw operator_error("SEM0045", "Duplicate column name '" + declared.name + "'");
    }
    relation.columns.push_back(column(declared.name, declared.type));
  }
  size_t width = table.columns.size();
  if (table.values.size() % width != 0) {
    throw operator_error("SEM0003",
                         "The number of values of a datatable must be a multiple of its columns");
  }
  std::string ordinal = new_name();
  relation.order.push_back({ordinal, false, true});
  std::string names;
  for (const RelationColumn& added : relation.columns) names += added.sql + ", ";
  names += ordinal;
  std::string rows;
  for (size_t i = 0; i < table.values.size(); ++i) {
    if (i % width == 0) rows += rows.empty() ? "(" : ", (";
    Expr value = convert(constant(*table.values[i], environment), table.columns[i % width].type);
    rows += value.sql + ", ";
    if (i % width == width - 1) rows += std::to_string(i / width) + "::BIGINT)";
  }
  if (rows.empty()) {
    std::string nulls;
    for (const RelationColumn& added : relation.columns) {
      nulls += literal_sql({added.type, {}}) + " AS " + added.sql + ", ";
    }
    relation.from = "(SELECT " + nulls + "0::BIGINT AS " + ordinal + " WHERE FALSE)";
  } else {
    relation.from = "(SELECT * FROM (VALUES " + rows + ") v" + ordinal + "(" + names + "))";
  }
  check_size(relation.from);
  return relation;
}

namespace {

// How many rows `range` has; a count beyond 63 bits, which nobody reads to its end, as the largest.
int64_t count_of_range(const Literal& from, const Literal& to, const Literal& step) {
  if (from.is_null() || to.is_null() || step.is_null()) return 0;
  if (from.type == ScalarType::kReal) {
    const double a = std::get<double>(from.value), b = std::get<double>(to.value),
                 s = std::get<double>(step.value);
    if (!(s > 0 ? a <= b : s < 0 && a >= b)) return 0;
    const double steps = std::floor((b - a) / s + 1e-9);
    if (std::isnan(steps)) return 1;  // from one infinity to itself
    return steps < 9.2e18 ? static_cast<int64_t>(steps) + 1 : INT64_MAX;
  }
  const __int128 a = std::get<int64_t>(from.value), b = std::get<int64_t>(to.value),
                 s = std::get<int64_t>(step.value);
  if (!(s > 0 ? a <= b : s < 0 && a >= b)) return 0;
  return static_cast<int64_t>(std::min<__int128>((b - a) / s + 1, INT64_MAX));
}

}  // namespace

Relation Binder::bind_range(const RangeSource& range, const Environment* environment) {
  Expr from = constant(*range.from, environment);
  Expr to = constant(*range.to, environment);
  Expr step = range.step ? constant(*range.step, environment) : long_literal(1);
  // Dynamic bounds (toscalar of a bag) count as long.
  for (Expr* bound : {&from, &to, &step}) {
    if (bound->type == ScalarType::kDynamic) *bound = convert(*bound, ScalarType::kLong);
    if (bound->type == ScalarType::kInt) *bound = convert(*bound, ScalarType::kLong);
    if (bound->type == ScalarType::kDecimal) *bound = convert(*bound, ScalarType::kReal);
  }
  bool is_time = from.type == ScalarType::kDateTime || from.type == ScalarType::kTimeSpan;
  bool has_real = from.type == ScalarType::kReal || to.type == ScalarType::kReal ||
                  step.type == ScalarType::kReal;
  bool fits = is_time ? to.type == from.type && (step.type == ScalarType::kTimeSpan || !range.step)
                      : (from.type == ScalarType::kLong || from.type == ScalarType::kReal) &&
                            (to.type == ScalarType::kLong || to.type == ScalarType::kReal) &&
                            (step.type == ScalarType::kLong || step.type == ScalarType::kReal);
  if (!fits) {
    throw operator_error("SEM0044", "range: the types of from (" +
                                        std::string(kusto_name(from.type)) + "), to (" +
                                        std::string(kusto_name(to.type)) + ") and step (" +
                                        std::string(kusto_name(step.type)) + ") do not fit");
  }
  if (is_time && !range.step) step = literal_expr({ScalarType::kTimeSpan, int64_t{kTicksPerHour}});
  if (!is_time && has_real) {
    for (Expr* bound : {&from, &to, &step}) *bound = convert(*bound, ScalarType::kReal);
  }
  // The engine streams the rows of a table function whose arguments are literals, and of no other form.
  from = with_literal(from);
  to = with_literal(to);
  step = with_literal(step);
  Relation relation;
  relation.columns.push_back(column(range.name, from.type));
  std::string ordinal = new_name();
  std::string count = std::to_string(count_of_range(*from.literal, *to.literal, *step.literal));
  // The product alone may lie outside of 64 bits where the value does not.
  std::string value =
      from.type == ScalarType::kReal
          ? from.sql + " + " + ordinal + "::DOUBLE * " + step.sql
          : "(" + from.sql + "::HUGEINT + " + ordinal + " * " + step.sql + "::HUGEINT)::BIGINT";
  relation.from = "(SELECT " + value + " AS " + relation.columns[0].sql + ", " + ordinal +
                  " FROM range(0::BIGINT, " + count + "::BIGINT) AS r(" + ordinal + "))";
  relation.order.push_back({ordinal, false, true});
  relation.ordered_from = relation.from;
  relation.ordered_key = ordinal;
  return relation;
}

Relation Binder::bind_print(const PrintSource& print, const Environment* environment) {
  Relation relation;
  operator_ = "print";
  relation.from = "(SELECT 0::BIGINT AS " + new_name() + ")";
  std::vector<OutputColumn> items = bind_items(print.items, relation, environment);
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_named) items[i].name = "print_" + std::to_string(i);
  }
  relation.columns = place_items(relation, std::move(items), {}, false);
  return relation;
}

}  // namespace rivulet::kql
