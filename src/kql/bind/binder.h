#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "common/error.h"
#include "kql/functions/functions.h"
#include "kql/kql.h"
#include "kql/sql/graph.h"
#include "kql/sql/relation.h"
#include "kql/syntax/syntax.h"

namespace rivulet::kql {

struct Environment;

// The rows outside that operators under way run for, one by one: a LATERAL join in SQL. There is one at a time: the
// engine binds wrong columns in a LATERAL within another (see Binder::leave_lateral).
struct Lateral {
  std::string rows;               // what stands behind FROM
  std::vector<std::string> keys;  // what tells the rows apart: names in `columns`
  // By the names that the environment has, the columns of `rows`. These names stand nowhere else.
  std::map<std::string, std::string, std::less<>> columns;
  bool is_shared = false;                    // `rows` is a common table expression
  std::set<std::string, std::less<>> names;  // of the columns of `rows`
  void add(const std::string& name, const std::string& sql);
};

// What a name of a let, a parameter or an `as` stands for.
struct Binding {
  // kInput: the rows that the script was given (BindOptions::input).
  enum class Kind { kScalar, kTable, kRelation, kFunction, kInput };
  Kind kind = Kind::kScalar;
  // kScalar and kTable: bound where it is first used, in the environment of its definition.
  PipelinePtr pipeline;
  const Environment* environment = nullptr;
  std::shared_ptr<const FunctionDefinition> function;  // kFunction
  std::optional<Expr> scalar;                          // the value of a bound scalar
  std::shared_ptr<const Relation> relation;            // kRelation, or a bound materialize()
  Lateral* lateral = nullptr;  // kRelation: on whose row the rows depend; null: on none
  int statement = -1;          // that scalar or relation was bound for; -1: any
  // How many tables were being bound around the definition. A value of the row that a scalar function is called for
  // can be used there, and in no table further inside.
  int table_depth = 0;
  // A column of a row outside that a subquery runs for (Binder::Lateral); its SQL is the column's name there. Tables
  // further inside can use it all the same.
  bool is_outside = false;
};

// The names that one statement after the other declares, each with the places of its declarations in their order. A
// binding stays where it is.
struct DeclaredNames {
  std::map<std::string, std::map<size_t, Binding>, std::less<>> names;
  size_t count = 0;
};

// Names in scope, innermost first: the first `visible` ones of a list, and what the scope around it has. A statement that
// goes on where another ended shares its list, so that a name is found as fast among many as among few. Lives in the
// binder.
struct Environment {
  const Environment* parent = nullptr;
  std::shared_ptr<DeclaredNames> declared;
  size_t visible = 0;
};

struct GraphScope;
struct PluginCall;

// Where a scalar expression stands.
struct Scope {
  const Environment* environment = nullptr;
  Relation* row = nullptr;  // whose columns are visible; window functions add columns to its SQL
  const Relation* right = nullptr;  // of a join: $right
  bool allows_aggregates = false;   // not yet inside an aggregate's arguments
  const GraphScope* graph = nullptr;
  // An expression here is one of the row's SQL alone, so it may become a column of it.
  bool can_stage = true;
  // In the body of a scalar function: the relation of the row that it is called for, when columns may be added to it.
  Relation* caller = nullptr;
};

// One column that a summarize, project, … makes.
struct OutputColumn {
  std::string name;
  bool is_named = false;  // by the query, not inferred
  Expr value;
  bool is_column = false;  // the query gives a column of the input as it is
  // Of an aggregate that chooses a row: the SQL that gives the row (of one of its columns; empty for the others), and
  // the SQL column that holds it, over which `value` is.
  struct Row {
    std::string name, sql;
  };
  Row row = {};
};

// Binds one script. Internal to the binder's files; see bind_query for what it promises. Each public
// member binds one construct; all throw Error.
class Binder {
 public:
  Binder(const catalog::Catalog& catalog, const BindOptions& options);

  std::vector<BoundStatement> bind_script(const Script& script);

 private:
  friend struct OperatorVisitor;
  using Rel = Relation;

