// .create, .create-or-alter, .alter, .show, .enable, .disable and .drop data-connection(s).

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/schema.h"
#include "commands/text.h"
#include "common/error.h"
#include "sources/broker_access.h"
#include "sources/connection_settings.h"
#include "sources/data_connections.h"
#include "sources/event_batch.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

using catalog::Database;
using catalog::DataConnection;
using sources::ConnectionKind;
using sources::ConnectionSettings;
using sources::ConnectionStatus;

constexpr auto kString = ScalarType::kString;
constexpr auto kLong = ScalarType::kLong;
constexpr auto kDateTime = ScalarType::kDateTime;

// In all databases: each that is enabled has threads and memory of its own.
constexpr size_t kMaxConnections = 256;

const DataConnection& need_connection(const Database& database, std::string_view name) {
  auto found = database.data_connections().find(name);
  if (found == database.data_connections().end()) throw entity_not_found("Data connection", name);
  return found->second;
}

// Starts, stops or restarts what the command changed.
void follow_catalog(const Services& services) {
  if (services.connections != nullptr) services.connections->follow_catalog();
}

// The connections that run, by id.
std::map<Guid, ConnectionStatus> status_of(const Services& services) {
  std::map<Guid, ConnectionStatus> all;
  if (services.connections == nullptr) return all;
  for (ConnectionStatus& status : services.connections->status()) {
    Guid id = status.id;
    all.emplace(id, std::move(status));
  }
  return all;
}

Cell known(int64_t value) {
  return value < 0 ? Cell() : Cell(value);
}
Cell known_time(Ticks time) {
  return time == 0 ? Cell() : Cell(time);
}

// Events behind, of all partitions; nothing while that is not known of one.
Cell total_lag(const ConnectionStatus& status) {
  if (status.partitions.empty()) return Cell();
  int64_t lag = 0;
  for (const auto& partition : status.partitions) {
    if (partition.lag < 0) return Cell();
    lag += partition.lag;
  }
  return lag;
}

std::string partitions_json(const ConnectionStatus& status) {
  auto number = [](int64_t value) { return value < 0 ? "null" : std::to_string(value); };
  std::string json = "[";
  for (const auto& partition : status.partitions) {
    json += json.size() > 1 ? ",{\"Topic\":" : "{\"Topic\":";
    append_json_string(json, partition.topic);
    json += fmt::format(
        ",\"Partition\":{},\"NextOffset\":{},\"GroupOffset\":{},\"EndOffset\":{},\"Lag\":{},"
        "\"State\":",
        partition.partition, number(partition.next_offset), number(partition.group_offset),
        number(partition.end_offset), number(partition.lag));
    append_json_string(json, partition.state);
    json += '}';
  }
  return json + "]";
}

ResultTable connections_answer() {
  return make_answer({{"Name", kString},
                      {"Kind", kString},
                      {"DatabaseName", kString},
                      {"Table", kString},
                      {"Format", kString},
                      {"State", kString},
                      {"IsEnabled", ScalarType::kBool},
                      {"Settings", ScalarType::kDynamic},
                      {"Events", kLong},
                      {"Rows", kLong},
                      {"FailedEvents", kLong},
                      {"RowsPerSecond", ScalarType::kReal},
                      {"Lag", kLong},
                      {"LastError", kString},
                      {"LastErrorTime", kDateTime},
                      {"Partitions", ScalarType::kDynamic},
                      {"Bytes", kLong},
                      {"StateSince", kDateTime},
                      {"StateReason", kString},
                      {"ConnectionId", ScalarType::kGuid}});
}

void append_connection(ResultTable& answer, const std::string& database,
                       const DataConnection& connection,
                       const std::map<Guid, ConnectionStatus>& all) {
  auto found = all.find(connection.id);
  ConnectionStatus status = found == all.end() ? ConnectionStatus() : found->second;
  if (!connection.is_enabled) status.state = "Disabled";
  std::string table;
  std::string format;
  std::string settings_json = "null";
  try {
    ConnectionSettings settings = sources::decode_settings(connection.settings);
    table = settings.table;
    format = ingest::format_name(settings.format);
    settings_json = sources::show_settings(settings);
  } catch (const std::runtime_error& damage) {
    status.state = "Failed";
    status.last_error = damage.what();
  }
  append_row(answer, {connection.name,
                      connection.kind,
                      database,
                      table,
                      format,
                      status.state,
                      int64_t{connection.is_enabled},
                      settings_json,
                      static_cast<int64_t>(status.events),
                      static_cast<int64_t>(status.rows),
                      static_cast<int64_t>(status.failed_events),
                      status.rows_per_second,
                      total_lag(status),
                      status.last_error,
                      known_time(status.last_error_time),
                      partitions_json(status),
                      static_cast<int64_t>(status.bytes),
                      known_time(status.since),
                      status.state_reason,
                      connection.id});
}

