#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/file_system.h"
#include "log/segment_format.h"

namespace rivulet::log {

// Reads one segment from its start to its end, through a window of memory. Used by one thread, during
// recovery only.
class SegmentReader {
 public:
  // A whole segment with a valid header under the number of its name, or no header at all.
  SegmentReader(FileSystem& files, const std::filesystem::path& path, uint64_t segment);

  // Nothing when the header is not valid, or that of another segment.
  const std::optional<SegmentHeader>& header() const { return header_; }
  // Whether the header is that of a later segment, for which this file was about to be used again.
  bool is_of_later_segment() const { return is_of_later_segment_; }
  uint64_t file_bytes() const { return file_bytes_; }
  const std::filesystem::path& path() const { return path_; }

  // Reads the record at `offset`, which must have this position; nothing when there is no such record.
  // The payload is valid until the next call.
  struct Found {
    std::string_view payload;
    uint64_t end = 0;
  };
  std::optional<Found> read(uint64_t offset, Position position, uint64_t log_id);
  // Whether the bytes at `offset` look like a record of this segment that is not whole.
  bool is_torn_record(uint64_t offset);

  // The valid record at `offset` or later, of any position, whose group begins last.
  struct Later {
    uint64_t offset = 0;
    RecordHeader header;
  };
  std::optional<Later> find_later(uint64_t offset, uint64_t log_id);
  // Whether there is anything but zeros behind the header.
  bool has_content();

 private:
  std::optional<RecordHeader> header_at(uint64_t offset);
  std::string_view window(uint64_t offset, uint64_t size);

  std::filesystem::path path_;
  uint64_t segment_;
  std::unique_ptr<File> file_;
  uint64_t file_bytes_;
  std::optional<SegmentHeader> header_;
  bool is_of_later_segment_ = false;
  std::vector<std::byte> window_;
  uint64_t window_start_ = 0;
};

}  // namespace rivulet::log
