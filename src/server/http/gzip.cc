#include "server/http/gzip.h"

#include <stdexcept>

#include <zlib.h>

namespace rivulet::server {

struct GzipEncoder::State {
  z_stream stream{};
};

GzipEncoder::GzipEncoder() : state_(std::make_unique<State>()) {
  constexpr int kFastest = 1;
  constexpr int kGzipFrame = 15 + 16;
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&state_->stream, kFastest, Z_DEFLATED, kGzipFrame, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

GzipEncoder::~GzipEncoder() {
  deflateEnd(&state_->stream);
}

void GzipEncoder::encode(std::string_view piece, bool is_last, std::string& out) {
  z_stream& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  stream.avail_in = static_cast<uInt>(piece.size());
  int status = Z_OK;
  do {
    constexpr size_t kStep = 32 << 10;
    size_t size = out.size();
    out.resize(size + kStep);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + size);
    stream.avail_out = kStep;
    status = deflate(&stream, is_last ? Z_FINISH : Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  } while (stream.avail_out == 0 || (is_last && status == Z_OK));
}

std::string gzip(std::string_view text) {
  std::string out;
  GzipEncoder().encode(text, true, out);
  return out;
}

}  // namespace rivulet::server
