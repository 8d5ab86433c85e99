#include "ingest/formats/json.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/error.h"
#include "ingest/formats/cell_writer.h"
#include "ingest/formats/json_transforms.h"
#include "types/json.h"
#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet::ingest {
namespace {

class JsonRecordParser {
 public:
  JsonRecordParser(const FormatInput& input, ColumnBatch& rows)
      : mapping_(input.mapping),
        rows_(rows),
        options_(input.options),
        is_ignored_(input.options.ignore_first_record),
        row_(input.rows_before),
        likely_next_(input.likely_next),
        last_record_(input.mapping.nodes.size()) {}

  // One object, a row. Throws at what is none; `origin` is the offset of the reader's text in the input.
  void record(JsonReader& reader, size_t origin) {
    ++records_;
    if (reader.peek() != '{') reader.fail("a record must be an object");
    if (is_ignored_) {
      is_ignored_ = false;
      reader.skip();
      check(reader, origin);
      return;
    }
    value(reader, 0, false);
    check(reader, origin);
    for (const Mapping::Target& target : mapping_.targets) {
      Column& column = rows_.column(target.column);
      if (column.size() == row_) column.append_null();
    }
    ++row_;
    if (row_ % kWatchedRecords == 0 && options_.watch_memory) {
      options_.watch_memory(rows_.memory_bytes());
    }
  }

  void check(const JsonReader& reader, size_t origin) const {
    if (!reader.fault()) return;
    throw Error(ErrorKind::kUnexpectedCharacter,
                fmt::format("Invalid JSON in record {}, at byte {} of the input: {}.", records_,
                            origin + reader.fault()->offset, reader.fault()->why));
  }

  size_t records() const { return records_; }

 private:
  // `is_kept`: a target takes the text of a value around this one.
  void value(JsonReader& reader, uint32_t node_index, bool is_kept) {
    const Mapping::Node& node = mapping_.nodes[node_index];
    if (last_record_[node_index] == records_) forget(node_index);
    last_record_[node_index] = records_;
    JsonValue result;
    char first = reader.peek();
    bool is_descended =
        (first == '{' && !node.properties.empty()) || (first == '[' && !node.elements.empty());
    if (!is_descended) {
      result = reader.value();
    } else {
      is_kept |= node.first_target != Mapping::kNone;
      bool altered_before = reader.is_altered();
      reader.set_altered(false);
      const char* start = reader.position();
      if (first == '{') {
        result.kind = JsonValue::Kind::kObject;
        object(reader, node, node_index, is_kept);
      } else {
        result.kind = JsonValue::Kind::kArray;
        array(reader, node, is_kept);
      }
      result.text = {start, static_cast<size_t>(reader.position() - start)};
      result.is_plain = !reader.is_altered();
      // What is altered in a part is so in the whole, and so is what stands before it.
      if (altered_before) reader.set_altered(true);
    }
    if (reader.fault()) return;
    for (uint32_t i = node.first_target; i != Mapping::kNone; i = mapping_.targets[i].next) {
      write(mapping_.targets[i], node, result);
    }
  }

  // Of a property that stands twice, the last one counts: what the first one gave to columns is undone.
  void forget(uint32_t node_index) {
    const Mapping::Node& node = mapping_.nodes[node_index];
    for (uint32_t i = node.first_target; i != Mapping::kNone; i = mapping_.targets[i].next) {
      Column& column = rows_.column(mapping_.targets[i].column);
      if (column.size() > row_) column.truncate(row_);
    }
    auto forget_child = [this](uint32_t child) {
      // No deeper than the record went.
      if (std::exchange(last_record_[child], 0) == records_) forget(child);
    };
    for (const auto& [name, child] : node.properties) forget_child(child);
    for (const auto& [index, child] : node.elements) forget_child(child);
  }

  void pass_over(JsonReader& reader, bool is_kept) {
    if (is_kept) {
      reader.value();
    } else {
      reader.skip();
    }
  }

  void object(JsonReader& reader, const Mapping::Node& node, uint32_t node_index, bool is_kept) {
    reader.enter('{');
    if (!reader.take('}')) {
      JsonNames names;
      do {
        bool is_plain = true;
        std::string_view name = reader.property_name(is_plain);
        if (!is_plain) {
          reader.set_altered(true);
          name = string_content({JsonValue::Kind::kString, name, false}, name_scratch_);
        }
        if (is_kept) names.add(name);
        uint32_t child = find_child(node, node_index, name);
        if (child == Mapping::kNone) {
          pass_over(reader, is_kept);
        } else {
          value(reader, child, is_kept);
        }
      } while (reader.take(','));
      reader.expect('}');
      if (names.may_repeat()) reader.set_altered(true);
    }
    reader.leave();
  }

  void array(JsonReader& reader, const Mapping::Node& node, bool is_kept) {
    reader.enter('[');
    if (!reader.take(']')) {
      auto wanted = node.elements.begin();
      uint32_t index = 0;
      do {
        if (wanted == node.elements.end() || wanted->first != index) {
          pass_over(reader, is_kept);
        } else {
          value(reader, wanted->second, is_kept);
          ++wanted;
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
    constexpr uint32_t kNear = 8;
    const auto& properties = node.properties;
    uint32_t& next = likely_next_[node_index];
    auto near_end = std::min<size_t>(properties.size(), next + kNear);
    for (uint32_t i = next; i < near_end; ++i) {
      if (properties[i].first == name) {
        next = i + 1;
        return properties[i].second;
      }
    }
    const uint32_t* place = node.find_place(name);
    if (place == nullptr) return Mapping::kNone;
    next = *place + 1;
    return properties[*place].second;
  }

  void write(const Mapping::Target& target, const Mapping::Node& node, const JsonValue& value) {
    Column& column = rows_.column(target.column);
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
  std::vector<size_t> last_record_;     // by node: the last record that had it
  std::string name_scratch_;
  std::string scratch_;
};

void parse_lines(std::string_view body, JsonRecordParser& parser) {
  size_t at = 0;
  while (at < body.size()) {
    size_t end = std::min(body.find('\n', at), body.size());
    JsonReader reader(body.substr(at, end - at));
    if (!reader.at_end()) {
      parser.record(reader, at);
      if (!reader.at_end()) reader.fail("a line must hold one record only");
      parser.check(reader, at);
    }
    at = end + 1;
  }
}

// Objects with blanks between them, or an array of objects.
void parse_documents(std::string_view body, JsonRecordParser& parser) {
  JsonReader reader(body);
  while (!reader.at_end()) {
    if (reader.peek() != '[') {
      parser.record(reader, 0);
      continue;
    }
    reader.enter('[');
    if (!reader.take(']')) {
      do {
        parser.record(reader, 0);
      } while (reader.take(','));
      reader.expect(']');
    }
    reader.leave();
  }
  parser.check(reader, 0);
}

}  // namespace

size_t read_json(const FormatInput& input, ColumnBatch& rows) {
  JsonRecordParser parser(input, rows);
  parse_lines(input.body, parser);
  return parser.records();
}

size_t read_multijson(const FormatInput& input, ColumnBatch& rows) {
  JsonRecordParser parser(input, rows);
  parse_documents(input.body, parser);
  return parser.records();
}

}  // namespace rivulet::ingest
