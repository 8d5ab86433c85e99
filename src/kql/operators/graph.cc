#include "kql/sql/graph.h"

#include <algorithm>

#include "common/error.h"
#include "kql/bind/binder.h"
#include "kql/bind/graph_scope.h"

// make-graph, graph-to-table and graph-mark-components. See graph.h for how a graph is held.
namespace rivulet::kql {
namespace {

std::string struct_of(const std::vector<RelationColumn>& columns, const std::string& extra = "") {
  std::string fields = extra;
  for (const RelationColumn& column : columns) {
    fields += (fields.empty() ? "" : ", ") + column.sql + " := " + column.sql;
  }
  return "struct_pack(" + (fields.empty() ? "unused := 1" : fields) + ")";
}

}  // namespace

Relation Binder::apply(const MakeGraphOperator& make, Relation input,
                       const Environment* environment) {
  if (make.partition_subquery) throw not_supported("make-graph partitioned-by");
  Graph graph;
  separate_columns(input);
  const RelationColumn* source = input.find(make.source);
  const RelationColumn* target = input.find(make.target);
  if (source == nullptr) fail_column(make.source);
  if (target == nullptr) fail_column(make.target);
  std::string source_sql = source->sql;
  std::string target_sql = target->sql;
  ScalarType id_type = source->type;
  if (target->type != id_type) {
    throw operator_error("SEM0003", "The columns of source and target must be of the same type");
  }
  graph.edge_properties = input.columns;
  std::string order = input.order.empty() ? "" : "ORDER BY " + input.order_by();

  // Edges: where they start and end, a number, and their properties.
  graph.edges = "m" + std::to_string(next_cte_++);
  add_cte({graph.edges, "SELECT " + source_sql + " AS source, " + target_sql +
                            " AS target, row_number() OVER (" + order + ") AS id, " +
                            struct_of(input.columns) + " AS properties FROM " + input.from});

  // Nodes: from their tables, and those that only edges name.
  Relation nodes;
  std::string id = new_name();
  if (make.nodes.empty()) {
    std::string name = make.node_id.empty() ? "node_id" : make.node_id;
    nodes.columns = {{name, id_type, id}};
    nodes.from = "(SELECT NULL AS " + id + " WHERE FALSE)";
    nodes.columns[0].sql = id;
  } else {
    std::vector<Relation> tables;
    for (const MakeGraphOperator::Nodes& given : make.nodes) {
      Relation table = bind_table(*given.table, environment);
      const RelationColumn* key = table.find(given.key);
      if (key == nullptr) fail_column(given.key);
      if (key->type != id_type)
        throw operator_error("SEM0003", "The keys of nodes and edges must be of the same type");
      if (!make.node_id.empty() && make.node_id != given.key) {
        RelationColumn renamed = *key;
        renamed.name = make.node_id;
        table.columns.push_back(renamed);
      }
      tables.push_back(std::move(table));
    }
    std::string key_name = make.node_id.empty() ? make.nodes.front().key : make.node_id;
    bool is_one = tables.size() == 1;
    nodes = is_one ? std::move(tables.front()) : union_all(std::move(tables), false, "");
    separate_columns(nodes);
    const RelationColumn* key =
        nodes.find(is_one && make.node_id.empty() ? make.nodes.front().key : key_name);
    if (key == nullptr) fail_column(key_name);
    id = key->sql;
  }
  graph.node_properties = nodes.columns;
  graph.node_id_type = id_type;
  std::string ordinal =
      nodes.order.empty() ? "0" : "row_number() OVER (ORDER BY " + nodes.order_by() + ")";
  std::string list = id + " AS id";
  std::string missing = "e.id AS id";
  for (const RelationColumn& column : nodes.columns) {
    list += ", " + column.sql + " AS p_" + column.sql;
    bool is_key = column.sql == id;
    missing += is_key                               ? ", e.id"
               : column.type == ScalarType::kString ? ", ''"
                                                    : ", " + literal_sql({column.type, {}});
  }
  // An edge's ends that are no node yet.
  std::string known = "m" + std::to_string(next_cte_++);
  add_cte({known, "SELECT " + list + ", " + ordinal + "::BIGINT AS ordinal FROM " + nodes.from});
  std::string ends = "SELECT source AS id, id * 2 AS ordinal FROM " + graph.edges +
                     " UNION ALL SELECT target, id * 2 + 1 FROM " + graph.edges;
  std::string every =
      "SELECT * FROM " + known + " UNION ALL SELECT " + missing +
      ", e.ordinal + 4611686018427387904 FROM (SELECT id, min(ordinal) AS ordinal FROM (" + ends +
      ") WHERE id IS NOT NULL GROUP BY id) e WHERE NOT EXISTS (SELECT 1 FROM " + known +
      " k WHERE k.id = e.id)";
  std::string fields;
  for (const RelationColumn& column : nodes.columns) {
    fields += (fields.empty() ? "" : ", ") + column.sql + " := p_" + column.sql;
  }
  fields += ", degree_in := (coalesce(i.n, 0))::BIGINT, degree_out := (coalesce(o.n, 0))::BIGINT";
  graph.nodes = "m" + std::to_string(next_cte_++);
  add_cte(
      {graph.nodes,
       "SELECT a.id AS id, struct_pack(" + fields + ") AS properties, a.ordinal AS ordinal FROM (" +
           every + ") a LEFT JOIN (SELECT target AS id, count(*) AS n FROM " + graph.edges +
           " GROUP BY ALL) i ON i.id = a.id LEFT JOIN (SELECT source AS id, count(*) AS n FROM " +
           graph.edges + " GROUP BY ALL) o ON o.id = a.id"});
  Relation result;
  result.graph = static_cast<int>(graphs_.size());
  graphs_.push_back(std::move(graph));
  return result;
}

Relation Binder::apply(const GraphToTableOperator& to_table, Relation input, const Environment*) {
  const Graph graph = graphs_[static_cast<size_t>(input.graph)];
  if (to_table.outputs.size() != 1) throw not_supported("graph-to-table of several tables");
  const GraphToTableOperator::Output& output = to_table.outputs.front();
  Relation result;
  std::string list;
  auto add_id = [&](std::string_view option_name, const std::string& sql) {
    for (const OperatorOption& option : output.options) {
      if (option.name != option_name) continue;
      RelationColumn added = column(option.text, ScalarType::kLong);
      list += (list.empty() ? "" : ", ") + ("(hash(" + sql + ") >> 1)::BIGINT AS ") + added.sql;
      result.columns.push_back(std::move(added));
    }
  };
  const std::vector<RelationColumn>& properties =
      output.is_nodes ? graph.node_properties : graph.edge_properties;
  if (output.is_nodes) {
    add_id("with_node_id", "id");
  } else {
    add_id("with_source_id", "source");
    add_id("with_target_id", "target");
  }
  for (const RelationColumn& property : properties) {
    RelationColumn added = column(unique_name(result.columns, property.name), property.type);
    list += (list.empty() ? "" : ", ") +
            ("struct_extract(properties, '" + property.sql + "') AS " + added.sql);
    result.columns.push_back(std::move(added));
  }
  std::string ordinal = new_name();
  list += (list.empty() ? "" : ", ") + ((output.is_nodes ? "ordinal AS " : "id AS ") + ordinal);
  result.from = "(SELECT " + list + " FROM " + (output.is_nodes ? graph.nodes : graph.edges) + ")";
  result.order = {{ordinal, false, true}};
  return result;
}

// Gives every node the number of its component: of nodes that edges join (weak), or that reach each other
// along them (strong). Numbers follow the order of the nodes.
Relation Binder::apply(const GraphMarkComponentsOperator& mark, Relation input,
                       const Environment*) {
  Graph graph = graphs_[static_cast<size_t>(input.graph)];
  bool is_strong = false;
  std::string name = "ComponentId";
  for (const OperatorOption& option : mark.options) {
    if (option.name == "with_component_id") name = option.text;
    if (option.name == "kind") {
      if (option.text != "weak" && option.text != "strong") {
        throw operator_error("SEM0003", "'" + option.text + "' is not a kind of component");
      }
      is_strong = option.text == "strong";
    }
  }
  std::string reach = "m" + std::to_string(next_cte_++);
  std::string steps = "SELECT source AS a, target AS b FROM " + graph.edges;
  if (!is_strong) steps += " UNION SELECT target, source FROM " + graph.edges;
  add_cte({reach,
           "SELECT id AS a, id AS b FROM " + graph.nodes + " UNION SELECT r.a, e.b FROM " + reach +
               " r JOIN (" + steps + ") e ON r.b = e.a",
           true});
  std::string together = is_strong ? "SELECT x.a AS a, x.b AS b FROM " + reach + " x JOIN " +
                                         reach + " y ON x.a = y.b AND x.b = y.a"
                                   : "SELECT a, b FROM " + reach;
  // Of each node, the first node of its component.
  std::string first = "SELECT t.a AS id, min(n.rank) AS first FROM (" + together +
                      ") t JOIN (SELECT id, row_number() OVER (ORDER BY " +
                      "ordinal, id) AS rank FROM " + graph.nodes + ") n ON n.id = t.b GROUP BY t.a";
  std::string marked = "m" + std::to_string(next_cte_++);
  RelationColumn component = column(name, ScalarType::kLong);
  std::string fields;
  for (const RelationColumn& property : graph.node_properties) {
    fields += property.sql + " := struct_extract(n.properties, '" + property.sql + "'), ";
  }
  fields +=
      "degree_in := struct_extract(n.properties, 'degree_in'), degree_out := "
      "struct_extract(n.properties, 'degree_out'), " +
      component.sql + " := (dense_rank() OVER (ORDER BY f.first) - 1)::BIGINT";
  add_cte({marked, "SELECT n.id AS id, struct_pack(" + fields +
                       ") AS properties, n.ordinal AS ordinal FROM " + graph.nodes + " n JOIN (" +
                       first + ") f ON f.id = n.id"});
  graph.nodes = marked;
  std::erase_if(graph.node_properties,
                [&](const RelationColumn& property) { return property.name == name; });
  graph.node_properties.push_back(std::move(component));
  Relation result;
  result.graph = static_cast<int>(graphs_.size());
  graphs_.push_back(std::move(graph));
  return result;
}

}  // namespace rivulet::kql
