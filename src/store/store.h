#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "common/clock.h"
#include "common/file_system.h"
#include "extents/extent.h"
#include "types/chunk_view.h"
#include "types/column_batch.h"

namespace rivulet::log {
class Log;
}

// The log, the catalog, the row store and the extents as one thing: commit, snapshot, recovery and the
// background work. docs/architecture.md tells the way of a row.
namespace rivulet::store {

// The place of a committed transaction in the one order of all commits; the first is 1.
using Sequence = rivulet::Sequence;

using extents::ColumnStatistics;
using extents::ExtentView;  // a sealed Parquet file
using rivulet::CellRange;
using rivulet::ChunkView;  // rows of a table's tail, in memory
using rivulet::StoredRun;  // rows of a table's tail, in a file

// Rows for one table. `rows->column(i)` holds the values of the column with id `column_ids[i]`; columns
// of the table that are not named are null (strings: empty) and columns dropped meanwhile are ignored.
struct Append {
  catalog::TableId table = 0;
  std::vector<uint32_t> column_ids;
  std::shared_ptr<const ColumnBatch> rows;
};

// A 128-bit hash.
struct Hash128 {
  uint64_t low = 0, high = 0;

  bool operator==(const Hash128&) const = default;
};

// Names an attempt to store something, so that its retries store nothing twice.
struct IdempotencyKey {
  Hash128 name;  // of what the client named it
  // Of what the client sent under that name. Zero where that is not known: a key that was written before
  // contents were kept.
  Hash128 content;

  bool is_same_content(const Hash128& other) const {
    return content == Hash128() || other == Hash128() || content == other;
  }
};
// The key that a text stands for among the requests for one table. `content` are the bytes of the request,
// `how` says how they are read (format and mapping): a retry repeats both.
IdempotencyKey make_idempotency_key(catalog::TableId table, std::string_view name,
                                    std::string_view content, std::string_view how);

// Rows of one table in another place, or gone: extents leave its manifest, others come, and its tail may lose
// its oldest rows.
struct Replace {
  catalog::TableId table = 0;
  std::vector<Guid> removed;
  // Drafts, as Store::write_extents() gives them.
  std::vector<std::shared_ptr<ExtentView>> added;
  // Refused with TagExists when an extent of the table has one of these tags (ingestIfNotExists).
  std::vector<std::string> unless_tags;
  // Rows of the tail of the sequences from `first_sequence` to `up_to` go too; the tail must have rows of the first.
  // 0: none.
  Sequence first_sequence = 0, up_to = 0;
};

// What refuses a transaction with a Replace that comes too late: an extent that is to go, or the start of the
// tail that is to be cut, is not there any more.
class ReplaceOutdated : public std::exception {
 public:
  const char* what() const noexcept override { return "the table's extents changed meanwhile"; }
};

// See Replace::unless_tags.
class TagExists : public std::exception {
 public:
  const char* what() const noexcept override { return "the table has an extent with the tag"; }
};

// How far an owner has come in a stream that it reads: committed with the rows that brought it there (P7). A data
// connection has one for each partition of its topic (docs/data-connections.md).
struct Progress {
  Guid owner;  // of the catalog (catalog::DataConnection::id); never used again for another one
  std::string stream;     // what it reads: of a data connection the topic
  int32_t partition = 0;  // of the stream, if that has several
  // What the store must hold when the transaction's turn comes, or it is refused with ProgressOutdated.
  int64_t expected = -1;  // -1: nothing
  int64_t position = 0;   // the first that is not stored yet

