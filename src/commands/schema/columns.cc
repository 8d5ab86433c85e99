// .alter, .rename and .drop column(s), and the docstrings of columns.

#include <algorithm>
#include <map>
#include <unordered_set>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/schema.h"
#include "commands/text.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

using catalog::ColumnDef;
using catalog::PutTable;
using catalog::Table;

struct ColumnPath {
  TableName table;
  std::string column;
};

// "T.c", or "db.T.c".
ColumnPath column_path(const CommandContext& context, const EntityName& name) {
  if (name.is_wildcard || name.parts.size() < 2 || name.parts.size() > 3) {
    throw bad_request("A column is named with its table: table.column, or database.table.column");
  }
  ColumnPath path;
  path.column = name.parts.back();
  path.table.table = name.parts[name.parts.size() - 2];
  path.table.database = name.parts.size() == 3 ? name.parts[0] : context.request.database;
  return path;
}

// Where it stands in the table.
size_t need_column(const Table& table, const std::string& name) {
  auto found = std::ranges::find(table.columns, name, &ColumnDef::name);
  if (found == table.columns.end()) throw entity_not_found("Column", table.name + "." + name);
  return static_cast<size_t>(found - table.columns.begin());
}

// EntityName, DataType, Policy of the columns.
ResultTable columns_answer(const Catalog& catalog, const TableName& name,
                           const std::vector<std::string>& columns) {
  ResultTable answer = make_answer({{"EntityName", ScalarType::kString},
                                    {"DataType", ScalarType::kString},
                                    {"Policy", ScalarType::kString}});
  auto table = need_table(catalog, name.database, name.table);
  for (const std::string& column_name : columns) {
    const ColumnDef* column = table->find_column(column_name);
    if (column == nullptr) continue;
    append_row(answer, {"[" + name.database + "].[" + name.table + "].[" + column->name + "]",
                        std::string(clr_name(column->type)), ""});
  }
  return answer;
}

CatalogPtr commit_table(const Services& services, const TableName& name,
                        const std::function<void(Table&)>& change) {
  return commit(services, [&](const Catalog& catalog) -> Changes {
    Table table = *need_table(catalog, name.database, name.table);
    change(table);
    return {PutTable{std::move(table)}};
  });
}

Action alter_column_type(CommandContext& context) {
  ColumnPath path = column_path(context, context.names[0]);
  context.reader.expect_symbol("=");
  ScalarType type = context.reader.scalar_type();
  return [&services = context.services, path, type] {
    CatalogPtr after = commit_table(services, path.table, [&](Table& table) {
      size_t index = need_column(table, path.column);
      if (table.columns[index].type == type) return;
      ColumnDef& column = table.columns.edit()[index];
      // A new id: the values of the old type are not seen any more, as documented.
      column.id = table.next_column_id++;
      column.type = type;
    });
    return columns_answer(*after, path.table, {path.column});
  };
}

struct Renaming {
  std::string from;
  std::string to;
};

void rename(Table& table, const std::vector<Renaming>& renamings) {
  std::map<std::string, std::string> new_names;
  for (const Renaming& renaming : renamings) {
    need_column(table, renaming.from);
    check_entity_name("column", renaming.to);
    if (!new_names.emplace(renaming.from, renaming.to).second) {
      throw bad_request("Column '" + renaming.from + "' is renamed twice");
    }
  }
  for (ColumnDef& column : table.columns.edit()) {
    auto found = new_names.find(column.name);
    if (found != new_names.end()) column.name = found->second;
  }
  for (const Renaming& renaming : renamings) {
    if (std::ranges::count(table.columns, renaming.to, &ColumnDef::name) > 1) {
      throw entity_already_exists("Column", table.name + "." + renaming.to);
    }
  }
}

Action rename_all(CommandContext& context, TableName table, std::vector<Renaming> renamings) {
  return
      [&services = context.services, table = std::move(table), renamings = std::move(renamings)] {
        CatalogPtr after =
            commit_table(services, table, [&](Table& changed) { rename(changed, renamings); });
        std::vector<std::string> names;
        for (const Renaming& renaming : renamings) names.push_back(renaming.to);
        return columns_answer(*after, table, names);
      };
}

Action rename_column(CommandContext& context) {
  ColumnPath path = column_path(context, context.names[0]);
  std::string to = context.reader.name("the new name of the column");
  return rename_all(context, path.table, {{path.column, std::move(to)}});
}

