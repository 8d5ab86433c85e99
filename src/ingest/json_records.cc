#include "ingest/json_records.h"

#include <cstring>
#include <string>
#include <vector>

#include "ingest/cell_writer.h"
#include "ingest/json_reader.h"
#include "ingest/json_transforms.h"
#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet::ingest {
namespace {

class JsonRecordParser {
 public:
  JsonRecordParser(const Mapping& mapping, const ParseOptions& options, size_t rows_before,
                   std::vector<uint32_t>& likely_next, ColumnBatch& rows)
      : mapping_(mapping),
        rows_(rows),
        options_(options),
        is_ignored_(options.ignore_first_record),
        row_(rows_before),
        likely_next_(likely_next) {}

  // One object, a row.
  void record(JsonReader& reader) {
    reader.set_record(++records_);
    if (reader.peek() != '{') reader.fail("a record must be an object");
    if (is_ignored_) {
      is_ignored_ = false;
      reader.value();
      return;
    }
    value(reader, 0);
    for (const Mapping::Target& target : mapping_.targets) {
      Column& column = rows_.column(target.column);
      if (column.size() == row_) column.append_null();
    }
    ++row_;
    if (row_ % kWatchedRecords == 0 && options_.watch_memory) {
      options_.watch_memory(rows_.memory_bytes());
    }
  }

  size_t records() const { return records_; }

 private:
  void value(JsonReader& reader, uint32_t node_index) {
    const Mapping::Node& node = mapping_.nodes[node_index];
    JsonValue result;
    char first = reader.peek();
    bool is_descended =
        (first == '{' && !node.properties.empty()) || (first == '[' && !node.elements.empty());
    if (!is_descended) {
      result = reader.value();
    } else {
      bool passed_before = reader.passed_blanks();
      reader.set_passed_blanks(false);
      const char* start = reader.position();
      if (first == '{') {
        result.kind = JsonValue::Kind::kObject;
        object(reader, node, node_index);
      } else {
        result.kind = JsonValue::Kind::kArray;
        array(reader, node);
      }
      result.text = {start, static_cast<size_t>(reader.position() - start)};
      result.is_plain = !reader.passed_blanks();
      // Blanks inside a part are blanks of the whole, and so are those before it.
      if (passed_before) reader.set_passed_blanks(true);
    }
    for (uint32_t i = node.first_target; i != Mapping::kNone; i = mapping_.targets[i].next) {
      write(mapping_.targets[i], node, result);
    }
  }

  void object(JsonReader& reader, const Mapping::Node& node, uint32_t node_index) {
    reader.enter('{');
    if (!reader.take('}')) {
      do {
        bool is_plain = true;
        std::string_view name = reader.property_name(is_plain);
        if (!is_plain) {
          name = string_content({JsonValue::Kind::kString, name, false}, name_scratch_);
        }
        uint32_t child = find_child(node, node_index, name);
        if (child == Mapping::kNone) {
          reader.value();
        } else {
          value(reader, child);
        }
      } while (reader.take(','));
      reader.expect('}');
    }
    reader.leave();
  }

  void array(JsonReader& reader, const Mapping::Node& node) {
    reader.enter('[');
    if (!reader.take(']')) {
      uint32_t index = 0;
      do {
        uint32_t child = Mapping::kNone;
        for (const auto& [wanted, at] : node.elements) {
          if (wanted == index) child = at;
        }
        if (child == Mapping::kNone) {
          reader.value();
        } else {
          value(reader, child);
        }
        ++index;
      } while (reader.take(','));
      reader.expect(']');
    }
    reader.leave();
  }

  // Records of a stream mostly have the same properties in the same order: look first at the one after the
  // last that was found.
  uint32_t find_child(const Mapping::Node& node, uint32_t node_index, std::string_view name) {
    const auto& properties = node.properties;
    uint32_t start = likely_next_[node_index];
    for (uint32_t i = start; i < properties.size(); ++i) {
      if (properties[i].first == name) {
        likely_next_[node_index] = i + 1;
        return properties[i].second;
      }
    }
    for (uint32_t i = 0; i < start && i < properties.size(); ++i) {
      if (properties[i].first == name) {
        likely_next_[node_index] = i + 1;
        return properties[i].second;
      }
    }
    return Mapping::kNone;
  }