  // binder.cc: statements, environments, the finished SQL.
  const Environment* declare(const Environment* parent, std::string name, Binding binding);
  const Environment* declare_statement(const Statement& statement, const Environment* environment);
  void apply_set(const Statement& statement);
  const Environment* declare_parameters(const Statement& statement, const Environment* environment);
  BoundStatement finish(Relation relation);
  void begin_statement();
  Binding* find_binding(const Environment* environment, std::string_view name) const;
  std::string finish_sources(std::string sql);
  void check_size(const std::string& sql) const;
  ResultTable probe(Relation relation);
  std::string new_name() { return "k" + std::to_string(next_name_++); }
  void count_step();
  // Counts what an operator makes for the engine to plan.
  void count_columns(const Relation& relation);

  // Relations.
  RelationColumn column(std::string name, ScalarType type) {
    return {std::move(name), type, new_name()};
  }
  // `sql AS name`, for a column of a SELECT. To move a filter below a SELECT, the engine puts the expressions of
  // columns in the place of their names, which doubles with every column that names another twice. A column in
  // whose SQL that would come to too much gets a form that the engine leaves where it is.
  std::string defined(const std::string& sql, const std::string& name);
  double inlined_size(std::string_view sql) const;
  // Adds SQL columns to what the relation yields (not to its columns).
  void add_sql(Relation& relation, const std::string& sql_list);
  std::string stage(Relation& relation, const std::string& sql);
  // The SQL name of an expression over the relation: its own where it is a column already.
  std::string as_column(Relation& relation, const Expr& value);
  void filter(Relation& relation, const std::string& condition);
  Relation restart(const Relation& relation);  // without order and source
  std::string sql_list(const Relation& relation) const;
  // The same rows under new SQL names, so that it may stand in a statement twice.
  Relation realias(const Relation& relation);
  // As a common table expression that is computed once. `kept` are SQL columns that it has beside those of the
  // relation.
  Relation materialize(Relation relation, const std::vector<std::string>& kept = {});
  class LateralScope;
  bool is_in_lateral() const { return lateral_ != nullptr; }
  // Whether the SQL depends on the row outside.
  bool reads_outside(std::string_view sql) const;
  // Binds operators that run over the rows of `part` for each row of `lateral`. The `from` of the result may stand
  // behind LATERAL only, where that row is in sight.
  Relation bind_lateral(Relation part, std::span<const Operator> operators,
                        const Environment* environment, Lateral& lateral);
  // An operator that runs others for each of its rows, within a LATERAL: `operate` gets the input's rows for all rows
  // outside in one relation, which has the columns of the row outside beside its own (Relation::outside) and depends on
  // nothing. The result are those rows of what it makes that belong to the row outside.
  Relation leave_lateral(Relation input, const std::function<Relation(Relation)>& operate);
  // Its two steps: the rows for all rows outside, and of such rows those that belong to the row outside, which is
  // the one of `lateral` or has its columns.
  Relation close_lateral(Relation input);
  Relation of_row_outside(Relation rows, const Lateral& lateral) const;
  Binding relation_binding(Relation relation);
  Relation bind_relation(const Binding& binding, std::string_view name);
  Expr bind_outside(Binding& binding, std::string_view name, const Scope& scope);
  void ensure_order(Relation& relation);
  // Columns that copy others share their SQL: gives each one of its own, for SQL that names fields after them.
  void separate_columns(Relation& relation);
  static std::string unique_name(const std::vector<RelationColumn>& columns,
                                 const std::string& name);
  static bool has_column(const std::vector<RelationColumn>& columns, std::string_view name);

  // bind_expression.cc
  Expr bind(const Expression& expression, const Scope& scope);
  Expr bind_unchecked(const Expression& expression, const Scope& scope);
  void settle(Expr& argument, const Scope& scope);
  static Relation* stage_target(const Scope& scope);
  Expr bind_name(const Expression& expression, const Scope& scope);
  // Grows when an expression names, by a let or a parameter, what depends on a row that it can see.
  int64_t row_reads() const;
  Expr bind_binary(const Expression& expression, const Scope& scope);
  Expr bind_chain(std::string_view name, std::vector<Expr> operands, const Expression& at);
  Expr bind_list(const Expression& expression, const Scope& scope);
  Expr bind_in_table(const Expression& expression, const Expr& value, Relation table);
  Expr bind_member(const Expression& expression, const Scope& scope);
  Expr bind_index(const Expression& expression, const Scope& scope);
  Expr bind_star_comparison(const Expression& expression, const Scope& scope);
  Expr bind_scalar_binding(Binding& binding, std::string_view name, const Scope& scope);
  Expr as_bool(const Expr& value, const Expression& at, const Scope& scope);
  Expr bind_predicate(const Expression& expression, const Scope& scope);
  Expr constant(const Expression& expression, const Environment* environment);
  // A constant with a known value, computed by a probe where it must be; refuses what depends on a row.
  Literal require_literal(const Expression& expression, const Environment* environment);
  Expr with_literal(const Expr& value);
  int64_t require_count(const Expression& expression, const Environment* environment,
                        std::string_view what);
  std::string require_string(const Expression& expression, const Environment* environment);
  int64_t require_cursor(const Expression& call, const Environment* environment);
  int64_t cursor_sequence(const std::string& cursor) const;
  Expr bind_bin_auto(const Expression& call, const Scope& scope);
  Expr call_library(std::string_view name, std::vector<Expr> arguments, const Position& position,
                    const Relation* row = nullptr);
  Expr convert(const Expr& value, ScalarType type);  // implicit, then by to<type>()
  static Expr column_expr(const RelationColumn& column);
  static Expr text_literal(std::string text);
  static Expr long_literal(int64_t value);
  static std::string or_default(ScalarType type,
                                const std::string& sql);  // '' for a missing string
  CallContext context(const Position& position, const Relation* row) const;

