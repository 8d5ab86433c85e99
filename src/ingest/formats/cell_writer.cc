#include "ingest/formats/cell_writer.h"

#include <charconv>
#include <cmath>
#include <string>

#include "types/text.h"

namespace rivulet::ingest {
namespace {

template <typename T>
void append_optional(Column& column, const std::optional<T>& value) {
  if (value) {
    column.append(*value);
  } else {
    column.append_null();
  }
}

// Also "3.0" and "3e2": a fraction of zero is no reason to lose a number.
std::optional<int64_t> parse_whole_number(std::string_view text) {
  if (auto value = parse_long(text)) return value;
  if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  auto value = parse_real(text);
  if (!value || std::trunc(*value) != *value || std::abs(*value) >= 9.2e18) return std::nullopt;
  return static_cast<int64_t>(*value);
}

void append_dynamic(Column& column, std::string_view text) {
  thread_local std::string json;
  json.clear();
  if (!append_compact_json(json, text)) {
    append_json_string(json, text);
  } else if (json == "null") {
    column.append_null();
    return;
  }
  column.append_text(json);
}

}  // namespace

void append_text_value(Column& column, std::string_view text) {
  if (column.type() == ScalarType::kString) {
    column.append_text(text);
    return;
  }
  if (text.empty()) {
    column.append_null();
    return;
  }
  switch (column.type()) {
    case ScalarType::kBool: {
      auto value = parse_bool(text);
      append_optional(column, value ? std::optional<uint8_t>(*value ? 1 : 0) : std::nullopt);
      break;
    }
    case ScalarType::kInt: {
      auto value = parse_whole_number(text);
      bool fits = value && *value >= INT32_MIN && *value <= INT32_MAX;
      append_optional(column,
                      fits ? std::optional<int32_t>(static_cast<int32_t>(*value)) : std::nullopt);
      break;
    }
    case ScalarType::kLong:
      append_optional(column, parse_whole_number(text));
      break;
    case ScalarType::kReal:
      append_optional(column, parse_real(text));
      break;
    case ScalarType::kDecimal:
      append_optional(column, parse_decimal(text));
      break;
    case ScalarType::kDateTime:
      append_optional(column, parse_datetime(text));
      break;
    case ScalarType::kTimeSpan:
      append_optional(column, parse_timespan(text));
      break;
    case ScalarType::kGuid: {
      auto value = parse_guid(text);
      append_optional(column, value ? std::optional(GuidCell::from(*value)) : std::nullopt);
      break;
    }
    case ScalarType::kDynamic:
      append_dynamic(column, text);
      break;
    case ScalarType::kString:
      break;
  }
}

void append_whole_number(Column& column, int64_t value) {
  switch (column.type()) {
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
    case ScalarType::kGuid:
    case ScalarType::kBool:
      column.append_null();
      return;
    default:
      break;
  }
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  append_text_value(column, {digits, static_cast<size_t>(end - digits)});
}

void append_dynamic_string(Column& column, std::string_view text) {
  thread_local std::string json;
  json.clear();
  append_json_string(json, text);
  column.append_text(json);
}

}  // namespace rivulet::ingest
