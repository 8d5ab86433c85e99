// The payload of a log record: a transaction, and the batches, changes and extents in it.
#include <stdexcept>

#include "extents/extent.h"
#include "input.h"
#include "rowstore/batch_codec.h"
#include "store/source_offsets.h"
#include "store/transaction_codec.h"

using namespace rivulet;

namespace {

void read_batch(std::string_view bytes) {
  // Columns of nulls take no bytes, so that a few may ask for very much memory.
  if (uint64_t rows = ByteReader(bytes).varint(); rows > 1 << 20 && rows <= UINT32_MAX) return;
  rowstore::BatchDecoder decoder;
  decoder.decode(bytes);
  fuzz::require(decoder.column_ids().size() == decoder.columns().size(), "a column has an id");
  for (const ColumnView& column : decoder.columns()) {
    // A dynamic is whatever the writer took for JSON.
    if (column.type == ScalarType::kDynamic) continue;
    Column aligned(column.type);
    aligned.append_from(column, 0, decoder.row_count());
    std::string text;
    for (size_t row = 0; row < decoder.row_count(); ++row) {
      append_cell_text(text, aligned.view(), row);
    }
  }
  std::string again;
  rowstore::encode_batch(again, decoder.column_ids(), decoder.columns(), decoder.row_count());
  rowstore::BatchDecoder second;
  second.decode(again);
  fuzz::require(second.row_count() == decoder.row_count(), "a batch is what was written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Kind = store::TransactionReader::Kind;
  std::shared_ptr<const catalog::Catalog> catalog = std::make_shared<catalog::Catalog>();
  // Damage ends in std::runtime_error and nothing else.
  try {
    store::TransactionReader reader(fuzz::as_text(data, size));
    for (auto item = reader.next(); item.kind != Kind::kEnd; item = reader.next()) {
      if (item.kind == Kind::kAppend) read_batch(item.bytes);
      if (item.kind == Kind::kChange) {
        catalog::Change change = catalog::decode_change(item.bytes);
        fuzz::require(
            catalog::encode_change(change) == item.bytes ||
                catalog::decode_change(catalog::encode_change(change)).index() == change.index(),
            "a change is what was written");
        catalog = catalog->apply(change);
      }
      if (!item.offsets.empty()) {
        std::string again;
        size_t count = store::encode_source_offsets(again, item.offsets);
        ByteReader bytes(again);
        fuzz::require(
            count == item.offsets.size() && store::decode_source_offsets(bytes) == item.offsets,
            "offsets are what was written");
      }
      for (std::string_view bytes : item.added) {
        std::string again;
        extents::encode_extent(again, extents::decode_extent(bytes));
      }
    }
  } catch (const std::runtime_error&) {
  }
  return 0;
}
