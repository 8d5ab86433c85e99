#include "functions/network/punycode.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "functions/utf8.h"

namespace rivulet::functions {

namespace {

constexpr uint32_t kBase = 36, kTMin = 1, kTMax = 26, kSkew = 38, kDamp = 700, kInitialBias = 72,
                   kInitialN = 128;
// Longer text is no name, and coding it takes the square of its length.
constexpr size_t kMaxCharacters = 4096;

uint32_t adapt(uint32_t delta, uint32_t points, bool is_first) {
  delta = is_first ? delta / kDamp : delta / 2;
  delta += delta / points;
  uint32_t k = 0;
  while (delta > (kBase - kTMin) * kTMax / 2) {
    delta /= kBase - kTMin;
    k += kBase;
  }
  return k + (kBase - kTMin + 1) * delta / (delta + kSkew);
}

char digit(uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + value - 26);
}

uint32_t threshold(uint32_t k, uint32_t bias) {
  return k <= bias ? kTMin : k >= bias + kTMax ? kTMax : k - bias;
}

}  // namespace

std::optional<std::string> to_punycode(std::string_view text) {
  const std::vector<uint32_t> input = to_code_points(text);
  if (input.size() > kMaxCharacters) return std::nullopt;
  std::string out;
  for (const uint32_t c : input) {
    if (c < 0x80) out += static_cast<char>(c);
  }
  const auto basic = static_cast<uint32_t>(out.size());
  uint32_t handled = basic;
  if (basic > 0) out += '-';
  uint32_t n = kInitialN, bias = kInitialBias;
  uint64_t delta = 0;
  while (handled < input.size()) {
    uint32_t next = std::numeric_limits<uint32_t>::max();
    for (const uint32_t c : input) {
      if (c >= n && c < next) next = c;
    }
    delta += static_cast<uint64_t>(next - n) * (handled + 1);
    n = next;
    for (const uint32_t c : input) {
      if (c < n) ++delta;
      if (c != n) continue;
      uint64_t q = delta;
      for (uint32_t k = kBase;; k += kBase) {
        const uint32_t t = threshold(k, bias);
        if (q < t) break;
        out += digit(static_cast<uint32_t>(t + (q - t) % (kBase - t)));
        q = (q - t) / (kBase - t);
      }
      out += digit(static_cast<uint32_t>(q));
      bias = adapt(static_cast<uint32_t>(delta), handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return out;
}

std::optional<std::string> from_punycode(std::string_view text) {
  if (text.size() > kMaxCharacters) return std::nullopt;
  std::vector<uint32_t> output;
  const size_t last = text.rfind('-');
  size_t at = 0;
  if (last != std::string_view::npos) {
    for (const char c : text.substr(0, last)) {
      if (static_cast<unsigned char>(c) >= 0x80) return std::nullopt;
      output.push_back(static_cast<unsigned char>(c));
    }
    at = last + 1;
  }
  uint32_t n = kInitialN, bias = kInitialBias;
  uint64_t i = 0;
  while (at < text.size()) {
    const uint64_t begin = i;
    uint64_t weight = 1;
    for (uint32_t k = kBase;; k += kBase) {
      if (at >= text.size()) return std::nullopt;
      const char c = text[at++];
      uint32_t value;
      if (c >= 'a' && c <= 'z') {
        value = c - 'a';
      } else if (c >= 'A' && c <= 'Z') {
        value = c - 'A';
      } else if (c >= '0' && c <= '9') {
        value = c - '0' + 26;
      } else {
        return std::nullopt;
      }
      i += value * weight;
      if (i > std::numeric_limits<uint32_t>::max()) return std::nullopt;
      const uint32_t t = threshold(k, bias);
      if (value < t) break;
      weight *= kBase - t;
      if (weight > std::numeric_limits<uint32_t>::max()) return std::nullopt;
    }
    const auto size = static_cast<uint32_t>(output.size() + 1);
    bias = adapt(static_cast<uint32_t>(i - begin), size, begin == 0);
    n += static_cast<uint32_t>(i / size);
    i %= size;
    if (n > 0x10FFFF || (n >= 0xD800 && n < 0xE000)) return std::nullopt;
    output.insert(output.begin() + static_cast<int64_t>(i), n);
    ++i;
  }
  std::string out;
  for (const uint32_t c : output) append_code_point(out, c);
  return out;
}

}  // namespace rivulet::functions
