#include "store/checkpointer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

#include "common/error.h"
#include "store/committer.h"

namespace rivulet::store {
namespace {

using rowstore::BlockKind;
using rowstore::Run;
using rowstore::RunList;

constexpr std::string_view kSuffix = ".ckpt";
constexpr std::string_view kUnfinished = ".tmp";
constexpr size_t kNameDigits = 16;
// So many files of one generation whose runs are short on average become one of the next, up to the last
// generation. Longer runs are not worth being written again: reading and remembering them costs little next to
// their rows, which go to an extent soon.
constexpr size_t kMergedFiles = 8;
constexpr uint64_t kShortRun = 16 << 10;
constexpr uint8_t kLastGeneration = 3;
// One part of so many of the bytes of all files may belong to no tail any more; when the disk is short, of so many.
constexpr uint64_t kDeadPart = 2, kDeadPartShort = 8;
// There are no more files than this; if there were, those with the fewest rows become one.
constexpr size_t kMostFiles = 96;
constexpr size_t kMergedSmallest = 16;
// Runs that are read, joined and written together.
constexpr uint64_t kJoinedBytes = 1 << 20;
// Runs that are further apart in time are not joined, so that rows can go when they are past their retention:
// a day, or this part of the age of the oldest.
constexpr Ticks kJoinedTime = kTicksPerDay;
constexpr Ticks kJoinedAgeShare = 8;
// Tables whose runs are installed between two groups of commits.
constexpr size_t kInstalledTables = 256;

std::string base_name(Sequence sequence) {
  return fmt::format("{:016}{}", sequence, kSuffix);
}

// The sequence in the name of a base; 0 for other files.
Sequence sequence_of(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return 0;
  Sequence sequence = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + kNameDigits, sequence);
  return error == std::errc() && end == name.data() + kNameDigits ? sequence : 0;
}

// Has the committer do `install(i)` for all i below `count`, some at a time.
void install(Committer& committer, size_t count, const std::function<void(size_t)>& install) {
  for (size_t first = 0; first < count; first += kInstalledTables) {
    size_t end = std::min(first + kInstalledTables, count);
    committer.run([&] {
      for (size_t i = first; i < end; ++i) install(i);
    });
  }
}

}  // namespace

Checkpointer::Checkpointer(FileSystem& files, std::filesystem::path directory,
                           rowstore::RowFiles& row_files, State& state, log::Log& log,
                           Retries& retries)
    : files_(files),
      directory_(std::move(directory)),
      row_files_(row_files),
      state_(state),
      log_(log),
      retries_(retries) {}

Sequence Checkpointer::load() {
  Sequence newest = 0;
  for (const std::string& name : files_.list(directory_)) {
    newest = std::max(newest, sequence_of(name));
  }
  if (newest == 0) return 0;
  std::filesystem::path path = directory_ / base_name(newest);
  rowstore::BlockFileReader file(files_, path, rowstore::BlockFileKind::kBase);
  if (file.header().first != newest) {
    throw internal_error(
        fmt::format("The checkpoint {} says that it is number {}. Nothing was changed.",
                    path.string(), file.header().first));
  }
  state_.load_newest_time(file.header().second);
  for (auto block = file.next(); block.kind != BlockKind::kEnd; block = file.next()) {
    try {
      state_.load(block.kind, block.content);
    } catch (const std::runtime_error& error) {
      throw internal_error(
          fmt::format("The checkpoint {} cannot be loaded: {} in the block at offset {}. Nothing "
                      "was changed.",
                      path.string(), error.what(), block.offset));
    }
  }
  named_files_ = state_.take_loaded_files();
  sequence_ = newest;
  return newest;
}

void Checkpointer::remove_others() {
  remove_other_bases(sequence_);
  row_files_.remove_others();
}

void Checkpointer::remove_other_bases(Sequence newest) {
  for (const std::string& name : files_.list(directory_)) {
    Sequence sequence = sequence_of(name);
    bool is_old = sequence != 0 && sequence != newest;
    if (!is_old && !name.ends_with(kUnfinished)) continue;
    try {
      files_.remove(directory_ / name);
    } catch (const IoError& error) {
      // The newest base counts, whatever stands beside it.
      spdlog::warn("A checkpoint that is not needed could not be removed: {}", error.what());
    }
  }
}

void Checkpointer::checkpoint(Committer& committer, bool is_disk_short) {
  WholeState whole = state_.whole();
  if (whole.sequence != sequence_) {
    spill(whole, committer);
    write_base(whole);
    ++checkpoints_;
  }
  if (!retries_.is_due(Work::kMergeRowFiles, kNoTable)) return;
  unread_files_.clear();
  retries_.attempt(Work::kMergeRowFiles, kNoTable, [&] {
    while (merge(whole, committer, is_disk_short)) write_base(whole);
  });
}

