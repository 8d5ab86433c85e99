#include "commands/operation_action.h"

#include "activity/operation_log.h"
#include "commands/rows.h"

namespace rivulet::commands {

Action operation_action(const CommandContext& context, std::string_view kind,
                        const TableName& table, bool is_async, std::function<ResultTable()> work) {
  activity::Operation operation;
  operation.kind = kind;
  operation.database = table.database;
  operation.table = table.table;
  operation.principal = context.request.principal;
  operation.user = context.request.user;
  return [&operations = context.services.operations, operation, is_async, work = std::move(work)] {
    if (is_async) {
      ResultTable answer = make_answer({{"OperationId", ScalarType::kGuid}});
      append_row(answer, {operations.run_async(operation, work)});
      return answer;
    }
    ResultTable answer = make_answer({});
    operations.run(operation, [&] { answer = work(); });
    return answer;
  };
}

}  // namespace rivulet::commands
