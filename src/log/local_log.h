#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
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
// Each group is written and synced inside of submit(), by the submitting thread, and its outcome told there: with one
// disk, whose next sync cannot begin before the last one ended, a second group under way gains nothing. A write that
// fails leaves its outcome unknown; open() then goes on in a new segment, which voids whatever the old one may hold.
//
// There is one epoch, always: the lock of the data directory keeps a second writer out, so nobody can be deposed, and
// one that grew would have to be made durable at each open.
//
// Holds one segment open for writing. A thread of its own fills the next segment with zeros when the
// current one is half full and none is left to be used again; it sleeps otherwise. When the next segment is
// needed before it is full of zeros, the log takes a file of holes instead of waiting.
class LocalLog final : public Log {
 public:
  // Creates the directory when it is missing.
  LocalLog(const LocalLogOptions& options, FileSystem& files, const Clock& clock);
  ~LocalLog() override;

  // The first call, which is recovery's, finds the end of the log and what is damaged; what it read can be missing or
  // torn. Later ones read what is known to be there, and segments stay while somebody reads them.
  TailResult tail(Position from, const Visitor& visitor) override;
  void open() override;
  size_t max_in_flight() const override { return 1; }
  void submit(std::span<const Record> records, Done done) override;
  void truncate(Position before) override;
  LogStatistics statistics() const override;

 private:
  struct Segment {
    uint64_t number = 0;
    Position first_position = 0;
    uint64_t bytes = 0;  // used
    // Where records begin, about one a MiB, so that a reading that goes on need not begin at the start.
    struct Place {
      Position position = 0;
      uint64_t offset = 0;
    };
    std::vector<Place> places;

    // A record or a group begins there.
    void note_place(Position position, uint64_t offset);
  };
  TailResult recover(Position from, const Visitor& visitor);
  TailResult read(Position from, const Visitor& visitor);
  // Writes a group; what happens if that fails is told by the kind of outcome.
  Outcome append(std::span<const Record> records);

  // Opens a new segment for writing that begins at next_position_, with room for a group of this size. Throws
  // IoError or Error.
  void open_segment(uint64_t group_bytes);
  // Gives a file that is no segment yet the size and the header of one.
  void write_header(const std::filesystem::path& path, const SegmentHeader& header);
  size_t live_count() const;
  // Has the mark name the newest segment, and makes all names durable. 0: it asks for no segment.
  void set_mark(uint64_t segment);
  // After a failed write: the log goes on in a new segment, or `unavailable` is thrown.
  void reestablish();
  // Segments before needed_from_ are free for use, but for those that are being read. With mutex_ held.
  void free_segments();
  enum class Filling { kHoles, kZeros };
  // Makes a file for a segment to come, and gives its name.
  std::string create_file(Filling filling);
  std::string take_free_file();
  void give_back_file(std::string name);
  void remove_surplus_files();
  void prepare_segments(const std::stop_token& stop);

  LocalLogOptions options_;
  FileSystem& files_;
  const Clock& clock_;

  bool is_recovered_ = false;  // set by the first tail()

  // Of the submitting thread.
  std::unique_ptr<SegmentWriter> writer_;
  Position next_position_ = 1;
  bool is_failed_ = false;
  bool must_roll_ = false;  // the next group goes to a new segment (there is none, or it was cut)
  std::string failure_;
  std::chrono::steady_clock::time_point next_attempt_ =
      std::chrono::steady_clock::time_point::min();
  uint64_t log_id_ = 0;
  uint64_t next_segment_ = 1;
  std::optional<uint64_t> mark_;  // what the mark names; nothing: there is none
  bool is_mark_durable_ = false;
  std::vector<std::string> unneeded_;  // names of files that open() removes

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Segment> live_;      // guarded by mutex_; the last one is being written
  Position needed_from_ = 0;      // guarded by mutex_: see truncate()
  std::multiset<uint64_t> read_;  // guarded by mutex_: numbers of segments that are being read
  std::deque<std::string> free_;  // guarded by mutex_: names of files to be used again
  uint64_t next_spare_ = 1;       // guarded by mutex_
  bool wants_spare_ = false;      // guarded by mutex_
  LogStatistics statistics_;      // guarded by mutex_; records and syncs only
  std::jthread preparer_;
};

}  // namespace rivulet::log
