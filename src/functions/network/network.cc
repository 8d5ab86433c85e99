#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/network/ip_address.h"

// IPv4 and IPv6 addresses as strings, and their search in text.
namespace rivulet::functions {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The number after a slash; `most` where there is none, -1 where it is none.
int read_prefix(std::string_view& text, int most) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return most;
  const std::string_view digits = text.substr(slash + 1);
  text = text.substr(0, slash);
  int prefix = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (error != std::errc() || end != digits.data() + digits.size() || prefix < 0 || prefix > most)
    return -1;
  return prefix;
}

// Up to four numbers below 256 with dots; how many were read.
std::optional<uint32_t> read_ipv4_bits(std::string_view text) {
  uint32_t bits = 0;
  const char* p = text.data();
  const char* end = p + text.size();
  for (int i = 0; i < 4; ++i) {
    if (i > 0) {
      if (p == end || *p != '.') return std::nullopt;
      ++p;
    }
    if (p == end || !is_digit(*p)) return std::nullopt;
    unsigned part = 0;
    const char* begin = p;
    while (p != end && is_digit(*p) && p - begin < 4)
      part = part * 10 + static_cast<unsigned>(*p++ - '0');
    if (part > 255 || p - begin > 3) return std::nullopt;
    bits = bits << 8 | part;
  }
  if (p != end) return std::nullopt;
  return bits;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<Ipv4> parse_ipv4(std::string_view text) {
  text = trimmed(text);
  Ipv4 ip;
  ip.prefix = read_prefix(text, 32);
  const auto bits = read_ipv4_bits(text);
  if (!bits || ip.prefix < 0) return std::nullopt;
  ip.bits = *bits;
  return ip;
}

std::optional<Ipv6> parse_ipv6(std::string_view text) {
  text = trimmed(text);
  // "::1.2.3.4" stands for the IPv4 address too.
  const bool is_mapped = text.starts_with("::") && text.find('.') != std::string_view::npos;
  if (const auto v4 = parse_ipv4(is_mapped ? text.substr(2) : text)) {
    return Ipv6{0, uint64_t{0xFFFF} << 32 | v4->bits, v4->prefix + 96};
  }
  Ipv6 ip;
  ip.prefix = read_prefix(text, 128);
  if (ip.prefix < 0 || text.empty()) return std::nullopt;
  std::vector<uint16_t> head, tail;
  bool has_gap = false;
  if (text.starts_with("::")) {
    has_gap = true;
    text.remove_prefix(2);
  } else if (text.front() == ':') {
    return std::nullopt;
  }
  while (!text.empty()) {
    const size_t colon = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, colon);
    auto& groups = has_gap ? tail : head;
    if (colon == text.size() && group.find('.') != std::string_view::npos) {
      const auto bits = read_ipv4_bits(group);
      if (!bits) return std::nullopt;
      groups.push_back(static_cast<uint16_t>(*bits >> 16));
      groups.push_back(static_cast<uint16_t>(*bits));
      break;
    }
    unsigned value = 0;
    const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), value, 16);
    if (group.empty() || group.size() > 4 || error != std::errc() ||
        end != group.data() + group.size()) {
      return std::nullopt;
    }
    groups.push_back(static_cast<uint16_t>(value));
    if (colon == text.size()) break;
    text.remove_prefix(colon + 1);
    if (text.starts_with(':')) {
      if (has_gap) return std::nullopt;
      has_gap = true;
      text.remove_prefix(1);
    } else if (text.empty()) {
      return std::nullopt;
    }
  }
  const size_t given = head.size() + tail.size();
  if (has_gap ? given > 7 : given != 8) return std::nullopt;
  head.resize(8 - tail.size());
  head.insert(head.end(), tail.begin(), tail.end());
  for (int i = 0; i < 8; ++i)
    (i < 4 ? ip.hi : ip.lo) |= static_cast<uint64_t>(head[i]) << (48 - 16 * (i % 4));
  return ip;
}

std::string ipv4_text(uint32_t bits) {
  return std::to_string(bits >> 24) + "." + std::to_string(bits >> 16 & 255) + "." +
         std::to_string(bits >> 8 & 255) + "." + std::to_string(bits & 255);
}

