#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "common/error.h"
#include "common/memory_budget.h"
#include "log/local_log.h"
#include "objects/directory_objects.h"
#include "objects/orphans.h"
#include "store/checkpointer.h"
#include "store/committer.h"
#include "store/data_directory.h"
#include "store/maintenance.h"
#include "store/replay_pipeline.h"
#include "store/retries.h"
#include "store/state.h"
#include "store/stepped_store.h"
#include "store/store.h"
#include "types/batch_chunks.h"

namespace rivulet::store {
namespace {

constexpr std::string_view kFirstDatabase = "NetDefaultDB";
// A tail that got so many times longer or larger than what is sealed becomes several extents. Less of the size:
// the rows of an extent may have to be sorted in memory.
constexpr uint64_t kExtentSealRows = 4, kExtentSealBytes = 2;

// Of the memory for recent rows, what is for those that are read again, and for the others.
uint64_t run_cache_bytes(const StoreOptions& options) {
  return MemoryBudget{.tail_bytes = options.tail_limit_bytes}.run_cache_bytes();
}

uint64_t chunk_limit_bytes(const StoreOptions& options) {
  return options.tail_limit_bytes - run_cache_bytes(options);
}

// From so much on, room is made for the log and the row files.
uint64_t crowded_disk_bytes(const StoreOptions& options) {
  return options.row_store_disk_limit_bytes / 4 * 3;
}

// Bytes of the files of a directory.
uint64_t size_of(FileSystem& files, const std::filesystem::path& directory) {
  uint64_t bytes = 0;
  if (!files.exists(directory)) return bytes;
  for (const std::string& name : files.list(directory)) {
    bytes += files.open(directory / name, FileSystem::Mode::kRead)->size();
  }
  return bytes;
}

StoreOptions with_defaults(StoreOptions options, FileSystem& files) {
  for (auto [bytes, share] : {std::pair(&options.tail_limit_bytes, &MemoryBudget::tail_bytes),
                              {&options.commit_queue_bytes, &MemoryBudget::commit_queue_bytes},
                              {&options.extent_writer_bytes, &MemoryBudget::extent_writer_bytes},
                              {&options.term_filter_bytes, &MemoryBudget::term_filter_bytes}}) {
    if (*bytes == 0) *bytes = default_memory().*share;
  }
  if (options.row_store_disk_limit_bytes == 0) {
    files.create_directories(options.directory);
    // With what they take already, so that the limit is the same at the next start.
    uint64_t bytes = files.free_bytes(options.directory);
    for (const auto& part :
         {DataDirectory::log_of(options.directory), DataDirectory::rows_of(options.directory)}) {
      bytes += size_of(files, part);
    }
    options.row_store_disk_limit_bytes = std::max(bytes / 4, 4 * options.log_limit_bytes);
  }
  return options;
}

std::unique_ptr<log::Log> make_log(const StoreOptions& options, DataDirectory& directory,
                                   const Clock& clock) {
  if (options.make_log) return options.make_log();
  return std::make_unique<log::LocalLog>(
      log::LocalLogOptions{
          .directory = directory.log(),
          .segment_bytes = options.log_segment_bytes,
          .kept_segments = options.log_limit_bytes / options.log_segment_bytes + 2},
      directory.files(), clock);
}

std::unique_ptr<objects::ObjectStore> make_objects(const StoreOptions& options,
                                                   DataDirectory& directory) {
  if (options.make_objects) return options.make_objects(directory.files(), directory.path());
  return std::make_unique<objects::DirectoryObjects>(directory.files(), directory.path());
}

// The embedded store: docs/architecture.md. What it is made of is told by its members, in the order in which
// one needs the other.
class LocalStore final : public SteppedStore {
 public:
  // With `drive` it has no threads.
  LocalStore(const StoreOptions& options, FileSystem& files, const Clock& clock,
             const Committer::Drive& drive = nullptr)
      : directory_(files, options.directory),
        objects_(make_objects(options, directory_)),
        orphans_(*objects_),
        extent_files_(*objects_, {options.extent_writer_bytes, options.term_filter_bytes}),
        row_files_(*objects_),
        state_(extent_files_, row_files_,
               {.rows = options.seal_rows,
                .bytes = options.seal_bytes,
                .aging_rows = options.seal_min_rows},
               run_cache_bytes(options), options.idempotency_window, options.idempotency_keys),
        log_(make_log(options, directory_, clock)),
        retries_(state_, clock),
        checkpointer_(*objects_, row_files_, state_, *log_, retries_),
        upkeep_(state_, extent_files_, orphans_, retries_, clock),
        maintenance_(checkpointer_, state_, extent_files_, row_files_, upkeep_, retries_, clock,
                     {.log_bytes = options.log_limit_bytes,
                      .extent_rows = kExtentSealRows * options.seal_rows,
                      .extent_bytes = kExtentSealBytes * options.seal_bytes,
                      .tail_bytes = chunk_limit_bytes(options) / 4 * 3,
                      .seal_age = options.seal_age,
                      .disk_usage = [this] { return disk_usage(); },
                      .disk_bytes = crowded_disk_bytes(options)}),
        options_(options) {
    std::vector<rowstore::TailEvent> events;
    recover(clock, events);
    bool is_new = state_.sequence() == 0;
    committer_ = std::make_unique<Committer>(
        *log_, state_, maintenance_, clock,
        CommitterLimits{
            .queue_bytes = options.commit_queue_bytes,
            .tail_bytes = chunk_limit_bytes(options),
            .check_place = [this] { directory_.check_in_place(); },
            .disk_usage = [this] { return disk_usage(); },
            .disk_bytes = options.row_store_disk_limit_bytes,
            .crowded_disk_bytes = crowded_disk_bytes(options),
            .is_stuck =
                [this](catalog::TableId table) { return retries_.has_failed(Work::kSeal, table); }},
        drive);
    try {
      maintenance_.start(*committer_, events);
      upkeep_.start(*committer_);
      if (!drive) {
        maintenance_.start_thread();
        upkeep_.start_thread();
      }
      if (is_new) {
        create_first_database();
        // From here on a log that is not there is known to be missing.
        maintenance_.checkpoint();
      }
    } catch (...) {
      end_threads();
      throw;
    }
  }
  ~LocalStore() override { end_threads(); }

