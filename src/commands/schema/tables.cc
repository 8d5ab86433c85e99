// .create, .create-merge, .alter, .alter-merge, .rename, .drop and .clear table(s).

#include <map>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/operation_action.h"
#include "commands/rows.h"
#include "commands/schema.h"
#include "commands/text.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

using catalog::Change;
using catalog::PutTable;
using catalog::Table;

struct TableSpec {
  std::string name;
  std::vector<ColumnSpec> columns;
};

Properties documentation(CommandReader& reader) {
  Properties properties = reader.properties();
  properties.check_known({"docstring", "folder"});
  return properties;
}

// Changes one table of the newest catalog by `change`, and answers with its schema.
Action change_table(CommandContext& context, TableName name,
                    std::function<void(const Catalog&, Table&)> change) {
  return [&services = context.services, name = std::move(name), change = std::move(change)] {
    CatalogPtr after = commit(services, [&](const Catalog& catalog) -> Changes {
      Table table = *need_table(catalog, name.database, name.table);
      change(catalog, table);
      return {PutTable{std::move(table)}};
    });
    return schema_json_answer(*need_table(*after, name.database, name.table), name.database);
  };
}

// Creates the tables that are not there; `merges` adds missing columns to those that are.
Changes create(const Catalog& catalog, const std::string& database_name,
               const std::vector<TableSpec>& specs, const Properties& properties, bool merges) {
  auto database = need_database(catalog, database_name);
  std::shared_ptr<const Catalog> latest;  // with the tables that this command made so far
  const Catalog* current = &catalog;
  Changes changes;
  for (const TableSpec& spec : specs) {
    auto existing = current->find_database(database->id)->find_table(spec.name);
    if (existing != nullptr && !merges) continue;
    Table table =
        existing != nullptr ? *existing : new_table(*current, *database, spec.name, spec.columns);
    if (existing != nullptr) merge_columns(table, spec.columns);
    set_documentation(table, properties);
    changes.push_back(PutTable{std::move(table)});
    if (specs.size() > 1) {
      latest = current->apply(changes.back());
      current = latest.get();
    }
  }
  return changes;
}

Action create_one(CommandContext& context, bool merges) {
  TableName name = table_name(context, context.names[0]);
  std::vector<ColumnSpec> columns = context.reader.column_list();
  return
      [&services = context.services, name, merges, spec = TableSpec{name.table, std::move(columns)},
       properties = documentation(context.reader)] {
        CatalogPtr after = commit(services, [&](const Catalog& catalog) {
          return create(catalog, name.database, {spec}, properties, merges);
        });
        return schema_json_answer(*need_table(*after, name.database, name.table), name.database);
      };
}

Action create_table(CommandContext& context) {
  return create_one(context, false);
}
Action create_merge_table(CommandContext& context) {
  return create_one(context, true);
}

Action create_many(CommandContext& context, bool merges) {
  CommandReader& reader = context.reader;
  std::vector<TableSpec> specs;
  do {
    TableSpec spec;
    spec.name = reader.name("the name of a table");
    spec.columns = reader.column_list();
    specs.push_back(std::move(spec));
  } while (reader.try_symbol(","));
  return [&services = context.services, database = context.request.database, merges,
          specs = std::move(specs), properties = documentation(reader)] {
    CatalogPtr after = commit(services, [&](const Catalog& catalog) {
      return create(catalog, database, specs, properties, merges);
    });
    ResultTable answer = tables_answer();
    for (const TableSpec& spec : specs) {
      append_tables_row(answer, *need_table(*after, database, spec.name), database);
    }
    return answer;
  };
}

Action create_tables(CommandContext& context) {
  return create_many(context, false);
}
Action create_merge_tables(CommandContext& context) {
  return create_many(context, true);
}