namespace {

int three_way(auto a, auto b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

std::optional<int64_t> ipv4_compare(std::string_view a, std::string_view b, int64_t prefix) {
  const auto x = parse_ipv4(a), y = parse_ipv4(b);
  if (!x || !y || prefix < 0 || prefix > 32) return std::nullopt;
  const uint32_t mask = ipv4_mask(std::min({x->prefix, y->prefix, static_cast<int>(prefix)}));
  return three_way(x->bits & mask, y->bits & mask);
}
std::optional<bool> ipv4_is_match(std::string_view a, std::string_view b, int64_t prefix) {
  const auto order = ipv4_compare(a, b, prefix);
  return order ? std::optional(*order == 0) : std::nullopt;
}
std::optional<bool> ipv4_is_in_range(std::string_view ip, std::string_view range) {
  const auto x = parse_ipv4(ip), y = parse_ipv4(range);
  if (!x || !y) return std::nullopt;
  const uint32_t mask = ipv4_mask(y->prefix);
  return x->prefix >= y->prefix && (x->bits & mask) == (y->bits & mask);
}
std::optional<bool> ipv6_is_in_range(std::string_view ip, std::string_view range) {
  const auto x = parse_ipv6(ip), y = parse_ipv6(range);
  if (!x || !y) return std::nullopt;
  const Ipv6 a = x->masked(y->prefix), b = y->masked(y->prefix);
  return x->prefix >= y->prefix && a.hi == b.hi && a.lo == b.lo;
}
// The ranges are strings, or arrays of them.
template <auto is_in_range>
std::optional<bool> is_in_any_range(std::string_view ip, Rest<std::string_view> ranges) {
  std::optional<bool> any;
  const auto check = [&](std::string_view range) {
    if (json_kind(range) != JsonKind::kString) return true;
    const auto answer = is_in_range(ip, json_text(range));
    if (answer) any = any.value_or(false) || *answer;
    return !any.value_or(false);
  };
  for (const auto& range : ranges) {
    if (!range) continue;
    if (json_kind(*range) == JsonKind::kArray) {
      for_each_element(*range, check);
    } else {
      check(*range);
    }
  }
  return any;
}

std::optional<bool> ipv4_is_private(std::string_view text) {
  const auto ip = parse_ipv4(text);
  if (!ip) return std::nullopt;
  const auto inside = [&](uint32_t network, int prefix) {
    return ip->prefix >= prefix && (ip->bits & ipv4_mask(prefix)) == network;
  };
  return inside(0x0A000000, 8) || inside(0xAC100000, 12) || inside(0xC0A80000, 16);
}
std::optional<int64_t> ipv4_netmask_suffix(std::string_view text) {
  const auto ip = parse_ipv4(text);
  return ip ? std::optional<int64_t>(ip->prefix) : std::nullopt;
}
std::optional<int64_t> ipv4_to_long(std::string_view text, int64_t prefix) {
  const auto ip = parse_ipv4(text);
  if (!ip || prefix < 0 || prefix > 32) return std::nullopt;
  return ip->bits & ipv4_mask(std::min(ip->prefix, static_cast<int>(prefix)));
}

// The fewest prefixes that make up the addresses from `first` to `last`.
std::optional<Json> ipv4_range_to_cidr_list(std::string_view first, std::string_view last) {
  const auto a = parse_ipv4(first), b = parse_ipv4(last);
  if (!a || !b || a->bits > b->bits) return std::nullopt;
  JsonArray out;
  uint64_t at = a->bits;
  const uint64_t end = uint64_t{b->bits} + 1;
  while (at < end) {
    int prefix = 32;
    while (prefix > 0) {
      const uint64_t size = uint64_t{1} << (32 - (prefix - 1));
      if (at % size != 0 || at + size > end) break;
      --prefix;
    }
    out.add_string(ipv4_text(static_cast<uint32_t>(at)) + "/" + std::to_string(prefix));
    at += uint64_t{1} << (32 - prefix);
  }
  return out.finish();
}

// An address of text, or of the whole number that it is.
std::optional<Ipv4> ipv4_of(std::string_view value) {
  if (json_kind(value) == JsonKind::kString) return parse_ipv4(json_text(value));
  const auto bits = json_long(value);
  if (!bits || *bits < 0 || *bits > 0xFFFFFFFF) return std::nullopt;
  return Ipv4{static_cast<uint32_t>(*bits), 32};
}
template <bool kWithMask>
std::optional<std::string> format_ipv4(std::string_view value, int64_t prefix) {
  const auto ip = ipv4_of(value);
  if (!ip || prefix < 0 || prefix > 32) return std::nullopt;
  const int length = std::min(ip->prefix, static_cast<int>(prefix));
  const std::string text = ipv4_text(ip->bits & ipv4_mask(length));
  return kWithMask ? text + "/" + std::to_string(length) : text;
}

std::optional<int64_t> ipv6_compare(std::string_view a, std::string_view b, int64_t prefix) {
  const auto x = parse_ipv6(a), y = parse_ipv6(b);
  if (!x || !y || prefix < 0 || prefix > 128) return std::nullopt;
  const int length = std::min({x->prefix, y->prefix, static_cast<int>(prefix)});
  const Ipv6 p = x->masked(length), q = y->masked(length);
  return p.hi != q.hi ? three_way(p.hi, q.hi) : three_way(p.lo, q.lo);
}
std::optional<bool> ipv6_is_match(std::string_view a, std::string_view b, int64_t prefix) {
  const auto order = ipv6_compare(a, b, prefix);
  return order ? std::optional(*order == 0) : std::nullopt;
}
// All eight groups with all their digits.
std::optional<std::string> ipv6_text(std::string_view text, int64_t prefix) {
  const auto ip = parse_ipv6(text);
  if (!ip || prefix < 0 || prefix > 128) return std::nullopt;
  const Ipv6 masked = ip->masked(std::min(ip->prefix, static_cast<int>(prefix)));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (int i = 0; i < 32; ++i) {
    if (i > 0 && i % 4 == 0) out += ':';
    out += kDigits[(i < 16 ? masked.hi : masked.lo) >> (60 - 4 * (i % 16)) & 15];
  }
  return out;
}

bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<signed char>(c) < 0;
}

// Calls visit with each address that stands alone in the text.
template <typename Visit>
void for_each_ipv4(std::string_view text, Visit&& visit) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (!is_digit(text[at]) || (at > 0 && (is_alphanumeric(text[at - 1]) || text[at - 1] == '.')))
      continue;
    size_t end = at;
    while (end < text.size() && (is_digit(text[end]) || text[end] == '.')) ++end;
    std::string_view candidate = text.substr(at, end - at);
    // A full stop may end a sentence.
    if (candidate.ends_with('.')) candidate.remove_suffix(1);
    const bool is_delimited = end >= text.size() || !is_alphanumeric(text[end]);
    if (is_delimited && read_ipv4_bits(candidate) && !visit(candidate)) return;
    at = end;
  }
}
bool matches_address(std::string_view address, std::string_view wanted) {
  return read_ipv4_bits(address) == read_ipv4_bits(wanted);
}
// A prefix is a whole address, or ends in a dot.
bool matches_prefix(std::string_view address, std::string_view wanted) {
  if (wanted.ends_with('.')) return address.starts_with(wanted);
  return read_ipv4_bits(wanted) && address == wanted;
}
template <auto matches>
bool has_any_address(std::string_view text, Rest<std::string_view> wanted) {
  std::vector<std::string> addresses;
  const auto add = [&](std::string_view value) {
    addresses.push_back(json_text(value));
    return true;
  };
  for (const auto& value : wanted) {
    if (!value) continue;
    if (json_kind(*value) == JsonKind::kArray) {
      for_each_element(*value, add);
    } else {
      add(*value);
    }
  }
  std::erase_if(addresses,
                [](const std::string& a) { return !a.ends_with('.') && !read_ipv4_bits(a); });
  bool found = false;
  for_each_ipv4(text, [&](std::string_view address) {
    count_work(32 * addresses.size());
    found = std::any_of(addresses.begin(), addresses.end(),
                        [&](const std::string& a) { return matches(address, a); });
    return !found;
  });
  return found;
}

