#include "store/transaction_codec.h"

#include <cstring>
#include <stdexcept>

#include "common/error.h"
#include "rowstore/batch_codec.h"
#include "store/source_offsets.h"

namespace rivulet::store {
namespace {

constexpr uint8_t kVersion = 2;
using Kind = TransactionReader::Kind;

void put_kind(ByteWriter& writer, Kind kind) {
  writer.byte(static_cast<uint8_t>(kind));
}

}  // namespace

void encode_transaction_start(std::string& out, Ticks time) {
  ByteWriter writer(out);
  writer.byte(kVersion);
  writer.fixed(time);
}

void encode_change(std::string& out, const catalog::Change& change) {
  ByteWriter writer(out);
  put_kind(writer, Kind::kChange);
  writer.string(catalog::encode_change(change));
}

void encode_clear(std::string& out, catalog::TableId table) {
  ByteWriter writer(out);
  put_kind(writer, Kind::kClear);
  writer.varint(table);
}

void encode_key(std::string& out, const IdempotencyKey& key) {
  ByteWriter writer(out);
  put_kind(writer, Kind::kKey);
  writer.fixed(key.low);
  writer.fixed(key.high);
}

void encode_offsets(std::string& out, std::span<const SourceOffset> offsets) {
  ByteWriter writer(out);
  while (!offsets.empty()) {
    put_kind(writer, Kind::kOffsets);
    offsets = offsets.subspan(encode_source_offsets(out, offsets));
  }
}

void encode_append(std::string& out, const Append& append) {
  std::vector<ColumnView> columns;
  columns.reserve(append.rows->column_count());
  for (size_t i = 0; i < append.rows->column_count(); ++i) {
    columns.push_back(append.rows->column(i).view());
  }
  // About what it takes: growing by and by would copy the text as often.
  out.reserve(out.size() + append.rows->memory_bytes());
  ByteWriter writer(out);
  put_kind(writer, Kind::kAppend);
  writer.varint(append.table);
  // The length is of fixed width, so that the batch is encoded where it stays.
  size_t length_at = out.size();
  writer.fixed<uint32_t>(0);
  size_t batch_at = out.size();
  rowstore::encode_batch(out, append.column_ids, columns, append.rows->row_count());
  size_t length = out.size() - batch_at;
  if (length > UINT32_MAX)
    throw payload_too_large("A transaction takes at most 4 GiB for a table.");
  auto written = static_cast<uint32_t>(length);
  std::memcpy(out.data() + length_at, &written, sizeof(written));
}

void encode_replace(std::string& out, const Replace& replace) {
  ByteWriter writer(out);
  put_kind(writer, Kind::kReplace);
  writer.varint(replace.table);
  writer.varint(replace.up_to);
  writer.varint(replace.removed.size());
  for (const Guid& extent : replace.removed) {
    writer.fixed(extent.hi);
    writer.fixed(extent.lo);
  }
  writer.varint(replace.added.size());
  for (const auto& extent : replace.added) {
    std::string bytes;
    extents::encode_extent(bytes, *extent);
    writer.string(bytes);
  }
}

TransactionReader::TransactionReader(std::string_view payload) : reader_(payload) {
  if (reader_.byte() != kVersion) {
    throw std::runtime_error("a transaction is of an unknown version");
  }
  time_ = reader_.fixed<Ticks>();
}

TransactionReader::Item TransactionReader::next() {
  Item item;
  if (reader_.at_end()) return item;
  item.kind = static_cast<Kind>(reader_.byte());
  switch (item.kind) {
    case Kind::kChange:
      item.bytes = reader_.string();
      return item;
    case Kind::kClear:
      item.table = reader_.varint();
      return item;
    case Kind::kAppend:
      item.table = reader_.varint();
      item.bytes = reader_.bytes(reader_.fixed<uint32_t>());
      return item;
    case Kind::kReplace:
      item.table = reader_.varint();
      item.up_to = reader_.varint();
      for (uint64_t count = reader_.varint(); count > 0; --count) {
        Guid& extent = item.removed.emplace_back();
        extent.hi = reader_.fixed<uint64_t>();
        extent.lo = reader_.fixed<uint64_t>();
      }
      for (uint64_t count = reader_.varint(); count > 0; --count) {
        item.added.push_back(reader_.string());
      }
      return item;
    case Kind::kKey:
      item.key.low = reader_.fixed<uint64_t>();
      item.key.high = reader_.fixed<uint64_t>();
      return item;
    case Kind::kOffsets:
      item.offsets = decode_source_offsets(reader_);
      return item;
    case Kind::kEnd:
      break;
  }
  throw std::runtime_error("a transaction has an item of an unknown kind");
}

}  // namespace rivulet::store