  void write(const Mapping::Target& target, const Mapping::Node& node, const JsonValue& value) {
    Column& column = rows_.column(target.column);
    // Of a property that stands twice in a record, the last one counts.
    if (column.size() > row_) column.truncate(row_);
    switch (target.transform) {
      case Transform::kNone:
        write_plain(column, value);
        break;
      case Transform::kPropertyBagArrayToDictionary:
        append_dictionary(column, value);
        break;
      case Transform::kDropMappedFields:
        append_without_mapped_fields(column, value, mapping_, node);
        break;
      case Transform::kBytesAsBase64:
        append_base64(column, value);
        break;
      default:
        append_unix_time(column, value, target.transform);
    }
  }

  void write_plain(Column& column, const JsonValue& value) {
    switch (value.kind) {
      case JsonValue::Kind::kNull:
        column.append_null();
        break;
      case JsonValue::Kind::kString:
        write_string(column, value);
        break;
      case JsonValue::Kind::kBool:
        if (is_text(column.type())) {
          column.append_text(value.text);
        } else {
          // true is 1 in a column of numbers.
          bool is_true = value.text == "true";
          if (column.type() == ScalarType::kBool) {
            column.append(static_cast<uint8_t>(is_true));
          } else {
            append_whole_number(column, is_true ? 1 : 0);
          }
        }
        break;
      case JsonValue::Kind::kNumber:
        if (is_text(column.type())) {
          column.append_text(value.text);
        } else {
          append_text_value(column, value.text);
        }
        break;
      case JsonValue::Kind::kObject:
      case JsonValue::Kind::kArray:
        if (is_text(column.type())) {
          column.append_text(compact_json(value, scratch_));
        } else {
          column.append_null();
        }
        break;
    }
  }

  void write_string(Column& column, const JsonValue& value) {
    if (column.type() != ScalarType::kDynamic) {
      append_text_value(column, string_content(value, scratch_));
      return;
    }
    // A string that holds an object or an array as JSON text becomes that, as in the other formats; any
    // other string, "17" for one, stays a string.
    std::string_view content = text::trim(string_content(value, scratch_));
    if (!content.empty() && (content.front() == '{' || content.front() == '[')) {
      std::string json;
      if (append_compact_json(json, content)) {
        column.append_text(json);
        return;
      }
    }
    // Its literal as it stands in the input, with the quotes around it.
    column.append_text({value.text.data() - 1, value.text.size() + 2});
  }

  const Mapping& mapping_;
  ColumnBatch& rows_;
  const ParseOptions& options_;
  bool is_ignored_;
  size_t records_ = 0;
  size_t row_;
  std::vector<uint32_t>& likely_next_;  // by node: where among its properties to look first
  std::string name_scratch_;
  std::string scratch_;
};

void parse_lines(std::string_view body, JsonRecordParser& parser) {
  size_t at = 0;
  while (at < body.size()) {
    size_t end = std::min(body.find('\n', at), body.size());
    JsonReader reader(body.substr(at, end - at), at);
    if (!reader.at_end()) {
      parser.record(reader);
      if (!reader.at_end()) reader.fail("a line must hold one record only");
    }
    at = end + 1;
  }
}

// Objects with blanks between them, or an array of objects.
void parse_documents(std::string_view body, JsonRecordParser& parser) {
  JsonReader reader(body);
  while (!reader.at_end()) {
    if (reader.peek() != '[') {
      parser.record(reader);
      continue;
    }
    reader.enter('[');
    if (!reader.take(']')) {
      do {
        parser.record(reader);
      } while (reader.take(','));
      reader.expect(']');
    }
    reader.leave();
  }
}

}  // namespace

size_t parse_json_records(std::string_view body, const Mapping& mapping,
                          const ParseOptions& options, size_t rows_before,
                          std::vector<uint32_t>& likely_next, ColumnBatch& rows) {
  JsonRecordParser parser(mapping, options, rows_before, likely_next, rows);
  if (mapping.format == Format::kJson) {
    parse_lines(body, parser);
  } else {
    parse_documents(body, parser);
  }
  return parser.records();
}

}  // namespace rivulet::ingest
