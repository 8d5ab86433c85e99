#include "sources/data_connections.h"

#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <spdlog/spdlog.h>

#include "sources/connection.h"

namespace rivulet::sources {
namespace {

struct Definition {
  std::string database;
  catalog::DataConnection connection;

  bool operator==(const Definition&) const = default;
};

std::map<Guid, Definition> definitions(const catalog::Catalog& catalog) {
  std::map<Guid, Definition> found;
  for (const auto& database : catalog.databases()) {
    for (const auto& [name, connection] : database->data_connections()) {
      found[connection.id] = {database->name, connection};
    }
  }
  return found;
}

}  // namespace

struct DataConnections::State {
  struct Running {
    Definition definition;
    std::unique_ptr<Connection> connection;
  };

  store::Store& store;
  activity::StreamingStatistics& statistics;
  activity::FailureLog& failures;
  const Secrets& secrets;
  const Clock& clock;
  const std::chrono::milliseconds session_timeout;

  std::mutex change_mutex;  // held while connections start and end
  bool is_started = false;
  mutable std::mutex mutex;
  std::map<Guid, Running> running;

  void follow() {
    std::map<Guid, Definition> wanted = definitions(*store.catalog());
    std::erase_if(wanted, [](const auto& entry) { return !entry.second.connection.is_enabled; });
    std::vector<std::unique_ptr<Connection>> ending;
    {
      std::lock_guard lock(mutex);
      for (auto it = running.begin(); it != running.end();) {
        auto found = wanted.find(it->first);
        if (found != wanted.end() && found->second == it->second.definition) {
          wanted.erase(found);
          ++it;
          continue;
        }
        it->second.connection->stop(true);
        ending.push_back(std::move(it->second.connection));
        it = running.erase(it);
      }
    }
    // All of them end at the same time, and before one of them starts anew as the same member of its group.
    ending.clear();
    for (auto& [id, definition] : wanted) {
      EventIngester::Connection to_run{id, definition.database, definition.connection.name, {}};
      try {
        to_run.settings = decode_settings(definition.connection.settings);
      } catch (const std::runtime_error& error) {
        spdlog::error("data connection {}.{} does not run: {}", to_run.database, to_run.name,
                      error.what());
        continue;
      }
      std::string log_name = to_run.database + "." + to_run.name;
      try {
        auto connection = std::make_unique<Connection>(std::move(to_run), store, statistics,
                                                       failures, secrets, clock, session_timeout);
        std::lock_guard lock(mutex);
        running.emplace(id, Running{std::move(definition), std::move(connection)});
      } catch (const std::exception& error) {
        // No thread is to be had. The others go on.
        spdlog::error("data connection {} does not run: {}", log_name, error.what());
      }
    }
  }
};

DataConnections::DataConnections(store::Store& store, activity::StreamingStatistics& statistics,
                                 activity::FailureLog& failures, const Secrets& secrets,
                                 const Clock& clock, std::chrono::milliseconds session_timeout)
    : state_(new State{store, statistics, failures, secrets, clock, session_timeout}) {}

DataConnections::~DataConnections() {
  for (auto& [id, running] : state_->running) running.connection->stop(false);
}

void DataConnections::start() {
  std::lock_guard lock(state_->change_mutex);
  state_->is_started = true;
  state_->follow();
}

void DataConnections::follow_catalog() {
  std::lock_guard lock(state_->change_mutex);
  if (state_->is_started) state_->follow();
}

std::vector<ConnectionStatus> DataConnections::status() const {
  std::vector<ConnectionStatus> all;
  std::shared_ptr<const catalog::Catalog> catalog = state_->store.catalog();
  for (const auto& database : catalog->databases()) {
    for (const auto& [name, connection] : database->data_connections()) {
      {
        std::lock_guard lock(state_->mutex);
        auto found = state_->running.find(connection.id);
        if (found != state_->running.end()) {
          all.push_back(found->second.connection->status());
          continue;
        }
      }
      ConnectionStatus status;
      status.id = connection.id;
      status.database = database->name;
      status.name = connection.name;
      status.state = connection.is_enabled ? "Failed" : "Disabled";
      if (connection.is_enabled) status.last_error = "It was not started; the log says why.";
      for (const store::Progress& progress : state_->store.progress(connection.id)) {
        PartitionStatus partition;
        partition.topic = progress.stream;
        partition.partition = progress.partition;
        partition.next_offset = progress.position;
        status.partitions.push_back(std::move(partition));
      }
      all.push_back(std::move(status));
    }
  }
  return all;
}

}  // namespace rivulet::sources
