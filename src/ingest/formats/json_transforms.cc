#include "ingest/formats/json_transforms.h"

#include <cmath>

#include "common/clock.h"
#include "ingest/formats/cell_writer.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::ingest {
namespace {

template <typename Function>
void for_each_element(const JsonValue& array, const Function& function) {
  JsonReader reader(array.text);
  reader.enter('[');
  if (reader.take(']')) return;
  do {
    function(reader.value());
  } while (reader.take(','));
}

int64_t ticks_per(Transform unit) {
  switch (unit) {
    case Transform::kDateTimeFromUnixSeconds:
      return kTicksPerSecond;
    case Transform::kDateTimeFromUnixMilliseconds:
      return kTicksPerMillisecond;
    case Transform::kDateTimeFromUnixMicroseconds:
      return kTicksPerMicrosecond;
    default:
      return 0;  // nanoseconds: a tick is a hundred of them
  }
}

std::optional<Ticks> unix_time(std::string_view text, Transform unit) {
  int64_t scale = ticks_per(unit);
  __int128 since_epoch = 0;
  if (auto whole = parse_long(text)) {
    // Rounded down, for times before 1970 too.
    since_epoch =
        scale != 0 ? static_cast<__int128>(*whole) * scale
                   : (*whole >= 0 ? *whole / 100 : -((-static_cast<__int128>(*whole) + 99) / 100));
  } else {
    auto number = parse_real(text);
    if (!number) return std::nullopt;
    double ticks = std::floor(scale != 0 ? *number * static_cast<double>(scale) : *number / 100);
    if (!(std::abs(ticks) < 9e18)) return std::nullopt;
    since_epoch = static_cast<int64_t>(ticks);
  }
  __int128 ticks = since_epoch + kUnixEpochTicks;
  if (ticks < 0 || ticks > kMaxDateTimeTicks) return std::nullopt;
  return static_cast<Ticks>(ticks);
}

// Appends the value that is next without what other columns take of it; what is left may have a name twice.
void append_without_mapped_fields(std::string& out, JsonReader& reader, const Mapping& mapping,
                                  const Mapping::Node& node) {
  if (reader.peek() != '{') {
    append_json_value(out, reader.value());
    return;
  }
  reader.enter('{');
  out += '{';
  if (!reader.take('}')) {
    std::string scratch;
    bool is_first = true;
    do {
      JsonValue name{JsonValue::Kind::kString, {}, true};
      name.text = reader.property_name(name.is_plain);
      const uint32_t* child = node.find(string_content(name, scratch));
      if (child != nullptr && mapping.nodes[*child].first_target != Mapping::kNone) {
        reader.skip();
        continue;
      }
      if (!is_first) out += ',';
      is_first = false;
      append_json_value(out, name);
      out += ':';
      if (child != nullptr) {
        append_without_mapped_fields(out, reader, mapping, mapping.nodes[*child]);
      } else {
        append_json_value(out, reader.value());
      }
    } while (reader.take(','));
    reader.expect('}');
  }
  out += '}';
  reader.leave();
}

// Appends a cell of an object that may have a name twice: of these, the last value is left.
void append_object(Column& column, std::string_view json) {
  std::string unique;
  read_json(unique, json);
  if (is_text(column.type()) && unique != "null") {
    column.append_text(unique);
  } else {
    append_text_value(column, unique);
  }
}

}  // namespace

std::string_view string_content(const JsonValue& value, std::string& scratch) {
  if (value.is_plain) return value.text;
  scratch.clear();
  append_json_string_content(scratch, value.text);
  return scratch;
}

std::string_view compact_json(const JsonValue& value, std::string& scratch) {
  if (value.is_plain) return value.text;
  scratch.clear();
  append_json_value(scratch, value);
  return scratch;
}

void append_unix_time(Column& column, const JsonValue& value, Transform unit) {
  std::string scratch;
  std::optional<Ticks> ticks;
  if (value.kind == JsonValue::Kind::kNumber) ticks = unix_time(value.text, unit);
  if (value.kind == JsonValue::Kind::kString)
    ticks = unix_time(string_content(value, scratch), unit);
  if (!ticks) {
    column.append_null();
  } else if (column.type() == ScalarType::kDateTime) {
    column.append(*ticks);
  } else {
    scratch.clear();
    append_datetime(scratch, *ticks);
    append_text_value(column, scratch);
  }
}

void append_dictionary(Column& column, const JsonValue& value) {
  if (value.kind != JsonValue::Kind::kArray) {
    column.append_null();
    return;
  }
  std::string out = "{";
  for_each_element(value, [&](const JsonValue& element) {
    if (element.kind != JsonValue::Kind::kObject) return;
    JsonReader reader(element.text);
    reader.enter('{');
    if (reader.take('}')) return;
    do {
      JsonValue name{JsonValue::Kind::kString, {}, true};
      name.text = reader.property_name(name.is_plain);
      if (out.size() > 1) out += ',';
      append_json_value(out, name);
      out += ':';
      append_json_value(out, reader.value());
    } while (reader.take(','));
  });
  out += '}';
  append_object(column, out);
}

void append_base64_text(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (size_t digit = 0; digit < 4; ++digit) {
      out += digit <= count ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
    }
  }
}

void append_base64(Column& column, const JsonValue& value) {
  std::string bytes;
  bool is_valid = value.kind == JsonValue::Kind::kArray;
  if (is_valid) {
    for_each_element(value, [&](const JsonValue& element) {
      auto byte = element.kind == JsonValue::Kind::kNumber ? parse_int(element.text) : std::nullopt;
      is_valid = is_valid && byte && *byte >= 0 && *byte <= 255;
      if (is_valid) bytes.push_back(static_cast<char>(*byte));
    });
  }
  if (!is_valid) {
    column.append_null();
    return;
  }
  std::string text;
  append_base64_text(text, bytes);
  if (column.type() == ScalarType::kDynamic) {
    append_dynamic_string(column, text);
  } else {
    append_text_value(column, text);
  }
}

void append_without_mapped_fields(Column& column, const JsonValue& value, const Mapping& mapping,
                                  const Mapping::Node& node) {
  std::string out;
  if (value.kind == JsonValue::Kind::kObject) {
    JsonReader reader(value.text);
    append_without_mapped_fields(out, reader, mapping, node);
  } else {
    append_json_value(out, value);
  }
  append_object(column, out);
}

}  // namespace rivulet::ingest
