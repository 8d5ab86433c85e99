// .show operations and .show ingestion failures.

#include <set>

#include "activity/operation_log.h"

#include "activity/failure_log.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "kusto/kusto_error.h"

namespace rivulet::commands {
namespace {

Action show_operations(CommandContext& context) {
  CommandReader& reader = context.reader;
  std::set<Guid> ids;
  if (reader.try_symbol("(")) {
    do {
      ids.insert(reader.guid("the id of an operation"));
    } while (reader.try_symbol(","));
    reader.expect_symbol(")");
  } else if (!reader.at_command_end()) {
    ids.insert(reader.guid("the id of an operation"));
  }
  return [&services = context.services, ids] {
    constexpr auto kString = ScalarType::kString;
    constexpr auto kDateTime = ScalarType::kDateTime;
    ResultTable answer = make_answer({{"OperationId", ScalarType::kGuid},
                                      {"Operation", kString},
                                      {"NodeId", kString},
                                      {"StartedOn", kDateTime},
                                      {"LastUpdatedOn", kDateTime},
                                      {"Duration", ScalarType::kTimeSpan},
                                      {"State", kString},
                                      {"Status", kString},
                                      {"RootActivityId", ScalarType::kGuid},
                                      {"ShouldRetry", ScalarType::kBool},
                                      {"Database", kString},
                                      {"Principal", kString},
                                      {"User", kString},
                                      {"AdminEpochStartTime", kDateTime},
                                      {"VirtualCluster", kString}});
    for (const activity::Operation& operation : services.operations.list()) {
      if (!ids.empty() && !ids.contains(operation.id)) continue;
      Ticks until = operation.state == "InProgress" ? services.clock.now() : operation.updated;
      append_row(answer,
                 {operation.id, operation.kind, services.facts.node_id, operation.started,
                  operation.updated, until - operation.started, operation.state, operation.status,
                  operation.id, int64_t{operation.should_retry}, operation.database,
                  operation.principal, operation.user, services.facts.start_time, ""});
    }
    return answer;
  };
}

// Failures of ingestion that nobody was told of at once: commands that run in the background, and events of
// data connections. Streaming and inline ingestion answer their own failures.
Action show_ingestion_failures(CommandContext& context) {
  std::set<Guid> ids;
  if (context.reader.try_word("with")) {
    context.reader.expect_symbol("(");
    context.reader.expect_word("operationid");
    context.reader.expect_symbol("=");
    ids.insert(context.reader.guid("the id of an operation"));
    context.reader.expect_symbol(")");
  }
  return [&services = context.services, ids] {
    constexpr auto kString = ScalarType::kString;
    ResultTable answer = make_answer({{"OperationId", ScalarType::kGuid},
                                      {"Database", kString},
                                      {"Table", kString},
                                      {"FailedOn", ScalarType::kDateTime},
                                      {"IngestionSourcePath", kString},
                                      {"Details", kString},
                                      {"FailureKind", kString},
                                      {"RootActivityId", ScalarType::kGuid},
                                      {"OperationKind", kString},
                                      {"OriginatesFromUpdatePolicy", ScalarType::kBool},
                                      {"ErrorCode", kString},
                                      {"Principal", kString},
                                      {"ShouldRetry", ScalarType::kBool},
                                      {"User", kString},
                                      {"IngestionProperties", kString}});
    auto append = [&](const activity::IngestionFailure& failure, const std::string& principal,
                      const std::string& user) {
      if (!ids.empty() && !ids.contains(failure.operation_id)) return;
      append_row(
          answer,
          {failure.operation_id, failure.database, failure.table, failure.failed_on,
           failure.source_path, failure.details, failure.is_permanent ? "Permanent" : "Transient",
           failure.operation_id, failure.operation_kind, 0,
           std::string(failure.error ? kusto_error(*failure.error).code : ""), principal,
           int64_t{!failure.is_permanent}, user, failure.ingestion_properties});
    };
    for (const activity::Operation& operation : services.operations.list()) {
      if (operation.state != "Failed" && operation.state != "BadInput") continue;
      append({operation.id, operation.database, operation.table, operation.updated, "",
              operation.error, operation.status, !operation.should_retry, operation.kind, ""},
             operation.principal, operation.user);
    }
    for (const activity::IngestionFailure& failure : services.failures.list())
      append(failure, "", "");
    return answer;
  };
}

constexpr CommandForm kForms[] = {
    {"show operations", "OperationsShow", false, show_operations},
    {"show ingestion failures", "IngestionFailuresShow", false, show_ingestion_failures},
};

}  // namespace

Forms operation_forms() {
  return kForms;
}

}  // namespace rivulet::commands
