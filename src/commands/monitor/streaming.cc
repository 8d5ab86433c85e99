// Streaming ingestion: caches to clear (there are none), statistics and failures.

#include "activity/streaming_statistics.h"
#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "common/error.h"
#include "kusto/kusto_error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

// Every node sees a schema at once, so clearing its cache is done before it is asked for.
Action node_status(CommandContext& context) {
  return [node = context.services.facts.node_id] {
    ResultTable answer =
        make_answer({{"NodeId", ScalarType::kString}, {"Status", ScalarType::kString}});
    append_row(answer, {node, "Succeeded"});
    return answer;
  };
}

Action clear_database_schema(CommandContext& context) {
  std::string database = database_name(context);
  need_database(*context.services.store.catalog(), database);
  return node_status(context);
}

Action clear_table_schema(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  need_table(*context.services.store.catalog(), name.database, name.table);
  return node_status(context);
}

// .refresh database D [table T] cache ingestionbatchingpolicy
Action refresh_batching_policy(CommandContext& context) {
  auto catalog = context.services.store.catalog();
  std::string database = plain_name(context.names[0], "database");
  need_database(*catalog, database);
  if (context.reader.try_word("table")) {
    need_table(*catalog, database, context.reader.name("the name of a table"));
  }
  context.reader.expect_word("cache");
  context.reader.expect_word("ingestionbatchingpolicy");
  return node_status(context);
}

std::string properties_json(const std::string& format, const std::string& mapping) {
  std::string json = "{\"Format\":";
  append_json_string(json, format);
  json += ",\"MappingReference\":";
  append_json_string(json, mapping);
  return json + "}";
}

Action show_statistics(CommandContext& context) {
  return [&services = context.services] {
    constexpr auto kString = ScalarType::kString;
    constexpr auto kLong = ScalarType::kLong;
    constexpr auto kTimeSpan = ScalarType::kTimeSpan;
    ResultTable answer = make_answer({{"Database", kString},
                                      {"Table", kString},
                                      {"StartTime", ScalarType::kDateTime},
                                      {"EndTime", ScalarType::kDateTime},
                                      {"Count", kLong},
                                      {"MinDuration", kTimeSpan},
                                      {"MaxDuration", kTimeSpan},
                                      {"AvgDuration", kTimeSpan},
                                      {"TotalDataSize", kLong},
                                      {"MinDataSize", kLong},
                                      {"MaxDataSize", kLong},
                                      {"TotalRowCount", kLong},
                                      {"MinRowCount", kLong},
                                      {"MaxRowCount", kLong},
                                      {"IngestionStatus", kString},
                                      {"NumOfRowStoresReferences", ScalarType::kInt},
                                      {"Principal", kString},
                                      {"NodeId", kString},
                                      {"IngestionProperties", ScalarType::kDynamic}});
    for (const auto& window : services.streaming.windows()) {
      auto count = static_cast<int64_t>(window.count);
      append_row(
          answer,
          {window.database, window.table, window.start, window.end, count, window.min_duration,
           window.max_duration, count == 0 ? 0 : window.total_duration / count,
           static_cast<int64_t>(window.total_size), static_cast<int64_t>(window.min_size),
           static_cast<int64_t>(window.max_size), static_cast<int64_t>(window.total_rows),
           static_cast<int64_t>(window.min_rows), static_cast<int64_t>(window.max_rows),
           window.is_success ? "Success" : "Failure", 1, window.principal, services.facts.node_id,
           properties_json(window.format, window.mapping_name)});
    }
    return answer;
  };
}

Action show_failures(CommandContext& context) {
  return [&services = context.services] {
    constexpr auto kString = ScalarType::kString;
    ResultTable answer = make_answer({{"Database", kString},
                                      {"Table", kString},
                                      {"Principal", kString},
                                      {"RootActivityId", ScalarType::kGuid},
                                      {"IngestionProperties", ScalarType::kDynamic},
                                      {"Count", ScalarType::kLong},
                                      {"FirstFailureOn", ScalarType::kDateTime},
                                      {"LastFailureOn", ScalarType::kDateTime},
                                      {"FailureKind", kString},
                                      {"ErrorCode", kString},
                                      {"Details", kString}});
    for (const auto& failure : services.streaming.failures()) {
      append_row(answer, {failure.database, failure.table, failure.principal, failure.activity_id,
                          properties_json(failure.format, failure.mapping_name),
                          static_cast<int64_t>(failure.count), failure.first, failure.last,
                          failure.is_permanent ? "Permanent" : "Transient",
                          std::string(kusto_error(failure.error).code), failure.details});
    }
    return answer;
  };
}

constexpr CommandForm kForms[] = {
    {"clear database cache streamingingestion schema", "StreamingIngestionSchemaClear", false,
     clear_database_schema},
    {"clear database <name> cache streamingingestion schema", "StreamingIngestionSchemaClear",
     false, clear_database_schema},
    {"clear table <name> cache streamingingestion schema", "StreamingIngestionSchemaClear", false,
     clear_table_schema},
    {"refresh database <name>", "IngestionBatchingPolicyCacheRefresh", false,
     refresh_batching_policy},
    {"show streamingingestion statistics", "StreamingIngestionStatisticsShow", false,
     show_statistics},
    {"show streamingingestion failures", "StreamingIngestionFailuresShow", false, show_failures},
};

}  // namespace

Forms streaming_forms() {
  return kForms;
}

}  // namespace rivulet::commands
