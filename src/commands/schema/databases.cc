// .create, .alter, .drop and .show database(s).

#include <algorithm>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/schema.h"
#include "commands/table_statistics.h"
#include "commands/text.h"
#include "common/error.h"
#include "kql/syntax/wildcard.h"
#include "sources/data_connections.h"

namespace rivulet::commands {
namespace {

using catalog::Database;
using catalog::PutDatabase;

PutDatabase put_of(const Database& database) {
  return {database.id,          database.guid,     database.name,
          database.pretty_name, database.policies, database.mappings};
}

Action create_database(CommandContext& context) {
  CommandReader& reader = context.reader;
  std::string name = plain_name(context.names[0], "database");
  // Rivulet keeps every database in its own data directory, so the paths have nothing to say.
  if (reader.try_word("persist")) reader.name_list("a path");
  reader.try_word("volatile");
  bool if_not_exists = reader.try_word("ifnotexists");
  Properties properties = reader.properties();
  if_not_exists = reader.try_word("ifnotexists") || if_not_exists;
  properties.check_known({"prettyname"});
  return [&services = context.services, name, if_not_exists, properties] {
    bool was_created = false;
    commit(services, [&](const Catalog& catalog) -> Changes {
      was_created = false;
      for (const auto& existing : catalog.databases()) {
        // Names of databases differ by more than case in Kusto.
        if (!equals_ignoring_case(existing->name, name)) continue;
        if (if_not_exists) return {};
        throw entity_already_exists("Database", existing->name);
      }
      check_entity_name("database", name);
      PutDatabase put;
      put.id = catalog.next_database_id();
      put.guid = new_guid();
      put.name = name;
      put.pretty_name = properties.find("prettyname").value_or("");
      was_created = true;
      return {std::move(put)};
    });
    ResultTable answer = make_answer({{"DatabaseName", ScalarType::kString},
                                      {"PersistentPath", ScalarType::kString},
                                      {"Created", ScalarType::kString},
                                      {"StoresMetadata", ScalarType::kBool},
                                      {"StoresData", ScalarType::kBool}});
    append_row(answer, {name, "", was_created ? "True" : "False", 1, 1});
    return answer;
  };
}

Action drop_database(CommandContext& context) {
  std::string name = plain_name(context.names[0], "database");
  bool if_exists = context.reader.try_word("ifexists");
  context.reader.try_word("skip-seal");
  return [&services = context.services, name, if_exists] {
    ResultTable answer = make_answer(
        {{"Table", ScalarType::kString}, {"NumberOfRemovedExtents", ScalarType::kString}});
    auto database = services.store.catalog()->find_database(name);
    if (database != nullptr) {
      std::vector<catalog::TableId> ids;
      for (const auto& table : database->tables()) ids.push_back(table->id);
      auto snapshot = services.store.snapshot(ids);
      for (const auto& table : database->tables()) {
        auto data = snapshot->table(table->id);
        size_t extents = data == nullptr ? 0 : data->extents().size();
        append_row(answer, {table->name, std::to_string(extents)});
      }
    }
    commit(services, [&](const Catalog& catalog) -> Changes {
      auto dropped = catalog.find_database(name);
      if (dropped == nullptr && if_exists) return {};
      if (dropped == nullptr) throw database_not_found(name);
      return {catalog::DropDatabase{dropped->id}};
    });
    // Its data connections end with it.
    if (services.connections != nullptr) services.connections->follow_catalog();
    return answer;
  };
}

Action set_pretty_name(CommandContext& context, std::string pretty_name) {
  return [&services = context.services, name = database_name(context),
          pretty_name = std::move(pretty_name)] {
    commit(services, [&](const Catalog& catalog) -> Changes {
      PutDatabase put = put_of(*need_database(catalog, name));
      put.pretty_name = pretty_name;
      return {std::move(put)};
    });
    ResultTable answer =
        make_answer({{"DatabaseName", ScalarType::kString}, {"PrettyName", ScalarType::kString}});
    append_row(answer, {name, pretty_name});
    return answer;
  };
}

Action alter_pretty_name(CommandContext& context) {
  return set_pretty_name(context, context.reader.string_literal("the pretty name"));
}
Action drop_pretty_name(CommandContext& context) {
  return set_pretty_name(context, "");
}

// One kind of listing: its columns behind those that all of them begin with, and their cells.
struct Flavor {
  std::string_view word;
  std::vector<ResultColumn> columns;
  std::vector<Cell> (*cells)(const Services&, const Catalog&, const Database&);
};

Cell policy_of(const Catalog& catalog, const Database& database, std::string_view name) {
  for (const catalog::Policies* policies : {&database.policies, &catalog.cluster_policies()}) {
    auto found = policies->find(name);
    if (found != policies->end()) return found->second;
  }
  return Cell();
}

TableStatistics statistics_of(const Services& services, const Database& database) {
  std::vector<catalog::TableId> ids;
  for (const auto& table : database.tables()) ids.push_back(table->id);
  auto snapshot = services.store.snapshot(ids);
  TableStatistics total;
  for (catalog::TableId id : ids) {
    auto data = snapshot->table(id);
    if (data == nullptr) continue;
    TableStatistics table = commands::statistics_of(*data);
    total.row_count += table.row_count;
    total.extent_count += table.extent_count;
    total.extent_bytes += table.extent_bytes;
    total.original_bytes += table.original_bytes;
  }
  return total;
}

const std::vector<Flavor>& flavors() {
  constexpr auto kString = ScalarType::kString;
  constexpr auto kReal = ScalarType::kReal;
  constexpr auto kGuid = ScalarType::kGuid;
  static const std::vector<Flavor> all{
      {"",
       {{"ReservedSlot1", ScalarType::kBool}, {"DatabaseId", kGuid}, {"InTransitionTo", kString}},
       [](const Services&, const Catalog&, const Database& database) {
         return std::vector<Cell>{Cell(), database.guid, ""};
       }},
      {"identity",
       {{"CurrentUserIsUnrestrictedViewer", ScalarType::kBool},
        {"DatabaseId", kGuid},
        {"InTransitionTo", kString}},
       [](const Services&, const Catalog&, const Database& database) {
         return std::vector<Cell>{1, database.guid, ""};
       }},
      {"details",
       {{"AuthorizedPrincipals", kString},
        {"RetentionPolicy", kString},
        {"MergePolicy", kString},
        {"ReservedSlot1", kString},
        {"CachingPolicy", kString},
        {"ShardingPolicy", kString},
        {"StreamingIngestionPolicy", kString},
        {"IngestionBatchingPolicy", kString},
        {"TotalSize", kReal},
        {"DatabaseId", kGuid},
        {"InTransitionTo", kString}},
       [](const Services& services, const Catalog& catalog, const Database& database) {
         auto policy = [&](std::string_view name) { return policy_of(catalog, database, name); };
         return std::vector<Cell>{"[]",
                                  policy("retention"),
                                  policy("merge"),
                                  "",
                                  policy("caching"),
                                  policy("sharding"),
                                  policy("streamingingestion"),
                                  policy("ingestionbatching"),
                                  statistics_of(services, database).original_bytes,
                                  database.guid,
                                  ""};
       }},
      {"policies",
       {{"DatabaseId", kGuid},
        {"AuthorizedPrincipals", kString},
        {"RetentionPolicy", kString},
        {"MergePolicy", kString},
        {"CachingPolicy", kString},
        {"ShardingPolicy", kString},
        {"StreamingIngestionPolicy", kString},
        {"IngestionBatchingPolicy", kString}},
       [](const Services&, const Catalog& catalog, const Database& database) {
         auto policy = [&](std::string_view name) { return policy_of(catalog, database, name); };
         return std::vector<Cell>{database.guid,
                                  "[]",
                                  policy("retention"),
                                  policy("merge"),
                                  policy("caching"),
                                  policy("sharding"),
                                  policy("streamingingestion"),
                                  policy("ingestionbatching")};
       }},
      {"datastats",
       {{"DatabaseId", kGuid},
        {"OriginalSize", kReal},
        {"ExtentSize", kReal},
        {"CompressedSize", kReal},
        {"IndexSize", kReal},
        {"RowCount", ScalarType::kLong},
        {"HotOriginalSize", kReal},
        {"HotExtentSize", kReal},
        {"HotCompressedSize", kReal},
        {"HotIndexSize", kReal},
        {"HotRowCount", ScalarType::kLong}},
       [](const Services& services, const Catalog&, const Database& database) {
         TableStatistics s = statistics_of(services, database);
         // All data is on the local disk: everything is hot.
         return std::vector<Cell>{
             database.guid, s.original_bytes, s.extent_bytes, s.extent_bytes, 0.0,
             s.row_count,   s.original_bytes, s.extent_bytes, s.extent_bytes, 0.0,
             s.row_count};
       }},
  };
  return all;
}

const Flavor& read_flavor(CommandReader& reader) {
  if (reader.try_word("verbose")) return flavors()[2];
  for (const Flavor& flavor : flavors()) {
    if (!flavor.word.empty() && reader.try_word(flavor.word)) return flavor;
  }
  return flavors()[0];
}

ResultTable list_databases(const Services& services, const CommandRequest& request,
                           const Flavor& flavor,
                           const std::function<bool(const Database&)>& is_listed) {
  std::vector<ResultColumn> columns{{"DatabaseName", ScalarType::kString},
                                    {"PersistentStorage", ScalarType::kString},
                                    {"Version", ScalarType::kString},
                                    {"IsCurrent", ScalarType::kBool},
                                    {"DatabaseAccessMode", ScalarType::kString},
                                    {"PrettyName", ScalarType::kString}};
  columns.insert(columns.end(), flavor.columns.begin(), flavor.columns.end());
  ResultTable answer = make_answer(std::move(columns));
  auto catalog = services.store.catalog();
  for (const auto& database : catalog->databases()) {
    if (!is_listed(*database)) continue;
    std::vector<Cell> row{database->name,
                          "",
                          std::string(kSchemaVersion),
                          int64_t{database->name == request.database},
                          "ReadWrite",
                          database->pretty_name};
    std::vector<Cell> more = flavor.cells(services, *catalog, *database);
    row.insert(row.end(), more.begin(), more.end());
    append_row(answer, std::move(row));
  }
  return answer;
}

Action show_database(CommandContext& context) {
  const Flavor& flavor = read_flavor(context.reader);
  context.reader.properties();
  return [&services = context.services, &request = context.request, &flavor] {
    need_database(*services.store.catalog(), request.database);
    return list_databases(services, request, flavor, [&](const Database& database) {
      return database.name == request.database;
    });
  };
}

Action show_databases(CommandContext& context) {
  std::vector<std::string> names;
  if (!context.lists.empty()) names = context.lists[0];
  const Flavor& flavor = read_flavor(context.reader);
  context.reader.properties();
  return [&services = context.services, &request = context.request, &flavor, names] {
    return list_databases(services, request, flavor, [&](const Database& database) {
      return names.empty() || std::ranges::any_of(names, [&](const std::string& pattern) {
               return kql::matches_wildcard(pattern, database.name);
             });
    });
  };
}

constexpr CommandForm kForms[] = {
    {"create database <name>", "DatabaseCreate", true, create_database},
    {"drop database <name>", "DatabaseDrop", true, drop_database},
    {"alter database <name> prettyname", "DatabasePrettyNameSet", true, alter_pretty_name},
    {"alter database prettyname", "DatabasePrettyNameSet", true, alter_pretty_name},
    {"set database <name> prettyname", "DatabasePrettyNameSet", true, alter_pretty_name},
    {"drop database <name> prettyname", "DatabasePrettyNameSet", true, drop_pretty_name},
    {"show database", "DatabaseShow", false, show_database},
    {"show databases", "DatabasesShow", false, show_databases},
    {"show databases <names>", "DatabasesShow", false, show_databases},
    {"show cluster databases", "DatabasesShow", false, show_databases},
    {"show cluster databases <names>", "DatabasesShow", false, show_databases},
};

}  // namespace

Forms database_forms() {
  return kForms;
}

}  // namespace rivulet::commands
