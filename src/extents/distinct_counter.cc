#include "extents/distinct_counter.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace rivulet::extents {
namespace {

// The two sums of the estimator of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
// (2017), which is as good for few values as for many: for the share of registers with nothing, and for that of
// registers that are not at their end.
double sum_of_empty(double share) {
  if (share == 1) return INFINITY;
  double sum = share;
  double before = -1;
  for (double weight = 1; sum != before; weight *= 2) {
    share *= share;
    before = sum;
    sum += share * weight;
  }
  return sum;
}

double sum_of_full(double share) {
  if (share == 0 || share == 1) return 0;
  double sum = 1 - share;
  double before = -1;
  for (double weight = 0.5; sum != before; weight /= 2) {
    share = std::sqrt(share);
    before = sum;
    sum -= (1 - share) * (1 - share) * weight;
  }
  return sum / 3;
}

}  // namespace

void DistinctCounter::add(uint64_t hash) {
  // The bit that is added ends the zeros of a hash that has no other.
  uint64_t rest = hash << kIndexBits | uint64_t{1} << (kIndexBits - 1);
  auto rank = static_cast<uint8_t>(std::countl_zero(rest) + 1);
  uint8_t& greatest = registers_[hash >> (64 - kIndexBits)];
  greatest = std::max(greatest, rank);
}

uint64_t DistinctCounter::estimate() const {
  std::array<double, kMaxRank + 1> counts{};
  for (uint8_t rank : registers_) ++counts[rank];
  constexpr double kCount = kRegisters;
  double sum = kCount * sum_of_full(1 - counts[kMaxRank] / kCount);
  for (int rank = kMaxRank - 1; rank > 0; --rank) {
    sum = (sum + counts[static_cast<size_t>(rank)]) / 2;
  }
  sum += kCount * sum_of_empty(counts[0] / kCount);
  return static_cast<uint64_t>(std::llround(kCount * kCount / (2 * std::numbers::ln2 * sum)));
}

}  // namespace rivulet::extents
