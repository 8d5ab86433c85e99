#include "rowstore/batch_codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "common/binary.h"
#include "rowstore/chunk.h"

namespace rivulet::rowstore {
namespace {

enum class Nulls : uint8_t { kNone = 0, kSome = 1, kAll = 2 };
enum class Encoding : uint8_t {
  kFixed = 0,
  kConstant = 1,
  kText1 = 2,
  kText2 = 3,
  kText4 = 4,
  kConstantText = 5,
  kOffset1 = 6,
  kOffset2 = 7,
  kOffset4 = 8,
};

bool is_integer(ScalarType type) {
  return type == ScalarType::kLong || type == ScalarType::kDateTime ||
         type == ScalarType::kTimeSpan;
}

Nulls nulls_of(const ColumnView& column, size_t rows) {
  if (column.validity == nullptr) return Nulls::kNone;
  size_t nulls = 0;
  for (size_t row = 0; row < rows; ++row) nulls += column.is_null(row) ? 1 : 0;
  return nulls == 0 ? Nulls::kNone : nulls == rows ? Nulls::kAll : Nulls::kSome;
}

template <typename Length>
void encode_texts(ByteWriter& writer, const StringRef* cells, size_t rows, size_t text_bytes) {
  char* lengths = writer.reserve(rows * sizeof(Length) + text_bytes);
  char* text = lengths + rows * sizeof(Length);
  for (size_t row = 0; row < rows; ++row, lengths += sizeof(Length)) {
    std::string_view view = cells[row].view();
    auto length = static_cast<Length>(view.size());
    std::memcpy(lengths, &length, sizeof(length));
    std::memcpy(text, view.data(), view.size());
    text += view.size();
  }
}

void encode_text_column(ByteWriter& writer, const StringRef* cells, size_t rows) {
  size_t text_bytes = 0, longest = 0;
  bool is_constant = rows > 1;
  for (size_t row = 0; row < rows; ++row) {
    std::string_view text = cells[row].view();
    text_bytes += text.size();
    longest = std::max(longest, text.size());
    is_constant = is_constant && text == cells[0].view();
  }
  if (is_constant) {
    writer.byte(static_cast<uint8_t>(Encoding::kConstantText));
    writer.string(cells[0].view());
  } else if (longest <= UINT8_MAX) {
    writer.byte(static_cast<uint8_t>(Encoding::kText1));
    encode_texts<uint8_t>(writer, cells, rows, text_bytes);
  } else if (longest <= UINT16_MAX) {
    writer.byte(static_cast<uint8_t>(Encoding::kText2));
    encode_texts<uint16_t>(writer, cells, rows, text_bytes);
  } else {
    writer.byte(static_cast<uint8_t>(Encoding::kText4));
    encode_texts<uint32_t>(writer, cells, rows, text_bytes);
  }
}

// The length of all texts together.
template <typename Length>
size_t sum_lengths(const char* lengths, size_t rows) {
  size_t sum = 0;
  for (size_t row = 0; row < rows; ++row) {
    Length length;
    std::memcpy(&length, lengths + row * sizeof(Length), sizeof(length));
    sum += length;
  }
  return sum;
}

// Goes on with both pointers.
template <typename Length>
void decode_texts(const char*& lengths, const char*& text, StringRef* cells, size_t rows) {
  for (size_t row = 0; row < rows; ++row, lengths += sizeof(Length)) {
    Length length;
    std::memcpy(&length, lengths, sizeof(length));
    cells[row] = StringRef(std::string_view(text, length));
    text += length;
  }
}

// Each cell's distance from the least.
template <typename Offset>
void encode_offsets(ByteWriter& writer, Encoding encoding, const char* cells, size_t rows,
                    uint64_t least) {
  writer.byte(static_cast<uint8_t>(encoding));
  writer.fixed(least);
  char* out = writer.reserve(rows * sizeof(Offset));
  for (size_t row = 0; row < rows; ++row) {
    uint64_t cell;
    std::memcpy(&cell, cells + row * sizeof(cell), sizeof(cell));
    auto offset = static_cast<Offset>(cell - least);
    std::memcpy(out + row * sizeof(offset), &offset, sizeof(offset));
  }
}

// Goes on with the pointer.
template <typename Offset>
void decode_offsets(const char*& offsets, uint64_t least, char* cells, size_t rows) {
  for (size_t row = 0; row < rows; ++row, offsets += sizeof(Offset)) {
    Offset offset;
    std::memcpy(&offset, offsets, sizeof(offset));
    uint64_t cell = least + offset;
    std::memcpy(cells + row * sizeof(cell), &cell, sizeof(cell));
  }
}

// Of whole numbers that lie close together. False, and nothing written, when that takes no less than the cells.
bool encode_near_integers(ByteWriter& writer, const char* cells, size_t rows) {
  if (rows < 2) return false;
  int64_t least = INT64_MAX, greatest = INT64_MIN;
  for (size_t row = 0; row < rows; ++row) {
    int64_t cell;
    std::memcpy(&cell, cells + row * sizeof(cell), sizeof(cell));
    least = std::min(least, cell);
    greatest = std::max(greatest, cell);
  }
  auto base = static_cast<uint64_t>(least);
  uint64_t range = static_cast<uint64_t>(greatest) - base;
  if (range <= UINT8_MAX) {
    encode_offsets<uint8_t>(writer, Encoding::kOffset1, cells, rows, base);
  } else if (range <= UINT16_MAX) {
    encode_offsets<uint16_t>(writer, Encoding::kOffset2, cells, rows, base);
  } else if (range <= UINT32_MAX && rows > 2) {
    encode_offsets<uint32_t>(writer, Encoding::kOffset4, cells, rows, base);
  } else {
    return false;
  }
  return true;
}

bool is_known(uint8_t type) {
  return type >= static_cast<uint8_t>(ScalarType::kBool) &&
         type <= static_cast<uint8_t>(ScalarType::kDynamic);
}

ScalarType read_type(ByteReader& reader) {
  uint8_t type = reader.byte();
  if (!is_known(type)) throw std::runtime_error("a batch has a column of an unknown type");
  return static_cast<ScalarType>(type);
}

// Of a null in a batch of one row.
alignas(16) constexpr std::array<char, 16> kNullCell{};
constexpr uint64_t kNullValidity = 0;

// The columns of a batch of one row, as most batches are when there are very many of them: without a cursor each.
// `texts` has place for a cell of every column.
void decode_row(ByteReader& reader, std::vector<uint32_t>& column_ids,
                std::vector<ColumnView>& columns, std::vector<StringRef>& texts) {
  for (size_t i = 0; i < columns.size(); ++i) {
    column_ids[i] = static_cast<uint32_t>(reader.varint());
    ColumnView& column = columns[i];
    column = {.type = read_type(reader)};
    auto nulls = static_cast<Nulls>(reader.byte());
    if (nulls != Nulls::kNone) {
      bool is_there = nulls == Nulls::kSome && (reader.byte() & 1) != 0;
      if (!is_there) column.validity = &kNullValidity;
    }
    if (nulls == Nulls::kAll) {
      column.cells = kNullCell.data();
      continue;
    }
    auto encoding = static_cast<Encoding>(reader.byte());
    if (is_text(column.type)) {
      uint64_t length = 0;
      switch (encoding) {
        case Encoding::kText1:
          length = reader.byte();
          break;
        case Encoding::kText2:
          length = reader.fixed<uint16_t>();
          break;
        case Encoding::kText4:
          length = reader.fixed<uint32_t>();
          break;
        case Encoding::kConstantText:
          length = reader.varint();
          break;
        default:
          throw std::runtime_error("a batch has text in an unknown encoding");
      }
      texts[i] = StringRef(reader.bytes(length));
      column.cells = &texts[i];
    } else if (encoding == Encoding::kFixed || encoding == Encoding::kConstant) {
      column.cells = reader.bytes(cell_size(column.type)).data();
    } else {
      // The distance from the least cell of one row is none: encode_batch() does not write that.
      throw std::runtime_error("a batch has cells in an unknown encoding");
    }
  }
}

}  // namespace

void encode_batch(std::string& out, std::span<const uint32_t> column_ids,
                  std::span<const ColumnView> columns, size_t row_count) {
  ByteWriter writer(out);
  writer.varint(row_count);
  writer.varint(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const ColumnView& column = columns[i];
    writer.varint(column_ids[i]);
    writer.byte(static_cast<uint8_t>(column.type));
    Nulls nulls = nulls_of(column, row_count);
    writer.byte(static_cast<uint8_t>(nulls));
    if (nulls == Nulls::kSome) writer.bytes(column.validity, (row_count + 7) / 8);
    if (nulls == Nulls::kAll) continue;
    if (is_text(column.type)) {
      encode_text_column(writer, static_cast<const StringRef*>(column.cells), row_count);
      continue;
    }
    size_t width = cell_size(column.type);
    const char* cells = static_cast<const char*>(column.cells);
    bool is_constant =
        row_count > 1 && std::memcmp(cells, cells + width, (row_count - 1) * width) == 0;
    if (!is_constant && is_integer(column.type) && encode_near_integers(writer, cells, row_count)) {
      continue;
    }
    writer.byte(static_cast<uint8_t>(is_constant ? Encoding::kConstant : Encoding::kFixed));
    writer.bytes(cells, is_constant ? width : row_count * width);
  }
}

void encode_rows(std::string& out, const ChunkView& chunk) {
  std::vector<uint32_t> ids(chunk.column_ids.begin(), chunk.column_ids.end());
  std::vector<ColumnView> columns(chunk.columns.begin(), chunk.columns.end());
  ids.push_back(kTimeColumnId);
  columns.push_back({ScalarType::kLong, chunk.ingestion_times, nullptr});
  ids.push_back(kSequenceColumnId);
  columns.push_back({ScalarType::kLong, chunk.sequences, nullptr});
  encode_batch(out, ids, columns, chunk.row_count);
}

void check_rows(const BatchDecoder& batch) {
  const std::vector<uint32_t>& ids = batch.column_ids();
  size_t count = ids.size();
  if (count < 2 || ids[count - 2] != kTimeColumnId || ids[count - 1] != kSequenceColumnId ||
      batch.columns()[count - 2].type != ScalarType::kLong ||
      batch.columns()[count - 1].type != ScalarType::kLong || batch.row_count() == 0 ||
      batch.row_count() > Chunk::kMaxRows) {
    throw std::runtime_error("a batch holds no rows with ingestion time and sequence");
  }
}

template <typename T>
T* BatchDecoder::scratch(std::vector<std::vector<T>>& pool, size_t& used, size_t size) {
  if (used == pool.size()) pool.emplace_back();
  std::vector<T>& memory = pool[used++];
  // One more, so that there is memory for no rows too.
  if (memory.size() <= size) memory.resize(size + 1);
  return memory.data();
}

void BatchDecoder::decode(std::string_view bytes) {
  begin(bytes);
  next(rows_left_);
}

void BatchDecoder::begin(std::string_view bytes) {
  ByteReader reader(bytes);
  cursors_.clear();
  row_count_ = 0;
  size_t rows = rows_left_ = reader.varint();
  if (rows > UINT32_MAX) throw std::runtime_error("a batch has too many rows");
  size_t column_count = reader.varint();
  if (column_count > reader.remaining() / 3) throw std::runtime_error("a batch ends too early");
  column_ids_.resize(column_count);
  columns_.resize(column_count);
  if (rows == 1) {
    if (texts_.empty()) texts_.emplace_back();
    if (texts_[0].size() < column_count) texts_[0].resize(column_count);
    decode_row(reader, column_ids_, columns_, texts_[0]);
  } else {
    columns_.assign(column_count, ColumnView());
    cursors_.resize(column_count);
  }
  for (size_t i = 0; i < cursors_.size(); ++i) {
    column_ids_[i] = static_cast<uint32_t>(reader.varint());
    ColumnView& column = columns_[i];
    column.type = read_type(reader);
    Cursor& cursor = cursors_[i];
    cursor.nulls = reader.byte();
    auto nulls = static_cast<Nulls>(cursor.nulls);
    if (nulls == Nulls::kSome) cursor.bitmap = reader.bytes((rows + 7) / 8).data();
    if (nulls == Nulls::kAll) continue;
    cursor.encoding = reader.byte();
    auto encoding = static_cast<Encoding>(cursor.encoding);
    size_t width = cell_size(column.type);
    if (is_text(column.type)) {
      switch (encoding) {
        case Encoding::kText1:
          cursor.cells = reader.bytes(rows).data();
          cursor.text = reader.bytes(sum_lengths<uint8_t>(cursor.cells, rows)).data();
          break;
        case Encoding::kText2:
          cursor.cells = reader.bytes(rows * sizeof(uint16_t)).data();
          cursor.text = reader.bytes(sum_lengths<uint16_t>(cursor.cells, rows)).data();
          break;
        case Encoding::kText4:
          cursor.cells = reader.bytes(rows * sizeof(uint32_t)).data();
          cursor.text = reader.bytes(sum_lengths<uint32_t>(cursor.cells, rows)).data();
          break;
        case Encoding::kConstantText: {
          std::string_view text = reader.string();
          cursor.cells = text.data();
          cursor.constant_size = text.size();
          break;
        }
        default:
          throw std::runtime_error("a batch has text in an unknown encoding");
      }
    } else if (encoding == Encoding::kFixed) {
      cursor.cells = reader.bytes(rows * width).data();
    } else if (encoding == Encoding::kConstant) {
      cursor.cells = reader.bytes(width).data();
    } else if (is_integer(column.type) && encoding >= Encoding::kOffset1 &&
               encoding <= Encoding::kOffset4) {
      cursor.least = reader.fixed<uint64_t>();
      size_t offset_width = encoding == Encoding::kOffset1   ? sizeof(uint8_t)
                            : encoding == Encoding::kOffset2 ? sizeof(uint16_t)
                                                             : sizeof(uint32_t);
      cursor.cells = reader.bytes(rows * offset_width).data();
    } else {
      throw std::runtime_error("a batch has cells in an unknown encoding");
    }
  }
  if (!reader.at_end()) throw std::runtime_error("a batch has bytes behind its end");
}

bool BatchDecoder::next(size_t max_rows) {
  size_t rows = row_count_ = std::min(max_rows, rows_left_);
  rows_left_ -= rows;
  size_t texts_used = 0, validities_used = 0, cells_used = 0;
  // None for one row, which begin() has decoded.
  for (size_t i = 0; i < cursors_.size(); ++i) {
    ColumnView& column = columns_[i];
    Cursor& cursor = cursors_[i];
    auto nulls = static_cast<Nulls>(cursor.nulls);
    if (nulls != Nulls::kNone) {
      size_t words = (rows + 63) / 64;
      uint64_t* validity = scratch(validities_, validities_used, words);
      std::memset(validity, 0, words * sizeof(uint64_t));
      if (nulls == Nulls::kSome) {
        std::memcpy(validity, cursor.bitmap, (rows + 7) / 8);
        cursor.bitmap += rows / 8;
      }
      column.validity = validity;
    }
    size_t width = cell_size(column.type);
    if (nulls == Nulls::kAll) {
      char* cells = scratch(cells_, cells_used, rows * width);
      std::memset(cells, 0, rows * width);
      column.cells = cells;
      continue;
    }
    auto encoding = static_cast<Encoding>(cursor.encoding);
    if (is_text(column.type)) {
      StringRef* cells = scratch(texts_, texts_used, rows);
      column.cells = cells;
      if (encoding == Encoding::kText1) {
        decode_texts<uint8_t>(cursor.cells, cursor.text, cells, rows);
      } else if (encoding == Encoding::kText2) {
        decode_texts<uint16_t>(cursor.cells, cursor.text, cells, rows);
      } else if (encoding == Encoding::kText4) {
        decode_texts<uint32_t>(cursor.cells, cursor.text, cells, rows);
      } else {
        std::fill_n(cells, rows, StringRef(std::string_view(cursor.cells, cursor.constant_size)));
      }
      continue;
    }
    if (encoding == Encoding::kFixed) {
      column.cells = cursor.cells;
      cursor.cells += rows * width;
      continue;
    }
    char* cells = scratch(cells_, cells_used, rows * width);
    column.cells = cells;
    if (encoding == Encoding::kConstant) {
      for (size_t row = 0; row < rows; ++row) {
        std::memcpy(cells + row * width, cursor.cells, width);
      }
    } else if (encoding == Encoding::kOffset1) {
      decode_offsets<uint8_t>(cursor.cells, cursor.least, cells, rows);
    } else if (encoding == Encoding::kOffset2) {
      decode_offsets<uint16_t>(cursor.cells, cursor.least, cells, rows);
    } else {
      decode_offsets<uint32_t>(cursor.cells, cursor.least, cells, rows);
    }
  }
  return rows > 0;
}

}  // namespace rivulet::rowstore
