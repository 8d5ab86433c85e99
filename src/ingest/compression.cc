#include "ingest/compression.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

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
  throw Error(ErrorKind::kInvalidArchive, "The compressed request body is damaged.");
}

// Inflates streams that follow each other into one buffer. It grows to what they need and is never made
// smaller between two of them, so that the work grows with input and output, whatever the number of streams.
// A stream that does not fit is begun again, which may cost as much as its input is long: so the buffer grows
// in few steps, and is soon in proportion to the body.
class Inflater {
 public:
  Inflater(std::string_view body, size_t expected, size_t limit, const Reserve& reserve)
      : least_growth_(kGrowth * body.size()), limit_(limit), reserve_(reserve) {
    resize(std::min(std::max<size_t>(expected, 64), limit));
  }

  // Takes one stream off the front of `input`; false when its output passes the limit.
  bool take(Inflate inflate, std::string_view& input) {
    for (;;) {
      size_t consumed = 0, produced = 0;
      switch (inflate(decompressor(), input.data(), input.size(), buffer_.data() + size_,
                      buffer_.size() - size_, &consumed, &produced)) {
        case LIBDEFLATE_SUCCESS:
          size_ += produced;
          input.remove_prefix(consumed);
          return true;
        case LIBDEFLATE_INSUFFICIENT_SPACE:
          if (buffer_.size() >= limit_) return false;
          resize(std::min(std::max(kGrowth * buffer_.size(), least_growth_), limit_));
          break;
        default:
          damaged();
      }
    }
  }
  std::string output() && {
    buffer_.resize(size_);
    return std::move(buffer_);
  }

 private:
  void resize(size_t size) {
    if (reserve_) reserve_(size);
    buffer_.resize(size);
  }

  static constexpr size_t kGrowth = 4;

  const size_t least_growth_;
  const size_t limit_;
  const Reserve& reserve_;
  std::string buffer_;
  size_t size_ = 0;
};

// A gzip member ends with its size, modulo 2^32. A guess only: there may be several members, and what the
// last one says may be false. So no more is believed than text may well gain.
size_t gzip_size_guess(std::string_view body) {
  constexpr size_t kBelievedRatio = 64;
  uint32_t size = 0;
  if (body.size() >= 18) std::memcpy(&size, body.data() + body.size() - 4, sizeof(size));
  return std::min<size_t>(size, body.size() * kBelievedRatio);
}

bool is_zlib(std::string_view body) {
  if (body.size() < 2) return false;
  auto first = static_cast<unsigned char>(body[0]), second = static_cast<unsigned char>(body[1]);
  return (first & 0x0f) == 8 && (first >> 4) <= 7 && (first * 256 + second) % 31 == 0;
}

std::optional<std::string> gunzip(std::string_view body, size_t limit, const Reserve& reserve) {
  Inflater inflater(body, gzip_size_guess(body), limit, reserve);
  do {
    if (!inflater.take(libdeflate_gzip_decompress_ex, body)) return std::nullopt;
  } while (is_gzip(body));
  // Some writers pad with zeros.
  if (body.find_first_not_of('\0') != std::string_view::npos) damaged();
  return std::move(inflater).output();
}

std::optional<std::string> inflate(std::string_view body, size_t limit, const Reserve& reserve) {
  Inflater inflater(body, 4 * body.size(), limit, reserve);
  if (!inflater.take(
          is_zlib(body) ? libdeflate_zlib_decompress_ex : libdeflate_deflate_decompress_ex, body))
    return std::nullopt;
  if (!body.empty()) damaged();
  return std::move(inflater).output();
}

}  // namespace

bool is_gzip(std::string_view body) {
  return body.starts_with("\x1f\x8b");
}

bool is_zip(std::string_view body) {
  return body.starts_with("PK\x03\x04");
}

std::optional<std::string> decompress(std::string_view body, ContentEncoding hint,
                                      size_t output_limit, const Reserve& reserve) {
  if (is_gzip(body)) return gunzip(body, output_limit, reserve);
  // Client libraries send zip archives under the label of gzip; as text they would be rows of rubbish.
  if (is_zip(body)) {
    throw Error(ErrorKind::kInvalidArchive,
                "The request body is a zip archive, which is not supported; use gzip.");
  }
  if (hint == ContentEncoding::kDeflate && !body.empty())
    return inflate(body, output_limit, reserve);
  if (body.size() > output_limit) return std::nullopt;
  if (reserve) reserve(body.size());
  return std::string(body);
}

}  // namespace rivulet::ingest
