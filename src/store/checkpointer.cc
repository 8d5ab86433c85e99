#include "store/checkpointer.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"
#include "store/checkpoint_file.h"

namespace rivulet::store {
namespace {

constexpr std::string_view kUnfinished = ".tmp";

}  // namespace

void write_checkpoint(FileSystem& files, const std::filesystem::path& directory,
                      const WholeState& whole) {
  std::filesystem::path path = directory / checkpoint_name(whole.sequence);
  std::filesystem::path unfinished = path;
  unfinished += kUnfinished;
  if (files.exists(unfinished)) files.remove(unfinished);
  try {
    CheckpointWriter writer(files, unfinished, whole.sequence, whole.time);
    for (const catalog::Change& change : whole.catalog->changes()) writer.add_change(change);
    std::string encoded;
    for (const auto& [table, extents] : whole.extents) {
      for (const auto& extent : *extents) {
        encoded.clear();
        extents::encode_extent(encoded, *extent);
        writer.add_extent(table, encoded);
      }
    }
    writer.add_keys(whole.keys);
    for (const auto& [table, tail] : whole.tails) {
      rowstore::ChunkViews chunks(tail);
      for (const ChunkView& chunk : chunks.views()) writer.add_rows(table, chunk);
    }
    writer.finish();
    files.rename(unfinished, path);
    files.sync_directory(directory);
  } catch (...) {
    try {
      if (files.exists(unfinished)) files.remove(unfinished);
    } catch (const IoError&) {
      // The next start removes it.
    }
    throw;
  }
}

Sequence load_newest_checkpoint(FileSystem& files, const std::filesystem::path& directory,
                                State& state) {
  Sequence newest = 0;
  for (const std::string& name : files.list(directory)) {
    newest = std::max(newest, parse_checkpoint_name(name).value_or(0));
  }
  if (newest == 0) return 0;
  std::filesystem::path path = directory / checkpoint_name(newest);
  CheckpointReader reader(files, path);
  if (reader.sequence() != newest) {
    throw internal_error(
        fmt::format("The checkpoint {} says that it is number {}. Nothing was changed.",
                    path.string(), reader.sequence()));
  }
  state.set_newest_time(reader.time());
  for (;;) {
    CheckpointReader::Block block = reader.next();
    try {
      switch (block.kind) {
        case CheckpointBlock::kCatalog:
          state.restore_changes(block.content);
          break;
        case CheckpointBlock::kExtents:
          state.restore_extents(block.content);
          break;
        case CheckpointBlock::kKeys:
          state.restore_keys(block.content);
          break;
        case CheckpointBlock::kRows:
          state.restore_rows(block.table, block.content);
          break;
        case CheckpointBlock::kDirectory:
          return newest;
        default:
          throw std::runtime_error("a block is of an unknown kind");
      }
    } catch (const std::exception& error) {
      throw internal_error(
          fmt::format("The checkpoint {} cannot be loaded: {}. Nothing was changed.", path.string(),
                      error.what()));
    }
  }
}

void remove_old_checkpoints(FileSystem& files, const std::filesystem::path& directory,
                            Sequence newest) {
  for (const std::string& name : files.list(directory)) {
    std::optional<Sequence> sequence = parse_checkpoint_name(name);
    bool is_old = sequence && *sequence != newest;
    if (is_old || name.ends_with(kUnfinished)) files.remove(directory / name);
  }
}

}  // namespace rivulet::store
