#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rivulet {

struct Settings;

// How the memory that the server may use is divided: one place, computed once at the start, from which every part
// that holds memory gets its limit. Each part keeps to its own and refuses what is beyond it; nothing is asked of this
// struct while the server runs.
//
// A share that has a setting is what the setting says. The others, and those whose setting is 0, are parts of the
// whole (docs/limits.md has the table): so that all together never come to more than there is.
struct MemoryBudget {
  uint64_t limit_bytes = 0;  // the whole
  // Recent rows, and those that are read again from row files (tail_memory); the engine, and what functions, aggregates
  // and statements that are parsed and planned hold beside it (query_memory); bodies of requests (request_memory).
  uint64_t tail_bytes = 0;
  uint64_t query_bytes = 0;
  uint64_t request_bytes = 0;
  uint64_t commit_queue_bytes = 0;   // encoded transactions that wait for the log
  uint64_t extent_writer_bytes = 0;  // writing, merging and reading extents in the background
  uint64_t term_filter_bytes = 0;    // filters of extents that were read lately
  uint64_t retry_key_bytes = 0;      // idempotency_keys
  // For what nobody counts: the program, stacks, connections, data connections, answers on their way.
  uint64_t rest_bytes = 0;

  // Of tail_bytes: the cache of runs.
  uint64_t run_cache_bytes() const { return tail_bytes / 8; }
  // Of query_bytes: values that functions make, states of aggregates, parsing and planning.
  uint64_t function_bytes() const { return query_bytes / 4; }
};

// Divides `limit_bytes`, or the setting memory_limit where it is not 0. Throws SettingsError, which names the setting,
// when the shares come to more.
MemoryBudget divide_memory(const Settings& settings, uint64_t limit_bytes);
// The same of what this machine, or the container, leaves the process, and with nothing set: what holds where no
// settings are read.
MemoryBudget default_memory();

// What one share may take and takes now, for `.show capacity` and the metrics.
struct MemoryUse {
  std::string_view resource;  // "RequestMemory", as `.show capacity` calls it
  std::string_view share;     // "requests", as the metrics do
  std::string_view setting;   // that changes it
  uint64_t total_bytes = 0;
  std::optional<uint64_t> used_bytes;  // none where nobody counts
};

}  // namespace rivulet
