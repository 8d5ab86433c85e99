#include "kql/syntax/parser_state.h"

namespace rivulet::kql {
namespace {
constexpr int64_t kMaxHops = 100;
}

MakeGraphOperator Parser::parse_make_graph() {
  MakeGraphOperator graph;
  parse_options({});
  graph.source = reader_.read_name("the column of the source node");
  reader_.expect("-");
  reader_.expect("-");
  reader_.expect(">");
  graph.target = reader_.read_name("the column of the target node");
  if (reader_.at("with_node_id") && reader_.peek(1).is("=")) {
    graph.node_id = parse_option().text;
  }
  if (reader_.accept("with")) {
    do {
      MakeGraphOperator::Nodes nodes;
      nodes.table = parse_table();
      reader_.expect("on");
      nodes.key = reader_.read_name("the column of the node");
      graph.nodes.push_back(std::move(nodes));
    } while (reader_.accept(","));
  }
  for (OperatorOption& option : parse_options({"with_node_id"})) {
    if (option.name == "with_node_id") graph.node_id = option.text;
  }
  if (reader_.accept_hyphenated("partitioned-by")) {
    graph.partitioned_by = reader_.read_name("the name of a column");
    reader_.expect("(");
    graph.partition_subquery = parse_operator_chain(false);
    reader_.expect(")");
  }
  return graph;
}

GraphPattern::Edge Parser::parse_graph_edge() {
  GraphPattern::Edge edge;
  bool is_backward = reader_.accept("<");
  reader_.expect("-");
  if (reader_.accept("[")) {
    if (reader_.at_name()) edge.name = reader_.read_name("the name of an edge");
    if (reader_.accept("*")) {
      edge.is_variable = true;
      edge.max_hops = kMaxHops;
      auto read_hops = [&](int64_t otherwise) {
        if (reader_.peek().kind != Token::Kind::kLiteral) return otherwise;
        const Position position = reader_.peek().position;
        Literal literal = reader_.read_literal("a number of hops");
        const auto* hops = std::get_if<int64_t>(&literal.value);
        if (hops == nullptr || *hops < 0 || *hops > kMaxHops) {
          reader_.fail("The number of hops must be between 0 and " + std::to_string(kMaxHops),
                       position);
        }
        return *hops;
      };
      edge.min_hops = read_hops(1);
      reader_.expect("..");
      edge.max_hops = read_hops(kMaxHops);
    }
    reader_.expect("]");
  }
  reader_.expect("-");
  bool is_forward = reader_.accept(">");
  using Direction = GraphPattern::Edge::Direction;
  edge.direction = is_forward == is_backward ? Direction::kAny
                   : is_forward              ? Direction::kForward
                                             : Direction::kBackward;
  return edge;
}

GraphPattern Parser::parse_graph_pattern() {
  GraphPattern pattern;
  for (;;) {
    reader_.expect("(");
    GraphPattern::Node node;
    if (reader_.at_name()) node.name = reader_.read_name("the name of a node");
    reader_.expect(")");
    pattern.nodes.push_back(std::move(node));
    if (!reader_.at("-") && !reader_.at("<")) return pattern;
    pattern.edges.push_back(parse_graph_edge());
  }
}

GraphMatchOperator Parser::parse_graph_match(bool is_shortest_paths) {
  GraphMatchOperator match;
  match.is_shortest_paths = is_shortest_paths;
  match.options = parse_options({"cycles", "output"});
  do {
    match.patterns.push_back(parse_graph_pattern());
  } while (reader_.accept(","));
  if (reader_.accept("where")) match.where = parse_expression();
  if (reader_.accept("project")) match.project = parse_named_list();
  return match;
}

GraphToTableOperator Parser::parse_graph_to_table() {
  GraphToTableOperator result;
  do {
    GraphToTableOperator::Output output;
    output.is_nodes = reader_.at("nodes");
    if (!output.is_nodes && !reader_.at("edges")) reader_.fail_expected("'nodes' or 'edges'");
    reader_.next();
    if (reader_.accept("as")) output.name = reader_.read_name("a name");
    output.options = parse_options({"with_node_id", "with_source_id", "with_target_id"});
    result.outputs.push_back(std::move(output));
  } while (reader_.accept(","));
  return result;
}

}  // namespace rivulet::kql
