#include "server/memory_use.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

namespace rivulet::server {
namespace {

// Memory that the process has in use, without what it mapped of files.
std::optional<uint64_t> process_bytes() {
  std::ifstream in("/proc/self/statm");
  uint64_t size = 0, resident = 0, shared = 0;
  if (!(in >> size >> resident >> shared)) return std::nullopt;
  return (resident - shared) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::vector<MemoryUse> memory_use(const Services& services) {
  const MemoryBudget& budget = services.memory;
  const store::StoreStatistics store = services.store.statistics();
  const query::EngineMemory queries = services.engine.memory();
  const uint64_t retry_key_bytes = budget.retry_key_bytes /
                                   std::max<uint64_t>(services.settings.idempotency_keys, 1) *
                                   store.idempotency_keys;
  constexpr const char* kWhole = "memory_limit";
  return {
      {"Memory", "all", kWhole, budget.limit_bytes, process_bytes()},
      {"TailMemory", "tails", "tail_memory", budget.tail_bytes - budget.run_cache_bytes(),
       store.tail_bytes},
      {"RunCacheMemory", "run_cache", "tail_memory", budget.run_cache_bytes(), store.cache_bytes},
      {"QueryMemory", "queries", "query_memory", budget.query_bytes - budget.function_bytes(),
       queries.engine_bytes},
      {"FunctionMemory", "functions", "query_memory", budget.function_bytes(),
       queries.function_bytes},
      {"RequestMemory", "requests", "request_memory", budget.request_bytes,
       static_cast<uint64_t>(services.metrics.request_bytes.Value())},
      {"CommitQueueMemory", "commit_queue", kWhole, budget.commit_queue_bytes,
       store.commit_queue_bytes},
      {"ExtentWriterMemory", "extent_writers", kWhole, budget.extent_writer_bytes, std::nullopt},
      {"TermFilterMemory", "term_filters", kWhole, budget.term_filter_bytes, std::nullopt},
      {"RetryKeyMemory", "retry_keys", "idempotency_keys", budget.retry_key_bytes, retry_key_bytes},
      {"OtherMemory", "rest", kWhole, budget.rest_bytes, std::nullopt},
  };
}

}  // namespace rivulet::server
