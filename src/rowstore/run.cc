#include "rowstore/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/binary.h"
#include "common/error.h"
#include "rowstore/batch_codec.h"
#include "rowstore/row_files.h"

namespace rivulet::rowstore {
namespace {

// Adds rows [first, first + count) of a decoded batch to `chunks`.
void add_batch(ChunkList& chunks, const BatchDecoder& batch, uint32_t first, uint32_t count,
               std::vector<int>& layout_index) {
  std::span<const uint32_t> ids = batch.column_ids();
  std::span<const ColumnView> columns = batch.columns();
  size_t column_count = ids.size() - 2;  // without the time and the sequence
  auto is_laid_out = [&](const ChunkLayout& layout) {
    for (size_t i = 0; i < column_count; ++i) {
      if (layout.types[i] != columns[i].type) return false;
    }
    return std::ranges::equal(layout.column_ids, ids.first(column_count));
  };
  std::shared_ptr<const ChunkLayout> layout;
  if (!chunks.empty() && chunks.back()->layout()->column_ids.size() == column_count &&
      is_laid_out(*chunks.back()->layout())) {
    layout = chunks.back()->layout();
  } else {
    layout = std::make_shared<ChunkLayout>(ids.first(column_count), columns.first(column_count));
  }
  layout_index.resize(column_count);
  for (size_t i = 0; i < column_count; ++i) layout_index[i] = static_cast<int>(i);
  auto chunk = std::make_shared<Chunk>(std::move(layout), count);
  chunk->append({layout_index, columns.first(column_count), columns[column_count].cells,
                 columns[column_count + 1].cells},
                first, count);
  chunk->close();
  chunks.push_back(std::move(chunk));
}

}  // namespace

std::optional<RunList> replaced_runs(const RunList& list, std::span<const Run> old, RunList fresh) {
  auto first = std::find_if(list.begin(), list.end(),
                            [&](const Run& run) { return run.is_same(old.front()); });
  if (first == list.end()) return std::nullopt;
  RunList result;
  result.reserve(list.size() - old.size() + fresh.size());
  result.assign(list.begin(), first);
  std::move(fresh.begin(), fresh.end(), std::back_inserter(result));
  result.insert(result.end(), first + static_cast<ptrdiff_t>(old.size()), list.end());
  return result;
}

ChunkList read_run(catalog::TableId table, const Run& run) {
  std::string content = run.file->read(table, run.offset, run.length);
  ChunkList chunks;
  try {
    BatchDecoder decoder;
    std::vector<int> layout_index;
    uint32_t to_skip = run.skipped;
    auto left = static_cast<uint32_t>(run.live_rows());
    for (ByteReader reader(content); left > 0;) {
      decoder.decode(reader.string());
      check_rows(decoder);
      auto rows = static_cast<uint32_t>(decoder.row_count());
      uint32_t first = std::min(to_skip, rows), count = std::min(rows - first, left);
      if (count > 0) add_batch(chunks, decoder, first, count, layout_index);
      to_skip -= first;
      left -= count;
    }
  } catch (const std::runtime_error& error) {
    throw internal_error(
        fmt::format("Recent rows of table {}, at offset {} of {}, cannot be read: {}", table,
                    run.offset, run.file->location(), error.what()));
  }
  return chunks;
}

ChunkList join_chunks(std::span<const ChunkView> chunks) {
  ChunkList joined;
  std::vector<int> layout_index;
  auto is_alike = [](const ChunkView& a, const ChunkView& b) {
    return std::ranges::equal(a.column_ids, b.column_ids) &&
           std::ranges::equal(a.columns, b.columns, {}, &ColumnView::type, &ColumnView::type);
  };
  while (!chunks.empty()) {
    // As many as are laid out alike, cut into full chunks.
    size_t count = 1;
    uint64_t rows = chunks[0].row_count;
    while (count < chunks.size() && is_alike(chunks[0], chunks[count])) {
      rows += chunks[count++].row_count;
    }
    auto layout = std::make_shared<ChunkLayout>(chunks[0].column_ids, chunks[0].columns);
    layout_index.resize(layout->types.size());
    for (size_t i = 0; i < layout_index.size(); ++i) layout_index[i] = static_cast<int>(i);
    std::shared_ptr<Chunk> target;
    for (const ChunkView& chunk : chunks.first(count)) {
      for (uint32_t done = 0; done < chunk.row_count;) {
        if (!target) {
          auto capacity = static_cast<uint32_t>(std::min<uint64_t>(rows, Chunk::kMaxRows));
          target = std::make_shared<Chunk>(layout, capacity);
        }
        uint32_t part = std::min(chunk.row_count - done, target->capacity() - target->rows());
        target->append({layout_index, chunk.columns, chunk.ingestion_times, chunk.sequences}, done,
                       part);
        done += part;
        rows -= part;
        if (target->rows() == target->capacity()) {
          target->close();
          joined.push_back(std::move(target));
        }
      }
    }
    chunks = chunks.subspan(count);
  }
  return joined;
}

}  // namespace rivulet::rowstore
