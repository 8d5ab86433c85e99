#include "extents/extent_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "catalog/policies/effective.h"
#include "common/error.h"
#include "extents/column_statistics.h"

namespace rivulet::extents {
namespace {

constexpr std::string_view kSuffix = ".parquet";
constexpr std::string_view kTermsSuffix = ".terms";
constexpr std::string_view kUnfinished = ".tmp";

// Parts of the memory for writers: each of the two, and a reader.
constexpr uint64_t kWriterParts = 2, kReaderParts = 1, kParts = 2 * kWriterParts + kReaderParts;

std::vector<ParquetColumn> columns_of(const catalog::Table& table) {
  std::vector<ParquetColumn> columns;
  for (const catalog::ColumnDef& column : table.columns)
    columns.push_back({column.id, column.type});
  return columns;
}

// Passes rows on, and describes them.
class ObservedRows final : public RowSource {
 public:
  ObservedRows(RowSource& rows, std::span<const ParquetColumn> columns, ExtentView& extent)
      : rows_(rows), extent_(extent) {
    extent.column_ids.reserve(columns.size());
    for (const ParquetColumn& column : columns) {
      extent.column_ids.push_back(column.id);
      gatherers_.emplace_back(column.id, column.type);
    }
  }

  const ChunkView* next() override {
    const ChunkView* chunk = rows_.next();
    if (chunk == nullptr) return nullptr;
    for (StatisticsGatherer& gatherer : gatherers_) gatherer.add(*chunk);
    if (rows_.has_system_columns()) {
      auto [first_time, last_time] =
          std::minmax_element(chunk->ingestion_times, chunk->ingestion_times + chunk->row_count);
      auto [first, last] =
          std::minmax_element(chunk->sequences, chunk->sequences + chunk->row_count);
      bool is_first = extent_.row_count == 0;
      extent_.min_time = is_first ? *first_time : std::min(extent_.min_time, *first_time);
      extent_.max_time = is_first ? *last_time : std::max(extent_.max_time, *last_time);
      auto low = static_cast<uint64_t>(*first), high = static_cast<uint64_t>(*last);
      extent_.min_sequence = is_first ? low : std::min(extent_.min_sequence, low);
      extent_.max_sequence = is_first ? high : std::max(extent_.max_sequence, high);
    }
    extent_.row_count += chunk->row_count;
    return chunk;
  }
  bool has_system_columns() const override { return rows_.has_system_columns(); }

  ExtentTerms terms() const {
    ExtentTerms terms;
    for (const StatisticsGatherer& gatherer : gatherers_) gatherer.add_terms(terms);
    return terms;
  }

  // `column_sizes`: of the columns in the file.
  void finish(std::span<const uint64_t> column_sizes) {
    // Of the rows' times and sequences.
    extent_.original_size_bytes = extent_.row_count * 2 * sizeof(int64_t);
    std::vector<ColumnStatistics> columns;
    for (size_t i = 0; i < gatherers_.size(); ++i) {
      ColumnStatistics& column = columns.emplace_back(gatherers_[i].finish());
      column.size_bytes = column_sizes[i];
      extent_.original_size_bytes += column.original_size_bytes;
    }
    extent_.statistics = StatisticsList(columns);
    extent_.min_created = extent_.min_time;
    extent_.max_created = extent_.max_time;
  }

 private:
  RowSource& rows_;
  ExtentView& extent_;
  std::vector<StatisticsGatherer> gatherers_;
};

}  // namespace

// Paths to remove, and the drafts. Outlives ExtentFiles when a holder does, and then does nothing.
class ExtentFiles::Garbage {
 public:
  void add_draft(const HeldExtent& draft);
  void forget_draft(const HeldExtent& draft);
  // Takes the file from the draft of this id, and gives what has verified it; null when there is none.
  std::shared_ptr<const FileVerifier> take_draft(const Guid& id);

  void add(std::filesystem::path path) {
    std::function<void()> on_garbage;
    {
      std::lock_guard lock(mutex_);
      paths_.push_back(std::move(path));
      on_garbage = on_garbage_;
    }
    if (on_garbage) on_garbage();
  }
  // For a later call, which nobody is told of.
  void keep(std::filesystem::path path) {
    std::lock_guard lock(mutex_);
    paths_.push_back(std::move(path));
  }
  std::vector<std::filesystem::path> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(paths_, {});
  }
  void set_on_garbage(std::function<void()> on_garbage) {
    std::lock_guard lock(mutex_);
    on_garbage_ = std::move(on_garbage);
  }

 private:
  std::mutex mutex_;
  std::vector<std::filesystem::path> paths_;  // guarded by mutex_
  std::function<void()> on_garbage_;          // guarded by mutex_
  std::map<Guid, const HeldExtent*> drafts_;  // guarded by mutex_
};

