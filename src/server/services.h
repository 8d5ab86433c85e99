#pragma once

#include <functional>

#include "activity/streaming_statistics.h"
#include "commands/commands.h"
#include "common/clock.h"
#include "common/memory_budget.h"
#include "common/settings.h"
#include "query/engine.h"
#include "server/metrics.h"
#include "sources/data_connections.h"
#include "store/store.h"

namespace rivulet::server {

// What the endpoints work with. Everything outlives the server.
struct Services {
  const Settings& settings;
  const MemoryBudget& memory;
  store::Store& store;
  query::Engine& engine;
  std::function<commands::CommandResult(const commands::CommandRequest&)> execute_command;
  activity::StreamingStatistics& streaming;
  const sources::DataConnections& data_connections;
  const Clock& clock;
  Metrics& metrics;

  // "" and "NetDefaultDB" stand for the default database, unless there is one of that name.
  std::string resolve_database(std::string_view name) const;
};

}  // namespace rivulet::server
