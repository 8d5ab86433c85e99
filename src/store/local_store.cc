#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "common/error.h"
#include "log/local_log.h"
#include "rowstore/batch_chunks.h"
#include "store/checkpointer.h"
#include "store/committer.h"
#include "store/data_directory.h"
#include "store/maintenance.h"
#include "store/replay_pipeline.h"
#include "store/state.h"
#include "store/store.h"

namespace rivulet::store {
namespace {

constexpr std::string_view kFirstDatabase = "NetDefaultDB";
// A tail that got so many times longer or larger than what is sealed becomes several extents. Less of the size:
// the rows of an extent may have to be sorted in memory.
constexpr uint64_t kExtentSealRows = 4, kExtentSealBytes = 2;

// One part of so many of the memory for recent rows is for those that are read again.
constexpr uint64_t kCacheShare = 8;

uint64_t chunk_limit_bytes(const StoreOptions& options) {
  return options.tail_limit_bytes - options.tail_limit_bytes / kCacheShare;
}

StoreOptions with_defaults(StoreOptions options, FileSystem& files) {
  if (options.tail_limit_bytes == 0) {
    auto pages = static_cast<uint64_t>(std::max<long>(::sysconf(_SC_PHYS_PAGES), 0));
    auto page_bytes = static_cast<uint64_t>(std::max<long>(::sysconf(_SC_PAGESIZE), 0));
    options.tail_limit_bytes = std::max<uint64_t>(pages * page_bytes / 4, 64 << 20);
  }
  if (options.row_store_disk_limit_bytes == 0) {
    files.create_directories(options.directory);
    options.row_store_disk_limit_bytes =
        std::max(files.free_bytes(options.directory) / 4, 4 * options.log_limit_bytes);
  }
  return options;
}

// The embedded store: docs/architecture.md. What it is made of is told by its members, in the order in which
// one needs the other.
class LocalStore final : public Store {
 public:
  LocalStore(const StoreOptions& options, FileSystem& files, const Clock& clock)
      : directory_(files, options.directory),
        extent_files_(files, directory_.extents()),
        row_files_(files, directory_.rows()),
        state_(extent_files_,
               {.rows = options.seal_rows,
                .bytes = options.seal_bytes,
                .aging_rows = options.seal_min_rows},
               options.tail_limit_bytes / kCacheShare, options.idempotency_window,
               options.idempotency_keys),
        log_({.directory = directory_.log(),
              .segment_bytes = options.log_segment_bytes,
              .kept_segments = options.log_limit_bytes / options.log_segment_bytes + 2},
             files, clock),
        checkpointer_(files, directory_.checkpoints(), row_files_, state_, log_),
        upkeep_(state_, extent_files_, clock),
        maintenance_(checkpointer_, state_, extent_files_, row_files_, upkeep_, clock,
                     {.log_bytes = options.log_limit_bytes,
                      .extent_rows = kExtentSealRows * options.seal_rows,
                      .extent_bytes = kExtentSealBytes * options.seal_bytes,
                      .tail_bytes = chunk_limit_bytes(options) / 4 * 3,
                      .seal_age = options.seal_age,
                      .disk_usage = [this] { return disk_usage(); },
                      .disk_bytes = options.row_store_disk_limit_bytes / 4 * 3}),
        options_(options) {
    std::vector<rowstore::TailEvent> events;
    recover(clock, events);
    // Asked before there is a thread that appends.
    bool is_new = log_.next_position() == 1;
    committer_ = std::make_unique<Committer>(
        log_, state_, maintenance_, clock,
        CommitterLimits{.tail_bytes = chunk_limit_bytes(options),
                        .disk_usage = [this] { return disk_usage(); },
                        .disk_bytes = options.row_store_disk_limit_bytes});
    maintenance_.start(*committer_, events);
    upkeep_.start(*committer_);
    if (is_new) create_first_database();
  }
  ~LocalStore() override {
    upkeep_.stop();
    maintenance_.stop();
    committer_ = nullptr;
  }

