#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/binary.h"

namespace rivulet::extents {

// In which blocks of an extent's file the pages of each column stand, so that who reads some columns has only these
// blocks verified. Kept as the bytes that the log has of it, since there are very many extents: docs/extents.md.
class ExtentLayout {
 public:
  // Not known: every block is of every column.
  ExtentLayout() = default;

  // Bytes of the file, from `first` up to `end`.
  struct Pages {
    uint32_t column_id = 0;
    uint64_t first = 0, end = 0;
  };
  // Of a file whose columns follow each other by id; pages of a column in the order of the file. What is behind all of
  // them (what describes the file) is of every column. A file of one block has nothing to tell apart.
  ExtentLayout(std::span<const Pages> pages, uint64_t file_bytes, uint64_t block_bytes);

  // Takes from `reader` what write() wrote. Throws std::runtime_error on damage.
  explicit ExtentLayout(ByteReader& reader);
  void write(ByteWriter& writer) const;

  // Marks, of all blocks of the file, those that reading the columns takes.
  void mark(std::span<const uint32_t> column_ids, std::vector<bool>& blocks) const;

  bool operator==(const ExtentLayout&) const = default;

 private:
  std::string bytes_;
};

}  // namespace rivulet::extents
