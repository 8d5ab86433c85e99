#include "store/check.h"

#include <fmt/format.h>

#include <cerrno>
#include <set>

#include "common/error.h"
#include "log/local_log.h"
#include "objects/directory_objects.h"
#include "store/checkpointer.h"
#include "store/data_directory.h"
#include "store/state.h"

namespace rivulet::store {
namespace {

// The disk, with nothing changed on it: what would remove, rename or sync does nothing.
class ReadOnlyFiles final : public FileSystem {
 public:
  explicit ReadOnlyFiles(FileSystem& files) : files_(files) {}

  std::unique_ptr<File> open(const std::filesystem::path& path, Mode mode) override {
    if (mode == Mode::kCreate) throw IoError(path, "create", EROFS);
    return files_.open(path, Mode::kRead);
  }
  bool exists(const std::filesystem::path& path) const override { return files_.exists(path); }
  FileStatus status(const std::filesystem::path& path) const override {
    return files_.status(path);
  }
  std::vector<std::string> list(const std::filesystem::path& directory) const override {
    return files_.list(directory);
  }
  void create_directories(const std::filesystem::path&) override {}
  void rename(const std::filesystem::path&, const std::filesystem::path&) override {}
  void remove(const std::filesystem::path&) override {}
  void sync_directory(const std::filesystem::path&) override {}
  uint64_t free_bytes(const std::filesystem::path& path) const override {
    return files_.free_bytes(path);
  }

 private:
  FileSystem& files_;
};

// Does `work`; what it throws becomes a problem. Whether it threw nothing.
bool attempt(CheckResult& result, const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    result.problems.emplace_back(error.what());
    return false;
  }
}

void check_row_files(const WholeState& whole, CheckResult& result) {
  std::set<std::shared_ptr<const rowstore::RowFile>> row_files, damaged;
  uint64_t runs = 0, rows = 0;
  for (const auto& [table, tail] : whole.tails) {
    if (!tail.runs) continue;
    for (const rowstore::Run& run : *tail.runs) {
      row_files.insert(run.file);
      ++runs;
      rows += run.live_rows();
      if (!attempt(result, [&, id = table] { rowstore::read_run(id, run); })) {
        damaged.insert(run.file);
      }
    }
  }
  for (const auto& file : row_files) {
    // The damage of a run, which was told with its table, would be met once more.
    if (!damaged.contains(file)) attempt(result, [&] { file->check(); });
  }
  result.found.push_back(
      fmt::format("Row files: {}, with {} rows in {} runs", row_files.size(), rows, runs));
}

void check_extents(const State::Extents& extents, CheckResult& result) {
  uint64_t count = 0, rows = 0, bytes = 0;
  for (const auto& [table, list] : extents) {
    for (const auto& extent : *list) {
      ++count;
      rows += extent->row_count;
      bytes += extent->size_bytes;
      try {
        extent->verify();
      } catch (const std::exception& error) {
        result.problems.push_back(fmt::format("Table {}: {}", table, error.what()));
      }
    }
  }
  result.found.push_back(fmt::format("Extents: {}, with {} rows in {} bytes", count, rows, bytes));
}

}  // namespace

CheckResult check_data(FileSystem& files, const std::filesystem::path& directory,
                       const Clock& clock) {
  if (!files.exists(directory / "VERSION")) {
    throw bad_request(fmt::format("{} is not a data directory of Rivulet (it has no file VERSION)",
                                  directory.string()));
  }
  ReadOnlyFiles read_only(files);
  DataDirectory data(read_only, directory);
  objects::DirectoryObjects objects(read_only, data.path());
  extents::ExtentFiles extent_files(objects);
  rowstore::RowFiles row_files(objects);
  State state(extent_files, row_files, {}, 0);
  log::LocalLog log({.directory = data.log()}, read_only, clock);
  Retries retries(state, clock);
  Checkpointer checkpointer(objects, row_files, state, log, retries);

  CheckResult result;
  Sequence base = 0, last = 0;
  bool is_loaded = attempt(result, [&] { base = checkpointer.load(); });
  if (is_loaded) {
    result.found.push_back(
        fmt::format("Checkpoint: {}", base == 0 ? "none" : fmt::to_string(base)));
    last = base;
    attempt(result, [&] {
      log::TailResult replayed = log.tail(base + 1, [&](const log::StoredRecord& record) {
        try {
          state.apply(record.position, {&record.payload, 1});
        } catch (const std::exception& error) {
          throw internal_error(fmt::format("Record {} of the log in {} cannot be carried out: {}",
                                           record.position, data.log().string(), error.what()));
        }
        last = record.position;
      });
      result.found.push_back(fmt::format("Log: {} transactions after the checkpoint, {} bytes",
                                         replayed.records, replayed.bytes));
      if (replayed.was_cut) result.found.push_back(replayed.cut_message);
    });
  }
  // What could be read is looked at further, whatever was wrong.
  std::vector<rowstore::TailEvent> events;
  state.publish(last, 0, events);
  WholeState whole = state.whole();
  result.found.push_back(fmt::format("Catalog: {} tables", state.catalog()->table_count()));
  result.found.push_back(
      fmt::format("Data connections: offsets of {} partitions", state.all_progress().size()));
  check_row_files(whole, result);
  check_extents(state.extents(), result);
  return result;
}

}  // namespace rivulet::store