  // bind_call.cc
  Expr bind_call(const Expression& call, const Scope& scope);
  std::optional<Expr> bind_special(const Expression& call, const Scope& scope);
  Expr bind_toscalar(const Expression& call, const Scope& scope);
  Expr bind_window(const WindowFunction& function, const Expression& call, const Scope& scope);
  Expr bind_scalar_function(const FunctionDefinition& function, const Environment* environment,
                            const Expression& call, const Scope& scope);
  Expr bind_column_ifexists(const Expression& call, const Scope& scope);
  Expr bind_pack(const Expression& call, const Scope& scope);
  std::vector<Expr> bind_arguments(const Expression& call, const Scope& scope);
  struct FoundFunction {
    std::shared_ptr<const FunctionDefinition> definition;
    const Environment* environment = nullptr;
  };
  FoundFunction find_function(const Expression& call, const Environment* environment);
  std::shared_ptr<const FunctionDefinition> stored_function(const catalog::Database& database,
                                                            std::string_view name);
  const Environment* bind_call_arguments(const FunctionDefinition& function,
                                         const Environment* definition, const Expression& call,
                                         const Scope& scope, const Relation* piped);
  static void check_arity(std::string_view name, int minimum, int maximum, size_t given);

  // result_name.cc: the name that the column of an expression gets where the query gives none; empty when it is to
  // be numbered. `row` has the columns that column_ifexists() looks for; `allows_aggregates` as in a Scope.
  static std::string result_name(const NamedExpression& item, const Relation* row = nullptr,
                                 bool allows_aggregates = false);
  static std::string result_name(const Expression& expression, const Relation* row = nullptr,
                                 bool allows_aggregates = false);
  static std::string call_name(const Expression& call, const Relation* row, bool allows_aggregates);
  // The name of what an argument of arg_max, arg_min or take_any gives.
  static std::string row_argument_name(const Expression& call, size_t index);

  // bind_table.cc
  Relation bind_pipeline(const Pipeline& pipeline, const Environment* environment);
  Relation bind_operators(Relation relation, std::span<const Operator> operators,
                          const Environment* environment);
  void check_columns(const Relation& relation) const;  // how many there are
  Relation bind_source(const PipelineSource& source, const Environment* environment);
  Relation bind_table(const Expression& expression, const Environment* environment);
  Relation bind_table_name(const Expression& expression, const Environment* environment);
  Relation bind_table_call(const Expression& call, const Environment* environment);
  Relation bind_table_function(const FunctionDefinition& function, const Environment* definition,
                               const Expression& call, const Environment* environment,
                               const Relation* piped);
  Relation bind_table_binding(Binding& binding, std::string_view name);
  std::optional<Relation> try_catalog_table(const catalog::Database& database,
                                            std::string_view name);
  Relation scan(const catalog::Table& table);
  void scope_table(Relation& relation);
  Relation input_relation();
  const catalog::Database& database_named(std::string_view name);
  const catalog::Database& database_of(const Expression& call, const Environment* environment);
  bool is_table(const Expression& expression, const Environment* environment);
  bool is_table(const Pipeline& pipeline, const Environment* environment);
  bool is_table_function(const FunctionDefinition& function, const Environment* environment);
  // The tables an expression of union, search or find names; several for a wildcard.
  std::vector<Relation> bind_tables(const Expression& expression, const Environment* environment);
  Relation bind_datatable(const DataTable& table, const Environment* environment);
  Relation bind_range(const RangeSource& range, const Environment* environment);
  Relation bind_print(const PrintSource& print, const Environment* environment);
  [[noreturn]] void fail_table(std::string_view name) const;
  [[noreturn]] void fail_column(std::string_view name) const;
  Error operator_error(std::string_view code, std::string_view message) const;

