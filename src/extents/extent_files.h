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
#include "extents/parquet_writer.h"
#include "rowstore/chunk_view.h"

namespace rivulet::extents {

using ExtentList = std::vector<std::shared_ptr<const ExtentView>>;

// The files of extents in a local directory: made, held and removed. docs/extents.md tells their life.
// Thread-safe. Every ExtentView that it gave must be gone before it goes.
class ExtentFiles {
 public:
  ExtentFiles(FileSystem& files, std::filesystem::path directory);
  ~ExtentFiles();

  // Writes the rows as a file of the table's columns. When it returns, the file is durable; it belongs to
  // nobody until a log record names it.
  ExtentView write(const catalog::Table& table, std::span<const ChunkView> chunks);
  // Removes the file of an extent that no record names.
  void discard(const ExtentView& extent) noexcept;

  // An extent that a record names: as long as the result is held, the file stays.
  std::shared_ptr<const ExtentView> adopt(ExtentView extent);
  // The extent has left the manifest: its file goes when the last holder of the extent goes.
  static void set_obsolete(const ExtentView& extent);
  // Removes what is to go. `on_garbage` is called, by whichever thread, when there is something again.
  void collect_garbage();
  void set_on_garbage(std::function<void()> on_garbage);

  // At the start: checks that the file of each extent is there, whole, and removes all other files. Throws
  // Error when one is missing.
  void check(std::span<const std::shared_ptr<const ExtentView>> extents);

 private:
  class Garbage;
  class HeldExtent;

  std::filesystem::path path_of(const Guid& id) const;

  FileSystem& files_;
  const std::filesystem::path directory_;
  ParquetWriter writer_;
  std::shared_ptr<Garbage> garbage_;
};

}  // namespace rivulet::extents
