#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rivulet::functions {

// An IPv4 address with the length of its prefix ("10.0.0.1/8"; 32 where none is given).
struct Ipv4 {
  uint32_t bits = 0;
  int prefix = 32;
};
constexpr uint32_t ipv4_mask(int prefix) {
  return prefix <= 0 ? 0 : ~uint32_t{0} << (32 - prefix);
}

// An IPv6 address with the length of its prefix; an IPv4 address stands in ::ffff:0:0/96.
struct Ipv6 {
  uint64_t hi = 0;
  uint64_t lo = 0;
  int prefix = 128;

  Ipv6 masked(int length) const {
    const uint64_t high = length >= 64  ? ~uint64_t{0}
                          : length <= 0 ? 0
                                        : ~uint64_t{0} << (64 - length);
    const uint64_t low = length <= 64 ? 0 : ~uint64_t{0} << (128 - length);
    return {hi & high, lo & low, length};
  }
};

std::optional<Ipv4> parse_ipv4(std::string_view text);
// Also takes IPv4.
std::optional<Ipv6> parse_ipv6(std::string_view text);
std::string ipv4_text(uint32_t bits);

}  // namespace rivulet::functions
