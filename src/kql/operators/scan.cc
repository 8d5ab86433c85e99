#include <algorithm>

#include "common/error.h"
#include "duckdb/sql_text.h"
#include "kql/bind/binder.h"
#include "kql/bind/graph_scope.h"

// scan and reduce.
namespace rivulet::kql {
namespace {

// The state has a record for each pair of them: the time to plan grows with their square.
constexpr size_t kMaxScanSteps = 40;

std::string extract(const std::string& structure, const std::string& field) {
  return "struct_extract(" + structure + ", '" + field + "')";
}

}  // namespace

// A state machine over the rows in order, as a recursive table: one row of it a partition and input row.
// The state of step k holds the last record of each of the steps 1 to k (columns r<k>_<i>), whether a
// sequence is under way there (a<k>) and its match id (i<k>). Steps are judged from the last to the first,
// so that a record moves a sequence by one step at most:
//   moves (m<k>): the sequence of step k-1 goes on to step k;
//   stays (s<k>): the record belongs to step k as the one before did;
//   begins (b1): step 1 starts a new sequence.
Relation Binder::apply(const ScanOperator& scan, Relation input, const Environment* environment) {
  if (scan.steps.empty()) throw operator_error("SEM0003", "There is no step");
  for (const ScanOperator::Step& step : scan.steps) {
    if (step.is_optional) throw not_supported("scan step with 'optional'");
    if (!step.output.empty() && step.output != "all" && step.output != "none") {
      throw not_supported("scan step with output=" + step.output);
    }
  }
  if (!scan.order_by.empty()) {
    input.order = bind_sort_keys(scan.order_by, input, environment);
  }
  if (input.order.empty()) throw operator_error("SEM0003", "The rows must be serialized");
  if (scan.steps.size() > kMaxScanSteps) {
    throw not_supported("a scan of more than " + std::to_string(kMaxScanSteps) + " steps");
  }
  separate_columns(input);
  std::vector<OutputColumn> partitions = bind_items(scan.partition_by, input, environment);
  std::string keys;
  for (const OutputColumn& partition : partitions) {
    keys += (keys.empty() ? "" : ", ") + as_column(input, partition.value);
  }
  std::string by = keys.empty() ? "" : "PARTITION BY " + keys + " ";
  std::string part = keys.empty() ? "0::BIGINT" : "dense_rank() OVER (ORDER BY " + keys + ")";

  // The rows: partition, place in it, and the columns as one struct.
  std::string fields;
  std::string type_fields;
  for (const RelationColumn& column : input.columns) {
    fields += (fields.empty() ? "" : ", ") + column.sql + " := " + column.sql;
    type_fields += (type_fields.empty() ? "" : ", ") + column.sql + " " +
                   std::string(duckdb::sql_type(column.type));
  }
  std::string rows = "m" + std::to_string(next_cte_++);
  add_cte({rows, "SELECT " + part + " AS part, row_number() OVER (" + by + "ORDER BY " +
                     input.order_by() + ") AS place, struct_pack(" + fields + ") AS record FROM " +
                     input.from});
  struct Variable {
    RelationColumn column;
    std::string missing;  // SQL of its default
  };
  std::vector<Variable> variables;
  for (const ScanOperator::Declaration& declaration : scan.declarations) {
    Variable variable{column(declaration.column.name, declaration.column.type), ""};
    if (declaration.default_value) {
      variable.missing =
          convert(constant(*declaration.default_value, environment), declaration.column.type).sql;
    } else {
      variable.missing =
          or_default(declaration.column.type, literal_sql({declaration.column.type, {}}));
    }
    type_fields += (type_fields.empty() ? "" : ", ") + variable.column.sql + " " +
                   std::string(duckdb::sql_type(variable.column.type));
    variables.push_back(std::move(variable));
  }
  std::string record_type = "STRUCT(" + type_fields + ")";

  // Expressions see the record's columns, and the steps' records by the steps' names.
  Relation record;
  for (RelationColumn seen : input.columns) {
    seen.sql = extract("record", seen.sql);
    record.columns.push_back(std::move(seen));
  }
  size_t count = scan.steps.size();
  // State as step `step` sees it: records of steps 1 to `known` come from the state of step `holder`.
  auto scope_for = [&](size_t holder, size_t known, GraphScope& steps) {
    for (size_t i = 1; i <= count; ++i) {
      GraphScope::Variable variable;
      std::string state = "r" + std::to_string(holder) + "_" + std::to_string(i);
      bool is_known = i <= known;
      for (const RelationColumn& column : input.columns) {
        Expr value;
        value.type = column.type;
        value.sql = is_known ? extract(state, column.sql) : literal_sql({column.type, {}});
        value.sql = or_default(column.type, value.sql);
        variable.properties.emplace(column.name, std::move(value));
      }
      for (const Variable& declared : variables) {
        Expr value;
        value.type = declared.column.type;
        value.sql = is_known ? or_default(value.type, extract(state, declared.column.sql))
                             : declared.missing;
        variable.properties.emplace(declared.column.name, std::move(value));
      }
      steps.variables.emplace(scan.steps[i - 1].name, std::move(variable));
    }
    Scope scope;
    scope.environment = environment;
    scope.row = &record;
    scope.graph = &steps;
    return scope;
  };
  auto find_variable = [&](std::string_view name) -> const Variable* {
    auto found = std::find_if(variables.begin(), variables.end(), [&](const Variable& variable) {
      return variable.column.name == name;
    });
    return found == variables.end() ? nullptr : &*found;
  };
  auto extended = [&](const ScanOperator::Step& step, const Scope& scope) {
    // What the step assigns to the column, or the value that it has.
    auto assigned = [&](const RelationColumn& column, std::string value) {
      for (const NamedExpression& assignment : step.assignments) {
        if (assignment.names[0] != column.name) continue;
        value = convert(bind(*assignment.value, scope), column.type).sql;
      }
      return value;
    };
    std::string packed;
    auto pack = [&](const RelationColumn& column, const std::string& value) {
      packed += (packed.empty() ? "" : ", ") + column.sql + " := " + value;
    };
    for (const RelationColumn& column : input.columns) {
      bool is_declared = find_variable(column.name) != nullptr;
      std::string value = extract("record", column.sql);
      pack(column, is_declared ? value : assigned(column, std::move(value)));
    }
    for (const Variable& variable : variables) {
      pack(variable.column, assigned(variable.column, variable.missing));
    }
    return "struct_pack(" + packed + ")";
  };
  for (const ScanOperator::Step& step : scan.steps) {
    for (const NamedExpression& assignment : step.assignments) {
      bool is_known = assignment.names.size() == 1 &&
                      (find_variable(assignment.names[0]) || input.find(assignment.names[0]));
      if (!is_known) {
        throw operator_error(
            "SEM0003", "Step '" + step.name + "' assigns to what is neither declared nor a column");
      }
    }
  }

  std::vector<std::string> flags;  // m, s and b of every step, in the order they are judged
  std::string states;              // the state afterwards
  std::string initial;
  std::string outputs;
  for (size_t k = count; k >= 1; --k) {
    const ScanOperator::Step& step = scan.steps[k - 1];
    std::string n = std::to_string(k);
    std::string before = std::to_string(k - 1);
    std::string after = std::to_string(k + 1);
    std::string left = k == count ? "FALSE" : "m" + after;  // the sequence of this step went on
    GraphScope moved_steps, own_steps;
    Scope moved = scope_for(k - 1, k - 1, moved_steps);
    Scope own = scope_for(k, k, own_steps);
    std::string moved_condition =
        "coalesce(" + bind_predicate(*step.condition, moved).sql + ", FALSE)";
    std::string own_condition = "coalesce(" + bind_predicate(*step.condition, own).sql + ", FALSE)";
    if (k > 1) {
      flags.push_back("(CASE WHEN a" + before + " THEN " + moved_condition +
                      " ELSE FALSE END) AS m" + n);
    }
    flags.push_back("(CASE WHEN a" + n + " AND NOT " + left + (k > 1 ? " AND NOT m" + n : "") +
                    " THEN " + own_condition + " ELSE FALSE END) AS s" + n);
    if (k == 1) {
      flags.push_back("(CASE WHEN NOT a1 OR " + left + " THEN " + moved_condition +
                      " ELSE FALSE END) AS b1");
    }
    std::string enters = k > 1 ? "m" + n : "b1";
    std::string matched = "(" + enters + " OR s" + n + ")";
    states += ", (" + matched + " OR a" + n + " AND NOT " + left + ") AS a" + n;
    states += ", CASE WHEN " + enters + " THEN " + (k > 1 ? "i" + before : "next_id") + " ELSE i" +
              n + " END AS i" + n;
    initial += ", FALSE AS a" + n + ", 0::BIGINT AS i" + n;
    for (size_t i = 1; i < k; ++i) {
      std::string suffix = "_" + std::to_string(i);
      states += ", CASE WHEN " + enters + " THEN r" + before + suffix + " ELSE r" + n + suffix +
                " END AS r" + n + suffix;
      initial += ", NULL::" + record_type + " AS r" + n + suffix;
    }
    std::string result = "CASE WHEN " + enters + " THEN " + extended(step, moved) + " WHEN s" + n +
                         " THEN " + extended(step, own) + " ELSE r" + n + "_" + n + " END";
    states += ", " + result + " AS r" + n + "_" + n;
    initial += ", NULL::" + record_type + " AS r" + n + "_" + n;
    if (step.output != "none") {
      outputs += (outputs.empty() ? "" : ", ") +
                 ("CASE WHEN " + matched + " THEN struct_pack(id := CASE WHEN " + enters +
                  " THEN " + (k > 1 ? "i" + before : "next_id") + " ELSE i" + n +
                  " END, record := " + result + ", step := " + n + ") END");
    }
  }
  // Flags of a step read those of the step behind it: one level of SQL for each.
  std::string machine = "m" + std::to_string(next_cte_++);
  std::string output_type = "STRUCT(id BIGINT, record " + record_type + ", step INTEGER)";
  std::string joined =
      "(SELECT t.* EXCLUDE (place, outputs), w.place AS place, w.record AS record FROM " + machine +
      " t JOIN " + rows + " w ON w.part = t.part AND w.place = t.place + 1)";
  std::string level = joined;
  for (const std::string& flag : flags) level = "(SELECT *, " + flag + " FROM " + level + ")";
  std::string list =
      outputs.empty() ? "NULL::" + output_type + "[]" : "[" + outputs + "]::" + output_type + "[]";
  std::string sql =
      "SELECT DISTINCT part, 0::BIGINT AS place, 0::BIGINT AS next_id, NULL::" + output_type +
      "[] AS outputs" + initial + " FROM " + rows +
      " UNION ALL SELECT part, place, next_id + CASE WHEN b1 THEN 1 ELSE 0 END, " + list + states +
      " FROM " + level;
  check_size(sql);
  add_cte({machine, sql, true});

  Relation result;
  std::string part_order = new_name(), place_order = new_name(), step_order = new_name();
  std::string columns =
      "part AS " + part_order + ", place AS " + place_order + ", output.step AS " + step_order;
  for (const RelationColumn& column : input.columns) {
    columns += ", " + extract("output.record", column.sql) + " AS " + column.sql;
    result.columns.push_back(column);
  }
  for (const Variable& variable : variables) {
    columns += ", " +
               or_default(variable.column.type, extract("output.record", variable.column.sql)) +
               " AS " + variable.column.sql;
    result.columns.push_back(variable.column);
    result.columns.back().name = unique_name(input.columns, variable.column.name);
  }
  if (!scan.match_id.empty()) {
    RelationColumn id = column(unique_name(result.columns, scan.match_id), ScalarType::kLong);
    columns += ", output.id AS " + id.sql;
    result.columns.push_back(std::move(id));
  }
  result.from = "(SELECT " + columns +
                " FROM (SELECT part, place, unnest(outputs) AS output FROM " + machine +
                ") WHERE output IS NOT NULL)";
  result.order = {{part_order, false, true}, {place_order, false, true}, {step_order, false, true}};
  result.is_sorted = input.is_sorted;
  check_size(result.from);
  return result;
}

Relation Binder::apply(const ReduceOperator&, Relation, const Environment*) {
  throw not_supported("reduce operator");
}

}  // namespace rivulet::kql
