#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rivulet::extents {

// Estimates how many different values there are, in 4 KiB (HyperLogLog of 4,096 registers): within 1.6 % in two
// cases of three.
class DistinctCounter {
 public:
  // The value's hash, 64 random bits.
  void add(uint64_t hash);
  uint64_t estimate() const;

 private:
  static constexpr int kIndexBits = 12;
  static constexpr size_t kRegisters = size_t{1} << kIndexBits;
  static constexpr int kMaxRank = 64 - kIndexBits + 1;

  std::array<uint8_t, kRegisters> registers_{};  // the greatest rank of a hash of each; 0: none
};

}  // namespace rivulet::extents