void Checkpointer::spill(WholeState& whole, Committer& committer) {
  std::unique_ptr<rowstore::RowFileWriter> writer;
  std::vector<size_t> spilled;
  for (size_t i = 0; i < whole.tails.size(); ++i) {
    auto& [table, tail] = whole.tails[i];
    if (!tail.has_chunks()) continue;
    rowstore::ChunkViews chunks(tail);
    if (chunks.views().empty()) continue;
    if (!writer) writer = row_files_.create(0);
    writer->add(table, chunks.views());
    spilled.push_back(i);
  }
  if (spilled.empty()) return;
  rowstore::TableRuns fresh = writer->finish();
  spill_written_ += writer->size();
  install(committer, spilled.size(),
          [&](size_t i) { state_.spill(fresh[i].first, fresh[i].second, whole.sequence); });
  for (size_t i = 0; i < spilled.size(); ++i) {
    rowstore::TailView& tail = whole.tails[spilled[i]].second;
    RunList runs;
    if (tail.runs) runs = *tail.runs;
    std::move(fresh[i].second.begin(), fresh[i].second.end(), std::back_inserter(runs));
    // The chunks go here, and not on the committer's thread.
    tail = {.runs = std::make_shared<const RunList>(std::move(runs))};
  }
}

void Checkpointer::write_base(const WholeState& whole) {
  std::set<RowFilePtr> row_files;
  for (const auto& [table, tail] : whole.tails) {
    if (!tail.runs) continue;
    for (const Run& run : *tail.runs) row_files.insert(run.file);
  }
  std::filesystem::path path = directory_ / base_name(whole.sequence);
  std::filesystem::path unfinished = path;
  unfinished += kUnfinished;
  try {
    if (files_.exists(unfinished)) files_.remove(unfinished);
    put_base(whole, row_files, unfinished);
    // From here on either base may be the one on disk, until the directory is synced.
    named_files_.insert(row_files.begin(), row_files.end());
    files_.rename(unfinished, path);
    files_.sync_directory(directory_);
  } catch (...) {
    try {
      if (files_.exists(unfinished)) files_.remove(unfinished);
    } catch (const IoError&) {
      // The next start removes it.
    }
    throw;
  }
  remove_other_bases(whole.sequence);
  named_files_ = std::move(row_files);
  sequence_ = whole.sequence;
  logged_bytes_ = whole.logged_bytes;
  log_.truncate(whole.sequence + 1);
}

void Checkpointer::put_base(const WholeState& whole, const std::set<RowFilePtr>& row_files,
                            const std::filesystem::path& path) {
  rowstore::BlockFileWriter file(files_, path,
                                 {rowstore::BlockFileKind::kBase, whole.sequence, whole.time});
  for (const Part::Save& save : whole.saves) save(file);
  TailsPart::save(file, whole.tails, row_files);
  file.finish();
  base_written_ += file.size();
}

std::vector<Checkpointer::RowFilePtr> Checkpointer::choose_merge(const WholeState& whole,
                                                                 bool is_disk_short) const {
  struct Live {
    RowFilePtr file;
    uint64_t bytes = rowstore::kBlockFileOverhead;
    uint64_t runs = 0;

    // Two runs may be parts of one block, which then counts twice.
    uint64_t dead_bytes() const {
      uint64_t all = file->description().bytes;
      return all - std::min(all, bytes);
    }
    double dead_share() const {
      return static_cast<double>(dead_bytes()) / static_cast<double>(file->description().bytes);
    }
  };
  std::unordered_map<const rowstore::RowFile*, Live> by_file;
  for (const auto& [table, tail] : whole.tails) {
    if (!tail.runs) continue;
    for (const Run& run : *tail.runs) {
      Live& live = by_file[run.file.get()];
      live.file = run.file;
      live.bytes += rowstore::padded_bytes(run.length);
      ++live.runs;
    }
  }
  std::vector<Live> files;
  std::array<std::vector<RowFilePtr>, kLastGeneration> short_runs;
  uint64_t bytes = 0, dead_bytes = 0;
  for (auto& [key, live] : by_file) {
    if (damaged_files_.contains(live.file) || unread_files_.contains(live.file)) continue;
    uint8_t generation = live.file->description().generation;
    if (generation < kLastGeneration && live.bytes < live.runs * kShortRun) {
      short_runs[generation].push_back(live.file);
    }
    bytes += live.file->description().bytes;
    dead_bytes += live.dead_bytes();
    files.push_back(std::move(live));
  }
  for (std::vector<RowFilePtr>& generation : short_runs) {
    if (generation.size() >= kMergedFiles) return std::move(generation);
  }
  if (dead_bytes > bytes / (is_disk_short ? kDeadPartShort : kDeadPart)) {
    return {std::ranges::max_element(files, {}, &Live::dead_share)->file};
  }
  std::vector<RowFilePtr> smallest;
  if (files.size() > kMostFiles) {
    auto end = files.begin() + kMergedSmallest;
    std::ranges::nth_element(files, end, {}, &Live::bytes);
    for (auto live = files.begin(); live != end; ++live) smallest.push_back(live->file);
  }
  return smallest;
}

