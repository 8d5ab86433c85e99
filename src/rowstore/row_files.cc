#include "rowstore/row_files.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "common/binary.h"
#include "common/error.h"
#include "common/guid.h"
#include "rowstore/batch_codec.h"

namespace rivulet::rowstore {
namespace {

constexpr std::string_view kPrefix = "rows/";
constexpr std::string_view kSuffix = ".rows";
// A run that gets longer than this is followed by another one: what a reader takes into memory at a time.
constexpr size_t kRunBytes = 1 << 20;
// A chunk whose values take more than this is written in parts, for the same reason.
constexpr uint64_t kPartBytes = 4 << 20;

// Whether an object's name is one that this program, or an older one, gave to a row file.
bool is_ours(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return false;
  name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  bool is_number = name.size() == 16 && name.find_first_not_of("0123456789") == name.npos;
  return is_number || parse_guid(name).has_value();
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

}  // namespace

std::string numbered_row_file(uint64_t number) {
  return fmt::format("{}{:016}{}", kPrefix, number, kSuffix);
}

RowFile::RowFile(objects::ObjectStore& objects, Description description,
                 std::shared_ptr<RowFileGarbage> garbage)
    : objects_(objects), description_(std::move(description)), garbage_(std::move(garbage)) {
  ++garbage_->file_count;
  garbage_->file_bytes += description_.bytes;
}

RowFile::~RowFile() {
  std::function<void()> on_garbage;
  {
    std::lock_guard lock(garbage_->mutex);
    garbage_->names.push_back(description_.name);
    on_garbage = garbage_->on_garbage;
  }
  --garbage_->file_count;
  garbage_->file_bytes -= description_.bytes;
  if (on_garbage) on_garbage();
}

std::string RowFile::read(catalog::TableId table, uint64_t offset, uint64_t length) const {
  auto fail = [&](std::string_view what) {
    throw internal_error(
        fmt::format("Recent rows of table {} are {}. Restore the file, or the whole data "
                    "directory, from a backup.",
                    table, what));
  };
  std::string bytes(length, '\0');
  try {
    bytes.resize(file().read(offset, std::as_writable_bytes(std::span(bytes))));
  } catch (const objects::ObjectError& error) {
    if (error.failure() != objects::ObjectFailure::kNotFound) throw;
    fail(fmt::format("missing: there is no file {}", location()));
  }
  std::string_view content =
      block_content(bytes, BlockKind::kRun, table, description_.seed, offset);
  if (content.empty()) {
    fail(fmt::format("damaged: the block at offset {} of {} is not valid", offset, location()));
  }
  bytes.erase(0, bytes.size() - content.size());
  return bytes;
}

const File& RowFile::file() const {
  std::lock_guard lock(open_mutex_);
  if (!file_) file_ = objects_.open(description_.name);
  return *file_;
}

void RowFile::check() const {
  BlockFileReader reader(objects_, description_.name, BlockFileKind::kRows);
  while (reader.next().kind != BlockKind::kEnd) {
  }
}

RowFileWriter::RowFileWriter(objects::ObjectStore& objects, uint8_t generation,
                             std::shared_ptr<RowFileGarbage> garbage)
    : objects_(objects),
      description_{fmt::format("{}{}{}", kPrefix, to_string(new_guid()), kSuffix), generation, 0,
                   0},
      garbage_(std::move(garbage)),
      staged_(objects.stage(description_.name)),
      writer_(*staged_, {BlockFileKind::kRows, 0, generation}) {}

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
  staged_->put();
  description_.seed = writer_.seed();
  description_.bytes = writer_.size();
  auto file = std::make_shared<const RowFile>(objects_, description_, garbage_);
  for (auto& [table, list] : runs_) {
    list.shrink_to_fit();
    for (Run& run : list) run.file = file;
  }
  return std::move(runs_);
}

RowFiles::RowFiles(objects::ObjectStore& objects)
    : objects_(objects), garbage_(std::make_shared<RowFileGarbage>()) {}

RowFiles::~RowFiles() {
  set_on_garbage(nullptr);
}

std::unique_ptr<RowFileWriter> RowFiles::create(uint8_t generation) {
  return std::unique_ptr<RowFileWriter>(new RowFileWriter(objects_, generation, garbage_));
}

std::shared_ptr<const RowFile> RowFiles::open(RowFile::Description description) {
  return std::make_shared<const RowFile>(objects_, std::move(description), garbage_);
}

void RowFiles::reconcile(const std::set<std::shared_ptr<const RowFile>>& named,
                         objects::Orphans& orphans) {
  std::map<std::string, uint64_t> missing;  // sizes
  for (const auto& file : named) {
    missing.emplace(file->description().name, file->description().bytes);
  }
  std::set<std::string> expected;
  for (const auto& [name, bytes] : missing) expected.insert(name);
  objects_.list(kPrefix, [&](const objects::ObjectInfo& object) {
    if (!expected.contains(object.name)) {
      if (is_ours(object.name)) orphans.add(object);
    } else if (missing[object.name] == object.bytes) {
      missing.erase(object.name);
    }
  });
  for (const auto& [name, bytes] : missing) {
    spdlog::error(
        "The row file {} is missing, or has not the {} bytes that it should have. "
        "Queries of the tables with rows in it fail until it is restored from a backup",
        objects_.location(name), bytes);
  }
}

void RowFiles::collect_garbage() {
  std::vector<std::string> names;
  {
    std::lock_guard lock(garbage_->mutex);
    names = std::exchange(garbage_->names, {});
  }
  std::exception_ptr error;
  for (std::string& name : names) {
    try {
      objects_.remove(name);
    } catch (...) {
      error = std::current_exception();
      std::lock_guard lock(garbage_->mutex);
      garbage_->names.push_back(std::move(name));
    }
  }
  if (error) std::rethrow_exception(error);
}

void RowFiles::set_on_garbage(std::function<void()> on_garbage) {
  std::lock_guard lock(garbage_->mutex);
  garbage_->on_garbage = std::move(on_garbage);
}

}  // namespace rivulet::rowstore
