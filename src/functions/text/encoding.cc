#include <libdeflate.h>
#include <openssl/evp.h>
#include <xxhash.h>
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <memory>

#include "common/guid.h"
#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/network/punycode.h"
#include "functions/utf8.h"
#include "types/text.h"

// Encodings of text and bytes, compression, and hashes.
namespace rivulet::functions {

namespace {

constexpr size_t kMaxInflatedBytes = size_t{64} << 20;

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

// Strict: with its padding, and nothing else.
std::optional<std::string> from_base64(std::string_view text) {
  const size_t last = text.find_last_not_of('=');
  const size_t padding = last == std::string_view::npos ? text.size() : text.size() - last - 1;
  // EVP_DecodeBlock passes blanks around the text over, and takes padding anywhere.
  const bool is_plain = std::ranges::all_of(text.substr(0, text.size() - padding), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/';
  });
  if (text.size() % 4 != 0 || padding > 2 || !is_plain) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

std::string base64_encode(std::string_view text) {
  return to_base64(text);
}
std::optional<std::string> base64_decode(std::string_view text) {
  auto bytes = from_base64(text);
  if (!bytes || !is_valid_utf8(*bytes)) return std::nullopt;
  return bytes;
}
std::optional<Json> base64_to_array(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes) return std::nullopt;
  JsonArray out;
  for (const char byte : *bytes) out.add_long(static_cast<unsigned char>(byte));
  return out.finish();
}
// Nothing where an element is no byte.
std::optional<std::string> base64_from_array(std::string_view array) {
  if (json_kind(array) != JsonKind::kArray) return std::nullopt;
  std::string bytes;
  bool is_valid = true;
  for_each_element(array, [&](std::string_view element) {
    const auto byte = json_kind(element) == JsonKind::kLong ? json_long(element) : std::nullopt;
    is_valid = byte && *byte >= 0 && *byte <= 255;
    if (is_valid) bytes += static_cast<char>(*byte);
    return is_valid;
  });
  if (!is_valid) return std::nullopt;
  return to_base64(bytes);
}

// A guid's bytes as .NET has them: the first three groups low byte first.
std::array<unsigned char, 16> guid_bytes(const Guid& guid) {
  std::array<unsigned char, 16> bytes;
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned char>(guid.hi >> (56 - 8 * i));
    bytes[8 + i] = static_cast<unsigned char>(guid.lo >> (56 - 8 * i));
  }
  std::swap(bytes[0], bytes[3]);
  std::swap(bytes[1], bytes[2]);
  std::swap(bytes[4], bytes[5]);
  std::swap(bytes[6], bytes[7]);
  return bytes;
}
std::string base64_from_guid(Guid guid) {
  const auto bytes = guid_bytes(guid);
  return to_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}
std::optional<Guid> base64_to_guid(std::string_view text) {
  const auto decoded = from_base64(text);
  if (!decoded || decoded->size() != 16) return std::nullopt;
  Guid guid;
  static constexpr int kOrder[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  for (int i = 0; i < 16; ++i) {
    const auto byte = static_cast<unsigned char>((*decoded)[kOrder[i]]);
    (i < 8 ? guid.hi : guid.lo) |= static_cast<uint64_t>(byte) << (56 - 8 * (i % 8));
  }
  return guid;
}

// '+' stands for a blank where `plus`.
std::string percent_encode(std::string_view text, bool plus) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
        c == '_' || c == '.' ||
        (plus ? std::string_view("!*()") : std::string_view("~")).find(c) !=
            std::string_view::npos) {
      out += c;
    } else if (plus && c == ' ') {
      out += '+';
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}
std::string url_encode(std::string_view text) {
  return percent_encode(text, true);
}
std::string url_encode_component(std::string_view text) {
  return percent_encode(text, false);
}
std::string url_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() &&
               std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr ==
                   text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return to_valid_utf8(out);
}

struct FreeCompressor {
  void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
struct FreeDecompressor {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

// Level 1 where Kusto's zlib header says so.
template <auto kBound, auto kCompress, int kLevel>
std::string compress(std::string_view text) {
  thread_local std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
      libdeflate_alloc_compressor(kLevel));
  std::string out(kBound(compressor.get(), text.size()), '\0');
  out.resize(kCompress(compressor.get(), text.data(), text.size(), out.data(), out.size()));
  return to_base64(out);
}
template <auto kDecompress>
std::optional<std::string> decompress(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->empty()) return std::nullopt;
  thread_local std::unique_ptr<libdeflate_decompressor, FreeDecompressor> decompressor(
      libdeflate_alloc_decompressor());
  std::string out;
  for (size_t room = std::max<size_t>(1024, bytes->size() * 4);; room *= 4) {
    room = std::min(room, kMaxInflatedBytes);
    out.resize(room);
    size_t size = 0;
    const auto result = kDecompress(decompressor.get(), bytes->data(), bytes->size(), out.data(),
                                    out.size(), &size);
    if (result == LIBDEFLATE_SUCCESS) {
      out.resize(size);
      return is_valid_utf8(out) ? std::optional(out) : std::nullopt;
    }
    if (result != LIBDEFLATE_INSUFFICIENT_SPACE) return std::nullopt;
    if (room == kMaxInflatedBytes)
      throw std::length_error("the decompressed text is longer than 64 MiB");
  }
}

