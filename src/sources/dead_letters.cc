#include "sources/dead_letters.h"

#include <array>
#include <cstdint>
#include <utility>

#include "ingest/formats/json_transforms.h"
#include "kusto/kusto_error.h"
#include "sources/event_batch.h"
#include "sources/event_properties.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::sources {
namespace {

enum class Field : uint8_t {
  kEnqueued,
  kConnection,
  kTopic,
  kPartition,
  kOffset,
  kKey,
  kProperties,
  kDatabase,
  kTable,
  kBody,
  kBodyEncoding,
  kErrorCode,
  kError,
};

struct Column {
  Field field;
  std::string_view name;
  ScalarType type;
};

constexpr std::array<Column, 13> kColumns = {{
    {Field::kEnqueued, "Enqueued", ScalarType::kDateTime},
    {Field::kConnection, "Connection", ScalarType::kString},
    {Field::kTopic, "Topic", ScalarType::kString},
    {Field::kPartition, "Partition", ScalarType::kInt},
    {Field::kOffset, "Offset", ScalarType::kLong},
    {Field::kKey, "Key", ScalarType::kString},
    {Field::kProperties, "Properties", ScalarType::kDynamic},
    {Field::kDatabase, "Database", ScalarType::kString},
    {Field::kTable, "Table", ScalarType::kString},
    {Field::kBody, "Body", ScalarType::kString},
    {Field::kBodyEncoding, "BodyEncoding", ScalarType::kString},
    {Field::kErrorCode, "ErrorCode", ScalarType::kString},
    {Field::kError, "Error", ScalarType::kString},
}};

void append_properties(std::string& out, const Event& event) {
  std::string json = "{";
  for (const Event::Property& property : event.properties) {
    if (json.size() > 1) json += ',';
    append_json_string(json, property.name);
    json += ':';
    append_json_string(json, property_text(property.value));
  }
  json += '}';
  read_json(out, json);  // an event may have several properties of one name
}

void append_text(rivulet::Column& column, std::string_view text) {
  if (is_valid_utf8(text)) {
    column.append_text(text);
    return;
  }
  std::string repaired;
  append_valid_utf8(repaired, text);
  column.append_text(repaired);
}

void append(rivulet::Column& column, Field field, const DeadLetter& letter) {
  const Event& event = letter.event;
  std::string text;
  switch (field) {
    case Field::kEnqueued:
      if (event.enqueued >= 0 && event.enqueued <= kMaxDateTimeTicks) {
        column.append(event.enqueued);
      } else {
        column.append_null();
      }
      return;
    case Field::kConnection:
      return append_text(column, letter.connection);
    case Field::kTopic:
      return append_text(column, letter.topic);
    case Field::kPartition:
      return column.append(event.partition);
    case Field::kOffset:
      return column.append(event.offset);
    case Field::kKey:
      return append_text(column, event.key);
    case Field::kProperties:
      append_properties(text, event);
      return column.append_text(text);
    case Field::kDatabase:
      return append_text(column, letter.database);
    case Field::kTable:
      return append_text(column, letter.table);
    case Field::kBody:
      if (is_valid_utf8(event.body)) return column.append_text(event.body);
      ingest::append_base64_text(text, event.body);
      return column.append_text(text);
    case Field::kBodyEncoding:
      return column.append_text(is_valid_utf8(event.body) ? "utf-8" : "base64");
    case Field::kErrorCode:
      return append_text(column, kusto_error(letter.error.kind()).code);
    case Field::kError:
      return append_text(column, letter.error.message());
  }
}

}  // namespace

std::string dead_letter_schema() {
  std::string out;
  for (const Column& column : kColumns) {
    if (!out.empty()) out += ", ";
    out += column.name;
    out += ':';
    out += kusto_name(column.type);
  }
  return out;
}

DeadLetters::DeadLetters(const catalog::Table& table) {
  append_.table = table.id;
  std::vector<ScalarType> types;
  for (size_t field = 0; field < kColumns.size(); ++field) {
    const catalog::ColumnDef* column = table.find_column(kColumns[field].name);
    if (column == nullptr || column->type != kColumns[field].type) continue;
    append_.column_ids.push_back(column->id);
    types.push_back(column->type);
    fields_.push_back(field);
  }
  rows_ = std::make_shared<ColumnBatch>(types);
}

void DeadLetters::add(const DeadLetter& letter) {
  for (size_t i = 0; i < fields_.size(); ++i) {
    append(rows_->column(i), kColumns[fields_[i]].field, letter);
  }
}

std::optional<store::Append> DeadLetters::finish() {
  if (rows_->row_count() == 0) return std::nullopt;
  append_.rows = std::move(rows_);
  return std::move(append_);
}

}  // namespace rivulet::sources
