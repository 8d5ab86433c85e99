#include "ingest/compression.h"

#include <random>
#include <string>

#include <gtest/gtest.h>
#include <libdeflate.h>

#include "common/error.h"

namespace rivulet::ingest {
namespace {

enum class Kind { kGzip, kZlib, kRaw };

std::string compress(std::string_view text, Kind kind) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
  std::string out(text.size() + 1000, '\0');
  size_t size = 0;
  if (kind == Kind::kGzip) {
    size = libdeflate_gzip_compress(compressor, text.data(), text.size(), out.data(), out.size());
  } else if (kind == Kind::kZlib) {
    size = libdeflate_zlib_compress(compressor, text.data(), text.size(), out.data(), out.size());
  } else {
    size =
        libdeflate_deflate_compress(compressor, text.data(), text.size(), out.data(), out.size());
  }
  libdeflate_free_compressor(compressor);
  out.resize(size);
  return out;
}

constexpr size_t kLimit = 1 << 20;

std::string sample() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * i) + ",text\n";
  return text;
}

std::string error_code(std::string_view body, ContentEncoding hint, size_t limit = kLimit) {
  try {
    decompress(body, hint, limit);
    return "none";
  } catch (const Error& error) {
    return error.code();
  }
}

TEST(Compression, SniffsRatherThanTrusts) {
  std::string text = sample();
  EXPECT_EQ(decompress(compress(text, Kind::kGzip), ContentEncoding::kGzip, kLimit), text);
  EXPECT_EQ(decompress(compress(text, Kind::kGzip), ContentEncoding::kIdentity, kLimit), text);
  EXPECT_EQ(decompress(compress(text, Kind::kZlib), ContentEncoding::kDeflate, kLimit), text);
  EXPECT_EQ(decompress(compress(text, Kind::kRaw), ContentEncoding::kDeflate, kLimit), text);
  EXPECT_EQ(decompress(text, ContentEncoding::kGzip, kLimit), text);
  EXPECT_EQ(decompress("", ContentEncoding::kGzip, kLimit), "");
  EXPECT_EQ(decompress("", ContentEncoding::kDeflate, kLimit), "");
  EXPECT_EQ(decompress(compress("", Kind::kGzip), ContentEncoding::kGzip, kLimit), "");
}

TEST(Compression, SeveralMembersAndPadding) {
  std::string text = sample();
  std::string body =
      compress(text, Kind::kGzip) + compress("x", Kind::kGzip) + compress(text, Kind::kGzip);
  EXPECT_EQ(decompress(body, ContentEncoding::kGzip, kLimit), text + "x" + text);
  EXPECT_EQ(decompress(body + std::string(100, '\0'), ContentEncoding::kGzip, kLimit),
            text + "x" + text);
  EXPECT_EQ(error_code(body + "junk", ContentEncoding::kGzip), "BadRequest_InvalidArchive");
}

TEST(Compression, RefusesBombs) {
  std::string bomb = compress(std::string(64 << 20, '\0'), Kind::kGzip);
  EXPECT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(error_code(bomb, ContentEncoding::kGzip), "PayloadTooLarge");
  std::string members;
  for (int i = 0; i < 20; ++i) members += compress(std::string(100'000, '\0'), Kind::kGzip);
  EXPECT_EQ(error_code(members, ContentEncoding::kGzip), "PayloadTooLarge");
  EXPECT_EQ(error_code(compress(sample(), Kind::kZlib), ContentEncoding::kDeflate, 100),
            "PayloadTooLarge");
  EXPECT_EQ(error_code(std::string(101, 'x'), ContentEncoding::kIdentity, 100), "PayloadTooLarge");
  std::string exact(100, 'x');
  EXPECT_EQ(decompress(compress(exact, Kind::kGzip), ContentEncoding::kGzip, 100), exact);
}

TEST(Compression, RefusesZip) {
  EXPECT_EQ(error_code("PK\x03\x04 and so on", ContentEncoding::kGzip),
            "BadRequest_InvalidArchive");
}

TEST(Compression, DamageIsAnError) {
  std::string body = compress(sample(), Kind::kGzip);
  std::mt19937 random(1);
  for (size_t size = 2; size < body.size(); size += 1 + random() % 200) {
    EXPECT_NE(error_code(body.substr(0, size), ContentEncoding::kGzip), "none") << size;
  }
  for (int i = 0; i < 500; ++i) {
    std::string damaged = body;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 + random() % 255);
    error_code(damaged, ContentEncoding::kGzip);
    error_code(damaged, ContentEncoding::kDeflate);
  }
}

}  // namespace
}  // namespace rivulet::ingest