Action create_table_based_on(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  std::string source_name = plain_name(context.names[1], "table");
  bool if_not_exists = context.reader.try_word("ifnotexists");
  return [&services = context.services, name, source_name, if_not_exists,
          properties = documentation(context.reader)] {
    CatalogPtr after = commit(services, [&](const Catalog& catalog) -> Changes {
      auto database = need_database(catalog, name.database);
      if (database->find_table(name.table) != nullptr) {
        if (if_not_exists) return {};
        throw entity_already_exists("Table", name.table);
      }
      Table table = *need_table(catalog, name.database, source_name);
      check_entity_name("table", name.table);
      table.id = catalog.next_table_id();
      table.guid = new_guid();
      table.name = name.table;
      table.docstring = "Created based on " + source_name;
      table.policies.erase("update");
      set_documentation(table, properties);
      return {PutTable{std::move(table)}};
    });
    return schema_json_answer(*need_table(*after, name.database, name.table), name.database);
  };
}

Action alter_columns(CommandContext& context, bool merges) {
  TableName name = table_name(context, context.names[0]);
  std::vector<ColumnSpec> columns = context.reader.column_list();
  Properties properties = documentation(context.reader);
  return change_table(context, std::move(name), [=](const Catalog&, Table& table) {
    merges ? merge_columns(table, columns) : set_columns(table, columns);
    set_documentation(table, properties);
  });
}

Action alter_table(CommandContext& context) {
  return alter_columns(context, false);
}
Action alter_merge_table(CommandContext& context) {
  return alter_columns(context, true);
}

Action alter_docstring(CommandContext& context) {
  std::string text = context.reader.string_literal("the text of the docstring");
  return change_table(context, table_name(context, context.names[0]),
                      [text](const Catalog&, Table& table) { table.docstring = text; });
}

Action alter_folder(CommandContext& context) {
  std::string text = context.reader.string_literal("the name of the folder");
  return change_table(context, table_name(context, context.names[0]),
                      [text](const Catalog&, Table& table) { table.folder = text; });
}

struct Renaming {
  std::string from;
  std::string to;
  bool if_exists = false;
};

// Renames all at once: the new names may be old names of one another.
Changes rename(const Catalog& catalog, const std::string& database_name,
               const std::vector<Renaming>& renamings) {
  auto database = need_database(catalog, database_name);
  std::vector<std::pair<std::shared_ptr<const Table>, std::string>> moves;
  std::map<std::string, int> leaving;
  std::map<std::string, int> arriving;
  for (const Renaming& renaming : renamings) {
    auto table = database->find_table(renaming.from);
    if (table == nullptr) {
      if (renaming.if_exists) continue;
      throw table_not_found(renaming.from, database_name);
    }
    check_entity_name("table", renaming.to);
    if (++leaving[renaming.from] > 1)
      throw bad_request("Table '" + renaming.from + "' is renamed twice");
    if (++arriving[renaming.to] > 1)
      throw bad_request("Two tables would be named '" + renaming.to + "'");
    moves.emplace_back(std::move(table), renaming.to);
  }
  Changes changes;
  for (const auto& [table, to] : moves) {
    if (database->find_table(to) == nullptr) continue;
    if (!leaving.contains(to)) throw entity_already_exists("Table", to);
    // Out of the way first, under a name that no user can give.
    Table parked = *database->find_table(to);
    parked.name = "\x01" + to;
    changes.push_back(PutTable{std::move(parked)});
  }
  for (const auto& [table, to] : moves) {
    Table renamed = *table;
    renamed.name = to;
    changes.push_back(PutTable{std::move(renamed)});
  }
  return changes;
}

Action rename_all(CommandContext& context, std::vector<Renaming> renamings) {
  return [&services = context.services, database = context.request.database,
          renamings = std::move(renamings)] {
    CatalogPtr after = commit(
        services, [&](const Catalog& catalog) { return rename(catalog, database, renamings); });
    ResultTable answer = tables_answer();
    for (const Renaming& renaming : renamings) {
      auto table = need_database(*after, database)->find_table(renaming.to);
      if (table != nullptr) append_tables_row(answer, *table, database);
    }
    return answer;
  };
}

