#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_set>
#include <vector>

#include "catalog/catalog.h"
#include "common/file_system.h"
#include "extents/extent.h"
#include "extents/file_verifier.h"
#include "extents/parquet_reader.h"
#include "extents/parquet_writer.h"
#include "extents/term_filter.h"
#include "types/chunk_view.h"

namespace rivulet::extents {

using ExtentList = std::vector<std::shared_ptr<const ExtentView>>;

// The memory of what works on extents, beside the rows that are given to it.
struct ExtentMemory {
  uint64_t writer_bytes = uint64_t{2560}
                          << 20;  // for writing, for merging, and for reading what is merged
  uint64_t term_filter_bytes = 64 << 20;
};

// The files of extents in a local directory: made, held and removed. docs/extents.md tells their life.
// Thread-safe. Every ExtentView that it gave must be gone before it goes.
class ExtentFiles {
 public:
  ExtentFiles(FileSystem& files, std::filesystem::path directory, const ExtentMemory& memory = {});
  ~ExtentFiles();

  // Writes the rows as a file of the table's columns; chunks without times and sequences give an extent
  // without system columns. When it returns, the file is durable. The extent is a
  // draft, which its holder may change, until a manifest takes it; a draft's file goes with its last holder.
  std::shared_ptr<ExtentView> write(const catalog::Table& table, std::span<const ChunkView> chunks);
  // The same, a chunk at a time. Throws what the source throws.
  std::shared_ptr<ExtentView> write(const catalog::Table& table, RowSource& rows) {
    return write(table, rows, writer_);
  }
  // As the first, in several extents where there are more rows than this, which is 2,048 at least.
  std::vector<std::shared_ptr<ExtentView>> write(const catalog::Table& table,
                                                 std::span<const ChunkView> chunks,
                                                 uint64_t max_rows);
  // The same with the rows of other extents of the table, which keep their times and sequences; the tags are
  // those of the first. Null when no row is left. Several are not merged when the disk has less room than twice what
  // they take.
  std::shared_ptr<ExtentView> merge(const catalog::Table& table,
                                    std::span<const ExtentRows> extents);

  // Ends a merge that is under way, with an exception there, and refuses others.
  void stop_merging() { is_merging_stopped_ = true; }

  // An extent that a record names: its file stays. If there is a draft of it, the file is not the draft's any more,
  // and is not verified again.
  std::shared_ptr<const ExtentView> adopt(ExtentView extent);
  // Whether the file goes when the last holder of the extent goes: not while a manifest has it.
  static void set_in_manifest(const ExtentView& extent, bool is_in_manifest);
  // Removes what is to go. `on_garbage` is called, by whichever thread, when there is something again. Throws when
  // something could not be removed, which a later call removes.
  void collect_garbage();
  void set_on_garbage(std::function<void()> on_garbage);

  // At the start: checks that the file of each extent is there, whole. Throws Error when one is missing.
  void check(std::span<const std::shared_ptr<const ExtentView>> extents) const;
  // Then, when no other extent can come: removes all other files.
  void remove_others(std::span<const std::shared_ptr<const ExtentView>> extents);

 private:
  class Garbage;
  class HeldExtent;

  std::filesystem::path path_of(const Guid& id) const;
  std::shared_ptr<ExtentView> write(const catalog::Table& table, RowSource& rows,
                                    ParquetWriter& writer);
  void make_folder(const std::filesystem::path& folder);
  // Gives it what serves its readers.
  void equip(ExtentView& extent, bool is_verified);
  // The size of the file. Not synced: filters that did not survive are done without.
  uint64_t write_terms(const ExtentView& extent, const ExtentTerms& terms);

  FileSystem& files_;
  const std::filesystem::path directory_;
  const uint64_t reader_bytes_;
  std::mutex folders_mutex_;  // held while a folder is made
  ParquetWriter writer_;
  ParquetWriter merge_writer_;  // so that no seal waits for a merge
  std::atomic<bool> is_merging_stopped_ = false;
  std::shared_ptr<TermCache> term_cache_;
  std::shared_ptr<Garbage> garbage_;
};

}  // namespace rivulet::extents
