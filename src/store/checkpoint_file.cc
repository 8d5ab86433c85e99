#include "store/checkpoint_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "common/binary.h"
#include "common/error.h"
#include "common/guid.h"
#include "rowstore/batch_codec.h"

namespace rivulet::store {
namespace {

constexpr char kMagic[8] = {'R', 'V', 'L', 'T', 'C', 'K', 'P', '\0'};
constexpr uint32_t kVersion = 1;
constexpr std::string_view kSuffix = ".ckpt";
constexpr size_t kNameDigits = 16;
constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kPendingBytes = 256 << 10;
constexpr uint64_t kWindowBytes = 4 << 20;

struct FileHeader {
  char magic[8];
  uint32_t version;
  uint32_t zero;
  uint64_t sequence;
  int64_t time;
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
  uint64_t directory_offset = 0;
  uint64_t blocks = 0;
  uint64_t checksum = 0;
};
static_assert(sizeof(Footer) == 24);

uint64_t padded(uint64_t bytes) {
  return (bytes + 7) / 8 * 8;
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

std::string checkpoint_name(Sequence sequence) {
  return fmt::format("{:016}{}", sequence, kSuffix);
}

std::optional<Sequence> parse_checkpoint_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  Sequence sequence = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + kNameDigits, sequence);
  if (error != std::errc() || end != name.data() + kNameDigits) return std::nullopt;
  return sequence;
}

CheckpointWriter::CheckpointWriter(FileSystem& files, const std::filesystem::path& path,
                                   Sequence sequence, Ticks time)
    : file_(files.open(path, FileSystem::Mode::kCreate)), seed_(new_guid().lo) {
  FileHeader header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kVersion;
  header.sequence = sequence;
  header.time = time;
  header.seed = seed_;
  header.checksum = XXH3_64bits(&header, offsetof(FileHeader, checksum));
  put(bytes_of(header));
}

void CheckpointWriter::add_change(const catalog::Change& change) {
  ByteWriter(pending_).string(catalog::encode_change(change));
  if (pending_.size() >= kPendingBytes) flush_pending(CheckpointBlock::kCatalog);
}

void CheckpointWriter::add_extent(catalog::TableId table, std::string_view encoded) {
  flush_pending(CheckpointBlock::kExtents);
  ByteWriter writer(pending_);
  writer.varint(table);
  writer.string(encoded);
}

void CheckpointWriter::add_keys(std::string_view encoded) {
  flush_pending(CheckpointBlock::kKeys);
  put_block(CheckpointBlock::kKeys, 0, encoded);
}

void CheckpointWriter::add_rows(catalog::TableId table, const ChunkView& chunk) {
  flush_pending(CheckpointBlock::kRows);
  std::vector<uint32_t> ids(chunk.column_ids.begin(), chunk.column_ids.end());
  std::vector<ColumnView> columns(chunk.columns.begin(), chunk.columns.end());
  ids.push_back(kTimeColumnId);
  columns.push_back({ScalarType::kLong, chunk.ingestion_times, nullptr});
  ids.push_back(kSequenceColumnId);
  columns.push_back({ScalarType::kLong, chunk.sequences, nullptr});
  batch_.clear();
  rowstore::encode_batch(batch_, ids, columns, chunk.row_count);
  directory_.emplace_back(table, buffer_offset_ + buffer_.size());
  put_block(CheckpointBlock::kRows, table, batch_);
}

void CheckpointWriter::finish() {
  flush_pending(CheckpointBlock::kDirectory);
  std::stable_sort(directory_.begin(), directory_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string content;
  ByteWriter writer(content);
  for (const auto& [table, offset] : directory_) {
    writer.fixed(table);
    writer.fixed(offset);
  }
  Footer footer;
  footer.directory_offset = buffer_offset_ + buffer_.size();
  put_block(CheckpointBlock::kDirectory, 0, content);
  footer.blocks = blocks_;
  footer.checksum = footer_checksum(footer, seed_);
  put(bytes_of(footer));
  flush();
  file_->sync();
}

// Writes what is pending when it is of another kind, or large enough.
void CheckpointWriter::flush_pending(CheckpointBlock kind) {
  if (!pending_.empty() && (kind != pending_kind_ || pending_.size() >= kPendingBytes)) {
    put_block(pending_kind_, 0, pending_);
    pending_.clear();
  }
  pending_kind_ = kind;
}

void CheckpointWriter::put_block(CheckpointBlock kind, catalog::TableId table,
                                 std::string_view content) {
  BlockHeader header;
  header.kind = static_cast<uint64_t>(kind);
  header.table = table;
  header.length = content.size();
  header.checksum = block_checksum(header, content, seed_ + buffer_offset_ + buffer_.size());
  put(bytes_of(header));
  put(content);
  buffer_.append(padded(content.size()) - content.size(), '\0');
  ++blocks_;
}

void CheckpointWriter::put(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferBytes) flush();
}

void CheckpointWriter::flush() {
  file_->write(buffer_offset_, std::as_bytes(std::span(buffer_)));
  buffer_offset_ += buffer_.size();
  buffer_.clear();
}

CheckpointReader::CheckpointReader(FileSystem& files, const std::filesystem::path& path)
    : path_(path), file_(files.open(path, FileSystem::Mode::kRead)), file_bytes_(file_->size()) {
  FileHeader header{};
  if (file_bytes_ < sizeof(header)) throw_damaged(0, "the file is too short");
  std::memcpy(&header, window(0, sizeof(header)).data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 ||
      header.checksum != XXH3_64bits(&header, offsetof(FileHeader, checksum))) {
    throw_damaged(0, "the header is not valid");
  }
  if (header.version > kVersion) {
    throw internal_error(fmt::format(
        "The checkpoint {} was written in format {}, by a newer version of Rivulet; this one reads "
        "formats up to {}",
        path_.string(), header.version, kVersion));
  }
  sequence_ = header.sequence;
  time_ = header.time;
  seed_ = header.seed;
  offset_ = sizeof(header);
}

CheckpointReader::Block CheckpointReader::next() {
  BlockHeader header;
  if (offset_ + sizeof(header) > file_bytes_) throw_damaged(offset_, "the file ends too early");
  std::memcpy(&header, window(offset_, sizeof(header)).data(), sizeof(header));
  if (header.length > file_bytes_ || offset_ + sizeof(header) + header.length > file_bytes_) {
    throw_damaged(offset_, "a block is longer than the file");
  }
  std::string_view content = window(offset_, sizeof(header) + header.length).substr(sizeof(header));
  if (header.checksum != block_checksum(header, content, seed_ + offset_)) {
    throw_damaged(offset_, "a block is not valid");
  }
  uint64_t start = offset_;
  offset_ += sizeof(header) + padded(header.length);
  ++blocks_;
  if (header.kind == static_cast<uint64_t>(CheckpointBlock::kDirectory)) {
    Footer footer;
    if (offset_ + sizeof(footer) != file_bytes_) {
      throw_damaged(offset_, "the file does not end behind its directory");
    }
    std::array<std::byte, sizeof(footer)> bytes;
    file_->read(offset_, bytes);
    std::memcpy(&footer, bytes.data(), sizeof(footer));
    if (footer.checksum != footer_checksum(footer, seed_) || footer.directory_offset != start ||
        footer.blocks != blocks_) {
      throw_damaged(offset_, "the end is not valid");
    }
  }
  return {static_cast<CheckpointBlock>(header.kind), header.table, content};
}

void CheckpointReader::throw_damaged(uint64_t offset, std::string_view what) const {
  throw internal_error(
      fmt::format("The checkpoint is damaged: {} at offset {} of {}. Nothing was changed; restore "
                  "the file, or the whole data directory, from a backup.",
                  what, offset, path_.string()));
}

std::string_view CheckpointReader::window(uint64_t offset, uint64_t size) {
  if (offset < window_start_ || offset + size > window_start_ + window_.size()) {
    window_start_ = offset;
    window_.resize(std::min(std::max(size, kWindowBytes), file_bytes_ - offset));
    window_.resize(file_->read(offset, window_));
    if (window_.size() < size) throw_damaged(offset, "the file ends too early");
  }
  return {reinterpret_cast<const char*>(window_.data()) + (offset - window_start_),
          static_cast<size_t>(size)};
}

}  // namespace rivulet::store