class ExtentFiles::HeldExtent : public ExtentView {
 public:
  HeldExtent(ExtentView view, std::shared_ptr<Garbage> garbage, bool is_in_manifest)
      : ExtentView(std::move(view)),
        garbage_(std::move(garbage)),
        is_draft_(!is_in_manifest),
        is_in_manifest_(is_in_manifest) {
    if (is_draft_) garbage_->add_draft(*this);
  }
  ~HeldExtent() {
    if (is_draft_) garbage_->forget_draft(*this);
    if (!is_in_manifest_) garbage_->add(path);
  }
  HeldExtent(const HeldExtent&) = delete;
  HeldExtent& operator=(const HeldExtent&) = delete;

  void set_in_manifest(bool is_in_manifest) const { is_in_manifest_ = is_in_manifest; }

 private:
  std::shared_ptr<Garbage> garbage_;
  const bool is_draft_;
  // Of a draft: whether the file is that of an extent that was adopted.
  mutable std::atomic<bool> is_in_manifest_;
};

void ExtentFiles::Garbage::add_draft(const HeldExtent& draft) {
  std::lock_guard lock(mutex_);
  drafts_.emplace(draft.id, &draft);
}

void ExtentFiles::Garbage::forget_draft(const HeldExtent& draft) {
  std::lock_guard lock(mutex_);
  drafts_.erase(draft.id);
}

std::shared_ptr<const FileVerifier> ExtentFiles::Garbage::take_draft(const Guid& id) {
  std::lock_guard lock(mutex_);
  auto found = drafts_.find(id);
  if (found == drafts_.end()) return nullptr;
  found->second->set_in_manifest(true);
  auto verifier = found->second->verifier;
  drafts_.erase(found);
  return verifier;
}

ExtentFiles::ExtentFiles(FileSystem& files, std::filesystem::path directory,
                         const ExtentMemory& memory)
    : files_(files),
      directory_(std::move(directory)),
      reader_bytes_(memory.writer_bytes / kParts * kReaderParts),
      writer_(memory.writer_bytes / kParts * kWriterParts),
      merge_writer_(memory.writer_bytes / kParts * kWriterParts),
      term_cache_(std::make_shared<TermCache>(files, memory.term_filter_bytes)),
      garbage_(std::make_shared<Garbage>()) {
  files_.create_directories(directory_);
}

ExtentFiles::~ExtentFiles() {
  garbage_->set_on_garbage(nullptr);
}

std::filesystem::path ExtentFiles::path_of(const Guid& id) const {
  std::string name = to_string(id);
  return directory_ / name.substr(0, 2) / (name + std::string(kSuffix));
}

std::shared_ptr<ExtentView> ExtentFiles::write(const catalog::Table& table,
                                               std::span<const ChunkView> chunks) {
  ChunkSource rows(chunks);
  return write(table, rows);
}

std::vector<std::shared_ptr<ExtentView>> ExtentFiles::write(const catalog::Table& table,
                                                            std::span<const ChunkView> chunks,
                                                            uint64_t max_rows) {
  std::vector<std::shared_ptr<ExtentView>> extents;
  while (!chunks.empty()) {
    size_t count = 0;
    for (uint64_t rows = 0; count < chunks.size(); ++count) {
      rows += chunks[count].row_count;
      if (rows > max_rows && count > 0) break;
    }
    extents.push_back(write(table, chunks.first(count)));
    chunks = chunks.subspan(count);
  }
  return extents;
}

std::shared_ptr<ExtentView> ExtentFiles::merge(const catalog::Table& table,
                                               std::span<const ExtentRows> extents) {
  if (extents.size() > 1) {
    // As much again stays for others: a merge must not be what fills the disk.
    uint64_t needed = 0;
    for (const ExtentRows& source : extents) needed += 2 * source.extent->size_bytes;
    if (files_.free_bytes(directory_) < needed) throw IoError(directory_, "merge", ENOSPC);
  }
  for (const ExtentRows& source : extents) source.extent->verify();
  std::vector<ParquetColumn> columns = columns_of(table);
  ParquetReader rows(extents, columns, reader_bytes_, is_merging_stopped_);
  std::shared_ptr<ExtentView> merged = write(table, rows, merge_writer_);
  if (merged->row_count == 0) return nullptr;
  merged->tags = extents.front().extent->tags;
  merged->min_created = merged->max_created = extents.front().extent->min_created;
  for (const ExtentRows& source : extents) {
    merged->min_created = std::min(merged->min_created, source.extent->min_created);
    merged->max_created = std::max(merged->max_created, source.extent->max_created);
  }
  return merged;
}

