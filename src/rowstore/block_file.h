#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "objects/object_store.h"

// Files of checksummed blocks, written once from start to end: docs/checkpoints.md tells their bytes.
namespace rivulet::rowstore {

enum class BlockFileKind : uint8_t { kBase, kRows };

// The kind of a block; kEnd is the last of a file.
enum class BlockKind : uint64_t {
  kEnd = 0,
  kCatalog = 1,
  kExtents = 2,
  kNumberedRowFiles = 3,  // of older programs
  kRuns = 4,
  kRun = 5,
  kKeysWithoutContents = 6,  // of older programs
  kProgress = 7,
  kKeys = 8,
  kClockSteps = 9,
  kNamedRowFiles = 10
};

// Bytes of a file without blocks, and what the content of a block takes in the file.
constexpr uint64_t kBlockFileOverhead = 96;
constexpr uint64_t padded_bytes(uint64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

struct BlockFileHeader {
  BlockFileKind kind = BlockFileKind::kBase;
  // A base: its sequence and the time of the newest transaction. A row file: zero (once a number) and its generation.
  uint64_t first = 0;
  int64_t second = 0;
  uint64_t seed = 0;
};

// Used by one thread. Every failure throws IoError.
class BlockFileWriter {
 public:
  // Creates the file of an object, which the caller puts. The header's seed is made here.
  BlockFileWriter(objects::StagedObject& object, BlockFileHeader header);

  struct Place {
    uint64_t offset = 0, length = 0;  // of a block, its header included
  };
  Place put(BlockKind kind, uint64_t table, std::string_view content);
  void finish();

  uint64_t seed() const { return seed_; }
  uint64_t size() const { return buffer_offset_ + buffer_.size(); }

 private:
  void flush();

  std::unique_ptr<File> file_;
  uint64_t seed_;
  std::string buffer_;          // not written yet
  uint64_t buffer_offset_ = 0;  // where it goes
  uint64_t synced_ = 0;
  uint64_t blocks_ = 0;
};

// Reads a file from its start to its end. Throws Error, with file and offset, on damage.
class BlockFileReader {
 public:
  BlockFileReader(const objects::ObjectStore& objects, std::string_view name, BlockFileKind kind);

  const BlockFileHeader& header() const { return header_; }

  struct Block {
    BlockKind kind = BlockKind::kEnd;
    uint64_t table = 0;
    uint64_t offset = 0;
    std::string_view content;  // valid until the next call
  };
  // The next block; kEnd is the last.
  Block next();

 private:
  [[noreturn]] void throw_damaged(uint64_t offset, std::string_view what) const;
  std::string_view window(uint64_t offset, uint64_t size);

  const std::string location_;
  std::unique_ptr<const File> file_;
  uint64_t file_bytes_ = 0;
  BlockFileHeader header_;
  uint64_t offset_ = 0;
  uint64_t blocks_ = 0;
  std::vector<std::byte> window_;
  uint64_t window_start_ = 0;
};

// The content of a block read from `offset` into `bytes`, header included; nothing when it is not a valid
// block of this kind and table of a file with this seed.
std::string_view block_content(std::string_view bytes, BlockKind kind, uint64_t table,
                               uint64_t seed, uint64_t offset);

}  // namespace rivulet::rowstore
