#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "functions/families.h"
#include "functions/json/json.h"
#include "types/text.h"

// Members of dynamic values, and the making of arrays and bags.
namespace rivulet::functions {

namespace {

std::optional<Json> member(std::string_view value, std::string_view key) {
  return json_result(json_member(value, key));
}
std::optional<Json> element(std::string_view value, int64_t index) {
  return json_result(json_element(value, index));
}
// An index that is itself dynamic: a string names a member, a number an element.
std::optional<Json> at(std::string_view value, std::string_view index) {
  if (json_kind(index) == JsonKind::kString) return member(value, json_text(index));
  const auto position = json_long(index);
  return position ? element(value, *position) : std::nullopt;
}

Json pack_array(Rest<std::string_view> values) {
  JsonArray out;
  for (const auto& value : values) out.add(value.value_or("null"));
  return out.finish();
}

// Keys and values by turns. Keys are strings as dynamic values; of equal keys the last value counts.
Json pack_bag(Rest<std::string_view> values) {
  Json out{"{"};
  JsonNames names;
  for (size_t i = 0; i + 1 < values.size(); i += 2) {
    if (!values[i]) continue;
    if (out.text.size() > 1) out.text += ',';
    std::string name = json_text(*values[i]);
    names.add(name);
    append_json_string(out.text, name);
    out.text += ':';
    out.text += values[i + 1].value_or("null");
  }
  out.text += '}';
  if (!names.may_repeat()) return out;
  return {read_json(out.text).value_or(out.text)};
}

// A JSON array of the elements already written, such as list() gives.
std::optional<bool> equal(std::optional<std::string_view> a, std::optional<std::string_view> b) {
  if (!a && !b) return std::nullopt;
  return a && b && json_equal(*a, *b);
}

std::optional<int64_t> array_length(std::string_view value) {
  if (json_kind(value) != JsonKind::kArray) return std::nullopt;
  int64_t count = 0;
  for_each_element(value, [&](std::string_view) {
    ++count;
    return true;
  });
  return count;
}

std::optional<Json> range_long(int64_t start, int64_t stop, int64_t step) {
  if (step == 0) return std::nullopt;
  JsonArray out;
  int64_t count = 0;
  for (int64_t value = start; step > 0 ? value <= stop : value >= stop;) {
    if (++count > kMaxArrayLength) break;
    out.add_long(value);
    if (__builtin_add_overflow(value, step, &value)) break;
  }
  return out.finish();
}
std::optional<Json> range_real(double start, double stop, double step) {
  if (step == 0 || !std::isfinite(start) || !std::isfinite(stop) || !std::isfinite(step))
    return std::nullopt;
  JsonArray out;
  for (int64_t i = 0; i < kMaxArrayLength; ++i) {
    const double value = start + static_cast<double>(i) * step;
    if (step > 0 ? value > stop : value < stop) break;
    out.add_double(value);
  }
  return out.finish();
}
void append_date(std::string& out, int64_t ticks) {
  append_datetime(out, ticks);
}
template <auto append>
std::optional<Json> range_ticks(int64_t start, int64_t stop, int64_t step) {
  if (step == 0) return std::nullopt;
  JsonArray out;
  int64_t count = 0;
  for (int64_t value = start; step > 0 ? value <= stop : value >= stop;) {
    if (++count > kMaxArrayLength) break;
    std::string& text = out.next();
    text += '"';
    append(text, value);
    text += '"';
    if (__builtin_add_overflow(value, step, &value)) break;
  }
  return out.finish();
}

std::optional<Json> repeat(std::optional<std::string_view> value, int64_t count) {
  if (count < 0) return std::nullopt;
  JsonArray out;
  for (int64_t i = 0; i < std::min(count, kMaxArrayLength); ++i) out.add(value.value_or("null"));
  return out.finish();
}

// How many points a series of make-series has, refused when an array cannot hold them.
int64_t series_length(int64_t count) {
  if (count > kMaxArrayLength) {
    throw std::length_error("make-series: a series of " + std::to_string(count) +
                            " points is longer than the 1,048,576 elements of an array");
  }
  return std::max<int64_t>(count, 0);
}

// True. Counts the list that mv-expand has the engine make of the value: of an array its elements, of a bag a
// piece for each member.
bool expands(std::optional<std::string_view> value) {
  constexpr size_t kElementBytes = 48;
  if (!value) return true;
  size_t bytes = 0;
  for_each_element(*value, [&](std::string_view element) {
    bytes += kElementBytes + element.size();
    return true;
  });
  for_each_member(*value, [&](std::string_view key, std::string_view member) {
    bytes += 2 * (kElementBytes + key.size() + member.size());
    return true;
  });
  hold_in_block(bytes);
  return true;
}

constexpr Udf kFunctions[] = {
    udf<series_length>("k_series_length"),
    volatile_udf<expands>("k_expands"),
    udf<member>("k_member"),
    udf<element>("k_element"),
    udf<at>("k_at"),
    udf<pack_array>("k_pack_array"),
    udf<pack_bag>("k_pack_bag"),
    udf<equal>("k_equal_dynamic"),
    udf<array_length>("k_array_length"),
    udf<range_long>("k_range"),
    udf<range_real>("k_range_real"),
    udf<range_ticks<append_date>>("k_range_datetime"),
    udf<range_ticks<append_timespan>>("k_range_timespan"),
    udf<repeat>("k_repeat"),
};

}  // namespace

std::span<const Udf> dynamic_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