  using Store::commit;
  void commit(Transaction transaction, CommitCallback done) override {
    committer_->submit(std::move(transaction), std::move(done));
  }
  std::vector<std::shared_ptr<ExtentView>> write_extents(const catalog::Table& table,
                                                         const Append& rows) override {
    rowstore::BatchChunks chunks(rows.column_ids, rows.rows);
    return extent_files_.write(table, chunks.views(),
                               catalog::max_ingested_rows(*state_.catalog(), table));
  }
  std::shared_ptr<ExtentView> rewrite_extent(const catalog::Table& table,
                                             std::shared_ptr<const ExtentView> extent,
                                             std::vector<int64_t> deleted) override {
    extents::ExtentRows rows{std::move(extent), std::move(deleted)};
    return extent_files_.merge(table, {&rows, 1});
  }
  std::shared_ptr<const catalog::Catalog> catalog() const override { return state_.catalog(); }
  std::unique_ptr<Snapshot> snapshot(std::span<const catalog::TableId> tables) const override {
    return state_.snapshot(tables);
  }
  std::vector<SourceOffset> source_offsets(const Guid& connection) const override {
    return state_.source_offsets(connection);
  }
  void seal(std::span<const catalog::TableId> tables) override { maintenance_.seal(tables); }
  void checkpoint() override { maintenance_.checkpoint(); }
  void upkeep() override { upkeep_.run_once(); }
  StoreStatistics statistics() const override {
    StoreStatistics result;
    log::LogStatistics log = log_.statistics();
    result.log_bytes = log.bytes;
    result.log_segments = log.segments;
    result.log_syncs = log.syncs;
    result.slowed_groups = committer_->slowed_groups();
    result.log_records = log.records;
    result.log_written = state_.logged_bytes() - replayed_bytes_;
    result.tail_limit_bytes = options_.tail_limit_bytes;
    result.row_store_disk_limit_bytes = options_.row_store_disk_limit_bytes;
    checkpointer_.fill(result);
    result.seals = maintenance_.seals();
    result.merges = upkeep_.merges();
    result.extent_written = maintenance_.extent_bytes_written();
    state_.fill(result);
    return result;
  }

 private:
  // What the log and the row files take on disk.
  uint64_t disk_usage() const { return log_.statistics().bytes + row_files_.file_bytes(); }

  // Loads the newest checkpoint, replays the log, and removes what belongs to neither. Changes no file
  // before all of it was read.
  void recover(const Clock& clock, std::vector<rowstore::TailEvent>& events) {
    auto start = clock.steady_now();
    Sequence checkpoint = checkpointer_.load();
    auto visitor = [this](log::Position position, std::string_view payload) {
      try {
        state_.replay(position, payload);
      } catch (const std::exception& error) {
        throw internal_error(fmt::format("Record {} of the log in {} cannot be carried out: {}",
                                         position, directory_.log().string(), error.what()));
      }
    };
    log::ReplayResult result = ReplayPipeline(log_).run(checkpoint + 1, visitor);
    state_.publish(log_.next_position() - 1, result.bytes, events);
    replayed_bytes_ = result.bytes;
    extents::ExtentList extents;
    for (const auto& [table, list] : state_.whole().extents) {
      extents.insert(extents.end(), list->begin(), list->end());
    }
    extent_files_.check(extents);
    checkpointer_.remove_others();

    if (result.was_cut) spdlog::warn("{}", result.cut_message);
    std::chrono::duration<double> seconds = clock.steady_now() - start;
    StoreStatistics found;
    state_.fill(found);
    spdlog::info(
        "Recovered in {:.3f} s: checkpoint {}, {} transactions ({} bytes) of the log; {} tables, "
        "{} "
        "rows in tails, {} in {} extents",
        seconds.count(), checkpoint, result.records, result.bytes,
        state_.newest_catalog()->table_count(), found.tail_rows, found.extent_rows,
        found.extent_count);
  }

  void create_first_database() {
    Transaction transaction;
    transaction.alter = [](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::PutDatabase database;
      database.id = catalog.next_database_id();
      database.guid = new_guid();
      database.name = kFirstDatabase;
      database.policies["streamingingestion"] = R"({"IsEnabled":true})";
      return {database};
    };
    commit(std::move(transaction));
  }

  DataDirectory directory_;
  extents::ExtentFiles extent_files_;
  rowstore::RowFiles row_files_;
  State state_;
  log::LocalLog log_;
  Checkpointer checkpointer_;
  ExtentUpkeep upkeep_;
  Maintenance maintenance_;
  std::unique_ptr<Committer> committer_;
  const StoreOptions options_;
  uint64_t replayed_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Store> Store::open(const StoreOptions& options, FileSystem& files,
                                   const Clock& clock) {
  return std::make_unique<LocalStore>(with_defaults(options, files), files, clock);
}

CommitResult Store::commit(Transaction transaction) {
  CommitResult result;
  std::mutex mutex;
  std::condition_variable wake;
  bool is_done = false;
  commit(std::move(transaction), [&](const CommitResult& committed) {
    std::lock_guard lock(mutex);
    result = committed;
    is_done = true;
    // Under the lock, or the waiter could be gone with the condition variable.
    wake.notify_one();
  });
  std::unique_lock lock(mutex);
  wake.wait(lock, [&] { return is_done; });
  if (result.error) std::rethrow_exception(result.error);
  return result;
}

}  // namespace rivulet::store
