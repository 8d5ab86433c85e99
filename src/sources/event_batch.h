#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/clock.h"
#include "ingest/failure_log.h"
#include "ingest/streaming_statistics.h"
#include "ingest/target_cache.h"
#include "sources/connection_settings.h"
#include "sources/event.h"
#include "store/store.h"

namespace rivulet::sources {

// What a run of events comes to.
struct EventBatch {
  // One append for each target (table, format, mapping), dead letters among them, in the order of first
  // use. The offsets are the caller's to add.
  std::vector<store::Append> appends;
  uint64_t rows = 0;           // without dead letters
  uint64_t failed_events = 0;  // passed over, and already in the failure log
  // Partitions that wait for a target (onMissingTarget='hold'): none of their events from this offset on is in
  // the appends.
  struct Held {
    int64_t offset = 0;
    std::string reason;
  };
  std::map<int32_t, Held> held;
};

// Turns events into rows: finds the target of each by its properties and the settings, embeds the system
// properties, unpacks, and parses all events of one target together. An event that cannot be ingested is told
// to the failure log and, if there is one, the dead-letter table; it never stops another. Used by one thread.
class EventIngester {
 public:
  struct Connection {
    Guid id;
    std::string database;
    std::string name;
    ConnectionSettings settings;
  };
  // Everything passed in outlives it.
  EventIngester(Connection connection, ingest::TargetCache& targets,
                ingest::StreamingStatistics& statistics, ingest::FailureLog& failures,
                const Clock& clock);
  ~EventIngester();

  // Events of a partition stand in the order of their offsets.
  EventBatch ingest(std::span<const Event> events,
                    const std::shared_ptr<const catalog::Catalog>& catalog);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The columns of a dead-letter table, as a command creates it: "Enqueued:datetime, Connection:string, …".
std::string dead_letter_schema();

}  // namespace rivulet::sources
