#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/udaf.h"

// Aggregates that DuckDB has no counterpart of.
namespace rivulet::functions {

namespace {

// Text held by one state of a set or bag: beyond it the query fails.
constexpr size_t kMaxStateBytes = size_t{256} << 20;

// Distinct values in the order of their arrival.
struct DistinctValues {
  std::unordered_set<std::string> seen;
  std::vector<const std::string*> order;
  size_t bytes = 0;

  void add(std::string_view value, int64_t limit) {
    if (static_cast<int64_t>(order.size()) >= limit) return;
    const auto [place, is_new] = seen.emplace(value);
    if (!is_new) return;
    bytes += value.size() + 64;
    if (bytes > kMaxStateBytes)
      throw std::length_error("make_set(): a set takes more than 256 MiB");
    order.push_back(&*place);
  }
};

// make_set(value, max): an array's elements count one by one.
struct MakeSet {
  DistinctValues values;
  int64_t limit = kMaxArrayLength;

  void update(std::optional<std::string_view> value, std::optional<int64_t> max) {
    limit = std::clamp<int64_t>(max.value_or(kMaxArrayLength), 0, kMaxArrayLength);
    if (!value || *value == "null") return;
    if (json_kind(*value) == JsonKind::kArray) {
      for_each_element(*value, [&](std::string_view element) {
        values.add(element, limit);
        return true;
      });
    } else {
      values.add(*value, limit);
    }
  }
  void merge(MakeSet& other) {
    limit = std::min(limit, other.limit);
    for (const std::string* value : other.values.order) values.add(*value, limit);
  }
  Json finish() {
    JsonArray out;
    for (const std::string* value : values.order) out.add(*value);
    return out.finish();
  }
  size_t memory() const { return values.bytes; }
};

// make_list(value, max): the values in the order of their arrival, of an array its elements.
struct MakeList {
  std::string text = "[";
  int64_t count = 0;
  int64_t limit = kMaxArrayLength;

  void update(std::optional<std::string_view> value, std::optional<int64_t> max) {
    limit = std::clamp<int64_t>(max.value_or(kMaxArrayLength), 0, kMaxArrayLength);
    if (!value || count >= limit) return;
    if (json_kind(*value) == JsonKind::kArray) {
      add_elements(*value);
    } else {
      add(*value);
    }
  }
  void merge(MakeList& other) {
    limit = std::min(limit, other.limit);
    other.text += ']';
    add_elements(other.text);
  }
  Json finish() {
    text += ']';
    return {std::move(text)};
  }
  size_t memory() const { return text.capacity(); }

 private:
  void add_elements(std::string_view array) {
    for_each_element(array, [&](std::string_view element) {
      if (count >= limit) return false;
      add(element);
      return true;
    });
  }
  void add(std::string_view element) {
    check_text_size(text.size() + element.size());
    if (count++ > 0) text += ',';
    text += element;
  }
};

// A list or set of values in the order of a key that comes with each, which the engine makes of what rows are sorted
// by.
template <typename Collection>
struct Ordered {
  struct Entry {
    size_t begin;  // in `text`: the key, and the value after it
    uint32_t key_size, value_size;
  };
  std::string text;
  std::vector<Entry> entries;
  int64_t limit = kMaxArrayLength;

  void update(std::optional<std::string_view> value, std::optional<int64_t> max,
              std::optional<Bytes> key) {
    limit = max.value_or(kMaxArrayLength);
    if (value && key) add(key->bytes, *value);
  }
  void merge(Ordered& other) {
    limit = std::min(limit, other.limit);
    for (const Entry& entry : other.entries) add(other.key_of(entry), other.value_of(entry));
  }
  Json finish() {
    std::stable_sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
      count_work(kJsonStepWork);
      return key_of(a) < key_of(b);
    });
    Collection collection;
    for (const Entry& entry : entries) collection.update(value_of(entry), limit);
    return collection.finish();
  }
  // With what finish() takes to sort.
  size_t memory() const { return text.capacity() + entries.capacity() * sizeof(Entry) * 3 / 2; }

 private:
  std::string_view key_of(const Entry& entry) const {
    return std::string_view(text).substr(entry.begin, entry.key_size);
  }
  std::string_view value_of(const Entry& entry) const {
    return std::string_view(text).substr(entry.begin + entry.key_size, entry.value_size);
  }
  void add(std::string_view key, std::string_view value) {
    if (text.size() + key.size() + value.size() > kMaxStateBytes)
      throw std::length_error("make_list(): a list in order takes more than 256 MiB");
    entries.push_back(
        {text.size(), static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value.size())});
    text += key;
    text += value;
  }
};