constexpr Udf kFunctions[] = {
    udf<ipv4_compare>("k_ipv4_compare"),
    udf<ipv4_is_match>("k_ipv4_is_match"),
    udf<ipv4_is_in_range>("k_ipv4_is_in_range"),
    udf<is_in_any_range<ipv4_is_in_range>>("k_ipv4_is_in_any_range"),
    udf<ipv4_is_private>("k_ipv4_is_private"),
    udf<ipv4_netmask_suffix>("k_ipv4_netmask_suffix"),
    udf<ipv4_to_long>("k_parse_ipv4"),
    udf<ipv4_range_to_cidr_list>("k_ipv4_range_to_cidr_list"),
    udf<format_ipv4<false>>("k_format_ipv4"),
    udf<format_ipv4<true>>("k_format_ipv4_mask"),
    udf<ipv6_compare>("k_ipv6_compare"),
    udf<ipv6_is_match>("k_ipv6_is_match"),
    udf<ipv6_is_in_range>("k_ipv6_is_in_range"),
    udf<is_in_any_range<ipv6_is_in_range>>("k_ipv6_is_in_any_range"),
    udf<ipv6_text>("k_parse_ipv6"),
    udf<has_any_address<matches_address>>("k_has_any_ipv4"),
    udf<has_any_address<matches_prefix>>("k_has_any_ipv4_prefix"),
};

}  // namespace

std::span<const Udf> network_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