bool Checkpointer::merge(WholeState& whole, Committer& committer, bool is_disk_short) {
  std::vector<RowFilePtr> chosen = choose_merge(whole, is_disk_short);
  if (chosen.empty()) return false;
  std::set<RowFilePtr> old_files(chosen.begin(), chosen.end());
  uint8_t generation = 0;
  for (const RowFilePtr& file : old_files) {
    generation = std::max(generation, file->description().generation);
  }
  if (old_files.size() > 1 && generation < kLastGeneration) ++generation;
  std::unique_ptr<rowstore::RowFileWriter> writer = row_files_.create(generation);
  std::vector<Replacement> replacements;
  for (size_t i = 0; i < whole.tails.size(); ++i) {
    const auto& [table, tail] = whole.tails[i];
    if (!tail.runs) continue;
    const RunList& runs = *tail.runs;
    for (auto first = runs.begin(); first != runs.end();) {
      if (!old_files.contains(first->file)) {
        ++first;
        continue;
      }
      Replacement replacement{i, {}, {}};
      rowstore::ChunkList chunks;
      std::vector<ChunkView> views;
      uint64_t bytes = 0;
      Ticks newest =
          first->min_time + std::max(kJoinedTime, (whole.time - first->min_time) / kJoinedAgeShare);
      auto is_joined = [&](const Run& run) {
        return bytes < kJoinedBytes && old_files.contains(run.file) &&
               (&run == &*first || run.max_time <= newest);
      };
      auto end = first;
      for (; end != runs.end() && is_joined(*end); ++end) {
        try {
          for (auto& chunk : rowstore::read_run(table, *end)) {
            views.push_back(chunk->closed_view());
            chunks.push_back(std::move(chunk));
          }
        } catch (const std::exception& error) {
          // The rest of what is merged goes on without these rows, which stay where they are.
          spdlog::error("A merge leaves out what it cannot read: {}", error.what());
          bool is_damaged = dynamic_cast<const Error*>(&error) != nullptr;
          (is_damaged ? damaged_files_ : unread_files_).insert(end->file);
          break;
        }
        replacement.old.push_back(*end);
        bytes += end->length;
      }
      if (!replacement.old.empty()) {
        chunks = rowstore::join_chunks(views);
        views.clear();
        for (const auto& chunk : chunks) views.push_back(chunk->closed_view());
        writer->add(table, views);
        replacements.push_back(std::move(replacement));
      } else {
        ++end;  // the damaged run
      }
      first = end;
    }
  }
  // Nothing of them could be read: others may be due.
  if (replacements.empty()) return merge(whole, committer, is_disk_short);
  rowstore::TableRuns fresh = writer->finish();
  merge_written_ += writer->size();
  for (size_t i = 0; i < replacements.size(); ++i) {
    replacements[i].fresh = std::move(fresh[i].second);
  }
  install(committer, replacements.size(), [&](size_t i) {
    const Replacement& replacement = replacements[i];
    state_.replace_runs(whole.tails[replacement.tail].first, replacement.old, replacement.fresh);
  });
  for (Replacement& replacement : replacements) {
    std::shared_ptr<const RunList>& runs = whole.tails[replacement.tail].second.runs;
    runs = std::make_shared<const RunList>(
        *rowstore::replaced_runs(*runs, replacement.old, std::move(replacement.fresh)));
  }
  ++merges_;
  return true;
}

void Checkpointer::fill(StoreStatistics& statistics) const {
  statistics.checkpoints = checkpoints_;
  statistics.row_file_merges = merges_;
  statistics.row_files = row_files_.file_count();
  statistics.row_file_bytes = row_files_.file_bytes();
  statistics.spill_written = spill_written_;
  statistics.merge_written = merge_written_;
  statistics.base_written = base_written_;
}

}  // namespace rivulet::store
