#include "ingest/json_transforms.h"

#include <cmath>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "ingest/cell_writer.h"
#include "types/text.h"

namespace rivulet::ingest {
namespace {

// Appends the value as JSON text without blanks, quotes included.
void append_json(std::string& out, const JsonValue& value) {
  if (value.kind == JsonValue::Kind::kString) {
    out += '"';
    out += value.text;
    out += '"';
  } else if (value.is_plain) {
    out += value.text;
  } else {
    append_compact_json(out, value.text);
  }
}

// Calls function(quoted name, name, value) for each property of an object that was checked before.
template <typename Function>
void for_each_property(const JsonValue& object, const Function& function) {
  JsonReader reader(object.text);
  reader.enter('{');
  if (reader.take('}')) return;
  std::string scratch;
  do {
    bool is_plain = true;
    std::string_view name = reader.property_name(is_plain);
    JsonValue name_value{JsonValue::Kind::kString, name, is_plain};
    JsonValue value = reader.value();
    function(name_value, string_content(name_value, scratch), value);
  } while (reader.take(','));
}

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

void append_object_without_mapped_fields(std::string& out, const JsonValue& object,
                                         const Mapping& mapping, const Mapping::Node& node) {
  out += '{';
  bool is_first = true;
  for_each_property(
      object, [&](const JsonValue& quoted, std::string_view name, const JsonValue& value) {
        const uint32_t* child = node.find(name);
        if (child != nullptr && mapping.nodes[*child].first_target != Mapping::kNone) return;
        if (!is_first) out += ',';
        is_first = false;
        append_json(out, quoted);
        out += ':';
        if (child != nullptr && value.kind == JsonValue::Kind::kObject) {
          append_object_without_mapped_fields(out, value, mapping, mapping.nodes[*child]);
        } else {
          append_json(out, value);
        }
      });
  out += '}';
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
  append_compact_json(scratch, value.text);
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
  std::vector<std::pair<std::string, std::string>> properties;  // JSON of name and value
  for_each_element(value, [&](const JsonValue& element) {
    if (element.kind != JsonValue::Kind::kObject) return;
    for_each_property(element,
                      [&](const JsonValue& quoted, std::string_view, const JsonValue& inner) {
                        std::string name, json;
                        append_json(name, quoted);
                        append_json(json, inner);
                        for (auto& [known, old] : properties) {
                          if (known != name) continue;
                          old = std::move(json);
                          return;
                        }
                        properties.emplace_back(std::move(name), std::move(json));
                      });
  });
  std::string out = "{";
  for (const auto& [name, json] : properties) {
    if (out.size() > 1) out += ',';
    out += name;
    out += ':';
    out += json;
  }
  out += '}';
  append_text_value(column, out);
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
    append_object_without_mapped_fields(out, value, mapping, node);
  } else {
    append_json(out, value);
  }
  append_text_value(column, out);
}

}  // namespace rivulet::ingest
