#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/syntax/parser.h"
#include "types/text.h"

namespace rivulet::kql {

void Binder::check_arity(std::string_view name, int minimum, int maximum, size_t given) {
  bool fits = given >= static_cast<size_t>(minimum) &&
              (maximum < 0 || given <= static_cast<size_t>(maximum));
  if (fits) return;
  std::string expected = std::to_string(minimum);
  if (maximum < 0) {
    expected = "at least " + expected;
  } else if (maximum != minimum) {
    expected += " to " + std::to_string(maximum);
  }
  throw semantic_error("SEM0219", std::string(name) + "(): function expects " + expected +
                                      " argument(s), got " + std::to_string(given));
}

std::vector<Expr> Binder::bind_arguments(const Expression& call, const Scope& scope) {
  std::vector<Expr> arguments;
  for (const NamedExpression& argument : call.arguments)
    arguments.push_back(bind(*argument.value, scope));
  return arguments;
}

Expr Binder::bind_call(const Expression& call, const Scope& scope) {
  BindDepth depth(depth_);
  if (!call.object) {
    if (std::optional<Expr> special = bind_special(call, scope)) return *special;
  }
  FoundFunction found = find_function(call, scope.environment);
  if (found.definition)
    return bind_scalar_function(*found.definition, found.environment, call, scope);
  if (call.object) {
    throw operator_error("SEM0260", "Unknown function: '" + call.text + "'");
  }
  if (scope.allows_aggregates) {
    if (const AggregateFunction* aggregate = find_aggregate_function(call.text)) {
      Scope inner = scope;
      inner.allows_aggregates = false;
      std::vector<Expr> arguments;
      if (call.text != "count") arguments = bind_arguments(call, inner);
      check_arity(call.text, aggregate->min_arguments, aggregate->max_arguments, arguments.size());
      CallContext call_context = context(call.position, scope.row);
      try {
        return aggregate->bind(call_context, arguments);
      } catch (const Error&) {
        bool has_unknown = false;
        for (const Expr& argument : arguments)
          has_unknown |= argument.is_constant && !argument.literal;
        if (!has_unknown || !options_.probe) throw;
        for (Expr& argument : arguments) {
          if (argument.is_constant) argument = with_literal(argument);
        }
        return aggregate->bind(call_context, arguments);
      }
    }
  }
  if (const ScalarFunction* function = find_scalar_function(call.text)) {
    std::vector<Expr> arguments = bind_arguments(call, scope);
    for (Expr& argument : arguments) settle(argument, scope);
    return call_library(function->name, std::move(arguments), call.position, scope.row);
  }
  if (const WindowFunction* window = find_window_function(call.text))
    return bind_window(*window, call, scope);
  if (find_aggregate_function(call.text) != nullptr) {
    throw operator_error("SEM0260", "The aggregate function '" + call.text + "' cannot stand here");
  }
  throw operator_error("SEM0260", "Unknown function: '" + call.text + "'");
}

std::optional<Expr> Binder::bind_special(const Expression& call, const Scope& scope) {
  const std::string& name = call.text;
  if (scope.graph != nullptr) {
    if (std::optional<Expr> value = bind_graph_call(call, scope)) return value;
  }
  if (name == "toscalar") return bind_toscalar(call, scope);
  if (name == "column_ifexists" || name == "columnifexists")
    return bind_column_ifexists(call, scope);
  if (name == "pack_all" || name == "bag_pack_columns") return bind_pack(call, scope);
  bool packs_row = name == "pack_array" && call.arguments.size() == 1 &&
                   call.arguments[0].value->kind == Expression::Kind::kStar;
  if (packs_row) {
    std::vector<Expr> values;
    if (scope.row != nullptr) {
      for (const RelationColumn& column : scope.row->columns) values.push_back(column_expr(column));
    }
    if (values.empty()) return literal_expr({ScalarType::kDynamic, std::string("[]")});
    return call_library(name, std::move(values), call.position, scope.row);
  }
  if (name == "column_names_of") {
    check_arity(name, 1, 1, call.arguments.size());
    Relation table = bind_table(*call.arguments[0].value, scope.environment);
    std::string json = "[";
    for (const RelationColumn& column : table.columns) {
      if (json.size() > 1) json += ",";
      append_json_string(json, column.name);
    }
    return literal_expr({ScalarType::kDynamic, json + "]"});
  }
  if (name == "ingestion_time") {
    Expr value;
    value.type = ScalarType::kDateTime;
    bool has_time = scope.row != nullptr && !scope.row->ingestion_time.empty();
    value.sql = has_time ? scope.row->ingestion_time : "NULL::BIGINT";
    return value;
  }
  if (name == "extent_id" || name == "extent_tags" || name == "__extent_row") {
    // The last is for .delete table records: the row's number in the file of its extent.
    check_arity(name, 0, 0, call.arguments.size());
    bool has_row = scope.row != nullptr && !scope.row->extent_id.empty();
    Expr value;
    if (name == "extent_id") {
      value.type = ScalarType::kGuid;
      value.sql = has_row ? scope.row->extent_id : literal_sql({ScalarType::kGuid, Guid{}});
    } else if (name == "extent_tags") {
      value.type = ScalarType::kDynamic;
      value.sql = has_row ? scope.row->extent_tags : "'[]'";
    } else {
      value.type = ScalarType::kLong;
      value.sql = has_row ? scope.row->extent_row : "NULL::BIGINT";
    }
    return value;
  }
  if (name == "materialize" && call.arguments.size() == 1 &&
      !is_table(*call.arguments[0].value, scope.environment)) {
    return bind(*call.arguments[0].value, scope);
  }
  if (name == "bin_auto") return bind_bin_auto(call, scope);
  bool is_of_cursors = name == "cursor_after" || name == "cursor_before_or_at" ||
                       name == "cursor_current" || name == "current_cursor";
  if (is_of_cursors && properties_.binding.has_no_cursors) {
    throw operator_error("SEM0003",
                         name + "(): the request property 'query_cursor_disabled' is set");
  }
  if (name == "cursor_after" || name == "cursor_before_or_at") {
    if (scope.row == nullptr || scope.row->commit_sequence.empty()) {
      throw operator_error("SEM0003", name + "() needs the rows of a table");
    }
    Expr value;
    value.type = ScalarType::kBool;
    value.sql = "(" + scope.row->commit_sequence + (name == "cursor_after" ? " > " : " <= ") +
                std::to_string(require_cursor(call, scope.environment)) + "::BIGINT)";
    return value;
  }
  if (name == "cursor_current" || name == "current_cursor") {
    check_arity(name, 0, 0, call.arguments.size());
    if (properties_.binding.cursor_current)
      return text_literal(*properties_.binding.cursor_current);
    Expr value;
    value.type = ScalarType::kString;
    value.sql = "(SELECT c0 FROM s" + std::to_string(sources_.size()) + ")";
    sources_.emplace_back().source.kind = Source::Kind::kCursor;
    return value;
  }
  return std::nullopt;
}

// The commit sequence that the argument of cursor_after() or cursor_before_or_at() stands for; the empty
// cursor is before all rows.
int64_t Binder::require_cursor(const Expression& call, const Environment* environment) {
  check_arity(call.text, 0, 1, call.arguments.size());
  if (!call.arguments.empty()) {
    return cursor_sequence(require_string(*call.arguments[0].value, environment));
  }
  const RequestProperties::Binding& given = properties_.binding;
  const std::optional<std::string>& cursor =
      call.text == "cursor_after" ? given.cursor_after_default : given.cursor_before_or_at_default;
  if (!cursor) {
    throw operator_error(
        "SEM0003",
        call.text + "() needs a cursor, or the request property 'query_" + call.text + "_default'");
  }
  return cursor_sequence(*cursor);
}

int64_t Binder::cursor_sequence(const std::string& cursor) const {
  if (cursor.empty()) return 0;
  auto sequence = parse_long(cursor);
  if (!sequence || *sequence < 0) {
    throw operator_error("SEM0003", "'" + cursor + "' is not a database cursor");
  }
  return *sequence;
}

// bin_at() with the size and the fixed point that request properties give.
Expr Binder::bind_bin_auto(const Expression& call, const Scope& scope) {
  check_arity(call.text, 1, 1, call.arguments.size());
  const RequestProperties::Binding& given = properties_.binding;
  if (!given.bin_auto_size) {
    throw operator_error("SEM0003", "bin_auto() needs the request property 'query_bin_auto_size'");
  }
  std::vector<Expr> arguments{bind(*call.arguments[0].value, scope),
                              literal_expr(*given.bin_auto_size)};
  if (given.bin_auto_at) arguments.push_back(literal_expr(*given.bin_auto_at));
  return call_library(given.bin_auto_at ? "bin_at" : "bin", std::move(arguments), call.position,
                      scope.row);
}

Expr Binder::bind_toscalar(const Expression& call, const Scope& scope) {
  check_arity("toscalar", 1, 1, call.arguments.size());
  const Expression& argument = *call.arguments[0].value;
  if (!is_table(argument, scope.environment)) {
    Expr value = bind(argument, scope);
    return value;
  }
  std::string outer_operator = operator_;
  int64_t reads = row_reads();
  Relation table = bind_table(argument, scope.environment);
  operator_ = outer_operator;
  if (table.columns.empty())
    throw operator_error("SEM0005", "toscalar() of a table without columns");
  RelationColumn first = table.columns.front();
  table.columns = {first};
  std::string order = table.sorting();
  Relation one = restart(table);
  one.from = "(SELECT " + first.sql + " FROM " + table.from + order + " LIMIT 1)";
  one = materialize(std::move(one));
  Expr value;
  value.type = first.type;
  value.sql = or_default(first.type, "(SELECT " + first.sql + " FROM " + one.from + ")");
  value.is_constant = row_reads() == reads;
  return value;
}

Expr Binder::bind_column_ifexists(const Expression& call, const Scope& scope) {
  check_arity(call.text, 2, 2, call.arguments.size());
  std::string name = require_string(*call.arguments[0].value, scope.environment);
  if (scope.row != nullptr) {
    if (const RelationColumn* column = scope.row->find(name)) return column_expr(*column);
  }
  return bind(*call.arguments[1].value, scope);
}

// Bags of the row's columns, by their names.
Expr Binder::bind_pack(const Expression& call, const Scope& scope) {
  if (scope.row == nullptr)
    throw operator_error("SEM0003", call.text + "() needs the columns of a table");
  std::vector<Expr> arguments;
  bool leaves_out_nulls = false;
  if (call.text == "pack_all") {
    check_arity(call.text, 0, 1, call.arguments.size());
    if (!call.arguments.empty()) {
      Literal flag = require_literal(*call.arguments[0].value, scope.environment);
      if (const auto* value = std::get_if<bool>(&flag.value)) leaves_out_nulls = *value;
    }
    for (const RelationColumn& column : scope.row->columns) {
      arguments.push_back(text_literal(column.name));
      arguments.push_back(column_expr(column));
    }
  } else {
    check_arity(call.text, 1, -1, call.arguments.size());
    for (const NamedExpression& argument : call.arguments) {
      if (argument.value->kind != Expression::Kind::kName) {
        throw operator_error("SEM0003", "bag_pack_columns() takes names of columns");
      }
      arguments.push_back(text_literal(argument.value->text));
      arguments.push_back(bind(*argument.value, scope));
    }
  }
  if (arguments.empty()) return literal_expr({ScalarType::kDynamic, std::string("{}")});
  if (!leaves_out_nulls)
    return call_library("bag_pack", std::move(arguments), call.position, scope.row);
  // {"a":1} or nothing for each column, joined.
  std::string pieces;
  for (size_t i = 0; i < arguments.size(); i += 2) {
    const Expr& value = arguments[i + 1];
    Expr one = call_library("bag_pack", {arguments[i], value}, call.position, scope.row);
    std::string is_absent =
        value.type == ScalarType::kString ? value.sql + " = ''" : value.sql + " IS NULL";
    if (!pieces.empty()) pieces += ", ";
    pieces += "CASE WHEN " + is_absent + " THEN NULL ELSE substr(" + one.sql + ", 2, length(" +
              one.sql + ") - 2) END";
  }
  Expr value;
  value.type = ScalarType::kDynamic;
  value.sql = "('{' || concat_ws(',', " + pieces + ") || '}')";
  return value;
}

Expr Binder::bind_window(const WindowFunction& function, const Expression& call,
                         const Scope& scope) {
  if (scope.row == nullptr || scope.row->order.empty() || scope.allows_aggregates) {
    throw operator_error(
        "SEM0003", "Function '" + call.text +
                       "' cannot be invoked in current context: the row set must be serialized");
  }
  std::vector<Expr> arguments = bind_arguments(call, scope);
  check_arity(call.text, function.min_arguments, function.max_arguments, arguments.size());
  CallContext call_context = context(call.position, scope.row);
  call_context.stage = [&](const std::string& sql) { return stage(*scope.row, sql); };
  Expr value = function.bind(call_context, arguments);
  // As a column of its own: SQL takes no window function inside another, nor in WHERE.
  value.sql = stage(*scope.row, value.sql);
  value.literal.reset();
  return value;
}

std::shared_ptr<const FunctionDefinition> Binder::stored_function(const catalog::Database& database,
                                                                  std::string_view name) {
  const catalog::Function* function = database.find_function(name);
  if (function == nullptr) return nullptr;
  std::string key = database.name + "\n" + function->name;
  auto& parsed = stored_functions_[key];
  if (!parsed) {
    try {
      parsed = parse_function(function->parameters, function->body);
    } catch (const Error& error) {
      throw semantic_error("SEM0003", "Function '" + function->name + "': " + error.message());
    }
  }
  return parsed;
}

// A function that a query may call: of a let, or stored in the database.
Binder::FoundFunction Binder::find_function(const Expression& call,
                                            const Environment* environment) {
  if (call.object) {
    const Expression& object = *call.object;
    if (object.kind != Expression::Kind::kCall || object.text != "database" || object.object) {
      if (object.kind == Expression::Kind::kCall && object.text == "cluster")
        throw not_supported("cluster()");
      if (object.kind == Expression::Kind::kCall && object.object) throw not_supported("cluster()");
      return {};
    }
    const catalog::Database& database = database_of(object, environment);
    std::shared_ptr<const FunctionDefinition> definition = stored_function(database, call.text);
    return {definition, declare(nullptr, "", Binding{})};
  }
  if (Binding* binding = find_binding(environment, call.text)) {
    if (binding->kind == Binding::Kind::kFunction) return {binding->function, binding->environment};
  }
  if (database_) {
    if (std::shared_ptr<const FunctionDefinition> definition =
            stored_function(*database_, call.text)) {
      return {definition, declare(nullptr, "", Binding{})};
    }
  }
  return {};
}

// The environment of a function's body: its parameters bound to the call's arguments.
const Environment* Binder::bind_call_arguments(const FunctionDefinition& function,
                                               const Environment* definition,
                                               const Expression& call, const Scope& scope,
                                               const Relation* piped) {
  count_step();
  const Environment* environment = definition;
  std::vector<const Expression*> given(function.parameters.size(), nullptr);
  size_t next = piped != nullptr ? 1 : 0;
  if (piped != nullptr && (function.parameters.empty() || !function.parameters[0].is_tabular)) {
    throw operator_error("SEM0003", "'" + call.text + "' takes no table as its first argument");
  }
  if (call.kind == Expression::Kind::kCall) {
    for (const NamedExpression& argument : call.arguments) {
      size_t index = next;
      if (!argument.names.empty()) {
        index = 0;
        while (index < given.size() && function.parameters[index].name != argument.names[0])
          ++index;
      } else {
        ++next;
      }
      if (index >= given.size()) {
        throw operator_error("SEM0219", call.text + "(): function expects " +
                                            std::to_string(given.size()) +
                                            " argument(s), got more");
      }
      given[index] = argument.value.get();
    }
  }
  for (size_t i = 0; i < function.parameters.size(); ++i) {
    const ParameterDeclaration& parameter = function.parameters[i];
    Binding binding;
    if (parameter.is_tabular) {
      Relation table;
      if (piped != nullptr && i == 0) {
        table = *piped;
      } else if (given[i] != nullptr) {
        table = bind_table(*given[i], scope.environment);
      } else {
        throw operator_error("SEM0219",
                             call.text + "(): argument '" + parameter.name + "' is missing");
      }
      // Columns that the parameter declares must be there; others pass through.
      if (!parameter.columns.empty()) {
        for (const ColumnDeclaration& declared : parameter.columns) {
          if (table.find(declared.name) != nullptr) continue;
          throw operator_error("SEM0003", call.text + "(): the table of argument '" +
                                              parameter.name + "' has no column '" + declared.name +
                                              "'");
        }
      }
      binding = relation_binding(std::move(table));
    } else if (given[i] != nullptr || parameter.default_value) {
      if (given[i] != nullptr && is_table(*given[i], scope.environment) &&
          given[i]->kind != Expression::Kind::kName) {
        throw operator_error("SEM0003",
                             call.text + "(): argument '" + parameter.name + "' must be a scalar");
      }
      int64_t reads = row_reads();
      Expr value = given[i] != nullptr ? bind(*given[i], scope)
                                       : constant(*parameter.default_value, definition);
      if (scope.row == nullptr && row_reads() == reads) value.is_constant = true;
      if (!value.is_constant) settle(value, scope);
      binding.scalar = convert(value, parameter.type);
      binding.table_depth = table_depth_;
    } else {
      throw operator_error("SEM0219",
                           call.text + "(): argument '" + parameter.name + "' is missing");
    }
    environment = declare(environment, parameter.name, std::move(binding));
  }
  return environment;
}

Expr Binder::bind_scalar_function(const FunctionDefinition& function, const Environment* definition,
                                  const Expression& call, const Scope& scope) {
  BindDepth depth(depth_);
  const Environment* environment = bind_call_arguments(function, definition, call, scope, nullptr);
  PropertyScope properties(properties_);
  for (const Statement& statement : function.body) {
    if (statement.kind == Statement::Kind::kSet) {
      apply_set(statement);
      continue;
    }
    if (statement.kind != Statement::Kind::kQuery) {
      // A let of a scalar function may use the row through the parameters: bind it here.
      environment = declare_statement(statement, environment);
      continue;
    }
    const Pipeline& pipeline = *statement.pipeline;
    const auto* expression =
        pipeline.source ? std::get_if<ExpressionPtr>(&*pipeline.source) : nullptr;
    if (expression == nullptr || !pipeline.operators.empty()) {
      throw operator_error("SEM0005", "'" + call.text + "' is a table where a scalar is expected");
    }
    Scope inner;
    inner.environment = environment;
    inner.allows_aggregates = scope.allows_aggregates;
    inner.caller = stage_target(scope);
    return bind(**expression, inner);
  }
  throw operator_error("SEM0003", "Function '" + call.text + "' gives no result");
}

}  // namespace rivulet::kql
