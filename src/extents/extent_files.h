#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "catalog/catalog.h"
#include "extents/extent.h"
#include "extents/parquet_reader.h"
#include "extents/parquet_writer.h"
#include "extents/term_filter.h"
#include "objects/object_store.h"
#include "objects/orphans.h"
#include "types/chunk_view.h"

namespace rivulet::extents {

using ExtentList = std::vector<std::shared_ptr<const ExtentView>>;

// The memory of what works on extents, beside the rows that are given to it.
struct ExtentMemory {
  uint64_t writer_bytes = uint64_t{2560}
                          << 20;  // for writing, for merging, and for reading what is merged
  uint64_t term_filter_bytes = 64 << 20;
};

// The objects of extents: made, held and removed. docs/extents.md tells their life.
// Thread-safe. Every ExtentView that it gave must be gone before `objects` goes.
class ExtentFiles {
 public:
  ExtentFiles(objects::ObjectStore& objects, const ExtentMemory& memory = {});
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
  std::shared_ptr<const ExtentView> adopt(ExtentDescription extent);
  // The manifest lets go of an extent that was adopted: its file goes with the extent's last holder.
  static void drop(const ExtentView& extent);
  // Removes what is to go. `on_garbage` is called, by whichever thread, when there is something again. Throws when
  // something could not be removed, which a later call removes.
  void collect_garbage();
  void set_on_garbage(std::function<void()> on_garbage);

  // At the start, when no other extent can come: looks at which files there are. One that is missing, or has another
  // size, is told of in the log, and fails who reads it; one that is of no extent goes to `orphans`.
  void reconcile(std::span<const std::shared_ptr<const ExtentView>> extents,
                 objects::Orphans& orphans);

 private:
  class HeldExtent;
  // What serves readers, and what is to go. Outlives ExtentFiles when a holder does.
  struct Shared;

  std::shared_ptr<ExtentView> write(const catalog::Table& table, RowSource& rows,
                                    ParquetWriter& writer);
  // The size of the file. It may be lost: filters that did not survive are done without.
  uint64_t write_terms(const Guid& id, const ExtentTerms& terms);

  objects::ObjectStore& objects_;
  const uint64_t reader_bytes_;
  ParquetWriter writer_;
  ParquetWriter merge_writer_;  // so that no seal waits for a merge
  std::atomic<bool> is_merging_stopped_ = false;
  std::shared_ptr<Shared> shared_;
};

}  // namespace rivulet::extents
