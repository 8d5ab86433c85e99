#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/udaf.h"

// Sketches that can be kept and merged: hll() for distinct counts and tdigest() for percentiles. As
// dynamic values they are
//   {"hll":[h, …]}            the distinct hashes themselves, while they are few
//   {"hll":"<registers>"}     14-bit registers as hexadecimal digits, beyond that
//   {"tdigest":[[mean, weight], …]}
namespace rivulet::functions {

namespace {

constexpr size_t kMaxExact = 4096;
constexpr int kRegisterBits = 14;
constexpr size_t kRegisters = size_t{1} << kRegisterBits;

// Distinct 64-bit hashes, exactly or (from kMaxExact on) by HyperLogLog.
class DistinctSketch {
 public:
  void add(uint64_t hash) {
    if (!registers_.empty()) {
      add_to_registers(hash);
      return;
    }
    exact_.insert(hash);
    if (exact_.size() > kMaxExact) to_registers();
  }
  void merge(const DistinctSketch& other) {
    if (other.registers_.empty()) {
      for (const uint64_t hash : other.exact_) add(hash);
      return;
    }
    if (registers_.empty()) to_registers();
    for (size_t i = 0; i < kRegisters; ++i)
      registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
  int64_t count() const {
    if (registers_.empty()) return static_cast<int64_t>(exact_.size());
    double sum = 0;
    size_t zeros = 0;
    for (const uint8_t rank : registers_) {
      sum += std::ldexp(1.0, -rank);
      zeros += rank == 0;
    }
    constexpr double kSize = kRegisters;
    const double estimate = 0.7213 / (1 + 1.079 / kSize) * kSize * kSize / sum;
    if (estimate <= 2.5 * kSize && zeros > 0) {
      return std::llround(kSize * std::log(kSize / static_cast<double>(zeros)));
    }
    return std::llround(estimate);
  }

  size_t memory() const { return exact_.size() * kNodeBytes + registers_.capacity(); }

  Json json() const {
    JsonObject out;
    if (registers_.empty()) {
      JsonArray hashes;
      for (const uint64_t hash : exact_) hashes.add_long(static_cast<int64_t>(hash));
      out.add("hll", hashes.finish().text);
      return out.finish();
    }
    std::string digits = "\"";
    for (const uint8_t rank : registers_) digits += static_cast<char>('0' + rank);
    out.add("hll", digits + "\"");
    return out.finish();
  }
  static std::optional<DistinctSketch> parse(std::string_view value) {
    const std::string_view content = json_member(value, "hll");
    DistinctSketch sketch;
    if (json_kind(content) == JsonKind::kArray) {
      for_each_element(content, [&](std::string_view hash) {
        sketch.add(static_cast<uint64_t>(json_long(hash).value_or(0)));
        return true;
      });
      return sketch;
    }
    if (json_kind(content) != JsonKind::kString) return std::nullopt;
    const std::string ranks = json_text(content);
    if (ranks.size() != kRegisters) return std::nullopt;
    for (const char c : ranks)
      sketch.registers_.push_back(static_cast<uint8_t>(std::clamp(c - '0', 0, 60)));
    return sketch;
  }

 private:
  void add_to_registers(uint64_t hash) {
    const size_t index = hash >> (64 - kRegisterBits);
    const uint64_t rest = hash << kRegisterBits | uint64_t{1} << (kRegisterBits - 1);
    registers_[index] =
        std::max(registers_[index], static_cast<uint8_t>(std::countl_zero(rest) + 1));
  }
  void to_registers() {
    registers_.assign(kRegisters, 0);
    for (const uint64_t hash : exact_) add_to_registers(hash);
    exact_.clear();
  }

  static constexpr size_t kNodeBytes = 48;
  std::set<uint64_t> exact_;
  std::vector<uint8_t> registers_;  // empty while exact
};

struct Hll {
  DistinctSketch sketch;
  void update(std::optional<int64_t> hash) {
    if (hash) sketch.add(static_cast<uint64_t>(*hash));
  }
  void merge(Hll& other) { sketch.merge(other.sketch); }
  Json finish() { return sketch.json(); }
  size_t memory() const { return sketch.memory(); }
};
struct HllMerge {
  DistinctSketch sketch;
  void update(std::optional<std::string_view> value) {
    if (!value) return;
    if (const auto other = DistinctSketch::parse(*value)) sketch.merge(*other);
  }
  void merge(HllMerge& other) { sketch.merge(other.sketch); }
  Json finish() { return sketch.json(); }
  size_t memory() const { return sketch.memory(); }
};
std::optional<int64_t> hll_count(std::string_view value) {
  const auto sketch = DistinctSketch::parse(value);
  return sketch ? std::optional(sketch->count()) : std::nullopt;
}
std::optional<Json> hll_union(Rest<std::string_view> values) {
  DistinctSketch all;
  for (const auto& value : values) {
    if (!value) continue;
    const auto sketch = DistinctSketch::parse(*value);
    if (!sketch) return std::nullopt;
    all.merge(*sketch);
  }
  return all.json();
}

// Weighted means in order; exact while they are few, then merged where a percentile can spare it.
class Digest {
 public:
  struct Centroid {
    double mean;
    double weight;
  };

