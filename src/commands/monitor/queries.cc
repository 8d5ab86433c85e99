// .show queries, .show running queries and .cancel query.

#include "activity/query_registry.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

using activity::QueryRecord;

Cell guid_cell(const std::string& text) {
  auto guid = parse_guid(text);
  return guid ? Cell(*guid) : Cell();
}

ResultTable list_queries(const std::vector<QueryRecord>& records) {
  constexpr auto kString = ScalarType::kString;
  constexpr auto kDynamic = ScalarType::kDynamic;
  ResultTable answer = make_answer({{"ClientActivityId", kString},
                                    {"Text", kString},
                                    {"Database", kString},
                                    {"StartedOn", ScalarType::kDateTime},
                                    {"LastUpdatedOn", ScalarType::kDateTime},
                                    {"Duration", ScalarType::kTimeSpan},
                                    {"State", kString},
                                    {"RootActivityId", ScalarType::kGuid},
                                    {"User", kString},
                                    {"FailureReason", kString},
                                    {"TotalCpu", ScalarType::kTimeSpan},
                                    {"CacheStatistics", kDynamic},
                                    {"Application", kString},
                                    {"MemoryPeak", ScalarType::kLong},
                                    {"ScannedExtentsStatistics", kDynamic},
                                    {"Principal", kString},
                                    {"ClientRequestProperties", kDynamic},
                                    {"ResultSetStatistics", kDynamic},
                                    {"WorkloadGroup", kString},
                                    {"OverallQueryStats", kString},
                                    {"VirtualCluster", kString}});
  for (const QueryRecord& record : records) {
    std::string scanned = "{\"TotalExtentsCount\":" + std::to_string(record.extents_total) +
                          ",\"ScannedExtentsCount\":" + std::to_string(record.extents_scanned) +
                          ",\"ScannedRowsCount\":" + std::to_string(record.scanned_rows) + "}";
    std::string result = "{\"TableCount\":1,\"TablesStatistics\":[{\"RowCount\":" +
                         std::to_string(record.result_rows) +
                         ",\"TableSize\":" + std::to_string(record.result_bytes) + "}]}";
    // Processor time and memory are not measured by query.
    append_row(answer, {record.client_activity_id,
                        record.text,
                        record.database,
                        record.started,
                        record.last_updated,
                        record.duration,
                        std::string(to_string(record.state)),
                        guid_cell(record.root_activity_id),
                        record.user,
                        record.failure_reason,
                        Cell(),
                        Cell(),
                        record.application,
                        Cell(),
                        scanned,
                        "",
                        Cell(),
                        result,
                        "default",
                        "",
                        ""});
  }
  return answer;
}

// Those that run, and those that ended of late.
Action show_queries(CommandContext& context) {
  return [&services = context.services] {
    std::vector<QueryRecord> records = services.queries.running();
    std::vector<QueryRecord> recent = services.queries.recent();
    records.insert(records.end(), recent.begin(), recent.end());
    return list_queries(records);
  };
}

// [by (user "name" | *)]
Action show_running_queries(CommandContext& context) {
  std::string user;
  if (context.reader.try_word("by") && !context.reader.try_symbol("*")) {
    context.reader.expect_word("user");
    user = context.reader.string_literal("the name of a user");
  }
  return [&services = context.services, user] {
    std::vector<QueryRecord> records = services.queries.running();
    if (!user.empty()) {
      std::erase_if(records, [&](const QueryRecord& record) { return record.user != user; });
    }
    return list_queries(records);
  };
}

Action cancel_query(CommandContext& context) {
  std::string id = context.reader.string_literal("the client activity id of a query");
  context.reader.properties().check_known({"reason"});
  return [&services = context.services, id] {
    size_t count = services.queries.cancel(id);
    if (count == 0) throw entity_not_found("Running query", id);
    ResultTable answer = make_answer(
        {{"ClientRequestId", ScalarType::kString}, {"RunningQueryCanceled", ScalarType::kBool}});
    append_row(answer, {id, 1});
    return answer;
  };
}

constexpr CommandForm kForms[] = {
    {"show queries", "QueriesShow", false, show_queries},
    {"show running queries", "RunningQueriesShow", false, show_running_queries},
    {"cancel query", "QueryCancel", true, cancel_query},
};

}  // namespace

Forms query_forms() {
  return kForms;
}

}  // namespace rivulet::commands
