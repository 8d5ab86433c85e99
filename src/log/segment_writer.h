#pragma once

#include <memory>
#include <span>
#include <vector>

#include "common/file_system.h"
#include "log/segment_format.h"

namespace rivulet::log {

// Writes groups of records into one segment, in whole pages. Owned by LocalLog, used by the thread that
// appends. After an exception from write_group() what the file holds from end() on is not known, and the
// writer must not be used again.
class SegmentWriter {
 public:
  // A segment whose header is on disk, opened with FileSystem::Mode::kDirect. `end` is where the next record goes; `last_page` is the content
  // of the page with that place, up to it.
  SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header, uint64_t end,
                std::span<const std::byte> last_page);

  const SegmentHeader& header() const { return header_; }
  uint64_t end() const { return end_; }
  File& file() { return *file_; }

  // Writes the records, the first at position `first`, and syncs: they are durable when it returns.
  void write_group(Position first, std::span<const Record> records);

 private:
  void put(const void* data, size_t size);
  std::byte* buffer() { return pages_.front().bytes; }
  // Writes the first bytes of the buffer, which are whole pages.
  void write_pages(size_t size);

  std::unique_ptr<File> file_;
  SegmentHeader header_;
  uint64_t end_;
  // Bytes [buffer_start_, buffer_start_ + buffered_) of the file; the start is that of a page.
  std::vector<Page> pages_;
  size_t buffered_;
  uint64_t buffer_start_;
};

}  // namespace rivulet::log
