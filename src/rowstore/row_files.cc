#include "rowstore/row_files.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

#include "common/binary.h"
#include "common/error.h"
#include "rowstore/batch_codec.h"

namespace rivulet::rowstore {
namespace {

constexpr std::string_view kSuffix = ".rows";
constexpr std::string_view kUnfinished = ".tmp";
constexpr size_t kNameDigits = 16;
// A run that gets longer than this is followed by another one: what a reader takes into memory at a time.
constexpr size_t kRunBytes = 1 << 20;
// A chunk whose values take more than this is written in parts, for the same reason.
constexpr uint64_t kPartBytes = 4 << 20;

std::string file_name(uint64_t number) {
  return fmt::format("{:016}{}", number, kSuffix);
}

// The number in the name of a row file, finished or not; 0 for other files.
uint64_t number_of(std::string_view name) {
  if (name.ends_with(kUnfinished)) name.remove_suffix(kUnfinished.size());
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return 0;
  uint64_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + kNameDigits, number);
  return error == std::errc() && end == name.data() + kNameDigits ? number : 0;
}

// Widens `ranges` by the datetime columns of a chunk.
void widen_ranges(std::vector<CellRange>& ranges, const ChunkView& chunk) {
  for (size_t i = 0; i < chunk.columns.size(); ++i) {
    const ColumnView& column = chunk.columns[i];
    if (column.type != ScalarType::kDateTime) continue;
    uint32_t id = chunk.column_ids[i];
    auto range = std::find_if(ranges.begin(), ranges.end(),
                              [id](const CellRange& known) { return known.column_id == id; });
    if (range == ranges.end()) {
      range = ranges.insert(ranges.end(), CellRange{id, INT64_MAX, INT64_MIN});
    }
    const auto* cells = static_cast<const int64_t*>(column.cells);
    for (uint32_t row = 0; row < chunk.row_count; ++row) {
      if (column.is_null(row)) continue;
      range->low = std::min(range->low, cells[row]);
      range->high = std::max(range->high, cells[row]);
    }
  }
}

void remove_quietly(FileSystem& files, const std::filesystem::path& path) {
  try {
    if (files.exists(path)) files.remove(path);
  } catch (const IoError& error) {
    spdlog::warn("A file that is not needed could not be removed: {}", error.what());
  }
}

}  // namespace

RowFile::RowFile(FileSystem& files, std::filesystem::path path, const Description& description,
                 std::shared_ptr<RowFileGarbage> garbage)
    : files_(files),
      path_(std::move(path)),
      description_(description),
      garbage_(std::move(garbage)) {
  ++garbage_->file_count;
  garbage_->file_bytes += description_.bytes;
}

RowFile::~RowFile() {
  std::function<void()> on_garbage;
  {
    std::lock_guard lock(garbage_->mutex);
    garbage_->paths.push_back(path_);
    on_garbage = garbage_->on_garbage;
  }
  --garbage_->file_count;
  garbage_->file_bytes -= description_.bytes;
  if (on_garbage) on_garbage();
}

std::string RowFile::read(catalog::TableId table, uint64_t offset, uint64_t length) const {
  std::call_once(opened_, [this] { file_ = files_.open(path_, FileSystem::Mode::kRead); });
  std::string bytes(length, '\0');
  bytes.resize(file_->read(offset, std::as_writable_bytes(std::span(bytes))));
  std::string_view content =
      block_content(bytes, BlockKind::kRun, table, description_.seed, offset);
  if (content.empty()) {
    throw internal_error(
        fmt::format("Recent rows of table {} are damaged: the block at offset {} of {} is not "
                    "valid. Restore the file, or the whole data directory, from a backup.",
                    table, offset, path_.string()));
  }
  bytes.erase(0, bytes.size() - content.size());
  return bytes;
}

RowFileWriter::RowFileWriter(FileSystem& files, const std::filesystem::path& directory,
                             uint64_t number, uint8_t generation,
                             std::shared_ptr<RowFileGarbage> garbage)
    : files_(files),
      path_(directory / file_name(number)),
      unfinished_(path_.string() + std::string(kUnfinished)),
      description_{number, generation, 0, 0},
      garbage_(std::move(garbage)),
      writer_(files, unfinished_, {BlockFileKind::kRows, number, generation}) {}

RowFileWriter::~RowFileWriter() {
  if (is_finished_) return;
  remove_quietly(files_, unfinished_);
  remove_quietly(files_, path_);
}

void RowFileWriter::add(catalog::TableId table, std::span<const ChunkView> chunks) {
  runs_.emplace_back(table, RunList());
  for (const ChunkView& chunk : chunks) add_chunk(table, chunk);
  if (run_.rows > 0) put_run(table);
}

