#include "extents/extent_files.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>

#include "catalog/policies/effective.h"
#include "common/error.h"
#include "extents/column_statistics.h"
#include "extents/file_verifier.h"

namespace rivulet::extents {
namespace {

constexpr std::string_view kPrefix = "extents/";
constexpr std::string_view kSuffix = ".parquet";
constexpr std::string_view kTermsSuffix = ".terms";

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
  ObservedRows(RowSource& rows, std::span<const ParquetColumn> columns, ExtentDescription& extent)
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

  // `pages`: of the columns in the file.
  void finish(std::span<const ExtentLayout::Pages> pages) {
    // Of the rows' times and sequences.
    extent_.original_size_bytes = extent_.row_count * 2 * sizeof(int64_t);
    std::vector<ColumnStatistics> columns;
    for (size_t i = 0; i < gatherers_.size(); ++i) {
      ColumnStatistics& column = columns.emplace_back(gatherers_[i].finish());
      for (const ExtentLayout::Pages& part : pages) {
        if (part.column_id == column.column_id) column.size_bytes += part.end - part.first;
      }
      extent_.original_size_bytes += column.original_size_bytes;
    }
    extent_.statistics = StatisticsList(columns);
    extent_.min_created = extent_.min_time;
    extent_.max_created = extent_.max_time;
  }

 private:
  RowSource& rows_;
  ExtentDescription& extent_;
  std::vector<StatisticsGatherer> gatherers_;
};

// The extent whose object has this name; nothing when it is the name of no extent.
std::optional<Guid> id_of(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  return parse_guid(name.substr(name.rfind('/') + 1));
}

}  // namespace

// Thread-safe.
struct ExtentFiles::Shared {
  Shared(objects::ObjectStore& store, uint64_t term_filter_bytes)
      : objects(store), terms(store, term_filter_bytes) {}

  objects::ObjectStore& objects;
  TermCache terms;

  void add_draft(const HeldExtent& draft);
  void forget_draft(const HeldExtent& draft);
  // Takes the file from the draft of this id; false when there is none.
  bool take_draft(const Guid& id);

  void add_garbage(const Guid& id) {
    std::function<void()> tell;
    {
      std::lock_guard lock(mutex);
      garbage.push_back(id);
      tell = on_garbage;
    }
    if (tell) tell();
  }

  std::mutex mutex;
  std::vector<Guid> garbage;                 // guarded by mutex: whose objects are to be removed
  std::function<void()> on_garbage;          // guarded by mutex
  std::map<Guid, const HeldExtent*> drafts;  // guarded by mutex
};

// What becomes of a file is told once for each extent: the file of a draft goes with it, unless an extent was adopted
// that took it; the file of an adopted one stays, unless it was dropped.
class ExtentFiles::HeldExtent final : public ExtentView {
 public:
  enum class Kind { kDraft, kAdopted };

  HeldExtent(ExtentDescription description, std::shared_ptr<Shared> shared, Kind kind,
             bool is_verified)
      : ExtentView(std::move(description)),
        shared_(std::move(shared)),
        verifier_(is_verified),
        kind_(kind),
        has_file_(kind == Kind::kDraft) {
    if (kind_ == Kind::kDraft) shared_->add_draft(*this);
  }
  ~HeldExtent() override {
    if (kind_ == Kind::kDraft) shared_->forget_draft(*this);
    if (has_file_) shared_->add_garbage(id);
  }
  HeldExtent(const HeldExtent&) = delete;
  HeldExtent& operator=(const HeldExtent&) = delete;

  void verify(std::span<const uint32_t> columns) const override {
    verifier_.verify(shared_->objects, *this, columns);
  }
  void verify() const override { verifier_.verify(shared_->objects, *this, std::nullopt); }
  void verify_again(std::span<const uint32_t> columns) const override {
    verifier_.forget();
    verify(columns);
  }
  objects::LocalCopy local_copy() const override {
    return shared_->objects.local_copy(extent_name(id));
  }
  std::shared_ptr<const ExtentTerms> terms() const override { return shared_->terms.find(id); }

  // Whether the file goes with it.
  void set_has_file(bool has_file) const { has_file_ = has_file; }

 private:
  const std::shared_ptr<Shared> shared_;
  const FileVerifier verifier_;
  const Kind kind_;
  mutable std::atomic<bool> has_file_;
};

void ExtentFiles::Shared::add_draft(const HeldExtent& draft) {
  std::lock_guard lock(mutex);
  drafts.emplace(draft.id, &draft);
}

void ExtentFiles::Shared::forget_draft(const HeldExtent& draft) {
  std::lock_guard lock(mutex);
  drafts.erase(draft.id);
}