  void add(double value, double weight) {
    if (std::isnan(value) || !(weight > 0)) return;
    centroids_.push_back({value, weight});
    if (centroids_.size() >= 4 * kMaxCentroids) compress();
  }
  void merge(const Digest& other) {
    for (const Centroid& c : other.centroids_) add(c.mean, c.weight);
  }

  size_t memory() const { return centroids_.capacity() * sizeof(Centroid); }

  Json json() {
    sort();
    if (centroids_.size() > kMaxCentroids) compress();
    JsonArray list;
    for (const Centroid& c : centroids_) {
      JsonArray pair;
      pair.add_double(c.mean);
      pair.add_double(c.weight);
      list.add(pair.finish().text);
    }
    JsonObject out;
    out.add("tdigest", list.finish().text);
    return out.finish();
  }
  static std::optional<Digest> parse(std::string_view value) {
    const std::string_view content = json_member(value, "tdigest");
    if (json_kind(content) != JsonKind::kArray) return std::nullopt;
    Digest digest;
    for_each_element(content, [&](std::string_view pair) {
      const auto mean = json_double(json_element(pair, 0)),
                 weight = json_double(json_element(pair, 1));
      if (mean && weight) digest.add(*mean, *weight);
      return true;
    });
    digest.sort();
    return digest;
  }

  double total() const {
    double sum = 0;
    for (const Centroid& c : centroids_) sum += c.weight;
    return sum;
  }
  // Nearest rank.
  std::optional<double> percentile(double percent) const {
    if (centroids_.empty() || !(percent >= 0 && percent <= 100)) return std::nullopt;
    const double rank = std::max(1.0, std::ceil(percent * total() / 100));
    double seen = 0;
    for (const Centroid& c : centroids_) {
      seen += c.weight;
      if (seen >= rank) return c.mean;
    }
    return centroids_.back().mean;
  }
  // How much lies at or below the value.
  std::optional<double> rank(double value) const {
    if (centroids_.empty()) return std::nullopt;
    double seen = 0;
    for (const Centroid& c : centroids_) {
      if (c.mean > value) break;
      seen += c.weight;
    }
    return seen;
  }

 private:
  static constexpr size_t kMaxCentroids = 2048;

  void sort() {
    std::sort(centroids_.begin(), centroids_.end(),
              [](const Centroid& a, const Centroid& b) { return a.mean < b.mean; });
    size_t kept = 0;
    for (size_t i = 1; i < centroids_.size(); ++i) {
      if (centroids_[i].mean == centroids_[kept].mean) {
        centroids_[kept].weight += centroids_[i].weight;
      } else {
        centroids_[++kept] = centroids_[i];
      }
    }
    if (!centroids_.empty()) centroids_.resize(kept + 1);
  }
  // Neighbours become one while they take less than their share: small at the ends, large in the middle.
  void compress() {
    sort();
    if (centroids_.size() <= kMaxCentroids) return;
    const double all = total();
    std::vector<Centroid> merged;
    double before = 0;
    for (const Centroid& c : centroids_) {
      if (!merged.empty()) {
        Centroid& last = merged.back();
        const double q = (before + (last.weight + c.weight) / 2) / all;
        const double limit = 4 * all * std::max(q * (1 - q), 1e-6) / kMaxCentroids;
        if (last.weight + c.weight <= limit) {
          last.mean += (c.mean - last.mean) * c.weight / (last.weight + c.weight);
          last.weight += c.weight;
          continue;
        }
        before += last.weight;
      }
      merged.push_back(c);
    }
    centroids_ = std::move(merged);
  }

