#include "extents/extent_layout.h"

#include <algorithm>
#include <stdexcept>

namespace rivulet::extents {
namespace {

// Calls for each column with its id, and then for each run of blocks of it, from `first` up to `end`. Throws
// std::runtime_error on damage.
template <typename OnColumn, typename OnBlocks>
void visit(ByteReader& reader, OnColumn&& on_column, OnBlocks&& on_blocks) {
  for (uint64_t columns = reader.varint(); columns > 0; --columns) {
    on_column(reader.varint());
    uint64_t block = 0;
    for (uint64_t runs = reader.varint(); runs > 0; --runs) {
      uint64_t first = block + reader.varint();
      uint64_t end = first + reader.varint();
      if (first < block || end < first)
        throw std::runtime_error("the layout of an extent is wrong");
      on_blocks(first, end);
      block = end;
    }
  }
}

}  // namespace

ExtentLayout::ExtentLayout(std::span<const Pages> pages, uint64_t file_bytes,
                           uint64_t block_bytes) {
  if (pages.empty() || file_bytes <= block_bytes) return;
  uint64_t blocks = (file_bytes + block_bytes - 1) / block_bytes, behind = 0, columns = 0;
  for (size_t i = 0; i < pages.size(); ++i) {
    behind = std::max(behind, pages[i].end);
    if (i == 0 || pages[i].column_id != pages[i - 1].column_id) ++columns;
  }
  uint64_t first_of_all = std::min(behind / block_bytes, blocks - 1);
  ByteWriter writer(bytes_);
  writer.varint(first_of_all);
  writer.varint(columns);
  for (auto first = pages.begin(); first != pages.end();) {
    auto last = std::find_if(first, pages.end(), [&](const Pages& other) {
      return other.column_id != first->column_id;
    });
    std::vector<std::pair<uint64_t, uint64_t>> runs;
    for (auto range = first; range != last; ++range) {
      if (range->end <= range->first) continue;
      uint64_t begin = range->first / block_bytes, end = (range->end - 1) / block_bytes + 1;
      if (!runs.empty() && begin <= runs.back().second) {
        runs.back().second = std::max(runs.back().second, end);
      } else {
        runs.emplace_back(begin, end);
      }
    }
    writer.varint(first->column_id);
    writer.varint(runs.size());
    uint64_t block = 0;
    for (auto [begin, end] : runs) {
      writer.varint(begin - block);
      writer.varint(end - begin);
      block = end;
    }
    first = last;
  }
  bytes_.shrink_to_fit();
}

ExtentLayout::ExtentLayout(ByteReader& reader) {
  bytes_ = reader.string();
  if (bytes_.empty()) return;
  ByteReader check(bytes_);
  check.varint();
  visit(
      check, [](uint64_t) {}, [](uint64_t, uint64_t) {});
}

void ExtentLayout::write(ByteWriter& writer) const {
  writer.string(bytes_);
}

void ExtentLayout::mark(std::span<const uint32_t> column_ids, std::vector<bool>& blocks) const {
  auto mark = [&](uint64_t first, uint64_t end) {
    for (uint64_t block = first; block < std::min<uint64_t>(end, blocks.size()); ++block) {
      blocks[block] = true;
    }
  };
  if (bytes_.empty()) return mark(0, blocks.size());
  ByteReader reader(bytes_);
  mark(reader.varint(), blocks.size());
  bool is_read = false;
  visit(
      reader,
      [&](uint64_t column) {
        is_read = std::find(column_ids.begin(), column_ids.end(), column) != column_ids.end();
      },
      [&](uint64_t first, uint64_t end) {
        if (is_read) mark(first, end);
      });
}

}  // namespace rivulet::extents
