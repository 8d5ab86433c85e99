// .show tables, .show table, and schemas of tables and databases as rows, KQL or JSON.

#include <algorithm>
#include <array>

#include "catalog/policies/effective.h"
#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/function_text.h"
#include "commands/json_object.h"
#include "commands/rows.h"
#include "commands/schema.h"
#include "commands/table_statistics.h"
#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

using catalog::Database;
using catalog::Table;
using DatabasePtr = std::shared_ptr<const Database>;
using TablePtr = std::shared_ptr<const Table>;

// The tables that the form listed, or all of the database.
std::vector<TablePtr> tables_of(const Database& database, const std::vector<std::string>& names) {
  if (names.empty()) return database.tables();
  std::vector<TablePtr> tables;
  for (const std::string& name : names) {
    auto table = database.find_table(name);
    if (table == nullptr) throw table_not_found(name, database.name);
    tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<std::string> listed(const CommandContext& context) {
  return context.lists.empty() ? std::vector<std::string>() : context.lists[0];
}

// Kusto hides some tables from a listing unless it is asked for them; here none is hidden.
void read_hidden(CommandReader& reader) {
  Properties properties = reader.properties();
  properties.check_known({"hidden", "IncludeHiddenTables"});
  properties.flag("hidden", false);
  properties.flag("IncludeHiddenTables", false);
}

Action show_tables(CommandContext& context) {
  read_hidden(context.reader);
  return
      [&services = context.services, database = context.request.database, names = listed(context)] {
        ResultTable answer = tables_answer();
        auto from = need_database(*services.store.catalog(), database);
        for (const TablePtr& table : tables_of(*from, names))
          append_tables_row(answer, *table, database);
        return answer;
      };
}

ResultTable details_answer() {
  constexpr auto kString = ScalarType::kString;
  constexpr auto kLong = ScalarType::kLong;
  constexpr auto kReal = ScalarType::kReal;
  return make_answer({{"TableName", kString},
                      {"DatabaseName", kString},
                      {"Folder", kString},
                      {"DocString", kString},
                      {"TotalExtents", kLong},
                      {"TotalExtentSize", kReal},
                      {"TotalOriginalSize", kReal},
                      {"TotalRowCount", kLong},
                      {"HotExtents", kLong},
                      {"HotExtentSize", kReal},
                      {"HotOriginalSize", kReal},
                      {"HotRowCount", kLong},
                      {"AuthorizedPrincipals", kString},
                      {"RetentionPolicy", kString},
                      {"CachingPolicy", kString},
                      {"ShardingPolicy", kString},
                      {"MergePolicy", kString},
                      {"StreamingIngestionPolicy", kString},
                      {"IngestionBatchingPolicy", kString},
                      {"MinExtentsCreationTime", ScalarType::kDateTime},
                      {"MaxExtentsCreationTime", ScalarType::kDateTime},
                      {"RowOrderPolicy", kString},
                      {"TableId", ScalarType::kGuid}});
}

ResultTable details(const Services& services, const TableName& name,
                    const std::vector<std::string>& names) {
  // Catalog and data from one moment, for tables that may be dropped meanwhile.
  auto catalog = services.store.catalog();
  auto database = need_database(*catalog, name.database);
  std::vector<TablePtr> tables = tables_of(*database, names);
  std::vector<catalog::TableId> ids;
  for (const TablePtr& table : tables) ids.push_back(table->id);
  auto snapshot = services.store.snapshot(ids);
  ResultTable answer = details_answer();
  for (const TablePtr& table : tables) {
    auto data = snapshot->table(table->id);
    if (data == nullptr) continue;
    TableStatistics s = statistics_of(*data);
    auto policy = [&](std::string_view policy_name) -> Cell {
      std::string text = catalog::effective_policy(*catalog, *table, policy_name);
      return text.empty() ? Cell() : Cell(text);
    };
    auto time = [&](Ticks ticks) { return s.extent_count == 0 ? Cell() : Cell(ticks); };
    // All data is on the local disk: everything is hot.
    append_row(answer, {table->name,
                        database->name,
                        table->folder,
                        table->docstring,
                        s.extent_count,
                        s.extent_bytes,
                        s.original_bytes,
                        s.row_count,
                        s.extent_count,
                        s.extent_bytes,
                        s.original_bytes,
                        s.row_count,
                        "[]",
                        policy("retention"),
                        policy("caching"),
                        policy("sharding"),
                        policy("merge"),
                        policy("streamingingestion"),
                        policy("ingestionbatching"),
                        time(s.min_extent_time),
                        time(s.max_extent_time),
                        policy("roworder"),
                        table->guid});
  }
  return answer;
}

Action show_tables_details(CommandContext& context) {
  read_hidden(context.reader);
  return
      [&services = context.services, database = context.request.database, names = listed(context)] {
        return details(services, {database, ""}, names);
      };
}

Action show_table_details(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  return [&services = context.services, name] { return details(services, name, {name.table}); };
}

// The name of a type as `.show table` gives it.
std::string_view attribute_type(ScalarType type) {
  switch (type) {
    case ScalarType::kBool:
      return "I8";
    case ScalarType::kInt:
      return "I32";
    case ScalarType::kLong:
      return "I64";
    case ScalarType::kReal:
      return "R64";
    case ScalarType::kDecimal:
      return "Decimal";
    case ScalarType::kDateTime:
      return "DateTime";
    case ScalarType::kTimeSpan:
      return "TimeSpan";
    case ScalarType::kGuid:
      return "UniqueId";
    case ScalarType::kString:
      return "StringBuffer";
    case ScalarType::kDynamic:
      return "Dynamic";
  }
  return "";
}

Action show_table(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  return [&services = context.services, name] {
    ResultTable answer = make_answer({{"AttributeName", ScalarType::kString},
                                      {"AttributeType", ScalarType::kString},
                                      {"ExtentSize", ScalarType::kLong},
                                      {"CompressionRatio", ScalarType::kReal},
                                      {"IndexSize", ScalarType::kLong},
                                      {"IndexSizePercent", ScalarType::kReal},
                                      {"OriginalSize", ScalarType::kLong},
                                      {"AttributeId", ScalarType::kGuid},
                                      {"SharedIndexSize", ScalarType::kLong},
                                      {"StorageEngineVersion", ScalarType::kString}});
    auto table = need_table(*services.store.catalog(), name.database, name.table);
    for (const catalog::ColumnDef& column : table->columns) {
      // Columns are told apart within their table; the guid only has to say so too. Sizes are kept for
      // whole extents, not for columns.
      Guid id{table->guid.hi, table->guid.lo ^ column.id};
      append_row(answer, {column.name, std::string(attribute_type(column.type)), Cell(), Cell(),
                          Cell(), Cell(), Cell(), id, Cell(), "V3"});
    }
    return answer;
  };
}

Action show_table_schema(CommandContext& context, std::string (*text)(const Table&)) {
  TableName name = table_name(context, context.names[0]);
  return [&services = context.services, name, text] {
    ResultTable answer = schema_answer();
    auto table = need_table(*services.store.catalog(), name.database, name.table);
    append_schema_row(answer, *table, name.database, text(*table));
    return answer;
  };
}

Action show_table_csl(CommandContext& context) {
  return show_table_schema(context, schema_csl);
}
Action show_table_json(CommandContext& context) {
  if (context.reader.try_word("csl") || context.reader.try_word("kql"))
    return show_table_csl(context);
  context.reader.expect_word("json");
  return show_table_schema(context, schema_json);
}

// The databases that a command about schemas means.
std::vector<DatabasePtr> databases_of(const Catalog& catalog,
                                      const std::vector<std::string>& names) {
  if (names.empty()) return catalog.databases();
  std::vector<DatabasePtr> databases;
  for (const std::string& name : names) databases.push_back(need_database(catalog, name));
  return databases;
}

ResultTable schema_rows(const std::vector<DatabasePtr>& databases) {
  constexpr auto kString = ScalarType::kString;
  ResultTable answer = make_answer({{"DatabaseName", kString},
                                    {"TableName", kString},
                                    {"ColumnName", kString},
                                    {"ColumnType", kString},
                                    {"IsDefaultTable", ScalarType::kBool},
                                    {"IsDefaultColumn", ScalarType::kBool},
                                    {"PrettyName", kString},
                                    {"Version", kString},
                                    {"Folder", kString},
                                    {"DocString", kString}});
  for (const DatabasePtr& database : databases) {
    append_row(answer, {database->name, "", "", "", 0, 0, database->pretty_name,
                        std::string(kSchemaVersion), "", ""});
    for (const TablePtr& table : database->tables()) {
      append_row(answer, {database->name, table->name, "", "", 0, 0, "", "", table->folder,
                          table->docstring});
      for (const catalog::ColumnDef& column : table->columns) {
        append_row(answer,
                   {database->name, table->name, column.name, std::string(clr_name(column.type)), 0,
                    0, "", "", "", column.docstring});
      }
    }
  }
  return answer;
}

// Which kinds of entities a schema shows: all, unless the command names some as true.
struct Selection {
  bool tables = true;
  bool functions = true;

  explicit Selection(const Properties& properties) {
    constexpr std::array kKinds{"Tables", "ExternalTables", "MaterializedViews", "Functions"};
    properties.check_known({"Tables", "ExternalTables", "MaterializedViews", "Functions", "hidden",
                            "IncludeHiddenTables"});
    bool is_all = std::ranges::none_of(
        kKinds, [&](const char* kind) { return properties.find(kind).has_value(); });
    tables = properties.flag("Tables", is_all);
    functions = properties.flag("Functions", is_all);
  }
};

std::string database_json(const Database& database, const Selection& selection) {
  JsonObject tables;
  if (selection.tables) {
    for (const TablePtr& table : database.tables()) {
      std::string schema = schema_json(*table);
      JsonObject documented;
      documented.text("Name", table->name);
      documented.text("Folder", table->folder);
      documented.text("DocString", table->docstring);
      std::string columns = schema.substr(schema.find("\"OrderedColumns\":") + 17);
      documented.raw("OrderedColumns", columns.substr(0, columns.size() - 1));
      tables.raw(table->name, documented.end());
    }
  }
  JsonObject functions;
  if (selection.functions) {
    for (const auto& [name, function] : database.functions()) {
      // What a function gives is told by `.show function F schema as json` alone: it takes a call to know.
      functions.raw(name, function_json(function, "[]"));
    }
  }
  JsonObject json;
  json.text("Name", database.name);
  json.raw("Tables", tables.end());
  json.raw("ExternalTables", "{}");
  json.raw("MaterializedViews", "{}");
  json.raw("EntityGroups", "{}");
  json.raw("MajorVersion", "1");
  json.raw("MinorVersion", "1");
  json.raw("Functions", functions.end());
  json.text("DatabaseAccessMode", "ReadWrite");
  json.text("PrettyName", database.pretty_name);
  return json.end();
}

ResultTable schema_json_rows(const std::vector<DatabasePtr>& databases,
                             const Selection& selection) {
  JsonObject by_name;
  for (const DatabasePtr& database : databases) {
    by_name.raw(database->name, database_json(*database, selection));
  }
  JsonObject json;
  json.raw("Databases", by_name.end());
  ResultTable answer = make_answer({{"DatabaseSchema", ScalarType::kString}});
  append_row(answer, {json.end()});
  return answer;
}

std::string with_documentation(const std::string& folder, const std::string& docstring) {
  if (folder.empty() && docstring.empty()) return "";
  std::string clause = " with (";
  if (!folder.empty()) clause += "folder=" + quoted_string(folder);
  if (!docstring.empty())
    clause += (folder.empty() ? "docstring=" : ", docstring=") + quoted_string(docstring);
  return clause + ")";
}

// Commands that make a copy of the database, one a row.
ResultTable schema_script(const Database& database, bool with_mappings) {
  ResultTable answer = make_answer({{"DatabaseSchemaScript", ScalarType::kString}});
  auto add = [&](std::string command) { append_row(answer, {std::move(command)}); };
  auto add_policies = [&](const catalog::Policies& policies, const std::string& entity) {
    for (const auto& [name, text] : policies) {
      if (name == "caching" || name == "ingestiontime") continue;  // their commands take no JSON
      add(".alter " + entity + " policy " + name + " " + quoted_string(text));
    }
  };
  auto add_mappings = [&](const std::vector<catalog::IngestionMapping>& mappings,
                          const std::string& entity) {
    if (!with_mappings) return;
    for (const catalog::IngestionMapping& mapping : mappings) {
      add(".create-or-alter " + entity + " ingestion " + mapping.kind + " mapping " +
          quoted_string(mapping.name) + " " + quoted_string(mapping.text));
    }
  };
  for (const TablePtr& table : database.tables()) {
    std::string entity = "table " + quoted_name(table->name);
    add(".create-merge " + entity + " (" + schema_csl(*table) + ")" +
        with_documentation(table->folder, table->docstring));
    add_policies(table->policies, entity);
    add_mappings(table->mappings, entity);
  }
  add_policies(database.policies, "database " + quoted_name(database.name));
  add_mappings(database.mappings, "database " + quoted_name(database.name));
  for (const auto& [name, function] : database.functions()) {
    add(".create-or-alter function" + with_documentation(function.folder, function.docstring) +
        " " + quoted_name(name) + function.parameters + " " + function.body);
  }
  return answer;
}

// What follows "schema": details, a version, and the form.
Action schema_of(CommandContext& context, std::vector<std::string> names) {
  CommandReader& reader = context.reader;
  reader.try_word("details");
  if (reader.at_word("if_later_than"))
    throw not_supported("if_later_than: versions are not counted");
  if (!reader.try_word("as")) {
    return [&services = context.services, names = std::move(names)] {
      auto catalog = services.store.catalog();
      return schema_rows(databases_of(*catalog, names));
    };
  }
  if (reader.try_word("json")) {
    Selection selection(reader.properties());
    return [&services = context.services, names = std::move(names), selection] {
      auto catalog = services.store.catalog();
      return schema_json_rows(databases_of(*catalog, names), selection);
    };
  }
  if (!reader.try_word("csl") && !reader.try_word("kql")) reader.fail_expected("json, csl or kql");
  reader.try_word("script");
  Properties properties = reader.properties();
  properties.check_known({"IncludeEncodingPolicies", "IncludeSecuritySettings",
                          "IncludeIngestionMappings", "ShowObfuscatedStrings", "hidden",
                          "IncludeHiddenTables"});
  if (names.size() != 1) throw bad_request("A schema script is made of one database");
  return [&services = context.services, name = names[0],
          with_mappings = properties.flag("IncludeIngestionMappings", true)] {
    return schema_script(*need_database(*services.store.catalog(), name), with_mappings);
  };
}

Action show_database_schema(CommandContext& context) {
  return schema_of(context, {database_name(context)});
}
// Of the databases listed, or of all.
Action show_databases_schema(CommandContext& context) {
  return schema_of(context, listed(context));
}

Action show_database_csl(CommandContext& context) {
  std::string name = database_name(context);
  if (context.reader.try_word("script")) {
    return [&services = context.services, name] {
      return schema_script(*need_database(*services.store.catalog(), name), true);
    };
  }
  return [&services = context.services, name] {
    ResultTable answer = schema_answer();
    auto database = need_database(*services.store.catalog(), name);
    for (const TablePtr& table : database->tables()) {
      append_schema_row(answer, *table, database->name, schema_csl(*table));
    }
    return answer;
  };
}

Action show_entities(CommandContext& context) {
  Properties properties = context.reader.properties();
  properties.check_known({"showObfuscatedStrings", "resolveFunctionsSchema",
                          "resolveFunctionSchema", "hidden", "IncludeHiddenTables"});
  if (properties.flag("resolveFunctionsSchema", false) ||
      properties.flag("resolveFunctionSchema", false)) {
    throw not_supported("the property resolveFunctionsSchema");
  }
  return [&services = context.services, names = listed(context)] {
    constexpr auto kString = ScalarType::kString;
    ResultTable answer = make_answer({{"DatabaseName", kString},
                                      {"EntityType", kString},
                                      {"EntityName", kString},
                                      {"DocString", kString},
                                      {"Folder", kString},
                                      {"CslInputSchema", kString},
                                      {"Content", kString},
                                      {"CslOutputSchema", kString},
                                      {"Properties", ScalarType::kDynamic}});
    auto catalog = services.store.catalog();
    for (const DatabasePtr& database : databases_of(*catalog, names)) {
      for (const TablePtr& table : database->tables()) {
        append_row(answer, {database->name, "Table", table->name, table->docstring, table->folder,
                            "", "", schema_csl(*table), "{}"});
      }
      for (const auto& [name, function] : database->functions()) {
        std::string parameters = function.parameters.substr(1, function.parameters.size() - 2);
        append_row(answer, {database->name, "Function", name, function.docstring, function.folder,
                            parameters, function.body, "", "{}"});
      }
    }
    return answer;
  };
}

constexpr CommandForm kForms[] = {
    {"show tables", "TablesShow", false, show_tables},
    {"show tables <names>", "TablesShow", false, show_tables},
    {"show tables details", "TablesDetailsShow", false, show_tables_details},
    {"show tables <names> details", "TablesDetailsShow", false, show_tables_details},
    {"show table <name>", "TableShow", false, show_table},
    {"show table <name> details", "TableDetailsShow", false, show_table_details},
    {"show table <name> cslschema", "TableSchemaShow", false, show_table_csl},
    {"show table <name> kqlschema", "TableSchemaShow", false, show_table_csl},
    {"show table <name> schema as", "TableSchemaShow", false, show_table_json},
    {"show database schema", "SchemaShow", false, show_database_schema},
    {"show database <name> schema", "SchemaShow", false, show_database_schema},
    {"show databases schema", "SchemaShow", false, show_databases_schema},
    {"show databases <names> schema", "SchemaShow", false, show_databases_schema},
    {"show schema", "SchemaShow", false, show_database_schema},
    {"show cluster schema", "SchemaShow", false, show_databases_schema},
    {"show database cslschema", "DatabaseSchemaShow", false, show_database_csl},
    {"show database kqlschema", "DatabaseSchemaShow", false, show_database_csl},
    {"show database <name> cslschema", "DatabaseSchemaShow", false, show_database_csl},
    {"show database <name> kqlschema", "DatabaseSchemaShow", false, show_database_csl},
    {"show databases entities", "DatabasesEntitiesShow", false, show_entities},
    {"show databases <names> entities", "DatabasesEntitiesShow", false, show_entities},
};

}  // namespace

Forms schema_forms() {
  return kForms;
}

}  // namespace rivulet::commands
