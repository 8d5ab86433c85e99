#include "log/segment_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace rivulet::log {
namespace {

constexpr uint64_t kWindowBytes = 4 << 20;

}  // namespace

SegmentReader::SegmentReader(FileSystem& files, const std::filesystem::path& path, uint64_t segment)
    : path_(path),
      segment_(segment),
      file_(files.open(path, FileSystem::Mode::kRead)),
      file_bytes_(file_->size()) {
  std::array<std::byte, kPageBytes> page{};
  size_t size = file_->read(0, page);
  header_ = decode_segment_header(std::span(page).first(size));
  if (header_ && header_->segment != segment) {
    is_of_later_segment_ = header_->segment > segment;
    header_.reset();
  }
}

std::optional<SegmentReader::Found> SegmentReader::read(uint64_t offset, Position position,
                                                        uint64_t log_id) {
  std::optional<RecordHeader> header = header_at(offset);
  if (!header || header->position != position) return std::nullopt;
  std::string_view bytes = window(offset, sizeof(RecordHeader) + header->length);
  std::string_view payload = bytes.substr(sizeof(RecordHeader));
  if (record_checksum(*header, {&payload, 1}, log_id, offset) != header->checksum) {
    return std::nullopt;
  }
  return Found{payload, offset + record_bytes(header->length)};
}

bool SegmentReader::is_torn_record(uint64_t offset) {
  if (offset + sizeof(RecordHeader) > file_bytes_) return false;
  RecordHeader header;
  std::memcpy(&header, window(offset, sizeof(header)).data(), sizeof(header));
  return header.segment == segment_;
}

std::optional<SegmentReader::Later> SegmentReader::find_later(uint64_t offset, uint64_t log_id) {
  std::optional<Later> latest;
  while (offset + sizeof(RecordHeader) <= file_bytes_) {
    std::optional<RecordHeader> header = header_at(offset);
    std::optional<Found> found;
    if (header) found = read(offset, header->position, log_id);
    if (found) {
      if (!latest || header->group_offset > latest->header.group_offset) {
        latest = Later{offset, *header};
      }
      offset = found->end;
    } else {
      offset += 8;
    }
  }
  return latest;
}

bool SegmentReader::has_content() {
  for (uint64_t offset = kPageBytes; offset < file_bytes_;) {
    uint64_t size = std::min(kWindowBytes, file_bytes_ - offset);
    std::string_view bytes = window(offset, size);
    if (bytes.find_first_not_of('\0') != std::string_view::npos) return true;
    offset += size;
  }
  return false;
}

// A header of this segment whose record would fit in the file: not yet checked by its checksum.
std::optional<RecordHeader> SegmentReader::header_at(uint64_t offset) {
  if (offset + sizeof(RecordHeader) > file_bytes_) return std::nullopt;
  RecordHeader header;
  std::memcpy(&header, window(offset, sizeof(header)).data(), sizeof(header));
  if (header.segment != segment_ || header.length > file_bytes_ ||
      offset + sizeof(header) + header.length > file_bytes_ || header.group_offset > offset) {
    return std::nullopt;
  }
  return header;
}

std::string_view SegmentReader::window(uint64_t offset, uint64_t size) {
  if (offset < window_start_ || offset + size > window_start_ + window_.size()) {
    window_start_ = offset;
    window_.resize(std::min(std::max(size, kWindowBytes), file_bytes_ - offset));
    // The file cannot get shorter: the data directory is locked.
    window_.resize(file_->read(offset, window_));
    if (window_.size() < size) {
      throw IoError(path_, "read", EIO);
    }
  }
  return {reinterpret_cast<const char*>(window_.data()) + (offset - window_start_),
          static_cast<size_t>(size)};
}

}  // namespace rivulet::log
