#include <cmath>
#include <limits>

#include "common/guid.h"
#include "functions/families.h"
#include "functions/json/json.h"
#include "kql/syntax/literal.h"
#include "types/text.h"

// Values to text and to dynamic, and back.
namespace rivulet::functions {

namespace {

std::string real_to_string(double value) {
  std::string out;
  append_real(out, value);
  return out;
}
std::string decimal_to_string(Decimal value) {
  std::string out;
  append_decimal(out, value);
  return out;
}
std::string datetime_to_string(int64_t value) {
  std::string out;
  append_datetime(out, value);
  return out;
}
std::string timespan_to_string(int64_t value) {
  std::string out;
  append_timespan(out, value);
  return out;
}
std::string dynamic_to_string(std::string_view value) {
  return json_text(value);
}

std::optional<bool> string_to_bool(std::string_view text) {
  return parse_bool(text);
}
std::optional<int32_t> string_to_int(std::string_view text) {
  if (const auto value = parse_int(text)) return value;
  const auto real = parse_real(text);
  if (!real || !(std::abs(*real) < 2147483648.0)) return std::nullopt;
  return static_cast<int32_t>(*real);
}
std::optional<int64_t> string_to_long(std::string_view text) {
  if (const auto value = parse_long(text)) return value;
  const auto real = parse_real(text);
  if (!real || !(std::abs(*real) < 9.2233720368547748e18)) return std::nullopt;
  return static_cast<int64_t>(*real);
}
std::optional<int64_t> string_to_whole(std::string_view text) {
  return kql::parse_whole(text);
}
std::optional<double> string_to_real(std::string_view text) {
  return parse_real(text);
}
std::optional<Decimal> string_to_decimal(std::string_view text) {
  return parse_decimal(text);
}
std::optional<int64_t> string_to_datetime(std::string_view text) {
  return parse_datetime(text);
}
std::optional<int64_t> string_to_timespan(std::string_view text) {
  return parse_timespan(text);
}
// Beside the usual forms: the first 32 digits, with or without any of the hyphens, whatever follows.
std::optional<Guid> string_to_guid(std::string_view text) {
  if (const auto guid = parse_guid(text)) return guid;
  constexpr size_t kDigits = 32;
  std::string digits;
  size_t hyphen = 0;  // digits before the last one
  for (const char c : text) {
    const size_t count = digits.size();
    if (count == kDigits) break;
    if (c == '-' && count >= 8 && count <= 20 && count % 4 == 0 && count != hyphen) {
      hyphen = count;
    } else {
      digits += c;
    }
  }
  return digits.size() == kDigits ? parse_guid(digits) : std::nullopt;
}

// A dynamic's value in another type: of a string what the text spells, of a number the number.
template <auto from_text>
auto from_string(std::string_view value) {
  return from_text(json_text(value));
}

std::optional<bool> dynamic_to_bool(std::string_view value) {
  switch (json_kind(value)) {
    case JsonKind::kBool:
      return value.front() == 't';
    case JsonKind::kLong:
    case JsonKind::kReal:
      return json_double(value) != 0.0;
    case JsonKind::kString:
      return from_string<string_to_bool>(value);
    default:
      return std::nullopt;
  }
}
std::optional<int64_t> dynamic_to_long(std::string_view value) {
  switch (json_kind(value)) {
    case JsonKind::kBool:
      return value.front() == 't' ? 1 : 0;
    case JsonKind::kLong:
    case JsonKind::kReal:
      return json_long(value);
    case JsonKind::kString:
      return from_string<string_to_long>(value);
    default:
      return std::nullopt;
  }
}
std::optional<double> dynamic_to_real(std::string_view value) {
  switch (json_kind(value)) {
    case JsonKind::kBool:
      return value.front() == 't' ? 1 : 0;
    case JsonKind::kLong:
    case JsonKind::kReal:
      return json_double(value);
    case JsonKind::kString:
      return from_string<string_to_real>(value);
    default:
      return std::nullopt;
  }
}
std::optional<Decimal> dynamic_to_decimal(std::string_view value) {
  switch (json_kind(value)) {
    case JsonKind::kLong:
    case JsonKind::kReal:
      return parse_decimal(value);
    case JsonKind::kString:
      return from_string<string_to_decimal>(value);
    default:
      return std::nullopt;
  }
}
std::optional<int64_t> dynamic_to_datetime(std::string_view value) {
  if (json_kind(value) == JsonKind::kLong) {
    const auto ticks = json_long(value);
    if (ticks && *ticks >= 0 && *ticks <= kMaxDateTimeTicks) return ticks;
    return std::nullopt;
  }
  if (json_kind(value) != JsonKind::kString) return std::nullopt;
  return from_string<string_to_datetime>(value);
}
std::optional<int64_t> dynamic_to_timespan(std::string_view value) {
  if (json_kind(value) == JsonKind::kLong) return json_long(value);
  if (json_kind(value) != JsonKind::kString) return std::nullopt;
  return from_string<string_to_timespan>(value);
}
std::optional<Guid> dynamic_to_guid(std::string_view value) {
  if (json_kind(value) != JsonKind::kString) return std::nullopt;
  return from_string<string_to_guid>(value);
}

Json string_to_dynamic(std::string_view text) {
  Json out;
  append_json_string(out.text, text);
  return out;
}
Json real_to_dynamic(double value) {
  Json out;
  append_json_double(out.text, value);
  return out;
}
Json decimal_to_dynamic(Decimal value) {
  Json out{"\""};
  append_decimal(out.text, value);
  out.text += '"';
  return out;
}
Json datetime_to_dynamic(int64_t value) {
  Json out{"\""};
  append_datetime(out.text, value);
  out.text += '"';
  return out;
}
Json timespan_to_dynamic(int64_t value) {
  Json out{"\""};
  append_timespan(out.text, value);
  out.text += '"';
  return out;
}
Json guid_to_dynamic(Guid value) {
  return {'"' + to_string(value) + '"'};
}

// parse_json: text that is no JSON is itself a string value.
std::optional<Json> parse_dynamic(std::string_view text) {
  if (text.empty()) return std::nullopt;
  Json out;
  if (read_json(out.text, text, JsonSpelling::kNormalized)) return string_to_dynamic(text);
  if (out.text == "null") return std::nullopt;
  return out;
}
// Of a dynamic, the value itself, or what its string spells.
std::optional<Json> reparse_dynamic(std::string_view value) {
  if (json_kind(value) != JsonKind::kString) return json_result(value);
  return parse_dynamic(json_text(value));
}

std::string type_of_dynamic(std::optional<std::string_view> value) {
  if (!value) return "null";
  switch (json_kind(*value)) {
    case JsonKind::kNull:
      return "null";
    case JsonKind::kBool:
      return "bool";
    case JsonKind::kLong:
      return json_long(*value) == static_cast<int32_t>(json_long(*value).value_or(0)) ? "int"
                                                                                      : "long";
    case JsonKind::kReal:
      return "real";
    case JsonKind::kString:
      return "string";
    case JsonKind::kArray:
      return "array";
    case JsonKind::kObject:
      return "dictionary";
  }
  return "null";
}

std::optional<int64_t> valid_datetime(int64_t ticks) {
  if (ticks < 0 || ticks > kMaxDateTimeTicks) return std::nullopt;
  return ticks;
}

constexpr Udf kFunctions[] = {
    udf<real_to_string>("k_real_to_string"),
    udf<decimal_to_string>("k_decimal_to_string"),
    udf<datetime_to_string>("k_datetime_to_string"),
    udf<timespan_to_string>("k_timespan_to_string"),
    udf<dynamic_to_string>("k_dynamic_to_string"),
    udf<string_to_bool>("k_string_to_bool"),
    udf<string_to_int>("k_string_to_int"),
    udf<string_to_long>("k_string_to_long"),
    udf<string_to_whole>("k_string_to_whole"),
    udf<string_to_real>("k_string_to_real"),
    udf<string_to_decimal>("k_string_to_decimal"),
    udf<string_to_datetime>("k_string_to_datetime"),
    udf<string_to_timespan>("k_string_to_timespan"),
    udf<string_to_guid>("k_string_to_guid"),
    udf<dynamic_to_bool>("k_dynamic_to_bool"),
    udf<dynamic_to_long>("k_dynamic_to_long"),
    udf<dynamic_to_real>("k_dynamic_to_real"),
    udf<dynamic_to_decimal>("k_dynamic_to_decimal"),
    udf<dynamic_to_datetime>("k_dynamic_to_datetime"),
    udf<dynamic_to_timespan>("k_dynamic_to_timespan"),
    udf<dynamic_to_guid>("k_dynamic_to_guid"),
    udf<string_to_dynamic>("k_string_to_dynamic"),
    udf<real_to_dynamic>("k_real_to_dynamic"),
    udf<decimal_to_dynamic>("k_decimal_to_dynamic"),
    udf<datetime_to_dynamic>("k_datetime_to_dynamic"),
    udf<timespan_to_dynamic>("k_timespan_to_dynamic"),
    udf<guid_to_dynamic>("k_guid_to_dynamic"),
    udf<parse_dynamic>("k_parse_json"),
    udf<reparse_dynamic>("k_reparse_json"),
    udf<type_of_dynamic>("k_type_of_dynamic"),
    udf<valid_datetime>("k_valid_datetime"),
};

}  // namespace

std::span<const Udf> conversion_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
