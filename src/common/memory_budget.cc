#include "common/memory_budget.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "common/memory_limit.h"
#include "common/settings.h"

namespace rivulet {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// Without less of it there is no use in starting.
constexpr uint64_t kLeastTails = 64 * kMiB, kLeastQueries = 64 * kMiB, kLeastRest = 128 * kMiB;
constexpr uint64_t kMostRequests = 512 * kMiB, kMostCommitQueue = 256 * kMiB,
                   kMostExtentWriters = 2560 * kMiB, kMostTermFilters = 64 * kMiB;
constexpr uint64_t kRetryKeyBytes = 130;

// Tenths of a MiB, so that what is refused by little does not read as if it fitted.
std::string in_mib(uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMiB);
}

// `wanted_bytes`: of all shares at their least.
[[noreturn]] void refuse(const Settings& settings, const MemoryBudget& budget,
                         uint64_t wanted_bytes) {
  const bool has_more_keys = settings.idempotency_keys > Settings().idempotency_keys;
  const std::pair<std::string_view, uint64_t> set[] = {
      {"query_memory", settings.query_memory},
      {"tail_memory", settings.tail_memory},
      {"request_memory", settings.request_memory},
      {"idempotency_keys", has_more_keys ? budget.retry_key_bytes : 0}};
  auto [name, bytes] = *std::max_element(std::begin(set), std::end(set),
                                         [](auto& a, auto& b) { return a.second < b.second; });
  if (bytes == 0) {
    throw SettingsError(fmt::format("memory_limit: the server may use {}, and needs {} at least",
                                    in_mib(budget.limit_bytes), in_mib(wanted_bytes)));
  }
  throw SettingsError(fmt::format(
      "{}: {} do not fit into the {} that the server may use (memory_limit, or else what the "
      "machine or its container has): with what the other parts need at least, it comes to {}",
      name, in_mib(bytes), in_mib(budget.limit_bytes), in_mib(wanted_bytes)));
}

}  // namespace

MemoryBudget divide_memory(const Settings& settings, uint64_t limit_bytes) {
  const uint64_t limit = settings.memory_limit > 0 ? settings.memory_limit : limit_bytes;
  auto part = [limit](uint64_t divisor, uint64_t most) { return std::min(limit / divisor, most); };
  MemoryBudget budget;
  budget.limit_bytes = limit;
  budget.rest_bytes = std::max(limit / 32, kLeastRest);
  budget.request_bytes =
      settings.request_memory > 0 ? settings.request_memory : part(16, kMostRequests);
  budget.commit_queue_bytes = part(32, kMostCommitQueue);
  budget.extent_writer_bytes = part(10, kMostExtentWriters);
  budget.term_filter_bytes = part(32, kMostTermFilters);
  budget.retry_key_bytes = settings.idempotency_keys * kRetryKeyBytes;
  const uint64_t taken = budget.rest_bytes + budget.request_bytes + budget.commit_queue_bytes +
                         budget.extent_writer_bytes + budget.term_filter_bytes +
                         budget.retry_key_bytes;
  // These two take what is left, up to their parts; each leaves the other what it needs.
  const uint64_t tails = settings.tail_memory > 0 ? settings.tail_memory : kLeastTails;
  const uint64_t queries = settings.query_memory > 0 ? settings.query_memory : kLeastQueries;
  if (taken + tails + queries > limit) refuse(settings, budget, taken + tails + queries);
  budget.tail_bytes =
      settings.tail_memory > 0 ? tails : std::max(kLeastTails, part(4, limit - taken - queries));
  budget.query_bytes = settings.query_memory > 0
                           ? queries
                           : std::max(kLeastQueries, part(2, limit - taken - budget.tail_bytes));
  return budget;
}

MemoryBudget default_memory() {
  return divide_memory(Settings(), memory_limit_bytes());
}

}  // namespace rivulet
