#include "commands/commands.h"

#include "activity/operation_log.h"
#include "commands/form.h"
#include "commands/query_request.h"
#include "commands/text.h"
#include "common/error.h"

namespace rivulet::commands {

struct Commands::State {
  State(Commands& commands, store::Store& store, query::Engine& engine,
        activity::QueryRegistry& queries, activity::StreamingStatistics& streaming,
        activity::FailureLog& failures, sources::DataConnections* connections,
        const sources::Secrets& secrets, const Clock& clock, ServiceFacts service_facts)
      : facts(std::move(service_facts)), operations(clock), services{store,    engine,
                                                                     queries,  streaming,
                                                                     failures, connections,
                                                                     secrets,  clock,
                                                                     facts,    operations,
                                                                     commands} {}

  ServiceFacts facts;
  activity::OperationLog operations;
  Services services;
};

Commands::Commands(store::Store& store, query::Engine& engine, activity::QueryRegistry& queries,
                   activity::StreamingStatistics& streaming, activity::FailureLog& failures,
                   sources::DataConnections* connections, const sources::Secrets& secrets,
                   const Clock& clock, ServiceFacts facts)
    : state_(std::make_unique<State>(*this, store, engine, queries, streaming, failures,
                                     connections, secrets, clock, std::move(facts))) {}

Commands::~Commands() = default;

CommandResult Commands::execute(const CommandRequest& request) {
  CommandReader reader(request.text);
  CommandContext context{state_->services, request, reader, {}, {}};
  Action action = prepare(context, nullptr);
  std::string continuation;
  if (reader.try_symbol(";")) {
    // More statements: the command's table is the first result.
    std::string_view more = trim(reader.take_rest());
    if (!more.empty()) continuation = "| where true;" + std::string(more);
  } else if (reader.at_symbol("|")) {
    continuation = trim(reader.take_rest());
  }
  ResultTable table = action();
  if (continuation.empty()) return table;
  query::QueryRequest query = query_request(request, std::move(continuation));
  query.input = std::make_shared<const ResultTable>(std::move(table));
  return state_->services.engine.start(query);
}

bool is_command(std::string_view text) {
  for (;;) {
    text = trim(text);
    if (text.starts_with("\xEF\xBB\xBF")) {
      text.remove_prefix(3);
    } else if (text.starts_with("//")) {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else {
      return text.starts_with('.');
    }
  }
}

}  // namespace rivulet::commands