  std::vector<Centroid> centroids_;
};

struct TDigest {
  Digest digest;
  void update(std::optional<double> value, std::optional<int64_t> weight) {
    if (value && weight) digest.add(*value, static_cast<double>(*weight));
  }
  void merge(TDigest& other) { digest.merge(other.digest); }
  Json finish() { return digest.json(); }
  size_t memory() const { return digest.memory(); }
};
struct TDigestMerge {
  Digest digest;
  void update(std::optional<std::string_view> value) {
    if (!value) return;
    if (const auto other = Digest::parse(*value)) digest.merge(*other);
  }
  void merge(TDigestMerge& other) { digest.merge(other.digest); }
  Json finish() { return digest.json(); }
  size_t memory() const { return digest.memory(); }
};
std::optional<Json> tdigest_union(Rest<std::string_view> values) {
  Digest all;
  for (const auto& value : values) {
    if (!value) continue;
    const auto digest = Digest::parse(*value);
    if (!digest) return std::nullopt;
    all.merge(*digest);
  }
  return all.json();
}
std::optional<double> percentile_tdigest(std::string_view value, double percent) {
  const auto digest = Digest::parse(value);
  return digest ? digest->percentile(percent) : std::nullopt;
}
std::optional<Json> percentiles_tdigest(std::string_view value, Rest<std::string_view> percents) {
  const auto digest = Digest::parse(value);
  if (!digest) return std::nullopt;
  JsonArray out;
  const auto add = [&](std::string_view percent) {
    out.add_double(digest->percentile(json_double(percent).value_or(-1)));
    return true;
  };
  for (const auto& percent : percents) {
    if (percent && json_kind(*percent) == JsonKind::kArray) {
      for_each_element(*percent, add);
    } else {
      add(percent.value_or("null"));
    }
  }
  return out.finish();
}
std::optional<double> rank_tdigest(std::string_view value, double of) {
  const auto digest = Digest::parse(value);
  return digest ? digest->rank(of) : std::nullopt;
}
std::optional<double> percent_rank_tdigest(std::string_view value, double of) {
  const auto digest = Digest::parse(value);
  if (!digest) return std::nullopt;
  const auto rank = digest->rank(of);
  return rank ? std::optional(*rank * 100 / digest->total()) : std::nullopt;
}

// row_window_session: the values of a run in order, the place (from 1) of the one asked for, and how far
// a session may reach.
std::optional<int64_t> session_start(LongList run, int64_t place, int64_t longest) {
  if (place < 1 || static_cast<size_t>(place) > run.size) return std::nullopt;
  // The rows of a block ask for one place after the other: go on from the answer before.
  struct Last {
    LongList run;
    int64_t longest = 0;
    size_t place = 0;  // of the last answer, from 0
    size_t first = 0;  // of its session
    uint64_t block = 0;
  };
  thread_local Last last;
  const size_t index = static_cast<size_t>(place) - 1;
  const bool goes_on = last.run.values == run.values && last.run.size == run.size &&
                       last.longest == longest && last.place <= index && last.block != 0 &&
                       last.block == current_block();
  size_t first = goes_on ? last.first : 0;
  count_work(index - (goes_on ? last.place : 0));
  for (size_t i = goes_on ? last.place : 0; i <= index; ++i) {
    int64_t distance;
    if (__builtin_sub_overflow(run.values[i], run.values[first], &distance) || distance > longest)
      first = i;
  }
  last = {run, longest, index, first, current_block()};
  return run.values[first];
}

constexpr Udf kFunctions[] = {
    aggregate<Hll>("k_hll"),
    aggregate<HllMerge>("k_hll_merge"),
    udf<hll_count>("k_hll_count"),
    udf<hll_union>("k_hll_union"),
    aggregate<TDigest>("k_tdigest"),
    aggregate<TDigestMerge>("k_tdigest_merge"),
    udf<tdigest_union>("k_tdigest_union"),
    udf<percentile_tdigest>("k_percentile_tdigest"),
    udf<percentiles_tdigest>("k_percentiles_tdigest"),
    udf<rank_tdigest>("k_rank_tdigest"),
    udf<percent_rank_tdigest>("k_percentrank_tdigest"),
    udf<session_start>("k_session_start"),
};

}  // namespace

std::span<const Udf> sketch_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