std::string hex(const unsigned char* bytes, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < size; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}
template <auto kDigest>
std::string digest(std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), bytes, &size, kDigest(), nullptr);
  return hex(bytes, size);
}

int64_t hash_text(std::string_view text) {
  return static_cast<int64_t>(XXH64(text.data(), text.size(), 0));
}
int64_t hash_long(int64_t value) {
  return static_cast<int64_t>(XXH64(&value, sizeof(value), 0));
}
int64_t hash_int(int32_t value) {
  return static_cast<int64_t>(XXH64(&value, sizeof(value), 0));
}
int64_t hash_real(double value) {
  return static_cast<int64_t>(XXH64(&value, sizeof(value), 0));
}
int64_t hash_guid(Guid value) {
  const auto bytes = guid_bytes(value);
  return static_cast<int64_t>(XXH64(bytes.data(), bytes.size(), 0));
}

std::string to_hex(int64_t value, int64_t width) {
  char buffer[20];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), static_cast<uint64_t>(value), 16).ptr;
  std::string digits(buffer, end);
  width = std::min<int64_t>(width, 16);
  if (static_cast<int64_t>(digits.size()) < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}
std::string int_to_hex(int32_t value, int64_t width) {
  return to_hex(static_cast<uint32_t>(value), width);
}

std::optional<std::string> punycode_encode(std::string_view text) {
  return to_punycode(text);
}
std::optional<std::string> punycode_decode(std::string_view text) {
  return from_punycode(text);
}

// The borders between the labels of a domain: full stops of several scripts.
constexpr uint32_t kStops[] = {'.', 0x3002, 0xFF0E, 0xFF61};

template <typename Map>
std::optional<std::string> map_labels(std::string_view domain, Map&& map) {
  std::string out, label;
  const auto flush = [&] {
    auto mapped = map(label);
    if (!mapped) return false;
    out += *mapped;
    label.clear();
    return true;
  };
  for (const uint32_t c : to_code_points(domain)) {
    if (std::find(std::begin(kStops), std::end(kStops), c) == std::end(kStops)) {
      append_code_point(label, c);
      continue;
    }
    if (!flush()) return std::nullopt;
    out += '.';
  }
  if (!flush()) return std::nullopt;
  return out;
}
std::optional<std::string> domain_to_ascii(std::string_view domain) {
  return map_labels(domain, [](const std::string& label) -> std::optional<std::string> {
    const bool is_ascii = std::all_of(label.begin(), label.end(),
                                      [](char c) { return static_cast<signed char>(c) >= 0; });
    if (is_ascii) return label;
    const auto encoded = to_punycode(label);
    return encoded ? std::optional("xn--" + *encoded) : std::nullopt;
  });
}
std::optional<std::string> domain_to_unicode(std::string_view domain) {
  return map_labels(domain, [](const std::string& label) -> std::optional<std::string> {
    if (!label.starts_with("xn--")) return label;
    return from_punycode(std::string_view(label).substr(4));
  });
}

constexpr Udf kFunctions[] = {
    udf<base64_encode>("k_base64_encode"),
    udf<base64_decode>("k_base64_decode"),
    udf<base64_to_array>("k_base64_to_array"),
    udf<base64_from_array>("k_base64_from_array"),
    udf<base64_from_guid>("k_base64_from_guid"),
    udf<base64_to_guid>("k_base64_to_guid"),
    udf<url_encode>("k_url_encode"),
    udf<url_encode_component>("k_url_encode_component"),
    udf<url_decode>("k_url_decode"),
    udf<compress<libdeflate_gzip_compress_bound, libdeflate_gzip_compress, 6>>("k_gzip"),
    udf<compress<libdeflate_zlib_compress_bound, libdeflate_zlib_compress, 1>>("k_zlib"),
    udf<decompress<libdeflate_gzip_decompress>>("k_gunzip"),
    udf<decompress<libdeflate_zlib_decompress>>("k_unzlib"),
    udf<digest<EVP_md5>>("k_md5"),
    udf<digest<EVP_sha1>>("k_sha1"),
    udf<digest<EVP_sha256>>("k_sha256"),
    udf<hash_text>("k_hash"),
    udf<hash_long>("k_hash_long"),
    udf<hash_int>("k_hash_int"),
    udf<hash_real>("k_hash_real"),
    udf<hash_guid>("k_hash_guid"),
    udf<to_hex>("k_tohex"),
    udf<int_to_hex>("k_tohex_int"),
    udf<punycode_encode>("k_punycode_encode"),
    udf<punycode_decode>("k_punycode_decode"),
    udf<domain_to_ascii>("k_domain_to_ascii"),
    udf<domain_to_unicode>("k_domain_to_unicode"),
};

}  // namespace

std::span<const Udf> encoding_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