std::shared_ptr<ExtentView> ExtentFiles::write(const catalog::Table& table, RowSource& rows,
                                               ParquetWriter& writer) {
  ExtentView extent;
  extent.id = new_guid();
  extent.path = path_of(extent.id).string();
  extent.has_system_columns = rows.has_system_columns();
  std::vector<ParquetColumn> columns = columns_of(table);
  ObservedRows observed(rows, columns, extent);
  std::filesystem::path path = extent.path, folder = path.parent_path();
  make_folder(folder);
  std::filesystem::path unfinished = extent.path + std::string(kUnfinished);
  std::vector<uint64_t> column_sizes;
  try {
    column_sizes = writer.write(unfinished, columns, observed, catalog::row_order(table));
    {
      auto file = files_.open(unfinished, FileSystem::Mode::kReadWrite);
      file->sync();
      extent.size_bytes = file->size();
      extent.checksums = FileVerifier::checksums(*file);
    }
    extent.index_size_bytes = write_terms(extent, observed.terms());
    files_.rename(unfinished, path);
    files_.sync_directory(folder);
  } catch (...) {
    for (const auto& written : {unfinished, path, extent.terms_path()}) {
      try {
        if (files_.exists(written)) files_.remove(written);
      } catch (const IoError&) {
        // The next start removes it.
      }
    }
    throw;
  }
  observed.finish(column_sizes);
  equip(extent, true);
  return std::make_shared<HeldExtent>(std::move(extent), garbage_, false);
}

void ExtentFiles::make_folder(const std::filesystem::path& folder) {
  // Whoever finds it there must find it durable.
  std::lock_guard lock(folders_mutex_);
  files_.create_directories(folder);
}

void ExtentFiles::equip(ExtentView& extent, bool is_verified) {
  extent.term_cache = term_cache_;
  extent.verifier = std::make_shared<const FileVerifier>(files_, is_verified);
}

uint64_t ExtentFiles::write_terms(const ExtentView& extent, const ExtentTerms& terms) {
  if (terms.empty()) return 0;
  std::string bytes = terms.encode();
  auto file = files_.open(extent.terms_path(), FileSystem::Mode::kCreate);
  file->write(0, std::as_bytes(std::span(bytes)));
  return bytes.size();
}

std::shared_ptr<const ExtentView> ExtentFiles::adopt(ExtentView extent) {
  extent.path = path_of(extent.id).string();
  extent.term_cache = term_cache_;
  extent.verifier = garbage_->take_draft(extent.id);
  if (!extent.verifier) equip(extent, false);
  return std::make_shared<const HeldExtent>(std::move(extent), garbage_, true);
}

void ExtentFiles::set_in_manifest(const ExtentView& extent, bool is_in_manifest) {
  static_cast<const HeldExtent&>(extent).set_in_manifest(is_in_manifest);
}

void ExtentFiles::collect_garbage() {
  std::exception_ptr error;
  for (std::filesystem::path& path : garbage_->take()) {
    std::filesystem::path terms = path;
    terms.replace_extension(kTermsSuffix);
    try {
      for (const auto& file : {path, terms}) {
        if (files_.exists(file)) files_.remove(file);
      }
    } catch (...) {
      error = std::current_exception();
      garbage_->keep(std::move(path));
    }
  }
  if (error) std::rethrow_exception(error);
}

void ExtentFiles::set_on_garbage(std::function<void()> on_garbage) {
  garbage_->set_on_garbage(std::move(on_garbage));
}

void ExtentFiles::check(std::span<const std::shared_ptr<const ExtentView>> extents) const {
  for (const auto& extent : extents) {
    if (!files_.exists(extent->path)) {
      throw internal_error(
          fmt::format("The extent {} is missing. Nothing was changed; restore the file, or the "
                      "whole data directory, from a backup.",
                      extent->path));
    }
    uint64_t size = files_.open(extent->path, FileSystem::Mode::kRead)->size();
    if (size != extent->size_bytes) {
      throw internal_error(
          fmt::format("The extent {} has {} bytes instead of {}. Nothing was changed; restore the "
                      "file, or the whole data directory, from a backup.",
                      extent->path, size, extent->size_bytes));
    }
  }
}

void ExtentFiles::remove_others(std::span<const std::shared_ptr<const ExtentView>> extents) {
  std::unordered_set<std::string> expected;
  for (const auto& extent : extents) {
    expected.insert(std::filesystem::path(extent->path).filename().string());
    expected.insert(extent->terms_path().filename().string());
  }
  // A folder that was made just before the last run ended may not be durable yet.
  files_.sync_directory(directory_);
  for (const std::string& folder : files_.list(directory_)) {
    if (folder.size() != 2) continue;
    for (const std::string& name : files_.list(directory_ / folder)) {
      bool is_ours =
          name.ends_with(kSuffix) || name.ends_with(kTermsSuffix) || name.ends_with(kUnfinished);
      if (is_ours && !expected.contains(name)) files_.remove(directory_ / folder / name);
    }
  }
}

}  // namespace rivulet::extents