ResultTable one_connection(const Services& services, const Catalog& catalog,
                           const std::string& database, const std::string& name) {
  ResultTable answer = connections_answer();
  append_connection(answer, database, need_connection(*need_database(catalog, database), name),
                    status_of(services));
  return answer;
}

std::vector<ColumnSpec> dead_letter_columns() {
  std::string text = "(" + sources::dead_letter_schema() + ")";
  return CommandReader(text).column_list();
}

// What the settings name must be there. With onMissingTarget='hold' table and mapping may come later.
void check_target(const ConnectionSettings& settings, const Database& database) {
  if (settings.table.empty() || settings.on_missing_target == sources::MissingTarget::kHold) return;
  auto table = database.find_table(settings.table);
  if (table == nullptr) throw table_not_found(settings.table, database.name);
  std::string_view kind = ingest::mapping_kind(settings.format);
  if (settings.mapping_name.empty() || table->find_mapping(kind, settings.mapping_name) != nullptr)
    return;
  for (const catalog::IngestionMapping& mapping : database.mappings) {
    if (mapping.kind == kind && mapping.name == settings.mapping_name) return;
  }
  throw mapping_not_found(settings.mapping_name, settings.table);
}

// Creates the dead-letter table if it is not there.
void add_dead_letter_table(Changes& changes, const ConnectionSettings& settings,
                           const Catalog& catalog, const Database& database) {
  if (settings.dead_letter_table.empty()) return;
  if (settings.dead_letter_table == settings.table) {
    throw bad_request(
        "Property 'deadLetterTable' of a data connection names its target table; events that fail "
        "need one of their own");
  }
  std::vector<ColumnSpec> columns = dead_letter_columns();
  auto table = database.find_table(settings.dead_letter_table);
  if (table == nullptr) {
    changes.push_back(
        catalog::PutTable{new_table(catalog, database, settings.dead_letter_table, columns)});
    return;
  }
  for (const ColumnSpec& column : columns) {
    const catalog::ColumnDef* existing = table->find_column(column.name);
    if (existing != nullptr && existing->type == column.type) return;
  }
  throw bad_request(
      fmt::format("Table '{}' cannot be the 'deadLetterTable' of a data connection: it has none of "
                  "its columns, "
                  "which are {}",
                  settings.dead_letter_table, sources::dead_letter_schema()));
}

void check_count(const Catalog& catalog) {
  size_t count = 0;
  for (const auto& database : catalog.databases()) count += database->data_connections().size();
  if (count < kMaxConnections) return;
  throw bad_request(fmt::format(
      "There are {} data connections, and there can be no more: drop one, or read more by routing",
      count));
}

// A commit that puts one connection: `change` gives it, from the newest catalog.
ResultTable put_connection(const Services& services, const std::string& database_name,
                           const std::string& name,
                           const std::function<DataConnection(const Database&)>& change) {
  CatalogPtr after = commit(services, [&](const Catalog& catalog) -> Changes {
    auto database = need_database(catalog, database_name);
    DataConnection connection = change(*database);
    if (!database->data_connections().contains(name)) check_count(catalog);
    ConnectionSettings settings = sources::decode_settings(connection.settings);
    check_target(settings, *database);
    Changes changes;
    add_dead_letter_table(changes, settings, catalog, *database);
    changes.push_back(catalog::PutDataConnection{database->id, std::move(connection)});
    return changes;
  });
  follow_catalog(services);
  return one_connection(services, *after, database_name, name);
}

// The connection with its settings; `before` are those that it has, if it is there already. Its offsets stay, so
// they must go on to mean the same events.
DataConnection with_settings(DataConnection connection,
                             const std::optional<ConnectionSettings>& before,
                             ConnectionSettings after) {
  if (before && !is_same_source(*before, after)) {
    throw bad_request(fmt::format(
        "Data connection '{}' reads another Event Hubs namespace, whose offsets mean nothing in "
        "this one: drop it and create it again",
        connection.name));
  }
  // Groups of Event Hubs are those of a namespace: one that is shared by chance shares the partitions too.
  if (after.consumer_group.empty())
    after.consumer_group = sources::own_consumer_group(connection.id);
  connection.settings = encode_settings(after);
  return connection;
}

