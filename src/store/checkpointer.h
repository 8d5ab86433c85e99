#pragma once

#include <filesystem>
#include <optional>

#include "common/file_system.h"
#include "store/state.h"

// Checkpoints as a whole: docs/checkpoints.md.
namespace rivulet::store {

// Writes a checkpoint of `whole`. When it returns, the checkpoint is durable under its name; when it
// throws, there is none.
void write_checkpoint(FileSystem& files, const std::filesystem::path& directory,
                      const WholeState& whole);

// Loads the newest checkpoint into the state, unpublished, and gives its sequence; 0 when there is none.
// Throws Error when it is damaged.
Sequence load_newest_checkpoint(FileSystem& files, const std::filesystem::path& directory,
                                State& state);

// Removes unfinished checkpoints, and those of another sequence than `newest`.
void remove_old_checkpoints(FileSystem& files, const std::filesystem::path& directory,
                            Sequence newest);

}  // namespace rivulet::store
