#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "functions/families.h"
#include "functions/json/json.h"

// Functions of arrays and of arrays as sets.
namespace rivulet::functions {

namespace {

bool is_array(std::string_view value) {
  return json_kind(value) == JsonKind::kArray;
}

std::optional<Json> concat(Rest<std::string_view> arrays) {
  JsonArray out;
  for (const auto& array : arrays) {
    if (!array) continue;
    if (!is_array(*array)) return std::nullopt;
    for_each_element(*array, [&](std::string_view element) {
      out.add(element);
      return true;
    });
  }
  return out.finish();
}

bool is_true(std::string_view value) {
  if (json_kind(value) == JsonKind::kBool) return value == "true";
  const auto number = json_double(value);
  return number && *number != 0;
}

// `when_true` and `when_false` are arrays, or one value for all.
std::optional<Json> choose(std::string_view conditions, std::optional<std::string_view> when_true,
                           std::optional<std::string_view> when_false) {
  if (!is_array(conditions)) return std::nullopt;
  const auto branch = [](std::optional<std::string_view> value) {
    return value && is_array(*value) ? json_elements(*value) : std::vector<std::string_view>();
  };
  const auto yes = branch(when_true), no = branch(when_false);
  const auto pick = [](std::optional<std::string_view> value,
                       const std::vector<std::string_view>& elements,
                       size_t i) -> std::string_view {
    if (!value) return {};
    if (!is_array(*value)) return *value;
    return i < elements.size() ? elements[i] : std::string_view();
  };
  JsonArray out;
  size_t i = 0;
  for_each_element(conditions, [&](std::string_view condition) {
    const JsonKind kind = json_kind(condition);
    if (kind != JsonKind::kBool && kind != JsonKind::kLong && kind != JsonKind::kReal) {
      out.add({});
    } else {
      out.add(is_true(condition) ? pick(when_true, yes, i) : pick(when_false, no, i));
    }
    ++i;
    return true;
  });
  return out.finish();
}

std::optional<int64_t> index_of(std::string_view array, std::string_view value, int64_t start,
                                int64_t count, int64_t occurrence) {
  if (!is_array(array) || occurrence < 1 || count < -1) return std::nullopt;
  const auto elements = json_elements(array);
  const int64_t size = static_cast<int64_t>(elements.size());
  if (start < 0) start = std::max<int64_t>(0, start + size);
  const int64_t end = count < 0 || count > size - start ? size : start + count;
  for (int64_t i = start; i < end; ++i) {
    count_work(kJsonStepWork);
    if (json_equal(elements[i], value) && --occurrence == 0) return i;
  }
  return -1;
}

std::optional<Json> reversed(std::string_view array) {
  if (!is_array(array)) return std::nullopt;
  const auto elements = json_elements(array);
  JsonArray out;
  for (auto it = elements.rbegin(); it != elements.rend(); ++it) out.add(*it);
  return out.finish();
}

std::optional<Json> rotate_left(std::string_view array, int64_t count) {
  if (!is_array(array)) return std::nullopt;
  auto elements = json_elements(array);
  const int64_t size = static_cast<int64_t>(elements.size());
  if (size > 0) {
    count = (count % size + size) % size;
    std::rotate(elements.begin(), elements.begin() + count, elements.end());
  }
  JsonArray out;
  for (const auto element : elements) out.add(element);
  return out.finish();
}
std::optional<Json> rotate_right(std::string_view array, int64_t count) {
  return rotate_left(array, count == INT64_MIN ? 0 : -count);
}

std::optional<Json> shift_left(std::string_view array, int64_t count,
                               std::optional<std::string_view> fill) {
  if (!is_array(array)) return std::nullopt;
  const auto elements = json_elements(array);
  const int64_t size = static_cast<int64_t>(elements.size());
  count = std::clamp(count, -size, size);
  JsonArray out;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t from = i + count;
    out.add(from >= 0 && from < size ? elements[from] : fill.value_or("null"));
  }
  return out.finish();
}
std::optional<Json> shift_right(std::string_view array, int64_t count,
                                std::optional<std::string_view> fill) {
  return shift_left(array, count == INT64_MIN ? INT64_MAX : -count, fill);
}

std::optional<Json> slice(std::string_view array, int64_t start, int64_t end) {
  if (!is_array(array)) return std::nullopt;
  const auto elements = json_elements(array);
  const int64_t size = static_cast<int64_t>(elements.size());
  if (start < 0) start += size;
  if (end < 0) end += size;
  JsonArray out;
  for (int64_t i = std::max<int64_t>(start, 0); i <= end && i < size; ++i) out.add(elements[i]);
  return out.finish();
}

// Arrays between the indices, which count from the end when negative.
std::optional<Json> split(std::string_view array, std::string_view indices) {
  if (!is_array(array)) return std::nullopt;
  const auto elements = json_elements(array);
  const int64_t size = static_cast<int64_t>(elements.size());
  std::vector<int64_t> cuts;
  const auto add_cut = [&](std::string_view value) {
    auto cut = json_long(value).value_or(0);
    if (cut < 0) cut = std::max<int64_t>(0, cut + size);
    cuts.push_back(std::min(cut, size));
  };
  if (is_array(indices)) {
    for (const auto index : json_elements(indices)) add_cut(index);
  } else {
    add_cut(indices);
  }
  cuts.push_back(size);
  JsonArray out;
  int64_t begin = 0;
  for (const int64_t cut : cuts) {
    JsonArray part;
    for (int64_t i = begin; i < cut; ++i) part.add(elements[i]);
    begin = std::max(begin, cut);
    out.add(part.finish().text);
  }
  return out.finish();
}

std::optional<double> sum(std::string_view array) {
  if (!is_array(array)) return std::nullopt;
  double total = 0;
  bool is_numeric = true;
  for_each_element(array, [&](std::string_view element) {
    const JsonKind kind = json_kind(element);
    if (kind == JsonKind::kNull) return true;
    if (kind == JsonKind::kBool) {
      total += element == "true" ? 1 : 0;
      return true;
    }
    const auto number = json_double(element);
    is_numeric = number.has_value();
    total += number.value_or(0);
    return is_numeric;
  });
  return is_numeric ? std::optional(total) : std::nullopt;
}

// Numbers by value, then strings by their bytes, then all else by its text.
int compare_values(std::string_view a, std::string_view b) {
  const auto rank = [](std::string_view v) {
    switch (json_kind(v)) {
      case JsonKind::kBool:
        return 0;
      case JsonKind::kLong:
      case JsonKind::kReal:
        return 1;
      case JsonKind::kString:
        return json_double(v) ? 1 : 2;  // an infinity
      default:
        return 3;
    }
  };
  const int rank_a = rank(a), rank_b = rank(b);
  if (rank_a != rank_b) return rank_a < rank_b ? -1 : 1;
  if (rank_a == 1) {
    if (json_kind(a) == JsonKind::kLong && json_kind(b) == JsonKind::kLong) {
      const auto x = json_long(a), y = json_long(b);
      if (x && y) return *x < *y ? -1 : *x > *y ? 1 : 0;
    }
    const double x = json_double(a).value_or(0), y = json_double(b).value_or(0);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (rank_a == 2) return json_text(a).compare(json_text(b));
  return a.compare(b);
}

// Where an element stands: numbers and all else, NaN beside the nulls, nulls.
int place_of(std::string_view element, bool nulls_last) {
  if (json_kind(element) == JsonKind::kNull) return nulls_last ? 2 : -2;
  const auto number = json_kind(element) == JsonKind::kString ? json_double(element) : std::nullopt;
  if (number && std::isnan(*number)) return nulls_last ? 1 : -1;
  return 0;
}

// Each array in the order that sorts the first; an array of another length becomes null. Of one array
// itself, of several an array of them.
template <bool kIsDescending>
std::optional<Json> sort(bool nulls_last, Rest<std::string_view> arrays) {
  if (arrays.empty() || !arrays[0] || !is_array(*arrays[0])) return std::nullopt;
  const auto keys = json_elements(*arrays[0]);
  std::vector<size_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    count_work(4 * kJsonStepWork);
    const int place_a = place_of(keys[a], nulls_last), place_b = place_of(keys[b], nulls_last);
    if (place_a != 0 || place_b != 0) return place_a < place_b;
    const int compared = compare_values(keys[a], keys[b]);
    return kIsDescending ? compared > 0 : compared < 0;
  });
  JsonArray all;
  for (const auto& array : arrays) {
    const auto elements = array ? json_elements(*array) : std::vector<std::string_view>();
    if (elements.size() != keys.size()) {
      all.add({});
      continue;
    }
    JsonArray sorted;
    for (const size_t i : order) sorted.add(elements[i]);
    if (arrays.size() == 1) return sorted.finish();
    all.add(sorted.finish().text);
  }
  return all.finish();
}

