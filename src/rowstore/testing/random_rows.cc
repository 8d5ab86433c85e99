#include "rowstore/testing/random_rows.h"

#include "common/guid.h"

namespace rivulet::rowstore::testing {

const std::vector<ScalarType> kAllTypes = {
    ScalarType::kBool,    ScalarType::kInt,      ScalarType::kLong,     ScalarType::kReal,
    ScalarType::kDecimal, ScalarType::kDateTime, ScalarType::kTimeSpan, ScalarType::kGuid,
    ScalarType::kString,  ScalarType::kDynamic};

CellValue cell_value(const ColumnView& column, size_t row) {
  if (column.is_null(row)) return std::nullopt;
  if (is_text(column.type)) return std::string(column.text(row));
  size_t width = cell_size(column.type);
  return std::string(static_cast<const char*>(column.cells) + row * width, width);
}

CellValue absent_value(ScalarType type) {
  return type == ScalarType::kString ? CellValue("") : std::nullopt;
}

void append_random(Column& column, std::mt19937_64& random) {
  if (random() % 4 == 0) {
    column.append_null();
    return;
  }
  switch (column.type()) {
    case ScalarType::kBool:
      column.append(static_cast<uint8_t>(random() % 2));
      break;
    case ScalarType::kInt:
      column.append(static_cast<int32_t>(random()));
      break;
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      column.append(static_cast<int64_t>(random()));
      break;
    case ScalarType::kReal:
      column.append(static_cast<double>(static_cast<int64_t>(random())) / 1000);
      break;
    case ScalarType::kDecimal:
      column.append(static_cast<Decimal>(random()) * 12345);
      break;
    case ScalarType::kGuid:
      column.append(GuidCell::from({random(), random()}));
      break;
    case ScalarType::kString:
    case ScalarType::kDynamic: {
      constexpr size_t kSizes[] = {0, 1, 11, 12, 13, 14, 40, 300};
      std::string text(kSizes[random() % std::size(kSizes)], '\0');
      for (char& c : text) c = static_cast<char>('a' + random() % 26);
      column.append_text(text);
      break;
    }
  }
}

}  // namespace rivulet::rowstore::testing
