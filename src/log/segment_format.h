#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "log/log.h"

// The bytes of a log segment: docs/log-format.md.
namespace rivulet::log {

constexpr uint64_t kPageBytes = 4096;
// Memory that goes to a segment as it is.
struct alignas(kPageBytes) Page {
  std::byte bytes[kPageBytes];
};
constexpr uint32_t kSegmentVersion = 2;

struct SegmentHeader {
  uint64_t segment = 0;
  Position first_position = 0;
  uint64_t log_id = 0;
  // The file has at least so many, whole pages. 0: not known, in files of earlier versions.
  uint64_t file_bytes = 0;
};

// Fills one page.
void encode_segment_header(const SegmentHeader& header, std::span<std::byte> page);
// Nothing when the page holds no valid header. Throws Error when it was written by a newer version.
std::optional<SegmentHeader> decode_segment_header(std::span<const std::byte> page);

struct RecordHeader {
  uint64_t checksum = 0;
  uint64_t segment = 0;
  Position position = 0;
  uint64_t length = 0;
  uint64_t group_offset = 0;
};
static_assert(sizeof(RecordHeader) == 40);

// Bytes that a record takes in the file.
constexpr uint64_t record_bytes(uint64_t payload_length) {
  return (sizeof(RecordHeader) + payload_length + 7) / 8 * 8;
}

// The checksum of a record that stands at `offset`; `header.checksum` itself is not part of it.
uint64_t record_checksum(const RecordHeader& header, Record payload, uint64_t log_id,
                         uint64_t offset);

std::string segment_name(uint64_t segment);
// The segment number in a file's name; nothing for other files.
std::optional<uint64_t> parse_segment_name(std::string_view name);

// The name of the empty file that says which segment is the newest.
std::string mark_name(uint64_t segment);
std::optional<uint64_t> parse_mark_name(std::string_view name);

}  // namespace rivulet::log