std::string set_key(std::string_view element) {
  if (json_kind(element) == JsonKind::kReal) {
    const auto whole = json_long(element);
    if (whole && static_cast<double>(*whole) == json_double(element)) return std::to_string(*whole);
  }
  return std::string(element);
}

std::unordered_set<std::string> as_set(std::string_view array) {
  std::unordered_set<std::string> set;
  for_each_element(array, [&](std::string_view element) {
    set.insert(set_key(element));
    return true;
  });
  return set;
}

std::optional<Json> set_union(Rest<std::string_view> arrays) {
  JsonArray out;
  std::unordered_set<std::string> seen;
  for (const auto& array : arrays) {
    if (!array) continue;
    if (!is_array(*array)) return std::nullopt;
    for_each_element(*array, [&](std::string_view element) {
      if (seen.insert(set_key(element)).second) out.add(element);
      return true;
    });
  }
  return out.finish();
}

// The first array's distinct elements that are (or are not) in the others.
template <bool kIsIntersection>
std::optional<Json> set_filter(Rest<std::string_view> arrays) {
  std::vector<std::unordered_set<std::string>> others;
  for (const auto& array : arrays) {
    if (!array || !is_array(*array)) return std::nullopt;
    if (&array != &arrays[0]) others.push_back(as_set(*array));
  }
  JsonArray out;
  std::unordered_set<std::string> seen;
  for_each_element(*arrays[0], [&](std::string_view element) {
    const std::string key = set_key(element);
    const auto contains = [&](const auto& set) { return set.contains(key); };
    const bool keeps = kIsIntersection ? std::all_of(others.begin(), others.end(), contains)
                                       : std::none_of(others.begin(), others.end(), contains);
    if (keeps && seen.insert(key).second) out.add(element);
    return true;
  });
  return out.finish();
}