sources::Properties properties_map(const Properties& given) {
  sources::Properties properties;
  for (const auto& [name, text] : given.items()) {
    std::string_view value = text;
    constexpr std::string_view kLiteral = "datetime(";
    if (value.starts_with(kLiteral) && value.ends_with(')')) {
      value = value.substr(kLiteral.size(), value.size() - kLiteral.size() - 1);
    }
    for (const auto& [other, unused] : properties) {
      if (equals_ignoring_case(other, name))
        throw bad_request("Property '" + name + "' of a data connection is given twice");
    }
    properties.emplace(name, value);
  }
  return properties;
}

bool has_property(const sources::Properties& properties, std::string_view name) {
  return std::ranges::any_of(
      properties, [&](const auto& property) { return equals_ignoring_case(property.first, name); });
}

// Name kind=eventhub|kafka ('source') with (…)
Action put(CommandContext& context, bool may_exist) {
  CommandReader& reader = context.reader;
  std::string name = plain_name(context.names[0], "data connection");
  reader.expect_word("kind");
  reader.expect_symbol("=");
  auto kind = sources::parse_kind(reader.peek_word());
  if (!kind) reader.fail_expected("eventhub or kafka");
  reader.word("eventhub or kafka");
  reader.expect_symbol("(");
  std::string source = reader.string_literal(*kind == ConnectionKind::kEventHub
                                                 ? "the connection string of an event hub, as h'…'"
                                                 : "the brokers, as 'host:port,host:port'");
  reader.expect_symbol(")");
  sources::Properties properties = properties_map(reader.properties());
  return [&services = context.services, database_name = context.request.database, name, kind,
          source = std::move(source), properties = std::move(properties), may_exist] {
    ConnectionSettings settings =
        sources::parse_settings(*kind, source, properties, services.clock.now());
    // What is referred to must be there.
    broker_access(settings, services.secrets);
    Guid new_id = new_guid();
    return put_connection(services, database_name, name, [&](const Database& database) {
      auto found = database.data_connections().find(name);
      bool exists = found != database.data_connections().end();
      if (exists && !may_exist) throw entity_already_exists("Data connection", name);
      if (!exists) check_entity_name("data connection", name);
      DataConnection connection =
          exists ? found->second : DataConnection{new_id, name, std::string(kind_name(*kind))};
      if (connection.kind != kind_name(*kind)) {
        throw bad_request(fmt::format(
            "Data connection '{}' is of kind {}, which stays: drop it and create it again", name,
            connection.kind));
      }
      ConnectionSettings after = settings;
      std::optional<ConnectionSettings> before;
      if (exists) before = sources::decode_settings(connection.settings);
      if (before && !has_property(properties, "retrievalStartDate"))
        after.retrieval_start = before->retrieval_start;
      return with_settings(std::move(connection), before, std::move(after));
    });
  };
}

Action create(CommandContext& context) {
  return put(context, false);
}
Action create_or_alter(CommandContext& context) {
  return put(context, true);
}

// Name with (…)
Action alter(CommandContext& context) {
  std::string name = plain_name(context.names[0], "data connection");
  if (!context.reader.at_word("with")) context.reader.fail_expected("'with'");
  sources::Properties properties = properties_map(context.reader.properties());
  return [&services = context.services, database_name = context.request.database, name,
          properties = std::move(properties)] {
    auto settings_of = [&](const DataConnection& connection) {
      return change_settings(sources::decode_settings(connection.settings), properties);
    };
    auto database = need_database(*services.store.catalog(), database_name);
    broker_access(settings_of(need_connection(*database, name)), services.secrets);
    return put_connection(services, database_name, name, [&](const Database& newest) {
      const DataConnection& connection = need_connection(newest, name);
      return with_settings(connection, sources::decode_settings(connection.settings),
                           settings_of(connection));
    });
  };
}

