#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kql/syntax/lexer.h"

// The syntax tree of KQL: what the parser makes and the binder reads. It owns all it holds and is
// immutable once parsed; names are not resolved in it.
namespace rivulet::kql {

struct Expression;
struct Pipeline;
using ExpressionPtr = std::unique_ptr<Expression>;
using PipelinePtr = std::shared_ptr<const Pipeline>;

// `name = value`, `(a, b) = value` or a value alone.
struct NamedExpression {
  std::vector<std::string> names;  // empty: none given
  bool is_tuple = false;           // written as (a, b) = …
  ExpressionPtr value;
  std::string typeof_name;  // mv-expand: `to typeof(x)`
  Position position;
};

// A column of a schema: (name: type).
struct ColumnDeclaration {
  std::string name;
  ScalarType type = ScalarType::kDynamic;
  Position position;
};

// A parameter of a function: (name: type = default) or (name: (columns)) or (name: (*)).
struct ParameterDeclaration {
  std::string name;
  bool is_tabular = false;
  ScalarType type = ScalarType::kString;
  std::vector<ColumnDeclaration> columns;  // empty for (*)
  ExpressionPtr default_value;
  Position position;
};

struct Statement;
// { statements; result }: the body of a function.
struct FunctionDefinition {
  std::vector<ParameterDeclaration> parameters;
  std::vector<Statement> body;
  bool is_view = false;
};

struct Expression {
  enum class Kind {
    kLiteral,
    kName,     // text; a column, a let name, a table, …
    kPattern,  // text with '*' in it: wildcard of names
    kStar,     // *
    kCall,     // text(arguments)
    kMember,   // arguments[0].text
    kIndex,    // arguments[0][arguments[1]]
    kUnary,    // text is "-" or "+"
    kBinary,   // arguments[0] text arguments[1]; a chain of "and" or of "or" has them all in one
    kList,     // arguments[0] text (arguments[1], …): in, has_any, between, …
    kTypeof,   // typeof(text)
    kPipeline,
  };
  Kind kind = Kind::kLiteral;
  std::string text;
  Literal literal;
  bool is_parenthesized = false;
  ExpressionPtr object;  // of a call: database('x').f(…)
  std::vector<NamedExpression> arguments;
  PipelinePtr pipeline;
  Position position;
};

// name=value in front of an operator's operands (kind=inner, hint.strategy=shuffle, withsource=x).
struct OperatorOption {
  std::string name;
  std::string text;     // a word or the text of a literal
  ExpressionPtr value;  // set when it is an expression in parentheses or a literal
  Position position;
};

struct SortKey {
  ExpressionPtr expression;
  std::optional<std::string> name;  // `x = expression` (top-nested)
  bool is_descending = true;
  std::optional<bool> nulls_first;
};

// Tabular sources that are no name and no call.
struct DataTable {
  std::vector<ColumnDeclaration> columns;
  std::vector<ExpressionPtr> values;
};
struct RangeSource {
  std::string name;
  ExpressionPtr from, to, step;
};
struct PrintSource {
  std::vector<NamedExpression> items;
};
struct ExternalData {};

// Operators. Each name is that of KQL.
struct WhereOperator {
  ExpressionPtr predicate;
};
struct ProjectOperator {
  // project, project-away, project-keep, project-rename, extend, distinct, project-by-names
  std::string form;
  std::vector<NamedExpression> items;
};
struct ReorderOperator {
  struct Item {
    ExpressionPtr name;
    enum class Order { kNone, kAscending, kDescending, kGrannyAscending, kGrannyDescending } order;
  };
  std::vector<Item> items;
};
struct SummarizeOperator {
  std::vector<NamedExpression> aggregates;
  std::vector<NamedExpression> by;
  std::vector<OperatorOption> options;
};
struct SortOperator {
  std::vector<SortKey> keys;
};
struct TopOperator {
  ExpressionPtr count;
  std::vector<SortKey> keys;
};
struct TopHittersOperator {
  ExpressionPtr count;
  ExpressionPtr of;
  ExpressionPtr by;
};
struct TopNestedOperator {
  struct Level {
    ExpressionPtr count;  // null: all
    NamedExpression of;
    ExpressionPtr others;  // with others = …
    NamedExpression by;
    bool is_descending = true;
  };
  std::vector<Level> levels;
};
struct TakeOperator {
  ExpressionPtr count;
};
struct CountOperator {
  std::string name;  // `count as x`
};
struct SampleOperator {
  ExpressionPtr count;
  ExpressionPtr of;  // sample-distinct
};
struct JoinOperator {
  bool is_lookup = false;
  std::vector<OperatorOption> options;
  ExpressionPtr right;
  std::vector<ExpressionPtr> on;
};
struct UnionOperator {
  std::vector<OperatorOption> options;
  std::vector<ExpressionPtr> tables;
};
struct MvExpandOperator {
  std::vector<OperatorOption> options;
  std::vector<NamedExpression> items;
  ExpressionPtr limit;
};
struct MvApplyOperator {
  std::vector<OperatorOption> options;
  std::vector<NamedExpression> items;
  ExpressionPtr limit;
  PipelinePtr subquery;  // its source is null: the operators run over the expanded rows
};
struct ParseOperator {
  bool is_where = false;
  std::vector<OperatorOption> options;
  ExpressionPtr source;
  struct Step {
    enum class Kind { kText, kStar, kColumn } kind;
    std::string text;  // of kText, or the column's name
    std::optional<ScalarType> type;
    Position position;
  };
  std::vector<Step> steps;
};
struct ParseKvOperator {
  ExpressionPtr source;
  std::vector<ColumnDeclaration> columns;
  std::vector<OperatorOption> options;  // with (…)
};
struct MakeSeriesOperator {
  struct Aggregate {
    NamedExpression item;
    ExpressionPtr default_value;
  };
  std::vector<OperatorOption> options;
  std::vector<Aggregate> aggregates;
  NamedExpression axis;
  ExpressionPtr from, to, step;
  ExpressionPtr range;  // `in range(from, to, step)`
  std::vector<NamedExpression> by;
};
struct GetSchemaOperator {};
struct SerializeOperator {
  std::vector<NamedExpression> items;
};
struct AsOperator {
  std::string name;
};
struct ConsumeOperator {};
struct InvokeOperator {
  ExpressionPtr call;
};
struct PartitionOperator {
  std::vector<OperatorOption> options;
  ExpressionPtr by;
  PipelinePtr subquery;
  bool has_own_source = false;  // { T | … } rather than ( … )
};
struct ScanOperator {
  struct Step {
    std::string name;
    bool is_optional = false;
    std::string output;  // "all", "last", "none" or empty
    ExpressionPtr condition;
    std::vector<NamedExpression> assignments;
    Position position;
  };
  std::string match_id;
  std::vector<NamedExpression> partition_by;
  std::vector<SortKey> order_by;
  struct Declaration {
    ColumnDeclaration column;
    ExpressionPtr default_value;
  };
  std::vector<Declaration> declarations;
  std::vector<Step> steps;
};
struct ReduceOperator {
  ExpressionPtr by;
  std::vector<OperatorOption> options;
};
struct EvaluateOperator {
  std::vector<OperatorOption> options;
  ExpressionPtr call;
  std::optional<std::vector<ColumnDeclaration>> schema;
  bool schema_has_star = false;
};
struct SearchOperator {
  std::vector<OperatorOption> options;
  std::vector<ExpressionPtr> tables;
  ExpressionPtr predicate;
};
struct FindOperator {
  std::vector<OperatorOption> options;
  std::vector<ExpressionPtr> tables;
  ExpressionPtr predicate;
  std::vector<ColumnDeclaration> columns;
  std::vector<bool> column_has_type;
  bool projects = false;
  bool projects_smart = false;
  bool packs_rest = false;
};
struct RenderOperator {
  std::string kind;
  std::vector<OperatorOption> options;
};

struct MakeGraphOperator {
  std::string source, target;
  struct Nodes {
    ExpressionPtr table;
    std::string key;
  };
  std::vector<Nodes> nodes;
  std::string node_id;  // with_node_id=…
  PipelinePtr partition_subquery;
  std::string partitioned_by;
};
// (n1)-[e]->(n2)<-[e2]-(n3): nodes and edges in turn.
struct GraphPattern {
  struct Node {
    std::string name;
  };
  struct Edge {
    std::string name;
    enum class Direction { kForward, kBackward, kAny } direction;
    bool is_variable = false;  // [e*1..3]
    int64_t min_hops = 1;
    int64_t max_hops = 1;
  };
  std::vector<Node> nodes;
  std::vector<Edge> edges;  // edges[i] joins nodes[i] and nodes[i + 1]
};
struct GraphMatchOperator {
  bool is_shortest_paths = false;
  std::vector<OperatorOption> options;
  std::vector<GraphPattern> patterns;
  ExpressionPtr where;
  std::vector<NamedExpression> project;
};
struct GraphToTableOperator {
  struct Output {
    bool is_nodes = true;
    std::string name;
    std::vector<OperatorOption> options;
  };
  std::vector<Output> outputs;
};
struct GraphMarkComponentsOperator {
  std::vector<OperatorOption> options;
};

// A tabular source that may also stand at the start of a pipeline.
using PipelineSource =
    std::variant<ExpressionPtr, DataTable, RangeSource, PrintSource, ExternalData, UnionOperator,
                 SearchOperator, FindOperator, EvaluateOperator>;

struct Operator {
  using Body =
      std::variant<WhereOperator, ProjectOperator, ReorderOperator, SummarizeOperator, SortOperator,
                   TopOperator, TopHittersOperator, TopNestedOperator, TakeOperator, CountOperator,
                   SampleOperator, JoinOperator, UnionOperator, MvExpandOperator, MvApplyOperator,
                   ParseOperator, ParseKvOperator, MakeSeriesOperator, GetSchemaOperator,
                   SerializeOperator, AsOperator, ConsumeOperator, InvokeOperator,
                   PartitionOperator, ScanOperator, ReduceOperator, EvaluateOperator,
                   SearchOperator, FindOperator, RenderOperator, MakeGraphOperator,
                   GraphMatchOperator, GraphToTableOperator, GraphMarkComponentsOperator>;
  std::string name;  // as written: "where", "filter"
  Body body;
  Position position;
};

struct Pipeline {
  std::optional<PipelineSource> source;  // none: the operators start from a given relation
  std::vector<Operator> operators;
  Position position;
};

struct Statement {
  enum class Kind { kLet, kSet, kDeclareParameters, kQuery };
  Kind kind = Kind::kQuery;
  std::string name;              // let, set
  std::optional<Literal> value;  // set; nothing for a flag that is raised
  // let: one of these two
  std::shared_ptr<const FunctionDefinition> function;
  PipelinePtr pipeline;  // also of a query; a scalar is a pipeline without operators
  // declare query_parameters
  std::vector<ParameterDeclaration> parameters;
  Position position;
};

struct Script {
  std::vector<Statement> statements;
};

}  // namespace rivulet::kql
