// Listings of what Rivulet has none of: clients ask for them of every server, and are answered the documented
// columns and no row. One that is asked for by its name is not found.

#include <optional>
#include <string_view>
#include <vector>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

// "Name:type, …", as the documentation lists the columns of an answer.
constexpr std::string_view kExternalTables =
    "TableName:string, TableType:string, Folder:string, DocString:string, Properties:string, "
    "ConnectionStrings:dynamic, Partitions:dynamic, PathFormat:string";
constexpr std::string_view kExternalTableDetails =
    "TableName:string, QueryAccelerationPolicy:string, QueryAccelerationState:string";
constexpr std::string_view kMaterializedViews =
    "Name:string, SourceTable:string, Query:string, MaterializedTo:datetime, LastRun:datetime, "
    "LastRunResult:string, IsHealthy:bool, IsEnabled:bool, Folder:string, DocString:string, "
    "AutoUpdateSchema:bool, EffectiveDateTime:datetime, Lookback:timespan, LookbackColumn:string";
constexpr std::string_view kMaterializedViewDetails =
    "MaterializedViewName:string, DatabaseName:string, Folder:string, DocString:string, "
    "TotalExtents:long, TotalExtentSize:real, TotalOriginalSize:real, TotalRowCount:long, "
    "HotExtents:long, HotExtentSize:real, HotOriginalSize:real, HotRowCount:long, "
    "AuthorizedPrincipals:string, RetentionPolicy:string, CachingPolicy:string, "
    "ShardingPolicy:string, MergePolicy:string, MinExtentsCreationTime:datetime, "
    "MaxExtentsCreationTime:datetime";
constexpr std::string_view kEntityGroups = "Name:string, Entities:string";
constexpr std::string_view kGraphModels = "Name:string, CreationTime:datetime, Id:guid";
constexpr std::string_view kGraphModelDetails =
    "Name:string, CreationTime:datetime, Id:guid, SnapshotsCount:long, Model:dynamic, "
    "AuthorizedPrincipals:dynamic, RetentionPolicy:dynamic";
constexpr std::string_view kStoredQueryResults =
    "StoredQueryResultId:guid, Name:string, DatabaseName:string, PrincipalIdentity:string, "
    "SizeInBytes:long, RowCount:long, CreatedOn:datetime, ExpiresOn:datetime";
constexpr std::string_view kContinuousExports =
    "Name:string, ExternalTableName:string, Query:string, ForcedLatency:timespan, "
    "IntervalBetweenRuns:timespan, CursorScopedTables:string, ExportProperties:string, "
    "LastRunTime:datetime, StartCursor:string, IsDisabled:bool, LastRunResult:string, "
    "ExportedTo:datetime, IsRunning:bool";
constexpr std::string_view kWorkloadGroups = "WorkloadGroupName:string, WorkloadGroup:string";
constexpr std::string_view kFollowerDatabases =
    "DatabaseName:string, LeaderClusterMetadataPath:string, CachingPolicyOverride:string, "
    "AuthorizedPrincipalsOverride:string, AuthorizedPrincipalsModificationKind:string, "
    "CachingPoliciesModificationKind:string, IsAutoPrefetchEnabled:bool, "
    "TableMetadataOverrides:string";
constexpr std::string_view kBlockedPrincipals =
    "PrincipalType:string, PrincipalDisplayName:string, PrincipalObjectId:string, "
    "PrincipalFQN:string, Application:string, User:string, BlockedUntil:datetime, Reason:string";
// Of commands no record is kept, nor of changes.
constexpr std::string_view kCommands =
    "ClientActivityId:string, CommandType:string, Text:string, Database:string, "
    "StartedOn:datetime, LastUpdatedOn:datetime, Duration:timespan, State:string, "
    "RootActivityId:guid, User:string, FailureReason:string, Application:string, "
    "Principal:string, TotalCpu:timespan, ResourcesUtilization:dynamic, "
    "ClientRequestProperties:dynamic, WorkloadGroup:string, VirtualCluster:string";
constexpr std::string_view kJournal =
    "Event:string, EventTimestamp:datetime, Database:string, EntityName:string, "
    "UpdatedEntityName:string, EntityVersion:string, EntityContainerName:string, "
    "OriginalEntityState:string, UpdatedEntityState:string, ChangeCommand:string, "
    "Principal:string, RootActivityId:guid, ClientRequestId:string, User:string, "
    "OriginalEntityVersion:string";

