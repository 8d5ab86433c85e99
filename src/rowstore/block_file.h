#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/file_system.h"

// Files of checksummed blocks, written once from start to end: docs/checkpoints.md tells their bytes.
namespace rivulet::rowstore {

enum class BlockFileKind : uint8_t { kBase, kRows };

// The kind of a block; kEnd is the last of a file.
enum class BlockKind : uint64_t {
  kEnd = 0,
  kCatalog = 1,
  kExtents = 2,
  kRowFiles = 3,
  kRuns = 4,
  kRun = 5,
  kKeysWithoutContents = 6,  // of older programs
  kProgress = 7,
  kKeys = 8,
  kClockSteps = 9
};

// Bytes of a file without blocks, and what the content of a block takes in the file.
constexpr uint64_t kBlockFileOverhead = 96;
constexpr uint64_t padded_bytes(uint64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

struct BlockFileHeader {
  BlockFileKind kind = BlockFileKind::kBase;
  // A base: its sequence and the time of the newest transaction. A row file: its number and generation.
  uint64_t first = 0;
  int64_t second = 0;
  uint64_t seed = 0;
};

// Used by one thread. Every failure throws IoError, and leaves the file to the caller.
class BlockFileWriter {
 public:
  // Creates the file. The header's seed is made here.
  BlockFileWriter(FileSystem& files, const std::filesystem::path& path, BlockFileHeader header);

  struct Place {
    uint64_t offset = 0, length = 0;  // of a block, its header included
  };
  Place put(BlockKind kind, uint64_t table, std::string_view content);
  // When it returns, the content of the file is durable; its name is the caller's business.
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
  BlockFileReader(FileSystem& files, const std::filesystem::path& path, BlockFileKind kind);

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

  std::filesystem::path path_;
  std::unique_ptr<File> file_;
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
