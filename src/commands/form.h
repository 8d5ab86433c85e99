#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/commands.h"
#include "commands/reader.h"

namespace rivulet::activity {
class OperationLog;
}

namespace rivulet::commands {

// What every command works with.
struct Services {
  store::Store& store;
  query::Engine& engine;
  activity::QueryRegistry& queries;
  activity::StreamingStatistics& streaming;
  activity::FailureLog& failures;
  sources::DataConnections* connections;  // null: none run
  const sources::Secrets& secrets;
  const Clock& clock;
  const ServiceFacts& facts;
  activity::OperationLog& operations;
  Commands& commands;  // for commands that run others
};

// One command under way: its request, and the reader just behind the words that told which command it is.
struct CommandContext {
  const Services& services;
  const CommandRequest& request;
  CommandReader& reader;
  std::vector<EntityName> names;                // what <name> of the form stood for, in order
  std::vector<std::vector<std::string>> lists;  // what <names> of the form stood for, in order
};

// A command that was read whole and may run. Whatever it uses of the context but services and request it
// has copied.
using Action = std::function<ResultTable()>;

// A form of command, by its leading words. In `pattern` a word stands for itself, <name> for the name of
// an entity (maybe with its database, or '*'), <names> for "(a, b, …)". The handler reads the rest and
// gives what to do; where it stops reading, the command must end.
struct CommandForm {
  std::string_view pattern;
  // Kusto's name for the kind of command ("TableCreate").
  std::string_view type;
  bool is_changing = false;
  Action (*handler)(CommandContext&) = nullptr;
};

using Forms = std::span<const CommandForm>;

// The families, one file each.
Forms database_forms();
Forms schema_forms();
Forms table_forms();
Forms column_forms();
Forms mapping_forms();
Forms data_connection_forms();
Forms policy_forms();
Forms function_forms();
Forms extent_forms();
Forms extent_change_forms();
Forms extent_move_forms();
Forms soft_delete_forms();
Forms inline_ingestion_forms();
Forms query_ingestion_forms();
Forms streaming_forms();
Forms query_forms();
Forms operation_forms();
Forms system_forms();
Forms principal_forms();
Forms script_forms();
Forms listing_forms();
// Documented commands that Rivulet does not carry out: each is refused by its name.
Forms absent_forms();

// The form that fits the most words at the reader, which is left behind them; `names` and `lists` are
// filled. Throws syntax_error that says what is known where the words stop being so.
const CommandForm& match_form(CommandContext& context);

// Reads the words of the request and then the whole command. `form` is set when not null.
Action prepare(CommandContext& context, const CommandForm** form);

}  // namespace rivulet::commands
