#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "catalog/catalog.h"
#include "common/clock.h"
#include "rowstore/chunk.h"
#include "types/chunk_view.h"

// Runs: consecutive rows of one table in a row file. docs/checkpoints.md.
namespace rivulet::rowstore {

class RowFile;

using ChunkList = std::vector<std::shared_ptr<const Chunk>>;

// Where a run stands, and what is known of it without reading it. Holds the file.
struct Run {
  std::shared_ptr<const RowFile> file;
  uint64_t offset = 0;   // of its block
  uint64_t length = 0;   // of the block, header included
  uint32_t rows = 0;     // of the block, up to the last that belongs to the tail
  uint32_t skipped = 0;  // of these, at the start, that do not belong to the tail any more
  Sequence first_sequence = 0, last_sequence = 0;  // of the rows that do
  Ticks min_time = 0, max_time = 0;                // of all
  uint64_t value_bytes = 0;
  std::vector<CellRange> ranges;

  uint64_t live_rows() const { return rows - skipped; }
  bool is_same(const Run& other) const {
    return file == other.file && offset == other.offset && rows == other.rows &&
           skipped == other.skipped;
  }
};
using RunList = std::vector<Run>;

// The list with the consecutive runs `old` replaced by others; nothing when it does not have them.
std::optional<RunList> replaced_runs(const RunList& list, std::span<const Run> old, RunList fresh);

// The rows that belong to the tail, as new chunks. Throws Error, with file and offset, when they are damaged,
// and IoError.
ChunkList read_run(catalog::TableId table, const Run& run);

// Chunks with the rows of these views, as few as their layouts allow.
ChunkList join_chunks(std::span<const ChunkView> chunks);

}  // namespace rivulet::rowstore
