// What the server says of itself: .show version, cluster, diagnostics and capacity.

#include <unistd.h>

#include <thread>

#include "commands/operation_log.h"

#include "commands/form.h"
#include "commands/rows.h"
#include "common/error.h"
#include "query/query_registry.h"

namespace rivulet::commands {
namespace {

int64_t pages_to_bytes(int name) {
  return static_cast<int64_t>(sysconf(name)) * sysconf(_SC_PAGESIZE);
}

Action show_version(CommandContext& context) {
  return [&services = context.services] {
    const ServiceFacts& facts = services.facts;
    ResultTable answer = make_answer({{"BuildVersion", ScalarType::kString},
                                      {"BuildTime", ScalarType::kDateTime},
                                      {"ServiceType", ScalarType::kString},
                                      {"ProductVersion", ScalarType::kString},
                                      {"ServiceOffering", ScalarType::kString}});
    append_row(answer, {facts.product_version, facts.build_time, "Engine",
                        "Rivulet " + facts.product_version, "{\"Type\":\"Rivulet\"}"});
    return answer;
  };
}

std::string environment(const ServiceFacts& facts) {
  return "{\"Product\":\"Rivulet\",\"Version\":\"" + facts.product_version + "\"}";
}

Action show_cluster(CommandContext& context) {
  context.reader.try_word("details");
  return [&services = context.services] {
    const ServiceFacts& facts = services.facts;
    ResultTable answer = make_answer({{"NodeId", ScalarType::kString},
                                      {"Address", ScalarType::kString},
                                      {"Name", ScalarType::kString},
                                      {"StartTime", ScalarType::kDateTime},
                                      {"IsAdmin", ScalarType::kBool},
                                      {"MachineTotalMemory", ScalarType::kLong},
                                      {"MachineAvailableMemory", ScalarType::kLong},
                                      {"ProcessorCount", ScalarType::kInt},
                                      {"EnvironmentDescription", ScalarType::kString}});
    append_row(answer, {facts.node_id, facts.address, facts.node_id, facts.start_time, 1,
                        pages_to_bytes(_SC_PHYS_PAGES), pages_to_bytes(_SC_AVPHYS_PAGES),
                        int64_t{std::thread::hardware_concurrency()}, environment(facts)});
    return answer;
  };
}

// The columns whose facts exist here, by their documented names.
Action show_diagnostics(CommandContext& context) {
  context.reader.properties();
  return [&services = context.services] {
    constexpr auto kLong = ScalarType::kLong;
    constexpr auto kReal = ScalarType::kReal;
    constexpr auto kString = ScalarType::kString;
    constexpr auto kBool = ScalarType::kBool;
    constexpr auto kInt = ScalarType::kInt;
    constexpr auto kDateTime = ScalarType::kDateTime;
    const ServiceFacts& facts = services.facts;
    store::StoreStatistics statistics = services.store.statistics();
    auto catalog = services.store.catalog();
    ResultTable answer = make_answer({{"IsHealthy", kBool},
                                      {"EnvironmentDescription", kString},
                                      {"IsScaleOutRequired", kBool},
                                      {"MachinesTotal", kInt},
                                      {"MachinesOffline", kInt},
                                      {"NodeLastRestartedOn", kDateTime},
                                      {"AdminLastElectedOn", kDateTime},
                                      {"ExtentsTotal", kInt},
                                      {"TotalExtentSize", kReal},
                                      {"IngestionsInProgress", kLong},
                                      {"BuildVersion", kString},
                                      {"BuildTime", kDateTime},
                                      {"NotHealthyReason", kString},
                                      {"IsAttentionRequired", kBool},
                                      {"AttentionRequiredReason", kString},
                                      {"ProductVersion", kString},
                                      {"NumberOfDatabases", kInt},
                                      {"IsRowStoreUnhealthy", kBool}});
    append_row(answer,
               {1, environment(facts), 0, 1, 0, facts.start_time, facts.start_time,
                static_cast<int64_t>(statistics.extent_count),
                static_cast<double>(statistics.extent_bytes),
                static_cast<int64_t>(services.operations.running_count()), facts.product_version,
                facts.build_time, "", 0, "", "Rivulet " + facts.product_version,
                static_cast<int64_t>(catalog->databases().size()), 0});
    return answer;
  };
}

Action show_capacity(CommandContext& context) {
  std::string resource = context.reader.peek_word();
  if (!resource.empty() && resource != "with") {
    context.reader.word("the name of a resource");
    if (resource != "queries") throw not_supported(".show capacity " + resource);
  }
  context.reader.properties();
  return [&services = context.services, is_all = resource != "queries"] {
    ResultTable answer = make_answer({{"Resource", ScalarType::kString},
                                      {"Total", ScalarType::kLong},
                                      {"Consumed", ScalarType::kLong},
                                      {"Remaining", ScalarType::kLong},
                                      {"Origin", ScalarType::kString}});
    auto add = [&](const char* name, uint64_t total, uint64_t consumed, const char* origin) {
      append_row(answer, {name, static_cast<int64_t>(total), static_cast<int64_t>(consumed),
                          static_cast<int64_t>(total > consumed ? total - consumed : 0), origin});
    };
    // Queries are limited by memory, not by their number: the total is what the processors carry.
    add("Queries", std::thread::hardware_concurrency(), services.queries.running_count(), "Engine");
    if (!is_all) return answer;
    // In bytes: what the log and the row files take of the disk, and recent rows of memory.
    store::StoreStatistics statistics = services.store.statistics();
    add("RowStoreDisk", statistics.row_store_disk_limit_bytes,
        statistics.log_bytes + statistics.row_file_bytes, "row_store_disk_limit");
    add("RowStoreMemory", statistics.tail_limit_bytes,
        statistics.tail_bytes + statistics.cache_bytes, "tail_memory");
    return answer;
  };
}

constexpr CommandForm kForms[] = {
    {"show version", "VersionShow", false, show_version},
    {"show cluster", "ClusterShow", false, show_cluster},
    {"show diagnostics", "DiagnosticsShow", false, show_diagnostics},
    {"show capacity", "CapacityShow", false, show_capacity},
};

}  // namespace

Forms system_forms() {
  return kForms;
}

}  // namespace rivulet::commands
