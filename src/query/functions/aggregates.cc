#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "query/functions/families.h"
#include "query/functions/json.h"
#include "query/functions/udaf.h"

// Aggregates that DuckDB has no counterpart of.
namespace rivulet::query {

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
};

// buildschema(value): the least schema that admits all the values. Of a place that holds several types,
// an array of them; of an array, the schema of its elements under "`indexer`".
struct Schema {
  std::vector<std::string_view> types;
  // By quoted key, in the order of their coming.
  std::vector<std::pair<std::string, std::unique_ptr<Schema>>> members;
  std::unique_ptr<Schema> elements;
  bool is_object = false;

  void add(std::string_view value, size_t& room) {
    switch (json_kind(value)) {
      case JsonKind::kNull:
        return;
      case JsonKind::kArray:
        is_object = true;
        if (!elements) elements = std::make_unique<Schema>();
        for_each_element(value, [&](std::string_view element) {
          elements->add(element, room);
          return true;
        });
        return;
      case JsonKind::kObject:
        is_object = true;
        for_each_member(value, [&](std::string_view key, std::string_view member) {
          child(key, room).add(member, room);
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
    for (auto& [known, schema] : members) {
      if (known == key) return *schema;
    }
    if (room < key.size() + 64) throw std::length_error("buildschema(): too many different keys");
    room -= key.size() + 64;
    return *members.emplace_back(key, std::make_unique<Schema>()).second;
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
  size_t room = size_t{1} << 20;

  void update(std::optional<std::string_view> value) {
    if (value) schema.add(*value, room);
  }
  void merge(BuildSchema& other) { schema.merge(other.schema, room); }
  Json finish() { return {schema.json()}; }
};

// Distinct elements of an array, in their order.
Json distinct(std::string_view array, int64_t max) {
  DistinctValues values;
  const int64_t limit = std::clamp<int64_t>(max, 0, kMaxArrayLength);
  for_each_element(array, [&](std::string_view element) {
    if (json_kind(element) == JsonKind::kArray) {
      for_each_element(element, [&](std::string_view inner) {
        values.add(inner, limit);
        return true;
      });
    } else if (element != "null") {
      values.add(element, limit);
    }
    return true;
  });
  JsonArray out;
  for (const std::string* value : values.order) out.add(*value);
  return out.finish();
}

// The low 64 bits of a sum.
int64_t wrap(Huge value) {
  return static_cast<int64_t>(static_cast<unsigned __int128>(value.value));
}

constexpr Udf kFunctions[] = {
    aggregate<MakeSet>("k_make_set"),
    aggregate<MakeBag>("k_make_bag"),
    aggregate<BuildSchema>("k_buildschema"),
    aggregate<WeightedPercentiles>("k_percentiles_weighted"),
    udf<distinct>("k_array_distinct"),
    udf<wrap>("k_wrap"),
};

}  // namespace

std::span<const Udf> aggregate_functions() {
  return kFunctions;
}

}  // namespace rivulet::query