  // operators/: each takes the relation so far and gives the next.
  Relation apply(const WhereOperator& where, Relation input, const Environment* environment);
  Relation apply(const ProjectOperator& project, Relation input, const Environment* environment);
  Relation apply(const ReorderOperator& reorder, Relation input, const Environment* environment);
  Relation apply(const SummarizeOperator& summarize, Relation input,
                 const Environment* environment);
  Relation apply(const SortOperator& sort, Relation input, const Environment* environment);
  Relation apply(const TopOperator& top, Relation input, const Environment* environment);
  Relation apply(const TopHittersOperator& top, Relation input, const Environment* environment);
  Relation apply(const TopNestedOperator& top, Relation input, const Environment* environment);
  Relation apply(const TakeOperator& take, Relation input, const Environment* environment);
  Relation apply(const CountOperator& count, Relation input, const Environment* environment);
  Relation apply(const SampleOperator& sample, Relation input, const Environment* environment);
  Relation apply(const JoinOperator& join, Relation input, const Environment* environment);
  Relation apply(const UnionOperator& join, Relation input, const Environment* environment);
  Relation apply(const MvExpandOperator& expand, Relation input, const Environment* environment);
  Relation apply(const MvApplyOperator& mv_apply, Relation input, const Environment* environment);
  Relation apply(const ParseOperator& parse, Relation input, const Environment* environment);
  Relation apply(const ParseKvOperator& parse, Relation input, const Environment* environment);
  Relation apply(const MakeSeriesOperator& series, Relation input, const Environment* environment);
  Relation apply(const GetSchemaOperator& schema, Relation input, const Environment* environment);
  Relation apply(const SerializeOperator& serialize, Relation input,
                 const Environment* environment);
  Relation apply(const AsOperator& as, Relation input, const Environment* environment);
  Relation apply(const ConsumeOperator& consume, Relation input, const Environment* environment);
  Relation apply(const InvokeOperator& invoke, Relation input, const Environment* environment);
  Relation apply(const PartitionOperator& partition, Relation input,
                 const Environment* environment);
  Relation apply(const ScanOperator& scan, Relation input, const Environment* environment);
  Relation apply(const ReduceOperator& reduce, Relation input, const Environment* environment);
  Relation apply(const EvaluateOperator& evaluate, Relation input, const Environment* environment);
  Relation apply(const SearchOperator& search, Relation input, const Environment* environment);
  Relation apply(const FindOperator& find, Relation input, const Environment* environment);
  Relation apply(const RenderOperator& render, Relation input, const Environment* environment);
  Relation apply(const MakeGraphOperator& graph, Relation input, const Environment* environment);
  Relation apply(const GraphMatchOperator& match, Relation input, const Environment* environment);
  Relation apply(const GraphToTableOperator& to_table, Relation input,
                 const Environment* environment);
  Relation apply(const GraphMarkComponentsOperator& mark, Relation input,
                 const Environment* environment);

