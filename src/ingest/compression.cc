#include "ingest/compression.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include <fmt/format.h>
#include <libdeflate.h>

#include "common/error.h"

namespace rivulet::ingest {
namespace {

using Reserve = std::function<void(size_t)>;
using Inflate = libdeflate_result (*)(libdeflate_decompressor*, const void*, size_t, void*, size_t,
                                      size_t*, size_t*);

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* decompressor) const {
    libdeflate_free_decompressor(decompressor);
  }
};

libdeflate_decompressor* decompressor() {
  thread_local std::unique_ptr<libdeflate_decompressor, FreeDecompressor> instance(
      libdeflate_alloc_decompressor());
  if (instance == nullptr) throw std::bad_alloc();
  return instance.get();
}

[[noreturn]] void damaged() {
  throw bad_request("BadRequest_InvalidArchive", "The compressed request body is damaged.");
}

[[noreturn]] void too_large(size_t limit) {
  throw payload_too_large(
      fmt::format("The request body is too large: uncompressed it exceeds {} bytes.", limit));
}

// Appends what one compressed stream at the front of `input` holds, and takes it off `input`.
void inflate_one(Inflate inflate, std::string_view& input, size_t expected, size_t limit,
                 const Reserve& reserve, std::string& out) {
  size_t start = out.size();
  size_t room = std::min(std::max<size_t>(expected, 64), limit - start);
  for (;;) {
    if (reserve) reserve(start + room);
    out.resize(start + room);
    size_t consumed = 0, produced = 0;
    switch (inflate(decompressor(), input.data(), input.size(), out.data() + start, room, &consumed,
                    &produced)) {
      case LIBDEFLATE_SUCCESS:
        out.resize(start + produced);
        input.remove_prefix(consumed);
        return;
      case LIBDEFLATE_INSUFFICIENT_SPACE:
        if (room >= limit - start) too_large(limit);
        room = std::min(2 * room, limit - start);
        break;
      default:
        damaged();
    }
  }
}

// A gzip member ends with its size, modulo 2^32. A guess only: the last member's may be of another one.
size_t gzip_size_guess(std::string_view body) {
  uint32_t size = 0;
  if (body.size() >= 18) std::memcpy(&size, body.data() + body.size() - 4, sizeof(size));
  // Deflate makes at most 1032 bytes of one.
  return std::min<size_t>(size, body.size() * 1032);
}

bool is_zlib(std::string_view body) {
  if (body.size() < 2) return false;
  auto first = static_cast<unsigned char>(body[0]), second = static_cast<unsigned char>(body[1]);
  return (first & 0x0f) == 8 && (first >> 4) <= 7 && (first * 256 + second) % 31 == 0;
}

std::string gunzip(std::string_view body, size_t limit, const Reserve& reserve) {
  std::string out;
  size_t guess = gzip_size_guess(body);
  do {
    inflate_one(libdeflate_gzip_decompress_ex, body, guess, limit, reserve, out);
  } while (is_gzip(body));
  // Some writers pad with zeros.
  if (body.find_first_not_of('\0') != std::string_view::npos) damaged();
  return out;
}

}  // namespace

bool is_gzip(std::string_view body) {
  return body.starts_with("\x1f\x8b");
}

bool is_zip(std::string_view body) {
  return body.starts_with("PK\x03\x04");
}

std::string decompress(std::string_view body, ContentEncoding hint, size_t output_limit,
                       const Reserve& reserve) {
  if (is_gzip(body)) return gunzip(body, output_limit, reserve);
  // Client libraries send zip archives under the label of gzip; as text they would be rows of rubbish.
  if (is_zip(body)) {
    throw bad_request("BadRequest_InvalidArchive",
                      "The request body is a zip archive, which is not supported; use gzip.");
  }
  if (hint == ContentEncoding::kDeflate && !body.empty()) {
    std::string out;
    inflate_one(is_zlib(body) ? libdeflate_zlib_decompress_ex : libdeflate_deflate_decompress_ex,
                body, 4 * body.size(), output_limit, reserve, out);
    if (!body.empty()) damaged();
    return out;
  }
  if (body.size() > output_limit) too_large(output_limit);
  if (reserve) reserve(body.size());
  return std::string(body);
}

}  // namespace rivulet::ingest
