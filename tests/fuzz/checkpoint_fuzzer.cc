// The base of a checkpoint, loaded as at a start, and the runs that it names. The first byte says whether the rest
// is the file as it stands, or the blocks of a base and of a row file, each kind, table, length (2 bytes) and
// content, which are put into valid files since no fuzzer finds a checksum.
#include <cstring>

#include "common/binary.h"
#include "common/clock.h"
#include "common/error.h"
#include "extents/extent_files.h"
#include "input.h"
#include "log/log.h"
#include "memory_files.h"
#include "objects/directory_objects.h"
#include "rowstore/block_file.h"
#include "rowstore/row_files.h"
#include "store/checkpointer.h"
#include "store/state.h"

using namespace rivulet;

namespace {

constexpr std::string_view kBase = "checkpoint/0000000000000007.ckpt";
constexpr std::string_view kRowFile = "rows/0000000000000001.rows";

class NoLog final : public log::Log {
 public:
  log::TailResult tail(log::Position, const Visitor&) override { std::abort(); }
  void open() override { std::abort(); }
  size_t max_in_flight() const override { std::abort(); }
  void submit(std::span<const log::Record>, Done) override { std::abort(); }
  void truncate(log::Position) override { std::abort(); }
  log::LogStatistics statistics() const override { std::abort(); }
};

void write_blocks(objects::ObjectStore& objects, std::string_view input) {
  auto row_file = objects.stage(kRowFile), base_file = objects.stage(kBase);
  rowstore::BlockFileWriter rows(*row_file, {rowstore::BlockFileKind::kRows, 1, 0, 0});
  rowstore::BlockFileWriter base(*base_file, {rowstore::BlockFileKind::kBase, 7, 1, 0});
  while (input.size() >= 4) {
    auto kind = static_cast<rowstore::BlockKind>(fuzz::take_byte(input) % 11);
    uint64_t table = fuzz::take_byte(input);
    size_t length = fuzz::take_byte(input);
    length = std::min(length | static_cast<size_t>(fuzz::take_byte(input)) << 8, input.size());
    std::string content(input.substr(0, length));
    input.remove_prefix(length);
    if (kind == rowstore::BlockKind::kRun) {
      rows.put(kind, table, content);
      continue;
    }
    if (kind == rowstore::BlockKind::kNumberedRowFiles ||
        kind == rowstore::BlockKind::kNamedRowFiles) {
      // Row file 1 as it is.
      content = '\1';
      if (kind == rowstore::BlockKind::kNamedRowFiles) ByteWriter(content).string(kRowFile);
      content.push_back('\0');
      uint64_t seed = rows.seed();
      content.append(reinterpret_cast<const char*>(&seed), sizeof(seed));
      uint64_t size = rows.size() + 48;
      for (; size >= 0x80; size >>= 7) content += static_cast<char>(size | 0x80);
      content += static_cast<char>(size);
    }
    if (kind != rowstore::BlockKind::kEnd) base.put(kind, table, content);
  }
  rows.finish();
  base.finish();
  row_file->put();
  base_file->put();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input = fuzz::as_text(data, size);
  fuzz::MemoryFileSystem files;
  objects::DirectoryObjects objects(files, "");
  if ((fuzz::take_byte(input) & 1) != 0) {
    write_blocks(objects, input);
  } else {
    files.put(kBase, std::string(input));
  }
  NoLog log;
  extents::ExtentFiles extent_files(objects);
  rowstore::RowFiles row_files(objects);
  store::State state(extent_files, row_files, {}, 1 << 20);
  store::Retries retries(state, system_clock());
  store::Checkpointer checkpointer(objects, row_files, state, log, retries);
  // Damage is an Error, and nothing else.
  try {
    checkpointer.load();
    std::vector<rowstore::TailEvent> events;
    state.publish(7, 0, events);
    for (const store::Progress& progress : state.all_progress()) {
      fuzz::require(progress.partition >= 0 && progress.position >= 0,
                    "a position is not negative");
    }
    std::vector<catalog::TableId> tables{1, 2, 3};
    auto snapshot = state.snapshot(tables);
    for (catalog::TableId id : tables) {
      auto table = snapshot->table(id);
      if (!table) continue;
      for (const auto& run : table->runs()) {
        auto chunks = run->read();
        for (const ChunkView& chunk : *chunks) {
          std::string text;
          for (const ColumnView& column : chunk.columns) {
            if (column.type == ScalarType::kDynamic) continue;
            for (size_t row = 0; row < chunk.row_count; ++row) append_cell_text(text, column, row);
          }
        }
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
