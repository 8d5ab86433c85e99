#include "log/segment_format.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>
#include <cstring>
#include <memory>

#include "common/error.h"

namespace rivulet::log {
namespace {

constexpr char kMagic[8] = {'R', 'V', 'L', 'T', 'L', 'O', 'G', '\0'};
constexpr std::string_view kSegmentSuffix = ".log", kMarkSuffix = ".newest";
constexpr size_t kNameDigits = 16;

struct HeaderPage {
  char magic[8];
  uint32_t version;
  uint32_t file_pages;
  uint64_t segment;
  uint64_t first_position;
  uint64_t log_id;
  uint64_t checksum;
};
static_assert(sizeof(HeaderPage) == 48);

uint64_t header_checksum(const HeaderPage& page) {
  return XXH3_64bits(&page, offsetof(HeaderPage, checksum));
}

std::string numbered_name(uint64_t number, std::string_view suffix) {
  return fmt::format("{:016}{}", number, suffix);
}

std::optional<uint64_t> parse_numbered_name(std::string_view name, std::string_view suffix) {
  if (name.size() != kNameDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  uint64_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + kNameDigits, number);
  if (error != std::errc() || end != name.data() + kNameDigits) return std::nullopt;
  return number;
}

}  // namespace

void encode_segment_header(const SegmentHeader& header, std::span<std::byte> page) {
  std::memset(page.data(), 0, page.size());
  HeaderPage out{};
  std::memcpy(out.magic, kMagic, sizeof(kMagic));
  out.version = kSegmentVersion;
  out.file_pages = static_cast<uint32_t>(header.file_bytes / kPageBytes);
  out.segment = header.segment;
  out.first_position = header.first_position;
  out.log_id = header.log_id;
  out.checksum = header_checksum(out);
  std::memcpy(page.data(), &out, sizeof(out));
}

std::optional<SegmentHeader> decode_segment_header(std::span<const std::byte> page) {
  HeaderPage in;
  if (page.size() < sizeof(in)) return std::nullopt;
  std::memcpy(&in, page.data(), sizeof(in));
  if (std::memcmp(in.magic, kMagic, sizeof(kMagic)) != 0 || in.checksum != header_checksum(in)) {
    return std::nullopt;
  }
  if (in.version > kSegmentVersion) {
    throw internal_error(
        fmt::format("The log was written in format {}, by a newer version of Rivulet; this one "
                    "reads formats up to {}",
                    in.version, kSegmentVersion));
  }
  return SegmentHeader{in.segment, in.first_position, in.log_id, in.file_pages * kPageBytes};
}

uint64_t record_checksum(const RecordHeader& header, Record payload, uint64_t log_id,
                         uint64_t offset) {
  uint64_t seed = log_id + offset;
  const char* checked = reinterpret_cast<const char*>(&header) + sizeof(header.checksum);
  constexpr size_t checked_size = sizeof(header) - sizeof(header.checksum);
  // A small record is hashed from one buffer: the streaming state costs more than the copy.
  if (header.length <= 1024) {
    char buffer[checked_size + 1024];
    std::memcpy(buffer, checked, checked_size);
    size_t size = checked_size;
    for (std::string_view piece : payload) {
      std::memcpy(buffer + size, piece.data(), piece.size());
      size += piece.size();
    }
    return XXH3_64bits_withSeed(buffer, size, seed);
  }
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                        XXH3_freeState);
  XXH3_64bits_reset_withSeed(state.get(), seed);
  XXH3_64bits_update(state.get(), checked, checked_size);
  for (std::string_view piece : payload) {
    XXH3_64bits_update(state.get(), piece.data(), piece.size());
  }
  return XXH3_64bits_digest(state.get());
}

std::string segment_name(uint64_t segment) {
  return numbered_name(segment, kSegmentSuffix);
}

std::optional<uint64_t> parse_segment_name(std::string_view name) {
  return parse_numbered_name(name, kSegmentSuffix);
}

std::string mark_name(uint64_t segment) {
  return numbered_name(segment, kMarkSuffix);
}

std::optional<uint64_t> parse_mark_name(std::string_view name) {
  return parse_numbered_name(name, kMarkSuffix);
}

}  // namespace rivulet::log
