#include "functions/fold.h"

#include "functions/native_call.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringpiece.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace rivulet::functions {

namespace {

bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}
char lower(char c) {
  return static_cast<char>(c + (c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0));
}

template <bool kFolds>
bool matches_at(const char* text, std::string_view needle) {
  count_work(1 + needle.size() / 8);
  if constexpr (!kFolds) return std::memcmp(text, needle.data(), needle.size()) == 0;
  for (size_t i = 0; i < needle.size(); ++i) {
    if (lower(text[i]) != needle[i]) return false;
  }
  return true;
}

// Tests only the places where the first and the last byte fit, sixteen at a time.
template <bool kFolds>
size_t find(std::string_view text, std::string_view needle, size_t from) {
  if (from > text.size() || needle.size() > text.size() - from) return std::string_view::npos;
  if (needle.empty()) return from;
  count_work((text.size() - from) / 16);
  const size_t last_place = text.size() - needle.size();
  size_t at = from;
#ifdef __SSE2__
  const auto folding_bit = [](char c) { return kFolds && is_letter(c) ? 0x20 : 0; };
  const __m128i first = _mm_set1_epi8(needle.front()), last = _mm_set1_epi8(needle.back());
  const __m128i first_bit = _mm_set1_epi8(static_cast<char>(folding_bit(needle.front())));
  const __m128i last_bit = _mm_set1_epi8(static_cast<char>(folding_bit(needle.back())));
  for (; at + 15 <= last_place; at += 16) {
    const char* here = text.data() + at;
    const __m128i heads = _mm_loadu_si128(reinterpret_cast<const __m128i*>(here));
    const __m128i tails =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(here + needle.size() - 1));
    const __m128i fits = _mm_and_si128(_mm_cmpeq_epi8(_mm_or_si128(heads, first_bit), first),
                                       _mm_cmpeq_epi8(_mm_or_si128(tails, last_bit), last));
    for (auto places = static_cast<uint32_t>(_mm_movemask_epi8(fits)); places != 0;
         places &= places - 1) {
      const size_t place = at + static_cast<size_t>(std::countr_zero(places));
      if (matches_at<kFolds>(text.data() + place, needle)) return place;
    }
  }
#endif
  for (; at <= last_place; ++at) {
    if (matches_at<kFolds>(text.data() + at, needle)) return at;
  }
  return std::string_view::npos;
}

bool fold_ascii(std::string_view text, std::string& out) {
  out.resize(text.size());
  unsigned char seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    seen |= static_cast<unsigned char>(text[i]);
    out[i] = lower(text[i]);
  }
  return seen < 0x80;
}

}  // namespace

size_t find_bytes(std::string_view text, std::string_view needle, size_t from) {
  return find<false>(text, needle, from);
}
size_t find_ascii_folded(std::string_view text, std::string_view lower, size_t from) {
  return find<true>(text, lower, from);
}

void check_search(size_t needles, size_t bytes) {
  constexpr size_t kMaxSearchedBytes = size_t{4} << 30;
  if (bytes > 0 && needles > kMaxSearchedBytes / bytes) {
    throw std::length_error("there are too many texts to look for in a text of this length");
  }
}

std::string_view Folder::operator()(std::string_view text) {
  if (fold_ascii(text, folded_)) return folded_;
  folded_.clear();
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&folded_, static_cast<int32_t>(text.size()));
  icu::CaseMap::utf8Fold(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink,
                         nullptr, status);
  if (U_FAILURE(status)) folded_ = text;
  return folded_;
}

void FoldedNeedle::set(std::string_view text) {
  if (is_set_ && text == text_) return;
  is_set_ = true;
  text_ = text;
  folded_ = Folder()(text);
  is_ascii_ = true;
  for (const char c : text) is_ascii_ &= static_cast<signed char>(c) >= 0;
}

}  // namespace rivulet::functions