void RowFileWriter::add_chunk(catalog::TableId table, const ChunkView& chunk) {
  uint64_t bytes = value_bytes(chunk);
  if (bytes > kPartBytes && chunk.row_count > 1) {
    uint32_t half = chunk.row_count / 2;
    add_chunk(table, copy_rows(chunk, 0, half)->closed_view());
    add_chunk(table, copy_rows(chunk, half, chunk.row_count - half)->closed_view());
    return;
  }
  if (content_.size() >= kRunBytes) put_run(table);
  // Rows stand in the order of their sequence; times may go back when the clock did.
  auto [earliest, latest] =
      std::minmax_element(chunk.ingestion_times, chunk.ingestion_times + chunk.row_count);
  bool is_first = run_.rows == 0;
  if (is_first) run_.first_sequence = static_cast<Sequence>(chunk.sequences[0]);
  run_.min_time = is_first ? *earliest : std::min(run_.min_time, *earliest);
  run_.max_time = is_first ? *latest : std::max(run_.max_time, *latest);
  run_.last_sequence = static_cast<Sequence>(chunk.sequences[chunk.row_count - 1]);
  run_.rows += chunk.row_count;
  run_.value_bytes += bytes;
  widen_ranges(run_.ranges, chunk);
  batch_.clear();
  encode_rows(batch_, chunk);
  ByteWriter(content_).string(batch_);
}

void RowFileWriter::put_run(catalog::TableId table) {
  BlockFileWriter::Place place = writer_.put(BlockKind::kRun, table, content_);
  content_.clear();
  run_.offset = place.offset;
  run_.length = place.length;
  RunList& list = runs_.back().second;
  list.push_back(std::exchange(run_, {}));
  list.back().ranges.shrink_to_fit();
}

TableRuns RowFileWriter::finish() {
  writer_.finish();
  files_.rename(unfinished_, path_);
  files_.sync_directory(path_.parent_path());
  is_finished_ = true;
  description_.seed = writer_.seed();
  description_.bytes = writer_.size();
  auto file = std::make_shared<const RowFile>(files_, path_, description_, garbage_);
  for (auto& [table, list] : runs_) {
    list.shrink_to_fit();
    for (Run& run : list) run.file = file;
  }
  return std::move(runs_);
}

RowFiles::RowFiles(FileSystem& files, std::filesystem::path directory)
    : files_(files),
      directory_(std::move(directory)),
      garbage_(std::make_shared<RowFileGarbage>()) {
  for (const std::string& name : files_.list(directory_)) {
    next_number_ = std::max(next_number_, number_of(name) + 1);
  }
}

RowFiles::~RowFiles() {
  set_on_garbage(nullptr);
}

std::unique_ptr<RowFileWriter> RowFiles::create(uint8_t generation) {
  return std::unique_ptr<RowFileWriter>(
      new RowFileWriter(files_, directory_, next_number_++, generation, garbage_));
}

std::shared_ptr<const RowFile> RowFiles::open(const RowFile::Description& description) {
  std::string name = file_name(description.number);
  std::filesystem::path path = directory_ / name;
  constexpr const char* kAdvice =
      "Nothing was changed; restore the file, or the whole data directory, from a backup.";
  if (!files_.exists(path)) {
    throw internal_error(fmt::format("The row file {} is missing. {}", path.string(), kAdvice));
  }
  uint64_t size = files_.open(path, FileSystem::Mode::kRead)->size();
  if (size != description.bytes) {
    throw internal_error(fmt::format("The row file {} has {} bytes instead of {}. {}",
                                     path.string(), size, description.bytes, kAdvice));
  }
  opened_names_.push_back(std::move(name));
  return std::make_shared<const RowFile>(files_, path, description, garbage_);
}

void RowFiles::remove_others() {
  for (const std::string& name : files_.list(directory_)) {
    bool is_needed =
        std::find(opened_names_.begin(), opened_names_.end(), name) != opened_names_.end();
    if (number_of(name) != 0 && !is_needed) files_.remove(directory_ / name);
  }
  opened_names_ = {};
}

void RowFiles::collect_garbage() {
  std::vector<std::filesystem::path> paths;
  {
    std::lock_guard lock(garbage_->mutex);
    paths = std::exchange(garbage_->paths, {});
  }
  std::exception_ptr error;
  for (std::filesystem::path& path : paths) {
    try {
      if (files_.exists(path)) files_.remove(path);
    } catch (...) {
      error = std::current_exception();
      std::lock_guard lock(garbage_->mutex);
      garbage_->paths.push_back(std::move(path));
    }
  }
  if (error) std::rethrow_exception(error);
}

void RowFiles::set_on_garbage(std::function<void()> on_garbage) {
  std::lock_guard lock(garbage_->mutex);
  garbage_->on_garbage = std::move(on_garbage);
}

}  // namespace rivulet::rowstore
