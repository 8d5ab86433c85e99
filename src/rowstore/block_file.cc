#include "rowstore/block_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "common/error.h"
#include "common/guid.h"

namespace rivulet::rowstore {
namespace {

constexpr uint32_t kVersion = 3;
constexpr size_t kBufferBytes = 1 << 20;
// More is not left to one sync at the end: the log's own would wait for it.
constexpr uint64_t kUnsyncedBytes = 16 << 20;
constexpr uint64_t kWindowBytes = 4 << 20;

struct FileHeader {
  char magic[8];
  uint32_t version;
  uint32_t zero;
  uint64_t first;
  int64_t second;
  uint64_t seed;
  uint64_t checksum;
};
static_assert(sizeof(FileHeader) == 48);

struct BlockHeader {
  uint64_t checksum = 0;
  uint64_t kind = 0;
  uint64_t table = 0;
  uint64_t length = 0;
};
static_assert(sizeof(BlockHeader) == 32);

struct Footer {
  uint64_t blocks = 0;
  uint64_t checksum = 0;
};
static_assert(sizeof(Footer) == 16);
static_assert(sizeof(FileHeader) + sizeof(BlockHeader) + sizeof(Footer) == kBlockFileOverhead);

const char* magic(BlockFileKind kind) {
  return kind == BlockFileKind::kBase ? "RVLTCKP" : "RVLTROW";
}

uint64_t block_checksum(const BlockHeader& header, std::string_view content, uint64_t seed) {
  // The header's hash seeds the content's: no streaming state for very many small blocks.
  uint64_t start =
      XXH3_64bits_withSeed(&header.kind, sizeof(header) - sizeof(header.checksum), seed);
  return XXH3_64bits_withSeed(content.data(), content.size(), start);
}

uint64_t footer_checksum(const Footer& footer, uint64_t seed) {
  return XXH3_64bits_withSeed(&footer, offsetof(Footer, checksum), seed);
}

std::string_view bytes_of(const auto& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

}  // namespace

BlockFileWriter::BlockFileWriter(objects::StagedObject& object, BlockFileHeader header)
    : file_(object.open(FileSystem::Mode::kCreate)), seed_(new_guid().lo) {
  FileHeader out{};
  std::memcpy(out.magic, magic(header.kind), sizeof(out.magic));
  out.version = kVersion;
  out.first = header.first;
  out.second = header.second;
  out.seed = seed_;
  out.checksum = XXH3_64bits(&out, offsetof(FileHeader, checksum));
  buffer_.append(bytes_of(out));
}

BlockFileWriter::Place BlockFileWriter::put(BlockKind kind, uint64_t table,
                                            std::string_view content) {
  Place place{size(), sizeof(BlockHeader) + content.size()};
  BlockHeader header;
  header.kind = static_cast<uint64_t>(kind);
  header.table = table;
  header.length = content.size();
  header.checksum = block_checksum(header, content, seed_ + place.offset);
  buffer_.append(bytes_of(header));
  buffer_.append(content);
  buffer_.append(padded_bytes(content.size()) - content.size(), '\0');
  ++blocks_;
  if (buffer_.size() >= kBufferBytes) flush();
  return place;
}

void BlockFileWriter::finish() {
  put(BlockKind::kEnd, 0, {});
  Footer footer;
  footer.blocks = blocks_;
  footer.checksum = footer_checksum(footer, seed_);
  buffer_.append(bytes_of(footer));
  flush();
}

void BlockFileWriter::flush() {
  file_->write(buffer_offset_, std::as_bytes(std::span(buffer_)));
  buffer_offset_ += buffer_.size();
  buffer_.clear();
  if (buffer_offset_ - synced_ >= kUnsyncedBytes) {
    file_->sync();
    synced_ = buffer_offset_;
  }
}

BlockFileReader::BlockFileReader(const objects::ObjectStore& objects, std::string_view name,
                                 BlockFileKind kind)
    : location_(objects.location(name)), file_(objects.open(name)), file_bytes_(file_->size()) {
  FileHeader in{};
  if (file_bytes_ < sizeof(in)) throw_damaged(0, "the file is too short");
  std::memcpy(&in, window(0, sizeof(in)).data(), sizeof(in));
  if (std::memcmp(in.magic, magic(kind), sizeof(in.magic)) != 0 ||
      in.checksum != XXH3_64bits(&in, offsetof(FileHeader, checksum))) {
    throw_damaged(0, "the header is not valid");
  }
  if (in.version != kVersion) {
    throw internal_error(
        fmt::format("The file {} was written in format {}, by another version of Rivulet; this one "
                    "reads format {}",
                    location_, in.version, kVersion));
  }
  header_ = {kind, in.first, in.second, in.seed};
  offset_ = sizeof(in);
}

BlockFileReader::Block BlockFileReader::next() {
  BlockHeader header;
  if (offset_ + sizeof(header) > file_bytes_) throw_damaged(offset_, "the file ends too early");
  std::memcpy(&header, window(offset_, sizeof(header)).data(), sizeof(header));
  if (header.length > file_bytes_) throw_damaged(offset_, "a block is longer than the file");
  uint64_t length = sizeof(header) + padded_bytes(header.length);
  if (offset_ + length > file_bytes_) throw_damaged(offset_, "a block is longer than the file");
  std::string_view padding = window(offset_, length).substr(sizeof(header));
  std::string_view content = padding.substr(0, header.length);
  padding.remove_prefix(header.length);
  if (header.checksum != block_checksum(header, content, header_.seed + offset_) ||
      padding.find_first_not_of('\0') != std::string_view::npos) {
    throw_damaged(offset_, "a block is not valid");
  }
  Block block{static_cast<BlockKind>(header.kind), header.table, offset_, content};
  offset_ += sizeof(header) + padded_bytes(header.length);
  ++blocks_;
  if (block.kind == BlockKind::kEnd) {
    Footer footer;
    if (offset_ + sizeof(footer) != file_bytes_) {
      throw_damaged(offset_, "the file does not end behind its last block");
    }
    std::memcpy(&footer, window(offset_, sizeof(footer)).data(), sizeof(footer));
    if (footer.checksum != footer_checksum(footer, header_.seed) || footer.blocks != blocks_) {
      throw_damaged(offset_, "the end is not valid");
    }
    block.content = {};
  }
  return block;
}

void BlockFileReader::throw_damaged(uint64_t offset, std::string_view what) const {
  throw internal_error(
      fmt::format("The checkpoint is damaged: {} at offset {} of {}. Nothing was changed; restore "
                  "the file, or the whole data directory, from a backup.",
                  what, offset, location_));
}

std::string_view BlockFileReader::window(uint64_t offset, uint64_t size) {
  if (offset < window_start_ || offset + size > window_start_ + window_.size()) {
    window_start_ = offset;
    window_.resize(std::min(std::max(size, kWindowBytes), file_bytes_ - offset));
    window_.resize(file_->read(offset, window_));
    if (window_.size() < size) throw_damaged(offset, "the file ends too early");
  }
  return {reinterpret_cast<const char*>(window_.data()) + (offset - window_start_),
          static_cast<size_t>(size)};
}

std::string_view block_content(std::string_view bytes, BlockKind kind, uint64_t table,
                               uint64_t seed, uint64_t offset) {
  BlockHeader header;
  if (bytes.size() < sizeof(header)) return {};
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::string_view content = bytes.substr(sizeof(header));
  bool is_valid = header.kind == static_cast<uint64_t>(kind) && header.table == table &&
                  header.length == content.size() &&
                  header.checksum == block_checksum(header, content, seed + offset);
  return is_valid ? content : std::string_view();
}

}  // namespace rivulet::rowstore
