#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "objects/object_store.h"
#include "objects/orphans.h"
#include "rowstore/block_file.h"
#include "rowstore/run.h"

namespace rivulet::rowstore {

// Names of objects that nobody holds any more, to be removed by whoever collects them. Outlives RowFiles when a holder
// of a file does, and then does nothing. Thread-safe.
struct RowFileGarbage {
  std::mutex mutex;
  std::vector<std::string> names;                        // guarded by mutex
  std::function<void()> on_garbage;                      // guarded by mutex
  std::atomic<uint64_t> file_count = 0, file_bytes = 0;  // of files that are not removed yet
};

// One immutable file of runs of many tables. As long as somebody holds it the file stays. Thread-safe.
class RowFile {
 public:
  // What the base says of a file.
  struct Description {
    std::string name;  // of the object
    uint8_t generation = 0;
    uint64_t seed = 0;
    uint64_t bytes = 0;
  };

  RowFile(objects::ObjectStore& objects, Description description,
          std::shared_ptr<RowFileGarbage> garbage);
  ~RowFile();
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;

  const Description& description() const { return description_; }
  std::string location() const { return objects_.location(description_.name); }
  // The content of a run's block. Throws Error, with file and offset, when it is missing or damaged, and IoError.
  std::string read(catalog::TableId table, uint64_t offset, uint64_t length) const;
  // Reads all blocks, whoever they belong to. Throws as read() does.
  void check() const;

 private:
  // Opens the file, if no reader has yet.
  const File& file() const;

  objects::ObjectStore& objects_;
  const Description description_;
  std::shared_ptr<RowFileGarbage> garbage_;
  mutable std::mutex open_mutex_;
  mutable std::unique_ptr<const File> file_;  // guarded by open_mutex_ until it is open
};

using TableRuns = std::vector<std::pair<catalog::TableId, RunList>>;

// Writes a row file, table by table. Used by one thread. When it goes without finish(), or finish() throws, what it
// wrote goes too.
class RowFileWriter {
 public:
  // Rows of a table, in order, behind those of the same table that were added before.
  void add(catalog::TableId table, std::span<const ChunkView> chunks);
  // When it returns, the file is durable. One entry for each call of add(), in their order.
  TableRuns finish();
  uint64_t size() const { return writer_.size(); }

 private:
  friend class RowFiles;
  RowFileWriter(objects::ObjectStore& objects, uint8_t generation,
                std::shared_ptr<RowFileGarbage> garbage);
  void add_chunk(catalog::TableId table, const ChunkView& chunk);
  void put_run(catalog::TableId table);

  objects::ObjectStore& objects_;
  RowFile::Description description_;
  std::shared_ptr<RowFileGarbage> garbage_;
  std::unique_ptr<objects::StagedObject> staged_;
  BlockFileWriter writer_;
  TableRuns runs_;
  Run run_;              // being gathered
  std::string content_;  // of run_
  std::string batch_;
};

// The row files of a store. Thread-safe.
class RowFiles {
 public:
  explicit RowFiles(objects::ObjectStore& objects);
  ~RowFiles();

  std::unique_ptr<RowFileWriter> create(uint8_t generation);
  // A file that the base names. Whether it is there is found by who reads it.
  std::shared_ptr<const RowFile> open(RowFile::Description description);
  // At the start: looks at which files there are. One of `named` that is missing, or has another size, is told of in
  // the log; one that is not among them goes to `orphans`.
  void reconcile(const std::set<std::shared_ptr<const RowFile>>& named, objects::Orphans& orphans);

  // Removes files that nobody holds. `on_garbage` is called, by whichever thread, when there are some. Throws when
  // some could not be removed; they are removed by a later call.
  void collect_garbage();
  void set_on_garbage(std::function<void()> on_garbage);
  uint64_t file_count() const { return garbage_->file_count; }
  uint64_t file_bytes() const { return garbage_->file_bytes; }

 private:
  objects::ObjectStore& objects_;
  std::shared_ptr<RowFileGarbage> garbage_;
};

// The name under which programs up to version 2 of the data directory kept the row file of a number.
std::string numbered_row_file(uint64_t number);

}  // namespace rivulet::rowstore
