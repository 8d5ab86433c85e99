#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <mutex>

#include "common/error.h"
#include "log/local_log.h"
#include "store/committer.h"
#include "store/data_directory.h"
#include "store/state.h"
#include "store/store.h"

namespace rivulet::store {
namespace {

constexpr uint64_t kQueueLimitBytes = 256 << 20;
constexpr std::string_view kFirstDatabase = "NetDefaultDB";

class LocalStore final : public Store {
 public:
  LocalStore(const StoreOptions& options, FileSystem& files, const Clock& clock)
      : directory_(files, options.directory),
        log_({.directory = directory_.log(),
              .segment_bytes = options.log_segment_bytes,
              .kept_segments = options.log_limit_bytes / options.log_segment_bytes + 2},
             files, clock) {
    recover(clock);
    committer_ = std::make_unique<Committer>(log_, state_, clock, kQueueLimitBytes);
    if (log_.next_position() == 1) create_first_database();
  }

  using Store::commit;
  void commit(Transaction transaction, CommitCallback done) override {
    committer_->submit(std::move(transaction), std::move(done));
  }
  std::shared_ptr<const catalog::Catalog> catalog() const override { return state_.catalog(); }
  std::unique_ptr<Snapshot> snapshot(std::span<const catalog::TableId> tables) const override {
    return state_.snapshot(tables);
  }
  void seal(std::span<const catalog::TableId>) override {}
  void checkpoint() override {}
  StoreStatistics statistics() const override {
    StoreStatistics result;
    log::LogStatistics log = log_.statistics();
    result.log_bytes = log.bytes;
    result.log_segments = log.segments;
    result.log_syncs = log.syncs;
    result.log_records = log.records;
    state_.fill(result);
    return result;
  }

 private:
  void recover(const Clock& clock) {
    auto start = clock.steady_now();
    log::ReplayResult result =
        log_.replay(1, [this](log::Position position, std::string_view payload) {
          try {
            state_.replay(position, payload);
          } catch (const std::exception& error) {
            throw internal_error(fmt::format("Record {} of the log in {} cannot be carried out: {}",
                                             position, directory_.log().string(), error.what()));
          }
        });
    state_.publish(log_.next_position() - 1);
    if (result.was_cut) spdlog::warn("{}", result.cut_message);
    std::chrono::duration<double> seconds = clock.steady_now() - start;
    spdlog::info("Recovered {} transactions ({} bytes) from the log in {:.3f} s", result.records,
                 result.bytes, seconds.count());
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
  log::LocalLog log_;
  State state_;
  std::unique_ptr<Committer> committer_;
};

}  // namespace

std::unique_ptr<Store> Store::open(const StoreOptions& options, FileSystem& files,
                                   const Clock& clock) {
  return std::make_unique<LocalStore>(options, files, clock);
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