Action rename_table(CommandContext& context) {
  Renaming renaming;
  renaming.from = plain_name(context.names[0], "table");
  renaming.to = context.reader.name("the new name of the table");
  Properties properties = context.reader.properties();
  properties.check_known({"updateMaterializedViews"});
  return rename_all(context, {std::move(renaming)});
}

Action rename_tables(CommandContext& context) {
  std::vector<Renaming> renamings;
  do {
    Renaming renaming;
    renaming.to = context.reader.name("the new name of a table");
    context.reader.expect_symbol("=");
    renaming.from = context.reader.name("the name of a table");
    renaming.if_exists = context.reader.try_word("ifexists");
    renamings.push_back(std::move(renaming));
  } while (context.reader.try_symbol(","));
  return rename_all(context, std::move(renamings));
}

Action drop(CommandContext& context, std::string database, std::vector<std::string> names) {
  bool if_exists = context.reader.try_word("ifexists");
  context.reader.try_word("skip-seal");
  return [&services = context.services, database = std::move(database), names = std::move(names),
          if_exists] {
    CatalogPtr after = commit(services, [&](const Catalog& catalog) {
      auto from = need_database(catalog, database);
      Changes changes;
      for (const std::string& name : names) {
        auto table = from->find_table(name);
        if (table == nullptr && !if_exists) throw table_not_found(name, database);
        if (table == nullptr) continue;
        changes.push_back(catalog::DropTable{table->id});
      }
      return changes;
    });
    ResultTable answer =
        make_answer({{"TableName", ScalarType::kString}, {"DatabaseName", ScalarType::kString}});
    for (const auto& table : need_database(*after, database)->tables()) {
      append_row(answer, {table->name, database});
    }
    return answer;
  };
}

Action drop_table(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  return drop(context, name.database, {name.table});
}

Action drop_tables(CommandContext& context) {
  return drop(context, context.request.database, context.lists[0]);
}

template <bool kIsAsync>
Action clear_table_data(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  auto work = [&services = context.services, name] {
    auto table = need_table(*services.store.catalog(), name.database, name.table);
    store::Transaction transaction;
    transaction.clear = {table->id};
    transaction.alter = [&](const Catalog& catalog) -> Changes {
      if (catalog.find_table(table->id) == nullptr)
        throw table_not_found(name.table, name.database);
      return {};
    };
    services.store.commit(std::move(transaction));
    ResultTable answer = make_answer({{"Status", ScalarType::kString}});
    append_row(answer, {"Succeeded"});
    return answer;
  };
  return operation_action(context, "TableDataClear", name, kIsAsync, std::move(work));
}

constexpr CommandForm kForms[] = {
    {"create table <name>", "TableCreate", true, create_table},
    {"create table <name> based-on <name>", "TableCreate", true, create_table_based_on},
    {"create tables", "TablesCreate", true, create_tables},
    {"create-merge table <name>", "TableCreateMerge", true, create_merge_table},
    {"create-merge tables", "TablesCreateMerge", true, create_merge_tables},
    {"alter table <name>", "TableAlter", true, alter_table},
    {"alter-merge table <name>", "TableAlterMerge", true, alter_merge_table},
    {"alter table <name> docstring", "TableAlterDocString", true, alter_docstring},
    {"alter table <name> folder", "TableAlterFolder", true, alter_folder},
    {"rename table <name> to", "TableRename", true, rename_table},
    {"rename tables", "TablesRename", true, rename_tables},
    {"drop table <name>", "TableDrop", true, drop_table},
    {"drop tables <names>", "TablesDrop", true, drop_tables},
    {"clear table <name> data", "TableDataClear", true, clear_table_data<false>},
    {"clear async table <name> data", "TableDataClear", true, clear_table_data<true>},
};

}  // namespace

Forms table_forms() {
  return kForms;
}

}  // namespace rivulet::commands
