#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/file_system.h"
#include "log/log.h"
#include "log/segment_writer.h"

namespace rivulet::log {

struct LocalLogOptions {
  std::filesystem::path directory;
  uint64_t segment_bytes = 64 << 20;  // rounded down to whole pages
  // Segments that are not needed any more are kept, to be overwritten later, up to this number.
  size_t kept_segments = 10;
};

// The log in files on the local disk: docs/log-format.md.
//
// Holds one segment open for writing. A thread of its own fills the next segment with zeros when the
// current one is half full and none is left to be used again; it sleeps otherwise. When the next segment is
// needed before it is full of zeros, the log takes an empty file instead of waiting.
class LocalLog final : public Log {
 public:
  // Creates the directory when it is missing; replay() opens the files.
  LocalLog(const LocalLogOptions& options, FileSystem& files, const Clock& clock);
  ~LocalLog() override;

  ReplayResult replay(Position from, const Visitor& visitor) override;
  Position next_position() const override { return next_position_; }
  void append(std::span<const Record> records) override;
  void truncate(Position before) override;
  LogStatistics statistics() const override;

 private:
  struct Segment {
    uint64_t number = 0;
    Position first_position = 0;
    uint64_t bytes = 0;  // used
  };

  // Opens a new segment for writing that begins at next_position_. Throws IoError or Error.
  void open_segment();
  // After a failed write: the log goes on in a new segment, or `unavailable` is thrown.
  void reestablish();
  enum class Filling { kNone, kZeros };
  // Makes a file for a segment to come, and gives its name.
  std::string create_file(Filling filling);
  std::string take_free_file();
  void give_back_file(std::string name);
  void remove_surplus_files();
  void prepare_segments(const std::stop_token& stop);

  LocalLogOptions options_;
  FileSystem& files_;
  const Clock& clock_;

  // Of the appending thread.
  std::unique_ptr<SegmentWriter> writer_;
  Position next_position_ = 1;
  bool is_failed_ = false;
  bool must_roll_ = false;  // the next group goes to a new segment (there is none, or it was cut)
  std::string failure_;
  std::chrono::steady_clock::time_point next_attempt_;
  uint64_t log_id_ = 0;
  uint64_t next_segment_ = 1;

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Segment> live_;      // guarded by mutex_; the last one is being written
  std::deque<std::string> free_;  // guarded by mutex_: names of files to be used again
  uint64_t next_spare_ = 1;       // guarded by mutex_
  bool wants_spare_ = false;      // guarded by mutex_
  LogStatistics statistics_;      // guarded by mutex_; records and syncs only
  std::jthread preparer_;
};

}  // namespace rivulet::log