Action set_enabled(CommandContext& context, bool is_enabled) {
  std::string name = plain_name(context.names[0], "data connection");
  return
      [&services = context.services, database_name = context.request.database, name, is_enabled] {
        CatalogPtr after = commit(services, [&](const Catalog& catalog) -> Changes {
          auto database = need_database(catalog, database_name);
          DataConnection connection = need_connection(*database, name);
          connection.is_enabled = is_enabled;
          return {catalog::PutDataConnection{database->id, std::move(connection)}};
        });
        follow_catalog(services);
        return one_connection(services, *after, database_name, name);
      };
}

Action enable(CommandContext& context) {
  return set_enabled(context, true);
}
Action disable(CommandContext& context) {
  return set_enabled(context, false);
}

// Name [ifexists]; answers with what is left.
Action drop(CommandContext& context) {
  std::string name = plain_name(context.names[0], "data connection");
  bool if_exists = context.reader.try_word("ifexists");
  return [&services = context.services, database_name = context.request.database, name, if_exists] {
    CatalogPtr after = commit(services, [&](const Catalog& catalog) -> Changes {
      auto database = need_database(catalog, database_name);
      if (if_exists && !database->data_connections().contains(name)) return {};
      need_connection(*database, name);
      return {catalog::DropDataConnection{database->id, name}};
    });
    follow_catalog(services);
    ResultTable answer = connections_answer();
    auto all = status_of(services);
    auto database = need_database(*after, database_name);
    for (const auto& [other, connection] : database->data_connections())
      append_connection(answer, database_name, connection, all);
    return answer;
  };
}

Action show_all(CommandContext& context, bool of_cluster) {
  return [&services = context.services, database_name = context.request.database, of_cluster] {
    ResultTable answer = connections_answer();
    auto all = status_of(services);
    auto catalog = services.store.catalog();
    if (!of_cluster) need_database(*catalog, database_name);
    for (const auto& database : catalog->databases()) {
      if (!of_cluster && database->name != database_name) continue;
      for (const auto& [name, connection] : database->data_connections())
        append_connection(answer, database->name, connection, all);
    }
    return answer;
  };
}

Action show_database(CommandContext& context) {
  return show_all(context, false);
}
Action show_cluster(CommandContext& context) {
  return show_all(context, true);
}

ResultTable partitions_of(const Services& services, const std::string& database_name,
                          const std::string& name) {
  auto catalog = services.store.catalog();
  Guid id = need_connection(*need_database(*catalog, database_name), name).id;
  ResultTable answer = make_answer({{"Name", kString},
                                    {"DatabaseName", kString},
                                    {"Topic", kString},
                                    {"Partition", ScalarType::kInt},
                                    {"State", kString},
                                    {"Reason", kString},
                                    {"NextOffset", kLong},
                                    {"EndOffset", kLong},
                                    {"Lag", kLong},
                                    {"GroupOffset", kLong}});
  auto all = status_of(services);
  auto found = all.find(id);
  if (found == all.end()) return answer;
  for (const auto& partition : found->second.partitions) {
    append_row(answer,
               {name, database_name, partition.topic, int64_t{partition.partition}, partition.state,
                partition.reason, known(partition.next_offset), known(partition.end_offset),
                known(partition.lag), known(partition.group_offset)});
  }
  return answer;
}

// Name [details]
Action show_one(CommandContext& context) {
  std::string name = plain_name(context.names[0], "data connection");
  bool has_details = context.reader.try_word("details");
  return
      [&services = context.services, database_name = context.request.database, name, has_details] {
        if (has_details) return partitions_of(services, database_name, name);
        return one_connection(services, *services.store.catalog(), database_name, name);
      };
}

constexpr CommandForm kForms[] = {
    {"create data-connection <name>", "DataConnectionCreate", true, create},
    {"create-or-alter data-connection <name>", "DataConnectionCreateOrAlter", true,
     create_or_alter},
    {"alter data-connection <name>", "DataConnectionAlter", true, alter},
    {"enable data-connection <name>", "DataConnectionEnable", true, enable},
    {"disable data-connection <name>", "DataConnectionDisable", true, disable},
    {"drop data-connection <name>", "DataConnectionDrop", true, drop},
    {"show data-connection <name>", "DataConnectionShow", false, show_one},
    {"show data-connections", "DataConnectionsShow", false, show_database},
    {"show cluster data-connections", "DataConnectionsShow", false, show_cluster},
};

}  // namespace

Forms data_connection_forms() {
  return kForms;
}

}  // namespace rivulet::commands
