#include "store/parts/tails_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "common/error.h"

namespace rivulet::store {
namespace {

using rowstore::BlockKind;
using rowstore::Run;
using rowstore::RunList;

const catalog::ColumnDef* find_column(const catalog::Table& table, uint32_t id, size_t hint) {
  const auto& columns = table.columns;
  if (hint < columns.size() && columns[hint].id == id) return &columns[hint];
  auto found = std::find_if(columns.begin(), columns.end(),
                            [id](const catalog::ColumnDef& column) { return column.id == id; });
  return found == columns.end() ? nullptr : &*found;
}

void encode_append(std::string& out, const Append& append) {
  std::vector<ColumnView> columns;
  columns.reserve(append.rows->column_count());
  for (size_t i = 0; i < append.rows->column_count(); ++i) {
    columns.push_back(append.rows->column(i).view());
  }
  // About what it takes: growing by and by would copy the text as often.
  out.reserve(out.size() + append.rows->memory_bytes());
  put_kind(out, TailsPart::kAppend);
  ByteWriter writer(out);
  writer.varint(append.table);
  // The length is of fixed width, so that the batch is encoded where it stays.
  size_t length_at = out.size();
  writer.fixed<uint32_t>(0);
  size_t batch_at = out.size();
  rowstore::encode_batch(out, append.column_ids, columns, append.rows->row_count());
  size_t length = out.size() - batch_at;
  if (length > UINT32_MAX)
    throw payload_too_large("A transaction takes at most 4 GiB for a table.");
  auto written = static_cast<uint32_t>(length);
  std::memcpy(out.data() + length_at, &written, sizeof(written));
}

void encode_run(std::string& out, const Run& run, uint64_t file) {
  ByteWriter writer(out);
  writer.varint(file);
  writer.varint(run.offset);
  writer.varint(run.length);
  writer.varint(run.rows);
  writer.varint(run.skipped);
  writer.varint(run.first_sequence);
  writer.varint(run.last_sequence - run.first_sequence);
  writer.fixed(run.min_time);
  writer.varint(static_cast<uint64_t>(run.max_time - run.min_time));
  writer.varint(run.value_bytes);
  writer.varint(run.ranges.size());
  for (const CellRange& range : run.ranges) {
    writer.varint(range.column_id);
    writer.fixed(range.low);
    writer.varint(static_cast<uint64_t>(range.high) - static_cast<uint64_t>(range.low));
  }
}

// How many items follow, of at least a byte each.
size_t item_count(ByteReader& reader) {
  uint64_t count = reader.varint();
  if (count > reader.remaining()) throw std::runtime_error("a list is longer than its block");
  return count;
}

Run decode_run(ByteReader& reader,
               const std::unordered_map<uint64_t, TailsPart::RowFilePtr>& files) {
  Run run;
  auto file = files.find(reader.varint());
  if (file == files.end()) throw std::runtime_error("a run is in a file that is not named");
  run.file = file->second;
  run.offset = reader.varint();
  run.length = reader.varint();
  run.rows = static_cast<uint32_t>(reader.varint());
  run.skipped = static_cast<uint32_t>(reader.varint());
  run.first_sequence = reader.varint();
  run.last_sequence = run.first_sequence + reader.varint();
  run.min_time = reader.fixed<Ticks>();
  run.max_time = static_cast<Ticks>(static_cast<uint64_t>(run.min_time) + reader.varint());
  run.value_bytes = reader.varint();
  run.ranges.resize(item_count(reader));
  for (CellRange& range : run.ranges) {
    range.column_id = static_cast<uint32_t>(reader.varint());
    range.low = reader.fixed<int64_t>();
    range.high = static_cast<int64_t>(static_cast<uint64_t>(range.low) + reader.varint());
  }
  if (run.skipped >= run.rows) throw std::runtime_error("a run has no rows");
  return run;
}

}  // namespace

bool has_rows(const Append& append) {
  return append.rows && append.rows->row_count() > 0;
}

void TailsPart::encode(const Transaction& transaction, BodyWriter& body) const {
  for (const Append& append : transaction.appends) {
    if (has_rows(append)) encode_append(body.bytes(), append);
    body.end_item();
  }
}

void TailsPart::check(const Turn& turn) {
  for (const Append& append : turn.transaction.appends) {
    const catalog::Table* table = catalog_.find_checked_table(append.table);
    if (table == nullptr) throw table_not_found(fmt::format("#{}", append.table), "");
    if (!has_rows(append)) continue;
    if (append.column_ids.size() != append.rows->column_count()) {
      throw internal_error("An append names another number of columns than it has");
    }
    for (size_t i = 0; i < append.column_ids.size(); ++i) {
      const catalog::ColumnDef* column = find_column(*table, append.column_ids[i], i);
      if (column != nullptr && column->type != append.rows->column(i).type()) {
        throw internal_error(
            fmt::format("An append has another type than column '{}' of table '{}'", column->name,
                        table->name));
      }
    }
  }
}

void TailsPart::apply(ItemKind /*kind*/, ByteReader& item, const RecordPlace& place) {
  const catalog::Table& table = catalog_.existing_table(item.varint());
  decoder_.begin(item.bytes(item.fixed<uint32_t>()));
  // A chunk's worth at a time, which stays in the processor's cache between decoder and chunk.
  while (decoder_.next(rowstore::Chunk::kMaxRows)) {
    rows_.append(table, decoder_.column_ids(), decoder_.columns(), decoder_.row_count(), place.time,
                 place.sequence);
  }
}

void TailsPart::clear_table(catalog::TableId table) {
  is_restructured_ = true;
  rows_.clear(table);
}

void TailsPart::cut(catalog::TableId table, Sequence first, Sequence last) {
  is_restructured_ = true;
  rows_.cut(table, first, last);
}

void TailsPart::spill(catalog::TableId table, RunList runs, Sequence up_to) {
  is_restructured_ = true;
  rows_.spill(table, std::move(runs), up_to);
}

void TailsPart::replace_runs(catalog::TableId table, std::span<const Run> replaced, RunList runs) {
  is_restructured_ = true;
  rows_.replace_runs(table, replaced, std::move(runs));
}

bool TailsPart::publish() {
  rows_.publish(old_, events_);
  return std::exchange(is_restructured_, false);
}

void TailsPart::take_events(std::vector<rowstore::TailEvent>& events) {
  events.insert(events.end(), events_.begin(), events_.end());
  events_.clear();
}

void TailsPart::load(BlockKind kind, std::string_view content) {
  ByteReader reader(content);
  while (!reader.at_end()) {
    if (kind != BlockKind::kRuns) {
      uint64_t number = reader.varint();
      rowstore::RowFile::Description description;
      description.name = kind == BlockKind::kNumberedRowFiles ? rowstore::numbered_row_file(number)
                                                              : std::string(reader.string());
      description.generation = reader.byte();
      description.seed = reader.fixed<uint64_t>();
      description.bytes = reader.varint();
      loaded_files_[number] = row_files_.open(std::move(description));
      continue;
    }
    catalog::TableId table = reader.varint();
    RunList runs(item_count(reader));
    for (Run& run : runs) run = decode_run(reader, loaded_files_);
    rows_.restore(catalog_.existing_table(table).id, std::move(runs));
  }
}

void TailsPart::save(rowstore::BlockFileWriter& file, const Tails& tails,
                     const std::set<RowFilePtr>& row_files) {
  std::unordered_map<const rowstore::RowFile*, uint64_t> numbers;  // in this base
  BlockGatherer named(file, BlockKind::kNamedRowFiles);
  for (const RowFilePtr& row_file : row_files) {
    uint64_t number = numbers.size() + 1;
    numbers.emplace(row_file.get(), number);
    const rowstore::RowFile::Description& description = row_file->description();
    ByteWriter writer(named.content());
    writer.varint(number);
    writer.string(description.name);
    writer.byte(description.generation);
    writer.fixed(description.seed);
    writer.varint(description.bytes);
    named.end_item();
  }
  named.flush();
  BlockGatherer runs(file, BlockKind::kRuns);
  for (const auto& [table, tail] : tails) {
    if (!tail.runs) continue;
    ByteWriter writer(runs.content());
    writer.varint(table);
    writer.varint(tail.runs->size());
    for (const Run& run : *tail.runs) {
      encode_run(runs.content(), run, numbers.at(run.file.get()));
    }
    runs.end_item();
  }
  runs.flush();
}

std::set<TailsPart::RowFilePtr> TailsPart::take_loaded_files() {
  std::set<RowFilePtr> files;
  for (const auto& [number, file] : loaded_files_) files.insert(file);
  loaded_files_.clear();
  return files;
}

}  // namespace rivulet::store
