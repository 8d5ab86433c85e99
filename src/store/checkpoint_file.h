#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "common/clock.h"
#include "common/file_system.h"
#include "rowstore/chunk_view.h"

// The file of a checkpoint: docs/checkpoints.md.
namespace rivulet::store {

constexpr uint32_t kTimeColumnId = 4294967294;
constexpr uint32_t kSequenceColumnId = 4294967295;

enum class CheckpointBlock : uint64_t {
  kCatalog = 1,
  kExtents = 2,
  kRows = 3,
  kDirectory = 4,
  kKeys = 6
};

std::string checkpoint_name(Sequence sequence);
std::optional<Sequence> parse_checkpoint_name(std::string_view name);

// Writes a checkpoint from its start to its end. The calls must come in this order: changes, extents, keys,
// rows, finish; used by one thread.
class CheckpointWriter {
 public:
  CheckpointWriter(FileSystem& files, const std::filesystem::path& path, Sequence sequence,
                   Ticks time);

  void add_change(const catalog::Change& change);
  void add_extent(catalog::TableId table, std::string_view encoded);
  void add_keys(std::string_view encoded);
  void add_rows(catalog::TableId table, const ChunkView& chunk);
  // When it returns, the content of the file is durable; its name is the caller's business.
  void finish();

 private:
  void flush_pending(CheckpointBlock kind);
  void put_block(CheckpointBlock kind, catalog::TableId table, std::string_view content);
  void put(std::string_view bytes);
  void flush();

  std::unique_ptr<File> file_;
  uint64_t seed_;
  std::string buffer_;          // not written yet
  uint64_t buffer_offset_ = 0;  // where it goes
  uint64_t blocks_ = 0;
  CheckpointBlock pending_kind_ = CheckpointBlock::kCatalog;
  std::string pending_;  // content of a block of changes or extents
  std::string batch_;
  std::vector<std::pair<catalog::TableId, uint64_t>> directory_;
};

// Reads a checkpoint from its start to its end.
class CheckpointReader {
 public:
  // Throws Error when the file is not a whole checkpoint.
  CheckpointReader(FileSystem& files, const std::filesystem::path& path);

  Sequence sequence() const { return sequence_; }
  Ticks time() const { return time_; }

  struct Block {
    CheckpointBlock kind = CheckpointBlock::kDirectory;
    catalog::TableId table = 0;
    std::string_view content;  // valid until the next call
  };
  // The next block; the directory is the last. Throws Error, with file and offset, on damage.
  Block next();

 private:
  [[noreturn]] void throw_damaged(uint64_t offset, std::string_view what) const;
  std::string_view window(uint64_t offset, uint64_t size);

  std::filesystem::path path_;
  std::unique_ptr<File> file_;
  uint64_t file_bytes_ = 0;
  Sequence sequence_ = 0;
  Ticks time_ = 0;
  uint64_t seed_ = 0;
  uint64_t offset_ = 0;
  uint64_t blocks_ = 0;
  std::vector<std::byte> window_;
  uint64_t window_start_ = 0;
};

}  // namespace rivulet::store
