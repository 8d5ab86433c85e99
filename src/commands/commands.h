#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/clock.h"
#include "common/memory_budget.h"
#include "query/engine.h"
#include "store/store.h"
#include "types/column_batch.h"

namespace rivulet::activity {
class FailureLog;
class QueryRegistry;
class StreamingStatistics;
}  // namespace rivulet::activity
namespace rivulet::sources {
class DataConnections;
class Secrets;
}  // namespace rivulet::sources

// Management commands: the requests whose text begins with a dot.
namespace rivulet::commands {

struct CommandRequest {
  std::string text;
  // As the request named it, with the default database already in the place of "" and
  // "NetDefaultDB". It need not exist unless the command means it.
  std::string database;
  std::string client_request_id;
  std::string principal;    // fully qualified, as "aadapp=<id>;<tenant>"; empty: not authenticated
  std::string user;         // x-ms-user, for listings
  std::string application;  // x-ms-app, for listings

  // Request options. Those of the query part ("| where …", "<| query") go to the engine as they
  // are.
  Ticks now = 0;           // of this request: now() in its query part
  bool read_only = false;  // request_readonly: a command that changes anything is refused
  std::map<std::string, std::string> parameters;
  kql::RequestProperties properties;
  // What holds where these say nothing (QueryRequest).
  std::chrono::milliseconds timeout{600'000};
  std::chrono::milliseconds max_timeout{3'600'000};
  uint64_t max_records = 500'000;
  uint64_t max_bytes = 64ull << 20;
};

// A plain command answers one table; a command followed by "| query" or "; statement" answers the
// results of a query that reads the command's table.
using CommandResult = std::variant<ResultTable, std::unique_ptr<query::RunningQuery>>;

// What the program knows of itself, for `.show version`, `.show cluster` and their like.
struct ServiceFacts {
  std::string product_version;  // "0.1.0"
  std::string node_id = "rivulet";
  std::string address;  // "http://host:port" as clients reach it
  Ticks build_time = 0;
  Ticks start_time = 0;
  // How its memory is divided, for `.show capacity`; may be empty.
  std::function<std::vector<MemoryUse>()> memory_use;
};

// Carries out management commands. Thread-safe; a command works on the caller's thread and returns
// when its change is durable and visible. Everything passed in must outlive it.
class Commands {
 public:
  // Without `connections` (null) data connections are kept and shown, and none runs.
  Commands(store::Store& store, query::Engine& engine, activity::QueryRegistry& queries,
           activity::StreamingStatistics& streaming, activity::FailureLog& failures,
           sources::DataConnections* connections, const sources::Secrets& secrets,
           const Clock& clock, ServiceFacts facts);
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  // Throws Error. A request that fails has changed nothing, with two exceptions: `.execute database
  // script`, whose answer tells what became of each of its commands, and a query behind a changing
  // command, which runs after the change.
  CommandResult execute(const CommandRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// True when the text, after blanks and comments, begins with a dot: a command and not a query.
bool is_command(std::string_view text);

}  // namespace rivulet::commands
