#include "store/checkpointer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "common/error.h"
#include "common/guid.h"
#include "store/committer.h"

namespace rivulet::store {
namespace {

using rowstore::BlockKind;
using rowstore::Run;
using rowstore::RunList;

constexpr std::string_view kPrefix = "checkpoint/";
constexpr std::string_view kSuffix = ".ckpt";
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

// Which base it is: of what sequence, and which attempt at it.
using BaseKey = std::pair<Sequence, uint64_t>;

std::string base_name(const BaseKey& key) {
  return fmt::format("{}{:016}-{:04}-{}{}", kPrefix, key.first, key.second, to_string(new_guid()),
                     kSuffix);
}

// Nothing for an object that is no base. Programs up to version 2 of the data directory left the attempt and the guid
// out.
std::optional<BaseKey> base_key(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  BaseKey key;
  auto take_number = [&name](uint64_t& number) {
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    name.remove_prefix(static_cast<size_t>(end - name.data()));
    return error == std::errc();
  };
  if (!take_number(key.first)) return std::nullopt;
  if (name.empty()) return key;
  name.remove_prefix(1);
  if (!take_number(key.second) || name.empty() || !parse_guid(name.substr(1))) return std::nullopt;
  return key;
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

Checkpointer::Checkpointer(objects::ObjectStore& objects, rowstore::RowFiles& row_files,
                           State& state, log::Log& log, Retries& retries)
    : objects_(objects), row_files_(row_files), state_(state), log_(log), retries_(retries) {}

Sequence Checkpointer::load() {
  std::pair<BaseKey, std::string> newest;
  objects_.list(kPrefix, [&](const objects::ObjectInfo& object) {
    auto key = base_key(object.name);
    if (key) newest = std::max(newest, {*key, object.name});
  });
  const auto& [key, name] = newest;
  if (name.empty()) return 0;
  rowstore::BlockFileReader file(objects_, name, rowstore::BlockFileKind::kBase);
  if (file.header().first != key.first) {
    throw internal_error(
        fmt::format("The checkpoint {} says that it is number {}. Nothing was changed.",
                    objects_.location(name), file.header().first));
  }
  state_.load_newest_time(file.header().second);
  for (auto block = file.next(); block.kind != BlockKind::kEnd; block = file.next()) {
    try {
      state_.load(block.kind, block.content);
    } catch (const std::runtime_error& error) {
      throw internal_error(
          fmt::format("The checkpoint {} cannot be loaded: {} in the block at offset {}. Nothing "
                      "was changed.",
                      objects_.location(name), error.what(), block.offset));
    }
  }
  named_files_ = state_.take_loaded_files();
  bases_ = {name};
  std::tie(sequence_, attempt_) = key;
  return key.first;
}

void Checkpointer::reconcile(objects::Orphans& orphans) {
  objects_.list(kPrefix, [&](const objects::ObjectInfo& object) {
    bool is_loaded = std::find(bases_.begin(), bases_.end(), object.name) != bases_.end();
    if (base_key(object.name) && !is_loaded) orphans.add(object);
  });
  row_files_.reconcile(named_files_, orphans);
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
  std::string name = base_name({whole.sequence, ++attempt_});
  auto staged = objects_.stage(name);
  encode_base(whole, row_files, *staged);
  // From here on it may be the one that counts, whatever put() says.
  named_files_.insert(row_files.begin(), row_files.end());
  bases_.push_back(name);
  staged->put();
  std::erase_if(bases_, [&](const std::string& base) {
    if (base == name) return false;
    try {
      objects_.remove(base);
      return true;
    } catch (const IoError& error) {
      // The newest counts, whatever stands beside it: the next one tries again.
      spdlog::warn("A checkpoint that is not needed could not be removed: {}", error.what());
      return false;
    }
  });
  named_files_ = std::move(row_files);
  sequence_ = whole.sequence;
  logged_bytes_ = whole.logged_bytes;
  log_.truncate(whole.sequence + 1);
}

void Checkpointer::encode_base(const WholeState& whole, const std::set<RowFilePtr>& row_files,
                               objects::StagedObject& staged) {
  rowstore::BlockFileWriter file(staged,
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
