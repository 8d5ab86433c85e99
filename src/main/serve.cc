#include "main/serve.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include "activity/failure_log.h"
#include "activity/streaming_statistics.h"
#include "commands/commands.h"
#include "commands/text.h"
#include "common/error.h"
#include "common/logging.h"
#include "common/memory_budget.h"
#include "common/memory_limit.h"
#include "common/settings.h"
#include "query/engine.h"
#include "server/http/tls.h"
#include "server/memory_use.h"
#include "server/server.h"
#include "sources/data_connections.h"
#include "sources/secrets.h"
#include "store/store.h"

extern char** environ;

namespace rivulet {
namespace {

// At the end, for plans of queries that were stopped, which the engine cannot interrupt.
constexpr std::chrono::seconds kPlanningLimit{2};

// What only a look outside the settings tells: files, folders, names. Before anything is opened, so that a
// start that is refused for it has changed nothing.
void check_surroundings(const Settings& settings) {
  server::make_tls_context(settings);
  try {
    commands::check_entity_name("database", settings.default_database);
  } catch (const Error& error) {
    throw SettingsError(fmt::format("default_database: {}", error.message()));
  }
  std::error_code ignored;
  if (std::filesystem::exists(settings.data, ignored) &&
      !std::filesystem::is_directory(settings.data, ignored)) {
    throw SettingsError(fmt::format("data: {} is no folder", settings.data));
  }
  if (!settings.secrets.empty()) {
    if (::access(settings.secrets.c_str(), R_OK | X_OK) != 0) {
      throw SettingsError(
          fmt::format("secrets: {} cannot be read: {}", settings.secrets, std::strerror(errno)));
    }
    if (!std::filesystem::is_directory(settings.secrets, ignored)) {
      throw SettingsError(fmt::format("secrets: {} is no folder", settings.secrets));
    }
  }
  if (!settings.port_file.empty()) {
    std::filesystem::path folder = std::filesystem::absolute(settings.port_file).parent_path();
    if (!std::filesystem::is_directory(folder, ignored)) {
      throw SettingsError(fmt::format("port_file: there is no folder {}", folder.string()));
    }
  }
}

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
  check_surroundings(settings);
  return settings;
}

store::StoreOptions store_options(const Settings& settings, const MemoryBudget& memory) {
  store::StoreOptions options;
  options.directory = settings.data;
  options.log_segment_bytes = settings.log_segment_size;
  options.log_limit_bytes = settings.log_limit;
  options.seal_rows = settings.seal_rows;
  options.seal_bytes = settings.seal_size;
  options.seal_min_rows = settings.seal_min_rows;
  options.seal_age = settings.seal_age.count() * kTicksPerMillisecond;
  options.tail_limit_bytes = memory.tail_bytes;
  options.commit_queue_bytes = memory.commit_queue_bytes;
  options.extent_writer_bytes = memory.extent_writer_bytes;
  options.term_filter_bytes = memory.term_filter_bytes;
  options.row_store_disk_limit_bytes = settings.row_store_disk_limit;
  options.idempotency_window = settings.idempotency_window.count() * kTicksPerMillisecond;
  options.idempotency_keys = settings.idempotency_keys;
  return options;
}

query::EngineOptions engine_options(const Settings& settings, const MemoryBudget& memory) {
  query::EngineOptions options;
  options.memory_limit_bytes = memory.query_bytes;
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
      database.policies.set("streamingingestion", R"({"IsEnabled":true,"HintAllocatedRate":null})");
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

// From the start of the server to the signal that ends it.
void serve_until_asked_to_end(const Settings& settings, const MemoryBudget& memory,
                              store::Store& store, query::Engine& engine,
                              const StopSignals& signals) {
  const Clock& clock = system_clock();
  activity::StreamingStatistics streaming;
  activity::FailureLog failures;
  sources::Secrets secrets(settings.secrets);
  sources::DataConnections data_connections(store, streaming, failures, secrets, clock);
  server::Metrics metrics;

  // The server knows its address once it is bound, and the commands tell it.
  std::unique_ptr<commands::Commands> commands;
  server::Services services{
      settings,
      memory,
      store,
      engine,
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
  facts.memory_use = [&services] { return server::memory_use(services); };
  commands =
      std::make_unique<commands::Commands>(store, engine, engine.queries(), streaming, failures,
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

// What runs and frees the plan of a long query goes as deep as the plan: the binder's limit counts on this stack, whatever
// `ulimit -s` says.
void set_stack_size() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 8 << 20);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

void serve(const Settings& settings) {
  set_up_logging(settings.log_level);
  raise_file_limit();
  set_stack_size();
  StopSignals signals;
  bool takes_any_origin =
      std::count(settings.cors_origins.begin(), settings.cors_origins.end(), "*") > 0;
  if (takes_any_origin && settings.tokens.empty()) {
    spdlog::warn(
        "cors_origins is * and there are no tokens: any web page that is opened where this server "
        "can be reached may read and change everything");
  }
  const MemoryBudget memory = divide_memory(settings, memory_limit_bytes());
  auto store =
      store::Store::open(store_options(settings, memory), posix_file_system(), system_clock());
  create_default_database(*store, settings.default_database);
  auto engine = query::Engine::open(engine_options(settings, memory), *store, system_clock());
  serve_until_asked_to_end(settings, memory, *store, *engine, signals);
  if (!engine->finish(kPlanningLimit)) {
    // All that was acknowledged is durable without a good end.
    spdlog::warn(
        "a query that was stopped is still being planned: the server ends without waiting for it");
    spdlog::shutdown();
    std::_Exit(0);
  }
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
