#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duckdb/database.h"
#include "store/store.h"
#include "types/scalar_type.h"

// rv_scan(query, slot, columns): the table function that reads row chunks in place.
namespace rivulet::query {

// A range that a column of 8-byte integers must lie in (datetime, timespan, long); ends included. A scan
// leaves out chunks without a row in it, and only those: SQL filters the rows.
struct ScanRange {
  uint32_t column_id = 0;  // as kql::ColumnBound's
  int64_t low = INT64_MIN;
  int64_t high = INT64_MAX;
};

// A table of a source.
struct ScanPart {
  // The table's column (or kql::Source::Part::kAbsent, kName) for each column of the source; empty: they
  // are the same.
  std::vector<uint32_t> column_ids;
  std::string name;
  std::vector<ScanRange> ranges;  // of the table's columns
};

// What one slot of a statement reads.
struct ScanSource {
  struct Chunk {
    const store::ChunkView* view;
    uint32_t part;
  };
  struct Run {
    std::shared_ptr<const store::StoredRun> rows;
    uint32_t part;
  };
  std::vector<ScanPart> parts;
  // Read by the thread that comes to it, and let go when its rows have been copied out.
  std::vector<Run> runs;
  std::vector<Chunk> chunks;
  uint64_t row_count = 0;
  std::vector<std::shared_ptr<const void>> owners;  // of the chunks' memory

  // Adds a part that reads these chunks.
  void add(ScanPart part, std::span<const store::ChunkView> views);
  // Adds a run to the part that was added last, unless all of it lies outside the part's ranges.
  void add(std::shared_ptr<const store::StoredRun> run);
};

// The slots of one statement. A scan that was started holds it, and with it the memory that string cells
// of its output point into, until its connection's next statement or end.
struct ScanSources {
  std::vector<ScanSource> slots;

  // Keeps what reading a run threw, since the engine would keep its words only, and throws it as an Error.
  // Thread-safe.
  void fail(std::exception_ptr error) const;
  void throw_failure() const;

 private:
  mutable std::mutex mutex_;
  mutable std::exception_ptr failure_;  // guarded by mutex_
};

// The sources of every statement under way, by the number that its SQL names them with. Thread-safe.
class ScanRegistry {
 public:
  uint64_t add();
  void remove(uint64_t id);
  void set(uint64_t id, std::shared_ptr<const ScanSources> sources);
  // Null when the id is not known or has nothing set.
  std::shared_ptr<const ScanSources> find(uint64_t id) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const ScanSources>> by_id_;
  std::vector<uint64_t> free_ids_;
};

// A place in the registry, for as long as this lives.
class ScanRegistration {
 public:
  explicit ScanRegistration(ScanRegistry& registry) : registry_(&registry), id_(registry.add()) {}
  ScanRegistration(ScanRegistration&& other) noexcept
      : registry_(std::exchange(other.registry_, nullptr)), id_(other.id_) {}
  ScanRegistration& operator=(ScanRegistration&&) = delete;
  ~ScanRegistration() {
    if (registry_ != nullptr) registry_->remove(id_);
  }
  uint64_t id() const { return id_; }
  void set(std::shared_ptr<const ScanSources> sources) { registry_->set(id_, std::move(sources)); }

 private:
  ScanRegistry* registry_;
  uint64_t id_;
};

// A column of a scan: a table's column, or one of the two that the store adds.
struct ScanColumn {
  enum class Kind { kColumn, kIngestionTime, kSequence };
  Kind kind = Kind::kColumn;
  uint32_t column_id = 0;
  ScalarType type = ScalarType::kLong;
};

// "rv_scan(3, 0, '1:9,4:6')": column ids with the numbers of their types. The columns of the relation
// are c<id>, sys_time and sys_seq in that order; with none asked for it is one column `nothing`.
std::string scan_sql(uint64_t registration, size_t slot, const std::vector<ScanColumn>& columns);
// The SQL name of the column.
std::string column_name(const ScanColumn& column);

// Registers rv_scan; once a database. The registry must outlive the database.
void register_scan(duckdb::Connection& connection, ScanRegistry& registry, int threads);

}  // namespace rivulet::query
