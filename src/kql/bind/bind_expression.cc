#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/bind/comparable.h"
#include "kql/bind/graph_scope.h"
#include "types/text.h"

namespace rivulet::kql {
namespace {

constexpr size_t kMaxScalarBytes = 4u << 20;  // of the SQL of one expression

}  // namespace

CallContext Binder::context(const Position& position, const Relation* row) const {
  CallContext context;
  context.line = position.line;
  context.column = position.column;
  context.now = properties_.binding.now.value_or(options_.now);
  if (row != nullptr) {
    context.order_by = row->order_by();
    context.sort_key = row->sort_key();
  }
  return context;
}

Expr Binder::column_expr(const RelationColumn& column) {
  Expr value;
  value.type = column.type;
  value.sql = column.sql;
  return value;
}

Expr Binder::text_literal(std::string text) {
  return literal_expr({ScalarType::kString, std::move(text)});
}

Expr Binder::long_literal(int64_t value) {
  return literal_expr({ScalarType::kLong, value});
}

std::string Binder::or_default(ScalarType type, const std::string& sql) {
  return type == ScalarType::kString ? "coalesce(" + sql + ", '')" : sql;
}

Error Binder::operator_error(std::string_view code, std::string_view message) const {
  std::string text = operator_.empty() ? "" : "'" + operator_ + "' operator: ";
  return semantic_error(code, text + std::string(message));
}

void Binder::fail_column(std::string_view name) const {
  throw operator_error("SEM0100",
                       "Failed to resolve scalar expression named '" + std::string(name) + "'");
}

Expr Binder::bind(const Expression& expression, const Scope& scope) {
  Expr value = bind_unchecked(expression, scope);
  bool is_built =
      expression.kind == Expression::Kind::kCall || expression.kind == Expression::Kind::kBinary;
  if (is_built && value.sql.size() > kMaxScalarBytes) {
    throw semantic_error("SEM0016", "The query is too complex");
  }
  return value;
}

// The relation that a long expression of the scope may become a column of; null when there is none.
Relation* Binder::stage_target(const Scope& scope) {
  if (!scope.can_stage || scope.right != nullptr || scope.allows_aggregates) return nullptr;
  Relation* row = scope.row != nullptr ? scope.row : scope.caller;
  return row != nullptr && !row->from.empty() ? row : nullptr;
}

// A function may repeat its arguments in its SQL, and calls inside each other would double each time: a long argument
// becomes a column, and a long constant is computed.
void Binder::settle(Expr& argument, const Scope& scope) {
  constexpr size_t kLong = 600;
  if (argument.literal || argument.sql.size() <= kLong) return;
  if (argument.is_constant) {
    if (options_.probe) argument = with_literal(argument);
  } else if (Relation* target = stage_target(scope)) {
    argument.sql = as_column(*target, argument);
  }
}

Expr Binder::bind_unchecked(const Expression& expression, const Scope& scope) {
  count_step();
  using Kind = Expression::Kind;
  switch (expression.kind) {
    case Kind::kLiteral:
      return literal_expr(expression.literal);
    case Kind::kName:
      return bind_name(expression, scope);
    case Kind::kCall:
      return bind_call(expression, scope);
    case Kind::kMember:
      return bind_member(expression, scope);
    case Kind::kIndex:
      return bind_index(expression, scope);
    case Kind::kBinary:
      return bind_binary(expression, scope);
    case Kind::kList:
      return bind_list(expression, scope);
    case Kind::kUnary: {
      Expr operand = bind(*expression.arguments[0].value, scope);
      if (expression.text == "+") return operand;
      return call_library("unary-", {std::move(operand)}, expression.position, scope.row);
    }
    case Kind::kTypeof: {
      // The type's name, as a constant.
      return text_literal(expression.text);
    }
    case Kind::kPipeline: {
      const Pipeline& pipeline = *expression.pipeline;
      if (pipeline.operators.empty() && pipeline.source) {
        if (const auto* value = std::get_if<ExpressionPtr>(&*pipeline.source))
          return bind(**value, scope);
      }
      throw operator_error("SEM0005", "A tabular expression stands where a scalar is expected");
    }
    case Kind::kStar:
    case Kind::kPattern:
      break;
  }
  throw operator_error("SEM0005", "'" + expression.text + "' cannot stand here");
}

Expr Binder::bind_scalar_binding(Binding& binding, std::string_view name, const Scope& scope) {
  bool is_bound = binding.scalar && (binding.statement == -1 || binding.statement == statement_);
  if (!is_bound) {
    if (!binding.pipeline) fail_column(name);
    BindDepth depth(depth_);
    const auto* expression = std::get_if<ExpressionPtr>(&*binding.pipeline->source);
    if (expression == nullptr) fail_column(name);
    Scope inner;
    inner.environment = binding.environment;
    if (binding.table_depth == table_depth_) inner.caller = stage_target(scope);
    int64_t reads = row_reads();
    Expr value = bind(**expression, inner);
    if (row_reads() == reads) value.is_constant = true;
    if (!value.is_constant) settle(value, inner);
    binding.statement = value.literal ? -1 : statement_;
    binding.scalar = std::move(value);
  }
  if (!binding.scalar->is_constant) {
    auto definition = static_cast<size_t>(binding.table_depth);
    if (row_reads_.size() <= definition) row_reads_.resize(definition + 1);
    ++row_reads_[definition];
    if (binding.table_depth < table_depth_ && !binding.is_outside) {
      throw operator_error("SEM0003",
                           "'" + std::string(name) +
                               "' depends on the row that a function is called for: a table "
                               "inside the function cannot use it");
    }
  }
  return *binding.scalar;
}

int64_t Binder::row_reads() const {
  auto depths = std::min(row_reads_.size(), static_cast<size_t>(table_depth_) + 1);
  return std::accumulate(row_reads_.begin(), row_reads_.begin() + static_cast<ptrdiff_t>(depths),
                         int64_t{0});
}

Expr Binder::bind_name(const Expression& expression, const Scope& scope) {
  const std::string& name = expression.text;
  if (scope.row != nullptr) {
    if (const RelationColumn* column = scope.row->find(name)) {
      if (scope.allows_aggregates) {
        throw operator_error("SEM0139", "'" + name + "' must stand inside an aggregate function");
      }
      return column_expr(*column);
    }
  }
  if (scope.graph != nullptr) {
    if (std::optional<Expr> value = scope.graph->find(name)) return *value;
  }
  if (Binding* binding = find_binding(scope.environment, name)) {
    if (binding->is_outside) return bind_outside(*binding, name, scope);
    if (binding->kind == Binding::Kind::kScalar) return bind_scalar_binding(*binding, name, scope);
    if (binding->kind == Binding::Kind::kFunction && binding->function->parameters.empty()) {
      return bind_scalar_function(*binding->function, binding->environment, expression, scope);
    }
    throw operator_error("SEM0005", "'" + name + "' is a table where a scalar is expected");
  }
  fail_column(name);
}

Expr Binder::call_library(std::string_view name, std::vector<Expr> arguments,
                          const Position& position, const Relation* row) {
  const ScalarFunction* function = find_scalar_function(name);
  if (function == nullptr) {
    throw operator_error("SEM0260", "Unknown function: '" + std::string(name) + "'");
  }
  check_arity(name, function->min_arguments, function->max_arguments, arguments.size());
  CallContext call_context = context(position, row);
  auto call = [&] {
    Expr value = function->bind(call_context, arguments);
    if (!value.is_constant && !arguments.empty() && name != "rand" && name != "new_guid") {
      value.is_constant = std::all_of(arguments.begin(), arguments.end(),
                                      [](const Expr& argument) { return argument.is_constant; });
    }
    return value;
  };
  try {
    return call();
  } catch (const Error&) {
    // Some arguments must be known values: compute those that are constant, and try once more.
    bool has_unknown = false;
    for (const Expr& argument : arguments) has_unknown |= argument.is_constant && !argument.literal;
    if (!has_unknown || !options_.probe) throw;
    for (Expr& argument : arguments) {
      if (argument.is_constant && !argument.literal) argument = with_literal(argument);
    }
    return call();
  }
}

Expr Binder::convert(const Expr& value, ScalarType type) {
  if (value.type == type) return value;
  Position position;
  if (value.literal && value.literal->is_null()) return literal_expr({type, {}});
  bool loses =
      value.type == ScalarType::kString ||
      (type != ScalarType::kDynamic && type != ScalarType::kReal && type != ScalarType::kLong);
  if (!loses) return convert_implicitly(context(position, nullptr), value, type);
  std::string name = type == ScalarType::kDynamic ? "dynamic" : std::string(kusto_name(type));
  if (value.type == ScalarType::kString && type == ScalarType::kDynamic) {
    return convert_implicitly(context(position, nullptr), value, type);
  }
  return call_library("to" + name, {value}, position);
}

Expr Binder::as_bool(const Expr& value, const Expression& at, const Scope& scope) {
  if (value.type == ScalarType::kBool) return value;
  if (value.type == ScalarType::kDynamic || value.type == ScalarType::kInt ||
      value.type == ScalarType::kLong) {
    return call_library("tobool", {value}, at.position, scope.row);
  }
  throw operator_error(
      "SEM0003", "A predicate must be of type bool, not " + std::string(kusto_name(value.type)));
}

Expr Binder::bind_predicate(const Expression& expression, const Scope& scope) {
  return as_bool(bind(expression, scope), expression, scope);
}

// Pairs the operands up instead of nesting them to one side: a chain of thousands stays flat.
Expr Binder::bind_chain(std::string_view name, std::vector<Expr> operands, const Expression& at) {
  while (operands.size() > 1) {
    std::vector<Expr> paired;
    for (size_t i = 0; i + 1 < operands.size(); i += 2) {
      paired.push_back(call_library(name, {operands[i], operands[i + 1]}, at.position));
    }
    if (operands.size() % 2 == 1) paired.push_back(std::move(operands.back()));
    operands = std::move(paired);
  }
  return std::move(operands.front());
}

Expr Binder::bind_binary(const Expression& expression, const Scope& scope) {
  if (expression.text == "and" || expression.text == "or") {
    std::vector<Expr> operands;
    for (const NamedExpression& argument : expression.arguments) {
      operands.push_back(as_bool(bind(*argument.value, scope), *argument.value, scope));
    }
    return bind_chain(expression.text, std::move(operands), expression);
  }
  if (expression.arguments[0].value->kind == Expression::Kind::kStar) {
    return bind_star_comparison(expression, scope);
  }
  std::vector<Expr> operands;
  for (const NamedExpression& argument : expression.arguments) {
    operands.push_back(bind(*argument.value, scope));
  }
  for (Expr& operand : operands) settle(operand, scope);
  return call_library(expression.text, std::move(operands), expression.position, scope.row);
}

// * has "x": any column.
Expr Binder::bind_star_comparison(const Expression& expression, const Scope& scope) {
  if (scope.row == nullptr) throw operator_error("SEM0005", "'*' cannot stand here");
  Expr value = bind(*expression.arguments[1].value, scope);
  std::vector<Expr> matches;
  for (const RelationColumn& column : scope.row->columns) {
    Expr operand = column_expr(column);
    if (value.type == ScalarType::kString && column.type != ScalarType::kString) {
      operand = call_library("tostring", {operand}, expression.position, scope.row);
    }
    try {
      matches.push_back(
          call_library(expression.text, {operand, value}, expression.position, scope.row));
    } catch (const Error&) {  // a column of a type that cannot match
    }
  }
  if (matches.empty()) return literal_expr({ScalarType::kBool, false});
  return bind_chain("or", std::move(matches), expression);
}

Expr Binder::bind_list(const Expression& expression, const Scope& scope) {
  const std::string& name = expression.text;
  const Expression& subject = *expression.arguments[0].value;
  if (expression.arguments.size() == 2) {
    const Expression& candidate = *expression.arguments[1].value;
    bool is_column = candidate.kind == Expression::Kind::kName && scope.row != nullptr &&
                     scope.row->find(candidate.text) != nullptr;
    if (!is_column && is_table(candidate, scope.environment)) {
      Expr value = bind(subject, scope);
      BindDepth depth(depth_);
      return bind_in_table(expression, value, bind_table(candidate, scope.environment));
    }
  }
  std::vector<Expr> elements;
  for (size_t i = 1; i < expression.arguments.size(); ++i) {
    elements.push_back(bind(*expression.arguments[i].value, scope));
  }
  auto compare = [&](Expr value) {
    std::vector<Expr> operands{std::move(value)};
    operands.insert(operands.end(), elements.begin(), elements.end());
    return call_library(name, std::move(operands), expression.position, scope.row);
  };
  if (subject.kind != Expression::Kind::kStar) return compare(bind(subject, scope));
  if (scope.row == nullptr) throw operator_error("SEM0005", "'*' cannot stand here");
  std::vector<Expr> matches;
  for (const RelationColumn& column : scope.row->columns) {
    Expr operand = column_expr(column);
    if (column.type != ScalarType::kString) {
      operand = call_library("tostring", {operand}, expression.position, scope.row);
    }
    matches.push_back(compare(operand));
  }
  if (matches.empty()) return literal_expr({ScalarType::kBool, false});
  return bind_chain("or", std::move(matches), expression);
}

// x in (T): the first column of the table.
Expr Binder::bind_in_table(const Expression& expression, const Expr& value, Relation table) {
  if (table.columns.empty())
    throw operator_error("SEM0005", "The right side of 'in' has no columns");
  const std::string& name = expression.text;
  RelationColumn& candidate = table.columns.front();
  bool is_plain_in = name == "in" || name == "!in" || name == "in~" || name == "!in~";
  if (!is_plain_in || candidate.type == ScalarType::kDynamic) {
    // As one dynamic array of all values.
    std::string json = candidate.type == ScalarType::kDynamic
                           ? candidate.sql
                           : convert(column_expr(candidate), ScalarType::kDynamic).sql;
    Relation list = restart(table);
    std::string array = new_name();
    list.from = "(SELECT '[' || coalesce(string_agg(" + json + ", ','), '') || ']' AS " + array +
                " FROM " + table.from + ")";
    list.columns = {{"", ScalarType::kDynamic, array}};
    list = materialize(std::move(list));
    Expr values;
    values.type = ScalarType::kDynamic;
    values.sql = "(SELECT " + array + " FROM " + list.from + ")";
    values.is_constant = true;
    return call_library(name, {value, values}, expression.position);
  }
  auto [left, right] = as_comparable(value, column_expr(candidate));
  if (name.ends_with("~") && left.type == ScalarType::kString) {
    left.sql = "lower(" + left.sql + ")";
    right.sql = "lower(" + right.sql + ")";
  }
  Expr result;
  result.type = ScalarType::kBool;
  result.sql = "coalesce(" + left.sql + " IN (SELECT " + right.sql + " FROM " + table.from +
               " WHERE " + candidate.sql + " IS NOT NULL" +
               // To the engine NaN is equal to NaN.
               (right.type == ScalarType::kReal ? " AND NOT isnan(" + right.sql + ")" : "") +
               "), FALSE)";
  if (name.starts_with("!")) result.sql = "(NOT " + result.sql + ")";
  return result;
}

Expr Binder::bind_member(const Expression& expression, const Scope& scope) {
  const Expression& object = *expression.arguments[0].value;
  if (object.kind == Expression::Kind::kName && scope.right != nullptr &&
      (object.text == "$left" || object.text == "$right")) {
    const Relation* side = object.text == "$left" ? scope.row : scope.right;
    const RelationColumn* column = side->find(expression.text);
    if (column == nullptr) fail_column(expression.text);
    return column_expr(*column);
  }
  if (scope.graph != nullptr && object.kind == Expression::Kind::kName) {
    if (std::optional<Expr> value = scope.graph->member(object.text, expression.text))
      return *value;
  }
  Expr bag = bind(object, scope);
  return call_library("[]", {bag, text_literal(expression.text)}, expression.position, scope.row);
}

Expr Binder::bind_index(const Expression& expression, const Scope& scope) {
  const Expression& object = *expression.arguments[0].value;
  const Expression& key = *expression.arguments[1].value;
  if (scope.graph != nullptr && object.kind == Expression::Kind::kName &&
      key.kind == Expression::Kind::kLiteral && key.literal.type == ScalarType::kString) {
    std::string name = std::get<std::string>(key.literal.value);
    if (std::optional<Expr> value = scope.graph->member(object.text, name)) return *value;
  }
  return call_library("[]", {bind(object, scope), bind(key, scope)}, expression.position,
                      scope.row);
}

Expr Binder::constant(const Expression& expression, const Environment* environment) {
  Scope scope;
  scope.environment = environment;
  int64_t reads = row_reads();
  Expr value = bind(expression, scope);
  if (row_reads() == reads) value.is_constant = true;
  return value;
}

Expr Binder::with_literal(const Expr& value) {
  if (value.literal) return value;
  if (!options_.probe || !value.is_constant)
    throw operator_error("SEM0007", "A constant is expected here");
  Relation relation;
  std::string name = new_name();
  relation.from = "(SELECT " + value.sql + " AS " + name + ")";
  relation.columns = {{"value", value.type, name}};
  ResultTable table = probe(std::move(relation));
  Literal literal;
  literal.type = value.type;
  if (table.rows.row_count() > 0) {
    ColumnView view = table.rows.column(0).view();
    if (!view.is_null(0)) {
      switch (value.type) {
        case ScalarType::kBool:
          literal.value = view.cell<uint8_t>(0) != 0;
          break;
        case ScalarType::kInt:
          literal.value = view.cell<int32_t>(0);
          break;
        case ScalarType::kLong:
        case ScalarType::kDateTime:
        case ScalarType::kTimeSpan:
          literal.value = view.cell<int64_t>(0);
          break;
        case ScalarType::kReal:
          literal.value = view.cell<double>(0);
          break;
        case ScalarType::kDecimal:
          literal.value = view.cell<Decimal>(0);
          break;
        case ScalarType::kGuid:
          literal.value = view.cell<GuidCell>(0).guid();
          break;
        case ScalarType::kString:
        case ScalarType::kDynamic:
          literal.value = std::string(view.text(0));
          break;
      }
    }
  }
  return literal_expr(std::move(literal));
}

Literal Binder::require_literal(const Expression& expression, const Environment* environment) {
  return *with_literal(constant(expression, environment)).literal;
}

int64_t Binder::require_count(const Expression& expression, const Environment* environment,
                              std::string_view what) {
  Literal literal = require_literal(expression, environment);
  if (const auto* whole = std::get_if<int64_t>(&literal.value);
      whole && literal.type == ScalarType::kLong) {
    if (*whole >= 0) return *whole;
  }
  if (const auto* small = std::get_if<int32_t>(&literal.value); small && *small >= 0) return *small;
  if (const auto* real = std::get_if<double>(&literal.value); real && *real >= 0 && *real < 9e18) {
    return static_cast<int64_t>(*real);
  }
  if (literal.type == ScalarType::kString || literal.type == ScalarType::kDynamic) {
    if (const auto* text = std::get_if<std::string>(&literal.value)) {
      if (auto whole = parse_long(*text); whole && *whole >= 0) return *whole;
    }
  }
  throw operator_error("SEM0022",
                       std::string(what) + " must be a whole number that is not negative");
}

std::string Binder::require_string(const Expression& expression, const Environment* environment) {
  Literal literal = require_literal(expression, environment);
  if (literal.type == ScalarType::kString && !literal.is_null())
    return std::get<std::string>(literal.value);
  throw operator_error("SEM0007", "A constant string is expected here");
}

}  // namespace rivulet::kql
