#include "main/serve.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "commands/commands.h"
#include "common/logging.h"
#include "common/settings.h"
#include "ingest/failure_log.h"
#include "ingest/streaming_statistics.h"
#include "query/engine.h"
#include "server/server.h"
#include "sources/data_connections.h"
#include "sources/secrets.h"
#include "store/store.h"

extern char** environ;

namespace rivulet {
namespace {

Settings load_settings(const ServeArguments& arguments) {
  Settings settings;
  std::string file = arguments.config_file;
  if (const char* variable = std::getenv("RIVULET_CONFIG"); variable != nullptr) file = variable;
  if (!file.empty()) load_settings_file(settings, file);
  for (const auto& [name, value] : arguments.flags) {
    try {
      set_setting(settings, name, value);
    } catch (const SettingsError& error) {
      throw SettingsError(fmt::format("command line: {}", error.what()));
    }
  }
  load_settings_environment(settings, environ);
  check_settings(settings);
  return settings;
}

store::StoreOptions store_options(const Settings& settings) {
  store::StoreOptions options;
  options.directory = settings.data;
  options.log_segment_bytes = settings.log_segment_size;
  options.log_limit_bytes = settings.log_limit;
  options.seal_rows = settings.seal_rows;
  options.seal_bytes = settings.seal_size;
  options.seal_min_rows = settings.seal_min_rows;
  options.seal_age = settings.seal_age.count() * kTicksPerMillisecond;
  options.tail_limit_bytes = settings.tail_memory;
  options.row_store_disk_limit_bytes = settings.row_store_disk_limit;
  options.idempotency_window = settings.idempotency_window.count() * kTicksPerMillisecond;
  options.idempotency_keys = settings.idempotency_keys;
  return options;
}

query::EngineOptions engine_options(const Settings& settings) {
  query::EngineOptions options;
  options.memory_limit_bytes = settings.query_memory;
  options.threads = static_cast<int>(settings.query_engine_threads);
  std::filesystem::path data = std::filesystem::absolute(settings.data);
  options.temp_directory = data / "temp";
  options.extent_directory = data / "extents";
  return options;
}

// Streaming ingestion is enabled in it, so that a table is ready as soon as it is created.
void create_default_database(store::Store& store, const std::string& name) {
  if (store.catalog()->find_database(name) != nullptr) return;
  store::Transaction transaction;
  transaction.alter = [name](const catalog::Catalog& catalog) {
    std::vector<catalog::Change> changes;
    if (catalog.find_database(name) == nullptr) {
      catalog::PutDatabase database;
      database.id = catalog.next_database_id();
      database.guid = new_guid();
      database.name = name;
      database.policies["streamingingestion"] = R"({"IsEnabled":true,"HintAllocatedRate":null})";
      changes.emplace_back(std::move(database));
    }
    return changes;
  };
  store.commit(std::move(transaction));
}

// The file appears whole, for whoever waits for it.
void write_port_file(const std::string& file, uint16_t port) {
  std::string temporary = file + ".new";
  std::ofstream out(temporary);
  out << port << '\n';
  out.close();
  if (!out) throw SettingsError(fmt::format("port_file: {} cannot be written", file));
  std::filesystem::rename(temporary, file);
}

// SIGINT and SIGTERM, kept from every thread that starts later and taken by await().
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  int await() const {
    int signal = 0;
    sigwait(&signals_, &signal);
    return signal;
  }

 private:
  sigset_t signals_;
};

// As many files and sockets as the system lets this user have.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void serve(const Settings& settings) {
  set_up_logging(settings.log_level);
  raise_file_limit();
  StopSignals signals;
  const Clock& clock = system_clock();
  auto store = store::Store::open(store_options(settings), posix_file_system(), clock);
  create_default_database(*store, settings.default_database);
  auto engine = query::Engine::open(engine_options(settings), *store, clock);
  ingest::StreamingStatistics streaming;
  ingest::FailureLog failures;
  sources::Secrets secrets(settings.secrets);
  sources::DataConnections data_connections(*store, streaming, failures, secrets, clock);
  server::Metrics metrics;

  // The server knows its address once it is bound, and the commands tell it.
  std::unique_ptr<commands::Commands> commands;
  server::Services services{settings,
                            *store,
                            *engine,
                            [&](const commands::CommandRequest& request) { return commands->execute(request); },
                            streaming,
                            data_connections,
                            clock,
                            metrics};
  server::Server server(services);
  commands::ServiceFacts facts;
  facts.product_version = RIVULET_VERSION;
  facts.start_time = clock.now();
  facts.address = server.url();
  commands =
      std::make_unique<commands::Commands>(*store, *engine, engine->queries(), streaming, failures,
                                           &data_connections, secrets, clock, facts);
  server.start();
  data_connections.start();
  if (!settings.port_file.empty()) write_port_file(settings.port_file, server.port());
  fmt::print("Rivulet {} listens on {}\nData lies in {}\n", RIVULET_VERSION, server.url(),
             std::filesystem::absolute(settings.data).lexically_normal().string());
  std::fflush(stdout);

  int signal = signals.await();
  fmt::print("{}: finishing what is under way\n",
             signal == SIGINT ? "Interrupted" : "Asked to end");
  std::fflush(stdout);
  server.stop();
}

}  // namespace

int run_serve(const ServeArguments& arguments) {
  try {
    serve(load_settings(arguments));
    return 0;
  } catch (const SettingsError& error) {
    fmt::print(stderr, "rivulet serve: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rivulet serve: {}\n", error.what());
    return 1;
  }
}

}  // namespace rivulet