Action rename_columns(CommandContext& context) {
  std::vector<Renaming> renamings;
  std::optional<TableName> table;
  do {
    Renaming renaming;
    renaming.to = context.reader.name("the new name of a column");
    context.reader.expect_symbol("=");
    ColumnPath path = column_path(context, context.reader.entity_name("the name of a column"));
    renaming.from = path.column;
    if (table && (table->table != path.table.table || table->database != path.table.database)) {
      throw bad_request("'.rename columns' renames columns of one table only");
    }
    table = path.table;
    renamings.push_back(std::move(renaming));
  } while (context.reader.try_symbol(","));
  return rename_all(context, *table, std::move(renamings));
}

Action drop(CommandContext& context, TableName name, std::vector<std::string> columns) {
  bool if_exists = context.reader.try_word("ifexists");
  return [&services = context.services, name = std::move(name), columns = std::move(columns),
          if_exists] {
    CatalogPtr after = commit_table(services, name, [&](Table& table) {
      std::unordered_set<std::string_view> present;
      for (const ColumnDef& def : table.columns) present.insert(def.name);
      std::unordered_set<std::string_view> dropped;
      for (const std::string& column : columns) {
        if (present.contains(column)) {
          dropped.insert(column);
        } else if (!if_exists) {
          need_column(table, column);
        }
      }
      std::erase_if(table.columns.edit(),
                    [&](const ColumnDef& def) { return dropped.contains(def.name); });
      if (table.columns.empty()) {
        throw bad_request("Table '" + table.name + "' must keep at least one column");
      }
    });
    return schema_json_answer(*need_table(*after, name.database, name.table), name.database);
  };
}

Action drop_column(CommandContext& context) {
  ColumnPath path = column_path(context, context.names[0]);
  return drop(context, path.table, {path.column});
}

Action drop_columns(CommandContext& context) {
  return drop(context, table_name(context, context.names[0]), context.lists[0]);
}

Action alter_docstrings(CommandContext& context, bool merges) {
  TableName name = table_name(context, context.names[0]);
  std::vector<std::pair<std::string, std::string>> docstrings;
  context.reader.expect_symbol("(");
  do {
    std::string column = context.reader.name("the name of a column");
    context.reader.expect_symbol(":");
    docstrings.emplace_back(std::move(column),
                            context.reader.string_literal("the text of the docstring"));
  } while (context.reader.try_symbol(","));
  context.reader.expect_symbol(")");
  return [&services = context.services, name, docstrings = std::move(docstrings), merges] {
    CatalogPtr after = commit_table(services, name, [&](Table& table) {
      std::vector<ColumnDef>& columns = table.columns.edit();
      if (!merges) {
        for (ColumnDef& column : columns) column.docstring.clear();
      }
      for (const auto& [column, text] : docstrings) {
        columns[need_column(table, column)].docstring = text;
      }
    });
    return schema_json_answer(*need_table(*after, name.database, name.table), name.database);
  };
}

Action alter_column_docstrings(CommandContext& context) {
  return alter_docstrings(context, false);
}
Action merge_column_docstrings(CommandContext& context) {
  return alter_docstrings(context, true);
}

Action add_columns(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  std::vector<ColumnSpec> columns = context.reader.column_list();
  return [&services = context.services, name, columns = std::move(columns)] {
    CatalogPtr after = commit_table(services, name, [&](Table& table) {
      for (const ColumnSpec& column : columns) {
        if (table.find_column(column.name) != nullptr) {
          throw entity_already_exists("Column", table.name + "." + column.name);
        }
      }
      merge_columns(table, columns);
    });
    return schema_json_answer(*need_table(*after, name.database, name.table), name.database);
  };
}

constexpr CommandForm kForms[] = {
    {"alter column <name> type", "ColumnTypeAlter", true, alter_column_type},
    {"rename column <name> to", "ColumnRename", true, rename_column},
    {"rename columns", "ColumnsRename", true, rename_columns},
    {"drop column <name>", "ColumnDrop", true, drop_column},
    {"drop table <name> columns <names>", "ColumnsDrop", true, drop_columns},
    {"add table <name> columns", "ColumnsAdd", true, add_columns},
    {"alter table <name> column-docstrings", "ColumnDocStringsAlter", true,
     alter_column_docstrings},
    {"alter-merge table <name> column-docstrings", "ColumnDocStringsAlterMerge", true,
     merge_column_docstrings},
};

}  // namespace

Forms column_forms() {
  return kForms;
}

}  // namespace rivulet::commands
