// A log segment, read as recovery does. The first byte says what of it is made valid, since no fuzzer finds a
// checksum: the header, and the checksums of the records in a chain.
#include <array>
#include <cstring>

#include "common/error.h"
#include "input.h"
#include "log/segment_reader.h"
#include "memory_files.h"

using namespace rivulet;

namespace {

constexpr uint64_t kLogId = 42;

void make_valid(std::string& segment, bool records) {
  std::array<std::byte, log::kPageBytes> page;
  log::encode_segment_header({1, 1, kLogId}, page);
  segment.insert(0, reinterpret_cast<const char*>(page.data()), page.size());
  log::Position position = 1;
  for (size_t offset = page.size();
       records && offset + sizeof(log::RecordHeader) <= segment.size();) {
    log::RecordHeader header;
    std::memcpy(&header, segment.data() + offset, sizeof(header));
    header.segment = 1;
    header.position = position++;
    header.length %= 256;
    header.group_offset = std::min<uint64_t>(header.group_offset, offset);
    size_t left = segment.size() - offset - sizeof(header);
    if (header.length > left) return;
    std::string_view payload(segment.data() + offset + sizeof(header), header.length);
    header.checksum = log::record_checksum(header, {&payload, 1}, kLogId, offset);
    std::memcpy(segment.data() + offset, &header, sizeof(header));
    offset += log::record_bytes(header.length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input = fuzz::as_text(data, size);
  uint8_t choice = fuzz::take_byte(input);
  std::string segment(input);
  if ((choice & 1) != 0) make_valid(segment, (choice & 2) != 0);
  uint64_t bytes = segment.size();
  fuzz::MemoryFileSystem files;
  files.put("segment", std::move(segment));
  try {
    log::SegmentReader reader(files, "segment", 1);
    if (!reader.header()) {
      reader.find_later(log::kPageBytes, kLogId);
      reader.has_content();
      return 0;
    }
    uint64_t offset = log::kPageBytes;
    log::Position position = reader.header()->first_position;
    uint64_t sum = 0;
    while (auto found = reader.read(offset, position, kLogId)) {
      for (char c : found->payload) sum += static_cast<unsigned char>(c);
      fuzz::require(found->end > offset && found->end < bytes + 8, "a record lies in its file");
      offset = found->end;
      ++position;
    }
    reader.is_torn_record(offset);
    if (auto later = reader.find_later(offset, kLogId)) {
      fuzz::require(later->offset >= offset && sum + 1 > 0, "a later record lies behind");
    }
    reader.has_content();
  } catch (const Error&) {
  }
  return 0;
}
