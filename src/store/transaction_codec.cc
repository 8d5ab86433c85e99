#include "store/transaction_codec.h"

#include <stdexcept>

#include "rowstore/batch_codec.h"

namespace rivulet::store {
namespace {

constexpr uint8_t kVersion = 1;
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

void encode_append(std::string& out, const Append& append) {
  std::vector<ColumnView> columns;
  columns.reserve(append.rows->column_count());
  for (size_t i = 0; i < append.rows->column_count(); ++i) {
    columns.push_back(append.rows->column(i).view());
  }
  std::string batch;
  rowstore::encode_batch(batch, append.column_ids, columns, append.rows->row_count());
  ByteWriter writer(out);
  put_kind(writer, Kind::kAppend);
  writer.varint(append.table);
  writer.varint(batch.size());
  if (out.capacity() - out.size() < batch.size()) out.reserve(out.size() + batch.size());
  out.append(batch);
}

void encode_seal(std::string& out, catalog::TableId table, Sequence up_to,
                 std::string_view extent) {
  ByteWriter writer(out);
  put_kind(writer, Kind::kSeal);
  writer.varint(table);
  writer.varint(up_to);
  writer.string(extent);
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
      item.bytes = reader_.string();
      return item;
    case Kind::kSeal:
      item.table = reader_.varint();
      item.up_to = reader_.varint();
      item.bytes = reader_.string();
      return item;
    case Kind::kEnd:
      break;
  }
  throw std::runtime_error("a transaction has an item of an unknown kind");
}

}  // namespace rivulet::store
