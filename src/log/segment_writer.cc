#include "log/segment_writer.h"

#include <algorithm>
#include <cstring>

namespace rivulet::log {
namespace {

// A larger group goes to the file in several writes.
constexpr size_t kBufferBytes = 4 << 20;

}  // namespace

SegmentWriter::SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header, uint64_t end,
                             std::span<const std::byte> last_page)
    : file_(std::move(file)),
      header_(header),
      end_(end),
      pages_(kBufferBytes / kPageBytes),
      buffered_(last_page.size()),
      buffer_start_(end / kPageBytes * kPageBytes) {
  std::copy(last_page.begin(), last_page.end(), buffer());
}

void SegmentWriter::write_group(Position first, std::span<const Record> records) {
  uint64_t group_offset = end_;
  uint64_t offset = end_;
  for (size_t i = 0; i < records.size(); ++i) {
    RecordHeader header;
    header.segment = header_.segment;
    header.position = first + i;
    for (std::string_view piece : records[i]) header.length += piece.size();
    header.group_offset = group_offset;
    header.checksum = record_checksum(header, records[i], header_.log_id, offset);
    put(&header, sizeof(header));
    for (std::string_view piece : records[i]) put(piece.data(), piece.size());
    constexpr std::byte padding[8] = {};
    uint64_t size = record_bytes(header.length);
    put(padding, size - sizeof(header) - header.length);
    offset += size;
  }

  size_t whole_pages = (buffered_ + kPageBytes - 1) / kPageBytes * kPageBytes;
  std::memset(buffer() + buffered_, 0, whole_pages - buffered_);
  write_pages(whole_pages);
  file_->sync();

  end_ = offset;
  uint64_t last_page = offset / kPageBytes * kPageBytes;
  buffered_ = offset - last_page;
  std::memmove(buffer(), buffer() + (last_page - buffer_start_), buffered_);
  buffer_start_ = last_page;
}

void SegmentWriter::put(const void* data, size_t size) {
  const auto* from = static_cast<const std::byte*>(data);
  while (size > 0) {
    size_t part = std::min(size, kBufferBytes - buffered_);
    std::memcpy(buffer() + buffered_, from, part);
    buffered_ += part;
    from += part;
    size -= part;
    if (buffered_ == kBufferBytes) {
      write_pages(kBufferBytes);
      buffer_start_ += kBufferBytes;
      buffered_ = 0;
    }
  }
}

void SegmentWriter::write_pages(size_t size) {
  if (size > 0) file_->write(buffer_start_, {buffer(), size});
}

}  // namespace rivulet::log