  using Store::commit;
  void commit(Transaction transaction, CommitCallback done) override {
    committer_->submit(std::move(transaction), std::move(done));
  }
  std::vector<std::shared_ptr<ExtentView>> write_extents(const catalog::Table& table,
                                                         const Append& rows) override {
    BatchChunks chunks(rows.column_ids, rows.rows);
    return extent_files_.write(table, chunks.views(),
                               catalog::max_ingested_rows(*state_.catalog(), table));
  }
  std::shared_ptr<ExtentView> rewrite_extent(const catalog::Table& table,
                                             std::shared_ptr<const ExtentView> extent,
                                             std::vector<int64_t> deleted) override {
    extents::ExtentRows rows{std::move(extent), std::move(deleted), std::nullopt};
    return extent_files_.merge(table, {&rows, 1});
  }
  std::shared_ptr<ExtentView> move_extent(const catalog::Table& table,
                                          std::shared_ptr<const ExtentView> extent,
                                          std::map<uint32_t, uint32_t> sources) override {
    extents::ExtentRows rows{std::move(extent), {}, std::move(sources)};
    return extent_files_.merge(table, {&rows, 1});
  }
  std::shared_ptr<void> hold_merges(catalog::TableId table) override {
    return upkeep_.hold_merges(table);
  }
  std::shared_ptr<const catalog::Catalog> catalog() const override { return state_.catalog(); }
  std::unique_ptr<Snapshot> snapshot(std::span<const catalog::TableId> tables) const override {
    return state_.snapshot(tables);
  }
  std::vector<Progress> progress(const Guid& connection) const override {
    return state_.progress(connection);
  }
  void seal(std::span<const catalog::TableId> tables) override { maintenance_.seal(tables); }
  void checkpoint() override { maintenance_.checkpoint(); }
  void upkeep() override { upkeep_.run_once(); }
  StoreStatistics statistics() const override {
    StoreStatistics result;
    log::LogStatistics log = log_->statistics();
    result.log_bytes = log.bytes;
    result.log_segments = log.segments;
    result.log_syncs = log.syncs;
    result.slowed_groups = committer_->slowed_groups();
    result.commit_queue_bytes = committer_->queued_bytes();
    result.log_records = log.records;
    result.log_written = state_.logged_bytes() - replayed_bytes_;
    result.tail_limit_bytes = options_.tail_limit_bytes;
    result.row_store_disk_limit_bytes = options_.row_store_disk_limit_bytes;
    checkpointer_.fill(result);
    result.seals = maintenance_.seals();
    result.merges = upkeep_.merges();
    result.extent_written = maintenance_.extent_bytes_written();
    result.failed_work = retries_.count();
    result.work_failures = retries_.failures();
    state_.fill(result);
    return result;
  }
  std::vector<FailedWork> failed_work() const override { return retries_.list(); }
  bool step(Part part) override {
    switch (part) {
      case Part::kCommitter:
        return committer_->step();
      case Part::kMaintenance:
        return maintenance_.step();
      case Part::kUpkeep:
        return upkeep_.step();
    }
    return false;
  }

