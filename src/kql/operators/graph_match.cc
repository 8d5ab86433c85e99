#include <algorithm>

#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/bind/graph_scope.h"
#include "kql/sql/graph.h"

// graph-match and graph-shortest-paths: a pattern becomes joins of nodes and edges; an edge of several
// hops becomes a recursive table of paths.
namespace rivulet::kql {
namespace {

using Direction = GraphPattern::Edge::Direction;

std::string property_sql(const std::string& structure, const std::string& field) {
  return "struct_extract(" + structure + ", '" + field + "')";
}

}  // namespace

// Paths of min to max hops as (first, last, edges, steps, inner): ids of both ends, the edges' ids, their
// properties, and the properties of the nodes between, in the pattern's direction.
std::string Binder::graph_paths(const Graph& graph, const GraphPattern::Edge& edge, bool is_simple,
                                bool repeats_edges) {
  std::string forward = "SELECT source AS a, target AS b, id, properties FROM " + graph.edges;
  std::string backward = "SELECT target AS a, source AS b, id, properties FROM " + graph.edges;
  std::string hops = edge.direction == Direction::kForward ? forward
                     : edge.direction == Direction::kBackward
                         ? backward
                         : forward + " UNION ALL " + backward + " WHERE source <> target";
  std::string hop = "m" + std::to_string(next_cte_++);
  add_cte({hop, hops});
  std::string paths = "m" + std::to_string(next_cte_++);
  std::string condition = "p.hops < " + std::to_string(edge.max_hops);
  if (!repeats_edges) condition += " AND NOT list_contains(p.edges, h.id)";
  if (is_simple) condition += " AND NOT list_contains(p.visited, h.b)";
  std::string sql =
      "SELECT a AS first, b AS last, [id] AS edges, [properties] AS steps, list_value(a, b)" +
      std::string(" AS visited, 1 AS hops FROM ") + hop + (is_simple ? " WHERE a <> b" : "") +
      " UNION ALL SELECT p.first, h.b, list_append(p.edges, h.id), list_append(p.steps, "
      "h.properties), " +
      "list_append(p.visited, h.b), p.hops + 1 FROM " + paths + " p JOIN " + hop +
      " h ON h.a = p.last WHERE " + condition;
  add_cte({paths, sql, true});
  std::string result = "SELECT first, last, edges, steps, visited, hops FROM " + paths +
                       " WHERE hops >= " + std::to_string(std::max<int64_t>(edge.min_hops, 1));
  if (edge.min_hops == 0) {
    result += " UNION ALL SELECT id, id, [], [], [id], 0 FROM " + graph.nodes;
  }
  return "(" + result + ")";
}

Relation Binder::apply(const GraphMatchOperator& match, Relation input,
                       const Environment* environment) {
  const Graph graph = graphs_[static_cast<size_t>(input.graph)];
  std::string cycles = match.is_shortest_paths ? "none" : "unique_edges";
  bool all_shortest = false;
  for (const OperatorOption& option : match.options) {
    if (option.name == "cycles") cycles = option.text;
    if (option.name == "output") all_shortest = option.text == "all";
  }
  if (cycles != "all" && cycles != "none" && cycles != "unique_edges") {
    throw operator_error("SEM0003", "'" + cycles + "' is not a way to treat cycles");
  }
  bool is_simple = cycles == "none";
  bool repeats_edges = cycles == "all";

  // Tables of the pattern, and what joins them.
  struct Node {
    std::string name, alias;
  };
  struct Step {
    std::string name, alias;
    bool is_variable = false;
  };
  std::vector<Node> nodes;
  std::vector<Step> steps;
  std::string from;
  std::vector<std::string> conditions;
  auto add_table = [&](const std::string& table, const std::string& alias) {
    from += (from.empty() ? "" : " CROSS JOIN ") + table + " " + alias;
  };
  auto node_of = [&](const GraphPattern::Node& wanted) {
    if (!wanted.name.empty()) {
      for (const Node& known : nodes) {
        if (known.name == wanted.name) return known.alias;
      }
    }
    nodes.push_back({wanted.name, "n" + new_name()});
    add_table(graph.nodes, nodes.back().alias);
    return nodes.back().alias;
  };
  for (const GraphPattern& pattern : match.patterns) {
    std::string left = node_of(pattern.nodes.front());
    for (size_t i = 0; i < pattern.edges.size(); ++i) {
      const GraphPattern::Edge& edge = pattern.edges[i];
      std::string alias = "e" + new_name();
      if (edge.is_variable) {
        add_table(graph_paths(graph, edge, is_simple, repeats_edges), alias);
      } else {
        std::string forward =
            "SELECT source AS first, target AS last, id, properties FROM " + graph.edges;
        std::string backward =
            "SELECT target AS first, source AS last, id, properties FROM " + graph.edges;
        std::string table = edge.direction == Direction::kForward ? forward
                            : edge.direction == Direction::kBackward
                                ? backward
                                : forward + " UNION ALL " + backward;
        add_table("(" + table + ")", alias);
      }
      steps.push_back({edge.name, alias, edge.is_variable});
      std::string right = node_of(pattern.nodes[i + 1]);
      conditions.push_back(alias + ".first = " + left + ".id");
      conditions.push_back(alias + ".last = " + right + ".id");
      left = right;
    }
  }
  if (!repeats_edges) {
    for (size_t i = 0; i < steps.size(); ++i) {
      for (size_t j = i + 1; j < steps.size(); ++j) {
        const Step& a = steps[i];
        const Step& b = steps[j];
        std::string ids_a = a.is_variable ? a.alias + ".edges" : "[" + a.alias + ".id]";
        std::string ids_b = b.is_variable ? b.alias + ".edges" : "[" + b.alias + ".id]";
        conditions.push_back("NOT list_has_any(" + ids_a + ", " + ids_b + ")");
      }
    }
  }
  if (is_simple) {
    for (size_t i = 0; i < nodes.size(); ++i) {
      for (size_t j = i + 1; j < nodes.size(); ++j) {
        conditions.push_back(nodes[i].alias + ".id <> " + nodes[j].alias + ".id");
      }
    }
  }
  std::string list;
  Relation matches;
  GraphScope graph_scope;
  auto add_sql_column = [&](const std::string& sql) {
    std::string name = new_name();
    list += (list.empty() ? "" : ", ") + sql + " AS " + name;
    return name;
  };
  std::vector<std::pair<std::string, std::string>>
      outputs;  // variable and property, for a match without project
  for (const Node& node : nodes) {
    std::string structure = add_sql_column(node.alias + ".properties");
    if (node.name.empty()) continue;
    GraphScope::Variable variable;
    variable.kind = GraphScope::Variable::Kind::kNode;
    variable.sql = structure;
    for (const RelationColumn& property : graph.node_properties) {
      Expr value;
      value.type = property.type;
      value.sql = or_default(property.type, property_sql(structure, property.sql));
      variable.properties.emplace(property.name, std::move(value));
      outputs.emplace_back(node.name, property.name);
    }
    graph_scope.variables.emplace(node.name, std::move(variable));
  }
  std::string total_hops = "0";
  for (const Step& step : steps) {
    GraphScope::Variable variable;
    if (!step.is_variable) {
      variable.kind = GraphScope::Variable::Kind::kEdge;
      variable.sql = add_sql_column(step.alias + ".properties");
      total_hops += " + 1";
    } else {
      variable.kind = GraphScope::Variable::Kind::kPath;
      variable.sql = add_sql_column(step.alias + ".steps");
      variable.inner_nodes =
          add_sql_column("list_transform(" + step.alias + ".visited[2:-2], lambda v: v)");
      total_hops += " + " + step.alias + ".hops";
    }
    for (const RelationColumn& property : graph.edge_properties) {
      Expr value;
      if (step.is_variable) {
        // A list of the property along the path.
        Expr element;
        element.type = property.type;
        element.sql = or_default(property.type, property_sql("x", property.sql));
        value.type = ScalarType::kDynamic;
        value.sql = "('[' || array_to_string(list_transform(" + variable.sql +
                    ", lambda x: coalesce(" + convert(element, ScalarType::kDynamic).sql +
                    ", 'null')), ',') || ']')";
      } else {
        value.type = property.type;
        value.sql = or_default(property.type, property_sql(variable.sql, property.sql));
        if (!step.name.empty()) outputs.emplace_back(step.name, property.name);
      }
      variable.properties.emplace(property.name, std::move(value));
    }
    if (!step.name.empty()) graph_scope.variables.emplace(step.name, std::move(variable));
  }
  graph_scope.graph = &graph;
  std::string hops = add_sql_column(total_hops);
  std::string first_id = add_sql_column(nodes.front().alias + ".id");
  std::string last_id = add_sql_column(nodes.back().alias + ".id");
  std::string where;
  for (const std::string& condition : conditions)
    where += (where.empty() ? " WHERE " : " AND ") + condition;
  matches.from = "(SELECT " + list + " FROM " + from + where + ")";
  check_size(matches.from);

  Scope scope;
  scope.environment = environment;
  scope.row = &matches;
  scope.graph = &graph_scope;
  if (match.where) filter(matches, bind_predicate(*match.where, scope).sql);
  if (match.is_shortest_paths) {
    std::string partition = "PARTITION BY " + first_id + ", " + last_id + " ORDER BY " + hops;
    std::string rank = stage(matches, (all_shortest ? "rank()" : "row_number()") +
                                          std::string(" OVER (") + partition + ")");
    filter(matches, rank + " = 1");
  }
  std::vector<OutputColumn> items;
  for (const NamedExpression& item : match.project) {
    OutputColumn output;
    output.is_named = !item.names.empty();
    output.name = result_name(item);
    output.value = bind(*item.value, scope);
    items.push_back(std::move(output));
  }
  if (match.project.empty()) {
    for (const auto& [variable, property] : outputs) {
      items.push_back({variable + "_" + property, false, *graph_scope.member(variable, property)});
    }
  }
  matches.columns = place_items(matches, std::move(items), {}, false);
  return matches;
}

// all(e, predicate), any(e, predicate), map(e, expression), inner_nodes(e), node_degree_in(n), …: functions
// that exist inside graph-match only.
std::optional<Expr> Binder::bind_graph_call(const Expression& call, const Scope& scope) {
  const GraphScope& graph = *scope.graph;
  const std::string& name = call.text;
  using Kind = GraphScope::Variable::Kind;
  bool is_degree = name == "node_degree_in" || name == "node_degree_out";
  if (is_degree) {
    std::string variable_name;
    if (!call.arguments.empty() && call.arguments[0].value->kind == Expression::Kind::kName) {
      variable_name = call.arguments[0].value->text;
    }
    const GraphScope::Variable* variable = graph.variable(variable_name);
    if (variable == nullptr || variable->kind != Kind::kNode) {
      throw operator_error("SEM0003", name + "() needs a node of the pattern");
    }
    Expr value;
    value.type = ScalarType::kLong;
    value.sql = property_sql(variable->sql, name == "node_degree_in" ? "degree_in" : "degree_out");
    return value;
  }
  if ((name != "all" && name != "any" && name != "map") || call.arguments.size() != 2)
    return std::nullopt;
  const Expression* subject = call.arguments[0].value.get();
  bool is_inner = subject->kind == Expression::Kind::kCall && subject->text == "inner_nodes" &&
                  subject->arguments.size() == 1;
  if (is_inner) subject = subject->arguments[0].value.get();
  if (subject->kind != Expression::Kind::kName) return std::nullopt;
  const GraphScope::Variable* variable = graph.variable(subject->text);
  if (variable == nullptr) return std::nullopt;
  if (variable->kind == Kind::kNode || (is_inner && variable->kind != Kind::kPath)) {
    throw operator_error("SEM0003", name + "() needs an edge of several hops");
  }
  // The element that the second argument is evaluated for.
  std::string element = "x" + new_name();
  std::string list;
  GraphScope inner = graph;
  GraphScope::Variable bare;
  const std::vector<RelationColumn>& properties =
      is_inner ? graph.graph->node_properties : graph.graph->edge_properties;
  bare.kind = is_inner ? Kind::kNode : Kind::kEdge;
  if (is_inner) {
    // Ids of the nodes between, each looked up.
    std::string lookup = stage(*scope.row, "(SELECT nodes FROM " + node_lookup(*graph.graph) + ")");
    list = variable->inner_nodes;
    bare.sql = "(map_extract(" + lookup + ", " + element + "))[1]";
  } else {
    list = variable->kind == Kind::kPath ? variable->sql : "[" + variable->sql + "]";
    bare.sql = element;
  }
  for (const RelationColumn& property : properties) {
    Expr value;
    value.type = property.type;
    value.sql = or_default(property.type, property_sql(bare.sql, property.sql));
    bare.properties.emplace(property.name, std::move(value));
  }
  inner.variables[""] = std::move(bare);
  Scope inner_scope = scope;
  inner_scope.graph = &inner;
  inner_scope.can_stage = false;
  Expr value = bind(*call.arguments[1].value, inner_scope);
  Expr result;
  if (name == "map") {
    result.type = ScalarType::kDynamic;
    result.sql = "('[' || array_to_string(list_transform(" + list + ", lambda " + element +
                 ": coalesce(" + convert(value, ScalarType::kDynamic).sql +
                 ", 'null')), ',') || ']')";
    return result;
  }
  value = as_bool(value, *call.arguments[1].value, inner_scope);
  std::string flags =
      "list_transform(" + list + ", lambda " + element + ": coalesce(" + value.sql + ", FALSE))";
  result.type = ScalarType::kBool;
  result.sql = name == "all" ? "(NOT list_contains(" + flags + ", FALSE))"
                             : "list_contains(" + flags + ", TRUE)";
  return result;
}

// All nodes' properties by id, as one map.
std::string Binder::node_lookup(const Graph& graph) {
  std::string& name = node_lookups_[graph.nodes];
  if (name.empty()) {
    name = "m" + std::to_string(next_cte_++);
    add_cte({name,
             "SELECT map_from_entries(list(struct_pack(k := id, v := properties))) AS "
             "nodes FROM (SELECT id, "
             "first(properties) AS properties FROM " +
                 graph.nodes + " WHERE id IS NOT NULL GROUP BY id)"});
  }
  return name;
}

}  // namespace rivulet::kql