  bool operator==(const Progress&) const = default;
};

// What refuses a transaction whose Progress expects another position than there is, or whose owner is not in the
// catalog any more.
class ProgressOutdated : public std::exception {
 public:
  const char* what() const noexcept override {
    return "the store holds another position of the stream";
  }
};

// See Transaction::made_under.
class CatalogOutdated : public std::exception {
 public:
  const char* what() const noexcept override {
    return "the table, or a mapping or policy of it, changed meanwhile";
  }
};

// See Transaction::if_empty.
class TableNotEmpty : public std::exception {
 public:
  const char* what() const noexcept override { return "the table has rows"; }
};

// The kind of an item in the payload of a record: docs/log-format.md lists them. Each belongs to one part of the
// store, whose header has it as a constant.
enum class ItemKind : uint8_t {};
constexpr ItemKind kFirstPartItem{64};

// What a transaction asks of a part of the store that has no member of Transaction: the part's header says what the
// content means (parts/part.h). In a record its length stands before it.
struct PartItem {
  ItemKind kind{};  // kFirstPartItem or above
  std::string content;
};

// What is committed together: all of it or none. Carried out in the order: alter, clear, replace, progress, appends,
// items. Who stores rows makes one by ingest/pipeline.h.
//
// Its appends, progress and items may take 1 GiB as they are encoded for the log (docs/log-format.md: about what the
// batches take in memory); a larger one is refused with payload_too_large. There is no limit to their number.
struct Transaction {
  std::vector<Append> appends;
  // The catalog whose tables, mappings and policies made the rows what they are. When the transaction's turn comes, those
  // of the tables that it adds rows to must be the same still, or it is refused with CatalogOutdated: its rows are
  // then to be made again. Null: whatever the tables are then.
  std::shared_ptr<const catalog::Catalog> made_under;
  // Makes catalog changes from the newest catalog, in the commit order, on the committer thread (so it
  // must be quick); throwing refuses the whole transaction with that error.
  std::function<std::vector<catalog::Change>(const catalog::Catalog&)> alter;
  // Tables whose rows committed before this transaction go away with it (.clear table data,
  // .set-or-replace).
  std::vector<catalog::TableId> clear;
  std::vector<Replace> replace;
  // Refused with TableNotEmpty when one of these tables has rows.
  std::vector<catalog::TableId> if_empty;
  // Compared and set one after the other, against what all transactions before this one make of them.
  std::vector<Progress> progress;
  // For parts that have no member here.
  std::vector<PartItem> items;
  // If a transaction with this key's name was committed within StoreOptions::idempotency_window, this one is
  // not looked at: it succeeds, as a repeat, when that one is durable; or if their contents differ, it is then
  // refused (kConflict).
  std::optional<IdempotencyKey> key;
};

struct CommitResult {
  std::exception_ptr error;  // null: committed, durable, and visible to every later snapshot
  Sequence sequence = 0;
  Ticks time = 0;  // ingestion_time() of its rows
  // Nothing was stored: sequence and time are those of the transaction that had the same key.
  bool is_repeat = false;
  // After `alter`: the catalog that this transaction made.
  std::shared_ptr<const catalog::Catalog> catalog;
};
// Called once, on the committer thread: hand over quickly.
using CommitCallback = std::function<void(const CommitResult&)>;

// One table at one moment. Holding it keeps the chunks in memory and the files on disk. The rows that are
// not in extents are those of the runs, and then those of the chunks.
class TableSnapshot {
 public:
  virtual ~TableSnapshot() = default;
  virtual const catalog::Table& table() const = 0;
  virtual const std::vector<std::shared_ptr<const StoredRun>>& runs() const = 0;
  virtual const std::vector<ChunkView>& chunks() const = 0;
  virtual const std::vector<std::shared_ptr<const ExtentView>>& extents() const = 0;
};

// The whole database at one moment. Thread-safe.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual const std::shared_ptr<const catalog::Catalog>& catalog() const = 0;
  virtual Sequence sequence() const = 0;
  // Tables named when the snapshot was taken; null for others.
  virtual std::shared_ptr<const TableSnapshot> table(catalog::TableId id) const = 0;
};

struct StoreOptions {
  std::filesystem::path directory;
  uint64_t log_segment_bytes = 64 << 20;
  // The log is cut by a checkpoint when it grows past this.
  uint64_t log_limit_bytes = 512 << 20;
  // A table's tail becomes an extent at this many rows or bytes, or this age while it has
  // at least seal_min_rows.
  uint64_t seal_rows = 1'000'000;
  uint64_t seal_bytes = 128 << 20;
  uint64_t seal_min_rows = 10'000;
  Ticks seal_age = 30 * kTicksPerMinute;
  // Memory, each 0 for its share of default_memory().
  uint64_t commit_queue_bytes = 0;
  uint64_t extent_writer_bytes = 0;
  uint64_t term_filter_bytes = 0;
  // For recent rows. An eighth of it is for rows that are read again
  // from row files, the rest for those that are in no file but the log: at three quarters of that rest a
  // checkpoint is made, and beyond it appends are refused with a transient error.
  uint64_t tail_limit_bytes = 0;
  // Disk for the log and the row files; 0 for a quarter of what is free, or taken by them, when the store is
  // opened. At three quarters of it a checkpoint is made, then the largest tails are sealed, and beyond it appends
  // are refused with a transient error.
  uint64_t row_store_disk_limit_bytes = 0;
  // How long the key of a transaction is remembered, and how many at most.
  Ticks idempotency_window = 10 * kTicksPerMinute;
  size_t idempotency_keys = 1'000'000;
  // Makes the log, when another one is to be used than that in the directory, which the limits of segments are of.
  std::function<std::unique_ptr<log::Log>()> make_log;
  // Makes what keeps the objects, when it is to be another one than the directory.
  std::function<std::unique_ptr<objects::ObjectStore>(FileSystem& files,
                                                      const std::filesystem::path& directory)>
      make_objects;
};

