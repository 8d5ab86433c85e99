#include "extents/extent.h"

#include <fmt/format.h>

#include <stdexcept>

namespace rivulet::extents {
namespace {

constexpr uint8_t kVersion = 6;
// The same, of an extent whose sequence is that of its record.
constexpr uint8_t kVersionOfItsRecord = 7;
// The two as they were before there was a layout.
constexpr uint8_t kVersionWithoutLayout = 4, kVersionOfItsRecordWithoutLayout = 5;

enum class Range : uint8_t { kNone = 0, kIntegers = 1, kReals = 2, kTexts = 3 };

Range range_of(const ColumnStatistics& statistics) {
  if (!statistics.has_range) return Range::kNone;
  if (statistics.type == ScalarType::kReal) return Range::kReals;
  return statistics.type == ScalarType::kString ? Range::kTexts : Range::kIntegers;
}

void write_column(ByteWriter& writer, const ColumnStatistics& statistics) {
  writer.varint(statistics.column_id);
  writer.byte(static_cast<uint8_t>(statistics.type));
  writer.varint(statistics.null_count);
  writer.varint(statistics.distinct_count);
  writer.varint(statistics.original_size_bytes);
  writer.varint(statistics.size_bytes);
  Range range = range_of(statistics);
  writer.byte(static_cast<uint8_t>(range));
  switch (range) {
    case Range::kNone:
      break;
    case Range::kIntegers:
      writer.fixed(statistics.min_int);
      writer.fixed(statistics.max_int);
      break;
    case Range::kReals:
      writer.fixed(statistics.min_real);
      writer.fixed(statistics.max_real);
      break;
    case Range::kTexts:
      writer.string(statistics.min_text);
      writer.string(statistics.max_text);
      break;
  }
}

ColumnStatistics read_column(ByteReader& reader) {
  ColumnStatistics statistics;
  statistics.column_id = static_cast<uint32_t>(reader.varint());
  statistics.type = static_cast<ScalarType>(reader.byte());
  statistics.null_count = reader.varint();
  statistics.distinct_count = reader.varint();
  statistics.original_size_bytes = reader.varint();
  statistics.size_bytes = reader.varint();
  auto range = static_cast<Range>(reader.byte());
  statistics.has_range = range != Range::kNone;
  switch (range) {
    case Range::kNone:
      break;
    case Range::kIntegers:
      statistics.min_int = reader.fixed<int64_t>();
      statistics.max_int = reader.fixed<int64_t>();
      break;
    case Range::kReals:
      statistics.min_real = reader.fixed<double>();
      statistics.max_real = reader.fixed<double>();
      break;
    case Range::kTexts:
      statistics.min_text = reader.string();
      statistics.max_text = reader.string();
      break;
    default:
      throw std::runtime_error("an extent has statistics of an unknown kind");
  }
  return statistics;
}

}  // namespace

StatisticsList::StatisticsList(std::span<const ColumnStatistics> columns) {
  ByteWriter writer(bytes_);
  writer.varint(columns.size());
  for (const ColumnStatistics& column : columns) write_column(writer, column);
  bytes_.shrink_to_fit();
}

StatisticsList::StatisticsList(ByteReader& reader) {
  ByteReader start = reader;
  for (uint64_t columns = reader.varint(); columns > 0; --columns) read_column(reader);
  bytes_ = start.bytes(start.remaining() - reader.remaining());
}

void StatisticsList::write(ByteWriter& writer) const {
  if (bytes_.empty()) {
    writer.varint(0);
  } else {
    writer.bytes(bytes_.data(), bytes_.size());
  }
}

std::optional<ColumnStatistics> StatisticsList::find(uint32_t column_id) const {
  if (bytes_.empty()) return std::nullopt;
  ByteReader reader(bytes_);
  for (uint64_t columns = reader.varint(); columns > 0; --columns) {
    ColumnStatistics column = read_column(reader);
    if (column.column_id == column_id) return column;
  }
  return std::nullopt;
}

std::vector<ColumnStatistics> StatisticsList::columns() const {
  std::vector<ColumnStatistics> columns;
  if (bytes_.empty()) return columns;
  ByteReader reader(bytes_);
  for (uint64_t left = reader.varint(); left > 0; --left) columns.push_back(read_column(reader));
  return columns;
}

std::string extent_name(const Guid& id) {
  std::string text = to_string(id);
  return fmt::format("extents/{}/{}.parquet", std::string_view(text).substr(0, 2), text);
}

std::string terms_name(const Guid& id) {
  std::string text = to_string(id);
  return fmt::format("extents/{}/{}.terms", std::string_view(text).substr(0, 2), text);
}

void encode_extent(std::string& out, const ExtentDescription& extent) {
  ByteWriter writer(out);
  writer.byte(extent.is_of_its_record() ? kVersionOfItsRecord : kVersion);
  writer.fixed(extent.id.hi);
  writer.fixed(extent.id.lo);
  writer.varint(extent.row_count);
  writer.varint(extent.size_bytes);
  writer.varint(extent.index_size_bytes);
  writer.varint(extent.original_size_bytes);
  writer.fixed(extent.min_time);
  writer.fixed(extent.max_time);
  writer.fixed(extent.min_created);
  writer.fixed(extent.max_created);
  writer.varint(extent.min_sequence);
  writer.varint(extent.max_sequence);
  writer.byte(extent.has_system_columns ? 1 : 0);
  extent.statistics.write(writer);
  writer.varint(extent.tags.size());
  for (const std::string& tag : extent.tags) writer.string(tag);
  writer.varint(extent.checksums.size());
  for (uint64_t checksum : extent.checksums) writer.fixed(checksum);
  extent.layout.write(writer);
}

ExtentDescription decode_extent(std::string_view bytes) {
  ByteReader reader(bytes);
  uint8_t version = reader.byte();
  bool has_layout = version == kVersion || version == kVersionOfItsRecord;
  bool is_of_its_record =
      version == kVersionOfItsRecord || version == kVersionOfItsRecordWithoutLayout;
  if (!has_layout && !is_of_its_record && version != kVersionWithoutLayout) {
    throw std::runtime_error("an extent is of an unknown version");
  }
  ExtentDescription extent;
  extent.id.hi = reader.fixed<uint64_t>();
  extent.id.lo = reader.fixed<uint64_t>();
  extent.row_count = reader.varint();
  extent.size_bytes = reader.varint();
  extent.index_size_bytes = reader.varint();
  extent.original_size_bytes = reader.varint();
  extent.min_time = reader.fixed<Ticks>();
  extent.max_time = reader.fixed<Ticks>();
  extent.min_created = reader.fixed<Ticks>();
  extent.max_created = reader.fixed<Ticks>();
  extent.min_sequence = reader.varint();
  extent.max_sequence = reader.varint();
  extent.has_system_columns = reader.byte() != 0;
  if (is_of_its_record && !extent.is_of_its_record()) {
    throw std::runtime_error("an extent has sequences of its own, and those of its record");
  }
  extent.statistics = StatisticsList(reader);
  std::vector<ColumnStatistics> columns = extent.statistics.columns();
  extent.column_ids.reserve(columns.size());
  for (const ColumnStatistics& column : columns) extent.column_ids.push_back(column.column_id);
  for (uint64_t tags = reader.varint(); tags > 0; --tags) extent.tags.emplace_back(reader.string());
  uint64_t blocks = reader.varint();
  if (blocks > reader.remaining() / sizeof(uint64_t)) {
    throw std::runtime_error("the bytes of an extent end too early");
  }
  extent.checksums.reserve(blocks);
  while (extent.checksums.size() < blocks) extent.checksums.push_back(reader.fixed<uint64_t>());
  if (has_layout) extent.layout = ExtentLayout(reader);
  return extent;
}

}  // namespace rivulet::extents