 private:
  // Those that commit first.
  void end_threads() {
    upkeep_.stop();
    maintenance_.stop();
    committer_ = nullptr;
  }
  // What the log and the row files take on disk.
  uint64_t disk_usage() const { return log_->statistics().bytes + row_files_.file_bytes(); }

  // Loads the newest checkpoint, replays the log, takes it, and removes what belongs to neither. Changes no file
  // before all that is there was read.
  void recover(const Clock& clock, std::vector<rowstore::TailEvent>& events) {
    auto start = clock.steady_now();
    Sequence checkpoint = checkpointer_.load();
    Sequence last = checkpoint;
    auto visitor = [&](const log::StoredRecord& record) {
      try {
        state_.apply(record.position, {&record.payload, 1});
      } catch (const std::exception& error) {
        throw internal_error(fmt::format("Record {} of the log in {} cannot be carried out: {}",
                                         record.position, directory_.log().string(), error.what()));
      }
      last = record.position;
    };
    log::TailResult result = ReplayPipeline(*log_).run(checkpoint + 1, visitor);
    state_.publish(last, result.bytes, events);
    log_->open();
    // What came before that: from another writer, or what this one sent before it was killed. Only now it is known which
    // objects belong to nothing.
    log::TailResult added = log_->tail(result.next, visitor);
    result.records += added.records;
    result.bytes += added.bytes;
    if (added.records > 0) state_.publish(last, added.bytes, events);
    replayed_bytes_ = result.bytes;
    for (const char* prefix : {"checkpoint/", "rows/", "extents/"}) {
      objects_->remove_unfinished(prefix);
    }
    checkpointer_.reconcile(orphans_);
    extent_files_.reconcile(all_extents(), orphans_);
    directory_.upgrade();

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

  extents::ExtentList all_extents() const {
    extents::ExtentList extents;
    for (const auto& [table, list] : state_.extents()) {
      extents.insert(extents.end(), list->begin(), list->end());
    }
    return extents;
  }

  void create_first_database() {
    Transaction transaction;
    transaction.alter = [](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::PutDatabase database;
      database.id = catalog.next_database_id();
      database.guid = new_guid();
      database.name = kFirstDatabase;
      database.policies.set("streamingingestion", R"({"IsEnabled":true})");
      return {database};
    };
    committer_->commit(std::move(transaction));
  }

  DataDirectory directory_;
  std::unique_ptr<objects::ObjectStore> objects_;
  objects::Orphans orphans_;
  extents::ExtentFiles extent_files_;
  rowstore::RowFiles row_files_;
  State state_;
  std::unique_ptr<log::Log> log_;
  Retries retries_;
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

std::unique_ptr<SteppedStore> SteppedStore::open(const StoreOptions& options, FileSystem& files,
                                                 const Clock& clock, Committer::Drive drive) {
  return std::make_unique<LocalStore>(with_defaults(options, files), files, clock, drive);
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
