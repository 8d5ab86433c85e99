#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/file_system.h"
#include "rowstore/block_file.h"
#include "rowstore/run.h"

namespace rivulet::rowstore {

// Files that nobody holds any more, to be removed by whoever collects them. Outlives RowFiles when a holder of
// a file does, and then does nothing. Thread-safe.
struct RowFileGarbage {
  std::mutex mutex;
  std::vector<std::filesystem::path> paths;              // guarded by mutex
  std::function<void()> on_garbage;                      // guarded by mutex
  std::atomic<uint64_t> file_count = 0, file_bytes = 0;  // of files that are not removed yet
};

// One immutable file of runs of many tables. As long as somebody holds it the file stays. Thread-safe.
class RowFile {
 public:
  // What the base says of a file.
  struct Description {
    uint64_t number = 0;
    uint8_t generation = 0;
    uint64_t seed = 0;
    uint64_t bytes = 0;
  };

  RowFile(FileSystem& files, std::filesystem::path path, const Description& description,
          std::shared_ptr<RowFileGarbage> garbage);
  ~RowFile();
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;

  const Description& description() const { return description_; }
  const std::filesystem::path& path() const { return path_; }
  // The content of a run's block. Throws Error, with file and offset, when it is damaged, and IoError.
  std::string read(catalog::TableId table, uint64_t offset, uint64_t length) const;

 private:
  FileSystem& files_;
  const std::filesystem::path path_;
  const Description description_;
  std::shared_ptr<RowFileGarbage> garbage_;
  mutable std::once_flag opened_;
  mutable std::unique_ptr<File> file_;
};

using TableRuns = std::vector<std::pair<catalog::TableId, RunList>>;

// Writes a row file, table by table. Used by one thread. When it goes without finish(), or finish() throws, it
// removes what it wrote.
class RowFileWriter {
 public:
  ~RowFileWriter();
  // Rows of a table, in order, behind those of the same table that were added before.
  void add(catalog::TableId table, std::span<const ChunkView> chunks);
  // When it returns, the file is durable under its name. One entry for each call of add(), in their order.
  TableRuns finish();
  uint64_t size() const { return writer_.size(); }

 private:
  friend class RowFiles;
  RowFileWriter(FileSystem& files, const std::filesystem::path& directory, uint64_t number,
                uint8_t generation, std::shared_ptr<RowFileGarbage> garbage);
  void add_chunk(catalog::TableId table, const ChunkView& chunk);
  void put_run(catalog::TableId table);

  FileSystem& files_;
  const std::filesystem::path path_, unfinished_;
  RowFile::Description description_;
  std::shared_ptr<RowFileGarbage> garbage_;
  BlockFileWriter writer_;
  TableRuns runs_;
  Run run_;              // being gathered
  std::string content_;  // of run_
  std::string batch_;
  bool is_finished_ = false;
};

// The row files of a store. Thread-safe, but for create(), which one thread calls at a time.
class RowFiles {
 public:
  RowFiles(FileSystem& files, std::filesystem::path directory);
  ~RowFiles();

  std::unique_ptr<RowFileWriter> create(uint8_t generation);
  // A file that the base names. Throws Error when it is missing or has another size.
  std::shared_ptr<const RowFile> open(const RowFile::Description& description);
  // At the start: removes all files but those that were opened.
  void remove_others();

  // Removes files that nobody holds. `on_garbage` is called, by whichever thread, when there are some. Throws when
  // some could not be removed; they are removed by a later call.
  void collect_garbage();
  void set_on_garbage(std::function<void()> on_garbage);
  uint64_t file_count() const { return garbage_->file_count; }
  uint64_t file_bytes() const { return garbage_->file_bytes; }

 private:
  FileSystem& files_;
  const std::filesystem::path directory_;
  std::shared_ptr<RowFileGarbage> garbage_;
  std::vector<std::string> opened_names_;
  uint64_t next_number_ = 1;
};

}  // namespace rivulet::rowstore