bool ExtentFiles::Shared::take_draft(const Guid& id) {
  std::lock_guard lock(mutex);
  auto found = drafts.find(id);
  if (found == drafts.end()) return false;
  found->second->set_has_file(false);
  drafts.erase(found);
  return true;
}

ExtentFiles::ExtentFiles(objects::ObjectStore& objects, const ExtentMemory& memory)
    : objects_(objects),
      reader_bytes_(memory.writer_bytes / kParts * kReaderParts),
      writer_(memory.writer_bytes / kParts * kWriterParts),
      merge_writer_(memory.writer_bytes / kParts * kWriterParts),
      shared_(std::make_shared<Shared>(objects, memory.term_filter_bytes)) {}

ExtentFiles::~ExtentFiles() {
  set_on_garbage(nullptr);
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
    if (objects_.free_bytes() < needed) {
      throw IoError(objects_.location(kPrefix), "merge", ENOSPC);
    }
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
  ExtentDescription extent;
  extent.id = new_guid();
  extent.has_system_columns = rows.has_system_columns();
  std::vector<ParquetColumn> columns = columns_of(table);
  ObservedRows observed(rows, columns, extent);
  auto staged = objects_.stage(extent_name(extent.id));
  std::vector<ExtentLayout::Pages> pages =
      writer.write(staged->path(), columns, observed, catalog::row_order(table));
  observed.finish(pages);
  {
    auto file = staged->open(FileSystem::Mode::kReadWrite);
    extent.size_bytes = file->size();
    extent.checksums = FileVerifier::checksums(*file);
    extent.layout = ExtentLayout(pages, extent.size_bytes, FileVerifier::kBlockBytes);
  }
  extent.index_size_bytes = write_terms(extent.id, observed.terms());
  try {
    staged->put();
  } catch (...) {
    objects::remove_quietly(objects_, terms_name(extent.id));
    throw;
  }
  return std::make_shared<HeldExtent>(std::move(extent), shared_, HeldExtent::Kind::kDraft, true);
}

uint64_t ExtentFiles::write_terms(const Guid& id, const ExtentTerms& terms) {
  if (terms.empty()) return 0;
  std::string bytes = terms.encode();
  auto staged = objects_.stage(terms_name(id));
  staged->open(FileSystem::Mode::kCreate)->write(0, std::as_bytes(std::span(bytes)));
  staged->put_unsynced();
  return bytes.size();
}

std::shared_ptr<const ExtentView> ExtentFiles::adopt(ExtentDescription extent) {
  bool is_verified = shared_->take_draft(extent.id);
  return std::make_shared<const HeldExtent>(std::move(extent), shared_, HeldExtent::Kind::kAdopted,
                                            is_verified);
}

void ExtentFiles::drop(const ExtentView& extent) {
  static_cast<const HeldExtent&>(extent).set_has_file(true);
}

void ExtentFiles::collect_garbage() {
  std::vector<Guid> garbage;
  {
    std::lock_guard lock(shared_->mutex);
    garbage.swap(shared_->garbage);
  }
  std::exception_ptr error;
  for (const Guid& id : garbage) {
    try {
      objects_.remove(extent_name(id));
      objects_.remove(terms_name(id));
    } catch (...) {
      error = std::current_exception();
      std::lock_guard lock(shared_->mutex);
      shared_->garbage.push_back(id);
    }
  }
  if (error) std::rethrow_exception(error);
}

void ExtentFiles::set_on_garbage(std::function<void()> on_garbage) {
  std::lock_guard lock(shared_->mutex);
  shared_->on_garbage = std::move(on_garbage);
}

void ExtentFiles::reconcile(std::span<const std::shared_ptr<const ExtentView>> extents,
                            objects::Orphans& orphans) {
  struct Named {
    uint64_t bytes = 0;
    bool is_whole = false;
  };
  std::map<Guid, Named> named;
  for (const auto& extent : extents) named[extent->id].bytes = extent->size_bytes;
  objects_.list(kPrefix, [&](const objects::ObjectInfo& object) {
    std::optional<Guid> file = id_of(object.name, kSuffix),
                        terms = id_of(object.name, kTermsSuffix);
    if (!file && !terms) return;  // not of this program's making
    auto found = named.find(file ? *file : *terms);
    if (found == named.end()) {
      orphans.add(object);
    } else if (file) {
      found->second.is_whole = found->second.bytes == object.bytes;
    }
  });
  for (const auto& [id, extent] : named) {
    if (extent.is_whole) continue;
    spdlog::error(
        "The extent {} is missing, or has not the {} bytes that it should have. Queries "
        "that need it fail until the file is restored from a backup, or its rows are "
        "given up with .drop extent",
        objects_.location(extent_name(id)), extent.bytes);
  }
}

}  // namespace rivulet::extents