  // Shared by operators.
  void push_filter_below(const Operator& join, const Operator& next, Relation& left,
                         const Environment* environment);
  std::vector<OutputColumn> bind_items(const std::vector<NamedExpression>& items, Relation& input,
                                       const Environment* environment);
  // What a parse operator reads: the expression's text as a column of the input.
  Expr bind_text(const Expression& expression, Relation& input, const Environment* environment);
  bool bind_tuple(const NamedExpression& item, Relation& input, const Scope& scope,
                  std::vector<OutputColumn>& bound);
  std::vector<RelationColumn> place_items(Relation& input, std::vector<OutputColumn> items,
                                          std::vector<RelationColumn> columns, bool replaces);
  std::vector<OutputColumn> bind_aggregates(const std::vector<NamedExpression>& items,
                                            Relation& input, const Environment* environment,
                                            const std::vector<NamedExpression>& by);
  std::optional<std::vector<OutputColumn>> bind_multi_aggregate(
      const Expression& call, Relation& input, const Environment* environment,
      const std::vector<NamedExpression>& by);
  // Puts NaN, which has no place among the numbers, beside the nulls: between them and the numbers.
  OrderKey order_key(Relation& rows, const Expr& value, bool is_descending, bool nulls_first);
  std::vector<OrderKey> bind_sort_keys(const std::vector<SortKey>& keys, Relation& input,
                                       const Environment* environment);
  std::vector<size_t> matching_columns(const Expression& pattern, const Relation& input,
                                       bool must_exist, const Environment* environment) const;
  void note_bounds(const Expression& predicate, const Relation& input,
                   const Environment* environment);
  void note_terms(const Expression& condition, const Relation& input,
                  const Environment* environment);
  void note_bound(const Expression& comparison, const Relation& input,
                  const Environment* environment);
  struct BoundedColumn {
    uint32_t id = 0;  // ColumnBound::column_id
    ScalarType type = ScalarType::kString;
  };
  std::optional<BoundedColumn> find_bounded(const Expression& expression,
                                            const Relation& input) const;
  Relation bind_union(const UnionOperator& unite, std::optional<Relation> piped,
                      const Environment* environment);
  Relation union_all(std::vector<Relation> tables, bool is_inner, const std::string& source_column);
  bool is_bare_scan(const Relation& relation) const;
  // The rows of tables as one source, whose columns are `columns` (and hold, in the order of
  // `column_names`, the tables' columns of that name and type; the first the table's name where
  // `has_source_column`).
  Relation union_scan(std::span<const Relation* const> tables,
                      const std::vector<std::string>& names,
                      const std::vector<RelationColumn>& columns, bool has_source_column);
  Expr bind_search_predicate(const Expression& expression, const Scope& scope,
                             bool is_case_sensitive);
  Relation bind_search(const SearchOperator& search, std::vector<Relation> tables,
                       const Environment* environment);
  Relation bind_find(const FindOperator& find, std::vector<Relation> tables,
                     const Environment* environment);
  std::vector<Relation> all_tables();
  Relation bind_plugin(const EvaluateOperator& evaluate, std::optional<Relation> input,
                       const Environment* environment);
  // operators/graph_match.cc
  std::string graph_paths(const Graph& graph, const GraphPattern::Edge& edge, bool is_simple,
                          bool repeats_edges);
  std::optional<Expr> bind_graph_call(const Expression& call, const Scope& scope);
  std::string node_lookup(const Graph& graph);

  // operators/*plugins.cc: one evaluate plugin each.
  Relation bind_bag_unpack(const PluginCall& plugin, Relation input);
  Relation bind_pivot(const PluginCall& plugin, Relation input);
  Relation bind_narrow(const PluginCall& plugin, Relation input);
  Relation bind_ip_lookup(const PluginCall& plugin, Relation input);
  Relation bind_geo_lookup(const PluginCall& plugin, Relation input);
  Relation bind_schema_merge(const PluginCall& plugin, Relation input);
  Relation bind_rolling_percentile(const PluginCall& plugin, Relation input);
  Relation bind_sliding_window_counts(const PluginCall& plugin, Relation input);
  Relation bind_active_users_count(const PluginCall& plugin, Relation input);
  Relation bind_activity_counts_metrics(const PluginCall& plugin, Relation input);
  Relation bind_dcount_intersect(const PluginCall& plugin, Relation input);
  Relation bind_session_count(const PluginCall& plugin, Relation input);
  const RelationColumn& plugin_column(const PluginCall& plugin, const Relation& input, size_t index,
                                      std::string_view name);
  // What the plugins over a timeline begin with; `width` is the type of a step along it.
  struct TimelineArguments {
    RelationColumn id, timeline;
    Expr start, end;
    ScalarType width;
  };
  TimelineArguments timeline_arguments(const PluginCall& plugin, const Relation& input);
  std::vector<RelationColumn> plugin_dimensions(const PluginCall& plugin, const Relation& input,
                                                size_t first);
  void filter_timeline(Relation& input, const RelationColumn& timeline, const Expr& start,
                       const Expr& end, const Expr& lookback);
  Relation join_on(Relation input, Relation table, const std::string& condition,
                   bool keeps_unmatched, const std::vector<std::string>& left_out);
  Relation expand(const std::vector<NamedExpression>& items,
                  const std::vector<OperatorOption>& options, const Expression* limit,
                  Relation input, const Environment* environment, std::string* ordinal);
  Relation aggregate(Relation input, std::vector<OutputColumn> keys,
                     std::vector<OutputColumn> aggregates);