// make_bag(bag, max): of a key that comes again, one of its values.
struct MakeBag {
  std::unordered_map<std::string, std::string> members;
  std::vector<const std::string*> order;
  size_t bytes = 0;
  int64_t limit = kMaxArrayLength;

  void add(std::string_view key, std::string_view value) {
    if (static_cast<int64_t>(order.size()) >= limit) return;
    const auto [place, is_new] = members.emplace(key, value);
    if (!is_new) return;
    bytes += key.size() + value.size() + 128;
    if (bytes > kMaxStateBytes)
      throw std::length_error("make_bag(): a bag takes more than 256 MiB");
    order.push_back(&place->first);
  }
  void update(std::optional<std::string_view> bag, std::optional<int64_t> max) {
    limit = std::clamp<int64_t>(max.value_or(kMaxArrayLength), 0, kMaxArrayLength);
    if (!bag) return;
    for_each_member(*bag, [&](std::string_view key, std::string_view value) {
      add(key, value);
      return true;
    });
  }
  void merge(MakeBag& other) {
    limit = std::min(limit, other.limit);
    for (const std::string* key : other.order) add(*key, other.members[*key]);
  }
  Json finish() {
    JsonObject out;
    for (const std::string* key : order) out.add_quoted(*key, members[*key]);
    return out.finish();
  }
  size_t memory() const { return bytes; }
};

// percentilew: the nearest rank by weight.
struct WeightedPercentiles {
  std::vector<std::pair<double, int64_t>> values;
  std::string percents;

  void update(std::optional<double> value, std::optional<int64_t> weight,
              std::optional<std::string_view> wanted) {
    if (wanted && percents.empty()) percents = *wanted;
    if (!value || !weight || *weight <= 0 || std::isnan(*value)) return;
    if (values.size() >= kMaxStateBytes / sizeof(values[0])) {
      compact();
      if (values.size() >= kMaxStateBytes / sizeof(values[0])) {
        throw std::length_error("percentilew(): too many distinct values");
      }
    }
    values.emplace_back(*value, *weight);
  }
  // Equal values become one.
  void compact() {
    std::sort(values.begin(), values.end());
    size_t kept = 0;
    for (size_t i = 1; i < values.size(); ++i) {
      if (values[i].first == values[kept].first) {
        values[kept].second += values[i].second;
      } else {
        values[++kept] = values[i];
      }
    }
    if (!values.empty()) values.resize(kept + 1);
  }
  void merge(WeightedPercentiles& other) {
    if (percents.empty()) percents = other.percents;
    values.insert(values.end(), other.values.begin(), other.values.end());
  }
  std::optional<Json> finish() {
    if (values.empty()) return std::nullopt;
    compact();
    double total = 0;
    for (const auto& [value, weight] : values) total += static_cast<double>(weight);
    JsonArray out;
    for (const std::string_view element : json_elements(percents)) {
      count_work(values.size());
      const double percent = std::clamp(json_double(element).value_or(0), 0.0, 100.0);
      const double rank = std::max(1.0, std::ceil(percent * total / 100));
      double seen = 0;
      double found = values.back().first;
      for (const auto& [value, weight] : values) {
        seen += static_cast<double>(weight);
        if (seen >= rank) {
          found = value;
          break;
        }
      }
      out.add_double(found);
    }
    return out.finish();
  }
  size_t memory() const { return values.capacity() * sizeof(values[0]); }
};

// The covariance of pairs of numbers, by Welford's method: 0 of one pair or of none, and what arithmetic makes
// of numbers that are not finite, mostly NaN.
template <bool kIsSample>
struct Covariance {
  int64_t count = 0;
  double mean_x = 0, mean_y = 0;
  double sum = 0;  // of the products of the distances from the means

  void update(std::optional<double> x, std::optional<double> y) {
    if (!x || !y) return;
    ++count;
    const double n = static_cast<double>(count);
    const double distance = *x - mean_x;
    mean_x += distance / n;
    mean_y += (*y - mean_y) / n;
    sum += distance * (*y - mean_y);
  }
  void merge(Covariance& other) {
    if (other.count == 0) return;
    if (count == 0) {
      *this = other;
      return;
    }
    const double n = static_cast<double>(count + other.count);
    const double weight = static_cast<double>(other.count) / n;
    const double x = other.mean_x - mean_x, y = other.mean_y - mean_y;
    sum += other.sum + x * y * static_cast<double>(count) * weight;
    mean_x += x * weight;
    mean_y += y * weight;
    count += other.count;
  }
  double finish() {
    const int64_t divisor = kIsSample ? count - 1 : count;
    return divisor > 0 ? sum / static_cast<double>(divisor) : sum;
  }
};
template <bool kIsSample>
struct Variance {
  Covariance<kIsSample> sums;

