#include "common/guid.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <system_error>

namespace rivulet {
namespace {

// Random bytes of the kernel, taken in blocks since a call a guid would cost more than the guid.
class RandomBlock {
 public:
  uint64_t next() {
    if (used_ == words_.size()) refill();
    return words_[used_++];
  }

 private:
  void refill() {
    std::span<std::byte> bytes = std::as_writable_bytes(std::span(words_));
    while (!bytes.empty()) {
      ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
      if (got < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "getrandom");
      }
      if (got > 0) bytes = bytes.subspan(static_cast<size_t>(got));
    }
    used_ = 0;
  }

  std::array<uint64_t, 256> words_{};
  size_t used_ = words_.size();
};

// "00", "01", … "ff".
constexpr std::array<char, 512> kHexPairs = [] {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (size_t i = 0; i < 256; ++i) {
    pairs[i * 2] = kDigits[i >> 4];
    pairs[i * 2 + 1] = kDigits[i & 15];
  }
  return pairs;
}();

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Guid new_guid() {
  thread_local RandomBlock random;
  Guid guid{random.next(), random.next()};
  guid.hi = (guid.hi & ~uint64_t{0xf000}) | 0x4000;
  guid.lo = (guid.lo & ~(uint64_t{3} << 62)) | (uint64_t{1} << 63);
  return guid;
}

std::string to_string(const Guid& guid) {
  std::string text(36, '-');
  char* at = text.data();
  for (int byte = 0; byte < 16; ++byte) {
    if (byte == 4 || byte == 6 || byte == 8 || byte == 10) ++at;
    uint64_t half = byte < 8 ? guid.hi : guid.lo;
    std::memcpy(at, &kHexPairs[(half >> (56 - 8 * (byte % 8)) & 0xff) * 2], 2);
    at += 2;
  }
  return text;
}

std::optional<Guid> parse_guid(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (text.size() == 38 && ((text.front() == '{' && text.back() == '}') ||
                            (text.front() == '(' && text.back() == ')'))) {
    text = text.substr(1, 36);
  } else if (text.size() != 36 && text.size() != 32) {
    return std::nullopt;
  }
  bool has_hyphens = text.size() == 36;
  uint64_t halves[2] = {0, 0};
  int digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (has_hyphens && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    uint64_t& half = halves[digits / 16];
    half = half << 4 | static_cast<uint64_t>(digit);
    ++digits;
  }
  return Guid{halves[0], halves[1]};
}

}  // namespace rivulet
