#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/error.h"
#include "common/guid.h"

namespace rivulet::activity {

// One thing that could not be ingested, as `.show ingestion failures` tells it.
struct IngestionFailure {
  Guid operation_id;
  std::string database;
  std::string table;
  Ticks failed_on = 0;
  // "kafka://<connection>/<topic>/<partition>/<offset>" for an event.
  std::string source_path;
  std::optional<ErrorKind> error;
  std::string details;
  bool is_permanent = true;
  std::string operation_kind;        // "DataConnection"
  std::string ingestion_properties;  // JSON: format, mapping
};

// The last failures, newest first, a bounded number of them. Thread-safe.
class FailureLog {
 public:
  void record(IngestionFailure failure);
  std::vector<IngestionFailure> list() const;

 private:
  static constexpr size_t kKept = 10'000;

  mutable std::mutex mutex_;
  std::deque<IngestionFailure> failures_;  // oldest first
};

}  // namespace rivulet::activity
