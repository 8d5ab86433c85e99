#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "activity/failure_log.h"
#include "activity/streaming_statistics.h"
#include "common/clock.h"
#include "ingest/pipeline.h"
#include "ingest/target_cache.h"
#include "sources/connection_settings.h"
#include "sources/event.h"
#include "store/store.h"

namespace rivulet::sources {

// What a run of events comes to.
struct EventBatch {
  std::shared_ptr<const catalog::Catalog> catalog;  // that it was made under
  // How many events this is about, from the first. Fewer than were given if their rows would take much more
  // memory than their bytes, or need many extents; the others are for the next call. At least one.
  size_t events = 0;
  // One append for each target (table, format, mapping), in the order of first use, and one of dead letters.
  // The offsets are the caller's to add.
  std::vector<store::Append> appends;
  // Rows that an extent with tags is to be made of: ingestion_of() does it.
  struct Tagged {
    std::shared_ptr<const catalog::Table> table;
    store::Append append;
    std::vector<std::string> tags;
  };
  std::vector<Tagged> tagged;
  uint64_t rows = 0;           // without dead letters
  uint64_t failed_events = 0;  // passed over
  // Partitions that wait for a target (onMissingTarget='hold'): none of their events from this offset on is in
  // the appends.
  struct Held {
    int64_t offset = 0;
    std::string reason;
  };
  std::map<int32_t, Held> held;

  // For EventIngester::record().
  struct Outcome {
    std::string database, table, format, mapping_name;
    uint64_t rows = 0, bytes = 0;
  };
  struct Failure {
    Outcome outcome;
    activity::IngestionFailure failure;
  };
  Ticks started = 0;
  std::vector<Outcome> outcomes;  // of the targets
  std::vector<Failure> failures;
};

// Turns events into rows: finds the target of each by its properties and the settings, embeds the system
// properties, unpacks, and parses all events of one target together. An event that cannot be ingested goes to
// the failure log and, if there is one, the dead-letter table; it never stops another. Used by one thread.
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
                activity::StreamingStatistics& statistics, activity::FailureLog& failures,
                const Clock& clock);
  ~EventIngester();

  // Events of a partition stand in the order of their offsets; there is at least one. Throws std::bad_alloc, and
  // nothing that an event could bring about; after a throw it can be called again.
  EventBatch ingest(std::string_view topic, std::span<const Event> events,
                    const std::shared_ptr<const catalog::Catalog>& catalog);

  // To be called once the batch is stored: tells its rows to the statistics and its failures to the failure log, so
  // that one that is made again after a failed commit is not counted twice. Does not look at the appends.
  void record(const EventBatch& batch);

 private:
  struct State;

  activity::StreamingStatistics& statistics_;
  activity::FailureLog& failures_;
  std::unique_ptr<State> state_;
};

// What stores the batch, but for its offsets: takes the appends, and writes the extents of tagged rows. Throws what
// Store::write_extents() throws.
ingest::Ingestion ingestion_of(EventBatch& batch, store::Store& store);

// The columns of a dead-letter table, as a command creates it: "Enqueued:datetime, Connection:string, …".
std::string dead_letter_schema();

}  // namespace rivulet::sources