  void update(std::optional<double> x) { sums.update(x, x); }
  void merge(Variance& other) { sums.merge(other.sums); }
  // Of what overflows, arithmetic loses the sign.
  double finish() { return std::abs(sums.finish()); }
};

// buildschema(value): the least schema that admits all the values. Of a place that holds several types,
// an array of them; of an array, the schema of its elements under "`indexer`".
struct Schema {
  std::vector<std::string_view> types;
  // By quoted key, in the order of their coming.
  std::vector<std::pair<std::string, std::unique_ptr<Schema>>> members;
  std::unordered_map<std::string, Schema*> by_key;
  std::unique_ptr<Schema> elements;
  bool is_object = false;

  void add(std::string_view value, size_t& room, int depth = 0) {
    check_json_depth(depth);
    switch (json_kind(value)) {
      case JsonKind::kNull:
        return;
      case JsonKind::kArray:
        is_object = true;
        if (!elements) elements = std::make_unique<Schema>();
        for_each_element(value, [&](std::string_view element) {
          elements->add(element, room, depth + 1);
          return true;
        });
        return;
      case JsonKind::kObject:
        is_object = true;
        for_each_member(value, [&](std::string_view key, std::string_view member) {
          child(key, room).add(member, room, depth + 1);
          return true;
        });
        return;
      case JsonKind::kBool:
        return add_type("bool");
      case JsonKind::kLong:
        return add_type("long");
      case JsonKind::kReal:
        return add_type("double");
      case JsonKind::kString:
        return add_type("string");
    }
  }
  void add_type(std::string_view type) {
    if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
  }
  Schema& child(std::string_view key, size_t& room) {
    count_work(kJsonStepWork + key.size());
    const auto [place, is_new] = by_key.try_emplace(std::string(key), nullptr);
    if (!is_new) return *place->second;
    if (room < key.size() + 64) throw std::length_error("buildschema(): too many different keys");
    room -= key.size() + 64;
    place->second = members.emplace_back(key, std::make_unique<Schema>()).second.get();
    return *place->second;
  }
  void merge(Schema& other, size_t& room) {
    for (const std::string_view type : other.types) add_type(type);
    is_object |= other.is_object;
    for (auto& [key, schema] : other.members) child(key, room).merge(*schema, room);
    if (!other.elements) return;
    if (!elements) elements = std::make_unique<Schema>();
    elements->merge(*other.elements, room);
  }
  std::string json() const {
    std::vector<std::string> alternatives;
    for (const std::string_view type : types) alternatives.push_back('"' + std::string(type) + '"');
    if (is_object) {
      JsonObject object;
      if (elements) object.add("`indexer`", elements->json());
      for (const auto& [key, schema] : members) object.add_quoted(key, schema->json());
      alternatives.push_back(object.finish().text);
    }
    if (alternatives.size() == 1) return alternatives[0];
    JsonArray all;
    for (const std::string& alternative : alternatives) all.add(alternative);
    return all.finish().text;
  }
};
struct BuildSchema {
  Schema schema;
  static constexpr size_t kRoomBytes = size_t{1} << 20;
  size_t room = kRoomBytes;

  void update(std::optional<std::string_view> value) {
    if (value) schema.add(*value, room);
  }
  void merge(BuildSchema& other) { schema.merge(other.schema, room); }
  Json finish() { return {schema.json()}; }
  size_t memory() const { return 4 * (kRoomBytes - room); }
};

// The low 64 bits of a sum.
int64_t wrap(Huge value) {
  return static_cast<int64_t>(static_cast<unsigned __int128>(value.value));
}

// The query that a call works for, by its number: for aggregates (native_call.h).
int64_t query_number() {
  const QueryControl* control = native_detail::work.control;
  return control != nullptr ? control->id() : 0;
}

constexpr Udf kFunctions[] = {
    udf<query_number>("k_query"),
    aggregate<MakeList>("k_make_list"),
    aggregate<Ordered<MakeList>>("k_make_list_ordered"),
    aggregate<MakeSet>("k_make_set"),
    aggregate<Ordered<MakeSet>>("k_make_set_ordered"),
    aggregate<MakeBag>("k_make_bag"),
    aggregate<BuildSchema>("k_buildschema"),
    aggregate<WeightedPercentiles>("k_percentiles_weighted"),
    aggregate<Covariance<true>>("k_covariance_sample"),
    aggregate<Covariance<false>>("k_covariance_population"),
    aggregate<Variance<true>>("k_variance_sample"),
    aggregate<Variance<false>>("k_variance_population"),
    udf<wrap>("k_wrap"),
};

}  // namespace

std::span<const Udf> aggregate_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
