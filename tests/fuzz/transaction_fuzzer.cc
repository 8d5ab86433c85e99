// The payload of a log record: a transaction, and the batches, changes and extents in it; and what comes of it in a
// state with a table.
#include <stdexcept>

#include "extents/extent.h"
#include "input.h"
#include "memory_files.h"
#include "objects/directory_objects.h"
#include "rowstore/batch_codec.h"
#include "store/state.h"

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

namespace {

// Goes through the items as docs/log-format.md has them, and checks that each is what would be written of it. Damage
// ends in std::runtime_error and nothing else. `is_small` is false when carrying them out may take very much memory.
void read_items(std::string_view payload, bool& is_small) {
  ByteReader reader(payload);
  reader.bytes(sizeof(uint8_t) + sizeof(Ticks));
  std::shared_ptr<const catalog::Catalog> catalog = std::make_shared<catalog::Catalog>();
  while (!reader.at_end()) {
    store::ItemKind kind{reader.byte()};
    if (kind == store::CatalogPart::kChange) {
      std::string_view bytes = reader.string();
      catalog::Change change = catalog::decode_change(bytes);
      fuzz::require(
          catalog::encode_change(change) == bytes ||
              catalog::decode_change(catalog::encode_change(change)).index() == change.index(),
          "a change is what was written");
      catalog = catalog->apply(change);
    } else if (kind == store::CatalogPart::kClear) {
      reader.varint();
    } else if (kind == store::TailsPart::kAppend) {
      reader.varint();
      std::string_view batch = reader.bytes(reader.fixed<uint32_t>());
      is_small &= ByteReader(batch).varint() <= 1 << 16;
      read_batch(batch);
    } else if (kind == store::ManifestPart::kReplace) {
      reader.varint();
      reader.varint();
      for (uint64_t count = reader.varint(); count > 0; --count) reader.bytes(sizeof(Guid));
      for (uint64_t count = reader.varint(); count > 0; --count) {
        std::string again;
        extents::encode_extent(again, extents::decode_extent(reader.string()));
      }
    } else if (kind == store::ManifestPart::kCut) {
      for (int i = 0; i < 3; ++i) reader.varint();
    } else if (kind == store::KeysPart::kKeyWithoutContent) {
      reader.bytes(sizeof(store::Hash128));
    } else if (kind == store::KeysPart::kKey) {
      reader.bytes(2 * sizeof(store::Hash128));
    } else if (kind == store::ProgressPart::kProgress) {
      std::vector<store::Progress> list = store::decode_progress(reader);
      if (list.empty()) continue;
      std::string again;
      size_t count = store::encode_progress(again, list);
      ByteReader bytes(again);
      fuzz::require(count == list.size() && store::decode_progress(bytes) == list,
                    "progress is what was written");
    } else {
      throw std::runtime_error("an item of an unknown kind");
    }
  }
}

// The database and the table that items are about.
std::string first_record() {
  std::string record("\2\0\0\0\0\0\0\0\0", 9);
  ByteWriter writer(record);
  for (const catalog::Change& change :
       {catalog::Change(catalog::PutDatabase{.id = 1, .name = "db"}),
        catalog::Change(catalog::PutTable{fuzz::table_of_every_type()})}) {
    store::put_kind(record, store::CatalogPart::kChange);
    writer.string(catalog::encode_change(change));
  }
  return record;
}

void carry_out(std::string_view payload) {
  fuzz::MemoryFileSystem files;
  objects::DirectoryObjects objects(files, "");
  extents::ExtentFiles extent_files(objects);
  rowstore::RowFiles row_files(objects);
  store::State state(extent_files, row_files, {}, 1 << 20, kTicksPerMinute, 100);
  std::string first = first_record();
  std::string_view begun = first;
  state.apply(1, {&begun, 1});
  try {
    state.apply(2, {&payload, 1});
  } catch (const std::runtime_error&) {
  }
  std::vector<rowstore::TailEvent> events;
  state.publish(2, 0, events);
  catalog::TableId id = 1;
  auto snapshot = state.snapshot({&id, 1});
  auto table = snapshot->table(id);
  if (!table) return;
  for (const ChunkView& chunk : table->chunks()) {
    for (const ColumnView& column : chunk.columns) {
      std::string text;
      if (column.type == ScalarType::kDynamic) continue;
      for (size_t row = 0; row < chunk.row_count; ++row) append_cell_text(text, column, row);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view payload = fuzz::as_text(data, size);
  bool is_small = true;
  try {
    read_items(payload, is_small);
  } catch (const std::runtime_error&) {
  }
  if (is_small) carry_out(payload);
  return 0;
}
