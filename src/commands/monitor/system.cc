// What the server says of itself: .show version, cluster, diagnostics and capacity.

#include <fmt/format.h>
#include <unistd.h>

#include <iterator>
#include <thread>

#include "activity/operation_log.h"

#include "activity/query_registry.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "common/error.h"
#include "types/text.h"

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

// What an operator should look at: background work that failed, and ingestion that is refused.
std::string attention_reason(const store::Store& store, bool is_disk_short) {
  constexpr size_t kListed = 3;
  std::string reason;
  if (is_disk_short) {
    reason =
        "Ingestion is refused: the log and the row files take all the disk space that they may "
        "(row_store_disk_limit).";
  }
  std::vector<store::FailedWork> failed = store.failed_work();
  for (size_t i = 0; i < failed.size() && i < kListed; ++i) {
    std::string since;
    append_datetime(since, failed[i].since);
    fmt::format_to(std::back_inserter(reason), "{}{} failed {} times since {}: {}",
                   reason.empty() ? "" : " ", failed[i].work, failed[i].failures, since,
                   failed[i].error);
  }
  if (failed.size() > kListed) {
    fmt::format_to(std::back_inserter(reason), " And {} others.", failed.size() - kListed);
  }
  return reason;
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
    bool is_disk_short =
        statistics.log_bytes + statistics.row_file_bytes > statistics.row_store_disk_limit_bytes;
    std::string reason = attention_reason(services.store, is_disk_short);
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
    append_row(answer, {1, environment(facts), 0, 1, 0, facts.start_time, facts.start_time,
                        static_cast<int64_t>(statistics.extent_count),
                        static_cast<double>(statistics.extent_bytes),
                        static_cast<int64_t>(services.operations.running_count()),
                        facts.product_version, facts.build_time, "", reason.empty() ? 0 : 1, reason,
                        "Rivulet " + facts.product_version,
                        static_cast<int64_t>(catalog->databases().size()), is_disk_short ? 1 : 0});
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
    auto add = [&](std::string_view name, uint64_t total, uint64_t consumed,
                   std::string_view origin) {
      append_row(
          answer,
          {std::string(name), static_cast<int64_t>(total), static_cast<int64_t>(consumed),
           static_cast<int64_t>(total > consumed ? total - consumed : 0), std::string(origin)});
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
    if (!services.facts.memory_use) return answer;
    for (const MemoryUse& use : services.facts.memory_use()) {
      if (use.used_bytes) {
        add(use.resource, use.total_bytes, *use.used_bytes, use.setting);
      } else {
        append_row(answer, {std::string(use.resource),
                            static_cast<int64_t>(use.total_bytes),
                            {},
                            {},
                            std::string(use.setting)});
      }
    }
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