struct StoreStatistics {
  uint64_t log_bytes = 0, log_segments = 0, log_syncs = 0, log_records = 0;
  uint64_t tail_rows = 0;           // of runs and chunks
  uint64_t tail_bytes = 0;          // memory of chunks
  uint64_t cache_bytes = 0;         // memory of runs that were read
  uint64_t commit_queue_bytes = 0;  // encoded transactions that wait for the log
  uint64_t row_files = 0, row_file_bytes = 0;
  uint64_t tail_limit_bytes = 0, row_store_disk_limit_bytes = 0;
  uint64_t extent_count = 0, extent_rows = 0, extent_bytes = 0;
  uint64_t checkpoints = 0, row_file_merges = 0, seals = 0, merges = 0;
  uint64_t idempotency_keys = 0;
  // Background work that is to be tried again, and failures of such work since the store was opened.
  uint64_t failed_work = 0, work_failures = 0;
  // Groups of commits that were made to wait a little because memory or disk was nearly used up.
  uint64_t slowed_groups = 0;
  // Written since the store was opened: what all writes of a row come to is told by these next to the bytes
  // that were ingested.
  uint64_t log_written = 0, spill_written = 0, merge_written = 0, base_written = 0,
           extent_written = 0;
};

// Background work that failed, and is tried again (docs/recovery.md).
struct FailedWork {
  std::string work;       // such as "Sealing table 'T' of database 'D'"
  uint64_t failures = 0;  // without a success in between
  Ticks since = 0;        // of the first of them
  std::string error;      // of the last
};

// Thread-safe.
class Store {
 public:
  // Locks the directory (a second open fails and says who holds it), recovers, and starts the threads.
  // Throws Error or IoError with a sentence that names file and offset for damage that it will not
  // repair; a torn end of the log is cut, and said in the log output.
  static std::unique_ptr<Store> open(const StoreOptions& options, FileSystem& files,
                                     const Clock& clock);
  // Commits what is queued, syncs, and releases the directory.
  virtual ~Store() = default;

  // Queues the transaction; `done` tells the outcome (P1 to P4). Order of commits is the order of calls.
  virtual void commit(Transaction transaction, CommitCallback done) = 0;
  // The same, waiting; throws the error.
  CommitResult commit(Transaction transaction);

  // Writes rows to the file of a new extent, or of several where the table's sharding policy says so, without the
  // log: durable when it returns, and for Transaction::replace. Tags may be set in it until then. The file goes
  // when nothing holds the draft and no transaction added it. Throws Error or IoError.
  virtual std::vector<std::shared_ptr<ExtentView>> write_extents(const catalog::Table& table,
                                                                 const Append& rows) = 0;

  // The rows of an extent of the table but for some, given by their numbers in the file in order, as the file
  // of a new extent: a draft like those of write_extents(). Null when no row is left.
  virtual std::shared_ptr<ExtentView> rewrite_extent(const catalog::Table& table,
                                                     std::shared_ptr<const ExtentView> extent,
                                                     std::vector<int64_t> deleted) = 0;

  // The rows of an extent of another table, as rewrite_extent() gives them for this one: `sources` says, by the ids of
  // this table's columns, which column of the extent each is; the others are null (strings: empty).
  virtual std::shared_ptr<ExtentView> move_extent(const catalog::Table& table,
                                                  std::shared_ptr<const ExtentView> extent,
                                                  std::map<uint32_t, uint32_t> sources) = 0;

  // While the result is held, no merge of the table's extents begins, so that who replaces some of them finds them
  // there. To be let go before the store.
  virtual std::shared_ptr<void> hold_merges(catalog::TableId table) = 0;

  // The newest catalog that is durable.
  virtual std::shared_ptr<const catalog::Catalog> catalog() const = 0;
  // Everything committed so far, for the tables named; one moment for all of them.
  virtual std::unique_ptr<Snapshot> snapshot(std::span<const catalog::TableId> tables) const = 0;
  // How far the owner has come, by stream and partition, `expected` unset: durable, and the rows up to there are
  // in every later snapshot. Empty when nothing is stored or there is no such owner.
  virtual std::vector<Progress> progress(const Guid& owner) const = 0;

  // Seals the tails of the tables into extents now (all tables when empty), and writes a checkpoint:
  // for tests and benchmarks.
  virtual void seal(std::span<const catalog::TableId> tables) = 0;
  virtual void checkpoint() = 0;
  // Merges the extents that are worth it, and removes rows past their retention, now.
  virtual void upkeep() = 0;
  virtual StoreStatistics statistics() const = 0;
  virtual std::vector<FailedWork> failed_work() const = 0;
};

}  // namespace rivulet::store