std::optional<bool> set_has(std::string_view array, std::optional<std::string_view> value) {
  if (!is_array(array)) return std::nullopt;
  bool found = false;
  for_each_element(array, [&](std::string_view element) {
    found = json_equal(element, value.value_or("null"));
    return !found;
  });
  return found;
}

std::optional<double> jaccard(std::string_view a, std::string_view b) {
  if (!is_array(a) || !is_array(b)) return std::nullopt;
  const auto set_a = as_set(a), set_b = as_set(b);
  size_t common = 0;
  for (const auto& element : set_a) common += set_b.count(element);
  const size_t all = set_a.size() + set_b.size() - common;
  return static_cast<double>(common) / static_cast<double>(all);
}

std::optional<Json> zip(Rest<std::string_view> arrays) {
  std::vector<std::vector<std::string_view>> columns;
  size_t longest = 0;
  for (const auto& array : arrays) {
    columns.push_back(array ? json_elements(*array) : std::vector<std::string_view>());
    if (array && !is_array(*array)) columns.back().push_back(*array);
    longest = std::max(longest, columns.back().size());
  }
  JsonArray out;
  for (size_t i = 0; i < longest; ++i) {
    JsonArray row;
    for (const auto& column : columns) row.add(i < column.size() ? column[i] : std::string_view());
    out.add(row.finish().text);
  }
  return out.finish();
}

constexpr Udf kFunctions[] = {
    udf<concat>("k_array_concat"),
    udf<choose>("k_array_iff"),
    udf<index_of>("k_array_index_of"),
    udf<reversed>("k_array_reverse"),
    udf<rotate_left>("k_array_rotate_left"),
    udf<rotate_right>("k_array_rotate_right"),
    udf<shift_left>("k_array_shift_left"),
    udf<shift_right>("k_array_shift_right"),
    udf<slice>("k_array_slice"),
    udf<split>("k_array_split"),
    udf<sum>("k_array_sum"),
    udf<sort<false>>("k_array_sort_asc"),
    udf<sort<true>>("k_array_sort_desc"),
    udf<set_union>("k_set_union"),
    udf<set_filter<true>>("k_set_intersect"),
    udf<set_filter<false>>("k_set_difference"),
    udf<set_has>("k_set_has_element"),
    udf<jaccard>("k_jaccard_index"),
    udf<zip>("k_zip"),
};

}  // namespace

std::span<const Udf> array_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