  const catalog::Catalog& catalog_;
  const BindOptions& options_;
  std::shared_ptr<const catalog::Database> database_;
  RequestProperties properties_;                     // of what is being bound
  std::vector<std::shared_ptr<const void>> pinned_;  // catalog entities and parsed functions in use
  std::map<std::string, std::shared_ptr<const FunctionDefinition>> stored_functions_;
  mutable std::deque<Environment> environments_;
  // Stands for the column list of a source, or an optional column, until it is known.
  std::string marker_;

  // Of the statement that is being bound.
  struct Cte {
    std::string name;
    std::string sql;
    bool is_recursive = false;
    bool is_closed =
        false;  // it names columns of a row outside, and that row's relation: it depends on no row
  };
  static std::string with_clause(std::span<const Cte> ctes);
  std::vector<Cte> named_ctes(std::string_view sql) const;
  // Throws Error when too many SELECTs would stand inside each other.
  void add_cte(Cte cte);
  struct SelectDepth {
    int own = 0;    // SELECTs in each other in the text
    int total = 0;  // with those of the common table expressions that it names
  };
  SelectDepth select_depth(std::string_view sql) const;
  void check_select_depth(int total) const;
  struct SourceColumnName {
    std::string sql;         // k…
    std::string source_sql;  // c…, sys_time, sys_seq
    std::optional<uint32_t> column_id;
  };
  struct SourceState {
    Source source;
    std::vector<SourceColumnName> columns;
  };
  // Those of a table or a union, in the order of Relation::system_columns().
  void add_system_columns(Relation& relation, SourceState& state);
  // For the end of a SELECT list: the column, with the comma before it, if the finished SQL names it. Whoever
  // names it must be bound after this call.
  std::string optional_column(std::string sql, std::string name);
  // Makes the relation read the source, which becomes the next of the statement.
  void add_source(Relation& relation, SourceState state);
  std::deque<SourceState> sources_;  // stay where they are when an expression adds one
  struct OptionalColumn {
    std::string sql;  // a name, or a constant
    std::string name;
  };
  static constexpr char kOptionalMark = '+';  // between marker_ and the index of an optional column
  std::vector<OptionalColumn> optional_columns_;
  std::vector<Cte> ctes_;                            // grows by add_cte()
  std::unordered_map<std::string, int> cte_depths_;  // by name; of every statement
  Lateral* lateral_ = nullptr;                       // that operators under way run in
  int independent_attempts_ =
      0;  // of leave_lateral, under way: a name of a row outside ends the innermost
  std::vector<Graph> graphs_;
  std::map<std::string, std::string> node_lookups_;  // by the nodes' table expression
  Visualization visualization_;
  std::string result_name_;
  int statement_ = 0;
  int next_name_ = 1;
  std::unordered_map<std::string, double> inlined_sizes_;  // of columns, by SQL name
  int next_cte_ = 0;
  int depth_ = 0;
  int table_depth_ = 0;  // tables being bound, inside each other
  std::vector<int64_t>
      row_reads_;  // how often a value of a row outside was named, by Binding::table_depth
  int64_t steps_ = 0;
  int64_t columns_ = 0;   // of all operators that were bound
  std::string operator_;  // being bound, for messages
};

// A function's body: `set` statements in it change how text is bound up to its end only.
class PropertyScope {
 public:
  explicit PropertyScope(RequestProperties& properties)
      : properties_(properties), outer_(properties.binding) {}
  ~PropertyScope() { properties_.binding = std::move(outer_); }
  PropertyScope(const PropertyScope&) = delete;
  PropertyScope& operator=(const PropertyScope&) = delete;

 private:
  RequestProperties& properties_;
  RequestProperties::Binding outer_;
};

// How much of what the engine plans over and over, or slowly, stands in each other: joins, groupings and windows.
int planning_depth(std::string_view sql);

// One level deeper in binding; throws when functions call each other too deeply.
class BindDepth {
 public:
  explicit BindDepth(int& depth);
  ~BindDepth() { --depth_; }
  BindDepth(const BindDepth&) = delete;
  BindDepth& operator=(const BindDepth&) = delete;

 private:
  int& depth_;
};

}  // namespace rivulet::kql