std::vector<ResultColumn> parse_columns(std::string_view text) {
  std::vector<ResultColumn> columns;
  for (CommandReader reader(text);;) {
    std::string name = reader.name("the name of a column");
    reader.expect_symbol(":");
    columns.push_back({std::move(name), reader.scalar_type()});
    if (!reader.try_symbol(",")) return columns;
  }
}

template <const std::string_view& kColumns>
Action list_none(CommandContext& context) {
  context.reader.properties();
  return [] { return make_answer(parse_columns(kColumns)); };
}

// Of the database that the form names.
template <const std::string_view& kColumns>
Action list_none_in_database(CommandContext& context) {
  need_database(*context.services.store.catalog(), database_name(context));
  return list_none<kColumns>(context);
}

constexpr std::string_view kExternalTable = "External table",
                           kMaterializedView = "Materialized view", kEntityGroup = "Entity group",
                           kGraphModel = "Graph model", kStoredQueryResult = "Stored query result",
                           kContinuousExport = "Continuous export",
                           kWorkloadGroup = "Workload group",
                           kFollowerDatabase = "Follower database";

// Whatever is asked of it.
template <const std::string_view& kKind>
Action show_missing(CommandContext& context) {
  throw entity_not_found(kKind, context.names.empty() ? context.lists.at(0).at(0)
                                                      : plain_name(context.names[0], kKind));
}

constexpr CommandForm kForms[] = {
    {"show external tables", "ExternalTablesShow", false, list_none<kExternalTables>},
    {"show external tables details", "ExternalTablesShow", false, list_none<kExternalTableDetails>},
    {"show external table <name>", "ExternalTableShow", false, show_missing<kExternalTable>},
    {"show materialized-views", "MaterializedViewsShow", false, list_none<kMaterializedViews>},
    {"show materialized-views details", "MaterializedViewsShow", false,
     list_none<kMaterializedViewDetails>},
    {"show materialized-view <name>", "MaterializedViewShow", false,
     show_missing<kMaterializedView>},
    {"show entity_groups", "EntityGroupsShow", false, list_none<kEntityGroups>},
    {"show entity_group <name>", "EntityGroupShow", false, show_missing<kEntityGroup>},
    {"show graph_models", "GraphModelsShow", false, list_none<kGraphModels>},
    {"show graph_models details", "GraphModelsShow", false, list_none<kGraphModelDetails>},
    {"show graph_model <name>", "GraphModelShow", false, show_missing<kGraphModel>},
    {"show stored_query_results", "StoredQueryResultsShow", false, list_none<kStoredQueryResults>},
    {"show stored_query_results <name>", "StoredQueryResultsShow", false,
     show_missing<kStoredQueryResult>},
    {"show stored_query_result <name>", "StoredQueryResultShow", false,
     show_missing<kStoredQueryResult>},
    {"show continuous-exports", "ContinuousExportsShow", false, list_none<kContinuousExports>},
    {"show continuous-export <name>", "ContinuousExportShow", false,
     show_missing<kContinuousExport>},
    {"show cluster pending continuous-exports", "ContinuousExportsShow", false,
     list_none<kContinuousExports>},
    {"show workload_groups", "WorkloadGroupsShow", false, list_none<kWorkloadGroups>},
    {"show workload_group <name>", "WorkloadGroupShow", false, show_missing<kWorkloadGroup>},
    {"show follower databases", "FollowerDatabasesShow", false, list_none<kFollowerDatabases>},
    {"show follower databases <names>", "FollowerDatabasesShow", false,
     show_missing<kFollowerDatabase>},
    {"show follower database <name>", "FollowerDatabaseShow", false,
     show_missing<kFollowerDatabase>},
    {"show cluster blockedprincipals", "BlockedPrincipalsShow", false,
     list_none<kBlockedPrincipals>},
    {"show commands", "CommandsShow", false, list_none<kCommands>},
    {"show journal", "JournalShow", false, list_none<kJournal>},
    {"show cluster journal", "JournalShow", false, list_none<kJournal>},
    {"show database journal", "JournalShow", false, list_none_in_database<kJournal>},
    {"show database <name> journal", "JournalShow", false, list_none_in_database<kJournal>},
};

}  // namespace

Forms listing_forms() {
  return kForms;
}

}  // namespace rivulet::commands
