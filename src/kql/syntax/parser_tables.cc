// Operators that name other tables: join and lookup, union, search, find.
#include "kql/syntax/parser_state.h"

namespace rivulet::kql {

JoinOperator Parser::parse_join(bool is_lookup) {
  JoinOperator join;
  join.is_lookup = is_lookup;
  join.options = parse_options({"kind", "withsource"});
  join.right = parse_table();
  if (reader_.at("hint") || reader_.at("kind")) {
    for (OperatorOption& option : parse_options({"kind"}))
      join.options.push_back(std::move(option));
  }
  reader_.expect("on");
  do {
    join.on.push_back(parse_expression());
  } while (reader_.accept(","));
  return join;
}

UnionOperator Parser::parse_union() {
  UnionOperator result;
  result.options = parse_options({"kind", "withsource", "with_source", "isfuzzy"});
  do {
    result.tables.push_back(parse_table());
  } while (reader_.accept(","));
  return result;
}

std::vector<ExpressionPtr> Parser::parse_table_list() {
  std::vector<ExpressionPtr> tables;
  reader_.expect("(");
  do {
    tables.push_back(parse_table());
  } while (reader_.accept(","));
  reader_.expect(")");
  return tables;
}

SearchOperator Parser::parse_search() {
  SearchOperator search;
  search.options = parse_options({"kind"});
  if (reader_.at("in") && reader_.peek(1).is("(")) {
    reader_.next();
    search.tables = parse_table_list();
  }
  in_search_ = true;
  search.predicate = parse_expression();
  in_search_ = false;
  return search;
}

FindOperator Parser::parse_find() {
  FindOperator find;
  find.options = parse_options({"withsource", "with_source", "datascope"});
  if (reader_.at("in") && reader_.peek(1).is("(")) {
    reader_.next();
    find.tables = parse_table_list();
  }
  reader_.accept("where");
  in_search_ = true;
  find.predicate = parse_expression();
  in_search_ = false;
  if (reader_.accept_hyphenated("project-smart")) {
    find.projects_smart = true;
  } else if (reader_.accept("project")) {
    find.projects = true;
    do {
      if ((reader_.at("pack") || reader_.at("pack_all")) && reader_.peek(1).is("(")) {
        reader_.next();
        reader_.next();
        reader_.accept("*");
        reader_.expect(")");
        find.packs_rest = true;
        continue;
      }
      ColumnDeclaration column;
      column.position = reader_.peek().position;
      column.name = reader_.read_name("the name of a column");
      bool has_type = reader_.accept(":");
      if (has_type) column.type = reader_.read_type();
      find.columns.push_back(std::move(column));
      find.column_has_type.push_back(has_type);
    } while (reader_.accept(","));
  }
  return find;
}

}  // namespace rivulet::kql
