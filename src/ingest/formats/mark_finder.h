#pragma once

#include <emmintrin.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace rivulet::ingest {

// Finds three characters in a text, one place after the other, 64 bytes at a time. SSE2 is part of every
// x86-64; wider registers gain nothing here, since turning fields into cells takes far longer.
class MarkFinder {
 public:
  MarkFinder(std::string_view text, char a, char b, char c)
      : end_(text.data() + text.size()),
        block_(text.data()),
        a_(_mm_set1_epi8(a)),
        b_(_mm_set1_epi8(b)),
        c_(_mm_set1_epi8(c)) {
    load();
  }

  // The next place that was not given yet, or the end of the text.
  const char* next() {
    while (marks_ == 0) {
      if (end_ - block_ <= kBlock) return end_;
      block_ += kBlock;
      load();
    }
    const char* found = block_ + std::countr_zero(marks_);
    marks_ &= marks_ - 1;
    return found;
  }

 private:
  static constexpr ptrdiff_t kBlock = 64;

  void load() {
    if (end_ - block_ >= kBlock) {
      marks_ = marks(block_);
      return;
    }
    char last[kBlock];
    auto size = static_cast<size_t>(end_ - block_);
    std::memcpy(last, block_, size);
    std::memset(last + size, 0, kBlock - size);
    marks_ = marks(last);
    if (size < kBlock) marks_ &= (uint64_t{1} << size) - 1;
  }

  uint64_t marks(const char* block) const {
    uint64_t result = 0;
    for (int i = 0; i < 4; ++i) {
      __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + i);
      __m128i found =
          _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, a_), _mm_cmpeq_epi8(bytes, b_)),
                       _mm_cmpeq_epi8(bytes, c_));
      result |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(found))) << (16 * i);
    }
    return result;
  }

  const char* end_;
  const char* block_;
  uint64_t marks_ = 0;
  __m128i a_, b_, c_;
};

inline std::string_view span(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace rivulet::ingest
