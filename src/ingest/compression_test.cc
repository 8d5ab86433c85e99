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

std::string outcome(std::string_view body, ContentEncoding hint, size_t limit = kLimit) {
  try {
    return decompress(body, hint, limit) ? "none" : "too large";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArchive);
    return "damaged";
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
  EXPECT_EQ(outcome(body + "junk", ContentEncoding::kGzip), "damaged");
}

TEST(Compression, RefusesBombs) {
  std::string bomb = compress(std::string(64 << 20, '\0'), Kind::kGzip);
  EXPECT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(outcome(bomb, ContentEncoding::kGzip), "too large");
  std::string members;
  for (int i = 0; i < 20; ++i) members += compress(std::string(100'000, '\0'), Kind::kGzip);
  EXPECT_EQ(outcome(members, ContentEncoding::kGzip), "too large");
  EXPECT_EQ(outcome(compress(sample(), Kind::kZlib), ContentEncoding::kDeflate, 100), "too large");
  EXPECT_EQ(outcome(std::string(101, 'x'), ContentEncoding::kIdentity, 100), "too large");
  std::string exact(100, 'x');
  EXPECT_EQ(decompress(compress(exact, Kind::kGzip), ContentEncoding::kGzip, 100), exact);
}

// What is asked for before it is taken: how often, and how much in all.
struct Reserved {
  size_t calls = 0;
  size_t bytes = 0;
};

TEST(Compression, WorkGrowsWithTheBodyAndNotWithItsMembers) {
  std::string empty = compress("", Kind::kGzip);
  std::string members;
  for (int i = 0; i < 10'000; ++i) members += empty;
  std::string lie = compress("x", Kind::kGzip);
  std::fill(lie.end() - 4, lie.end(), '\x7f');
  Reserved reserved;
  auto reserve = [&](size_t bytes) {
    ++reserved.calls;
    reserved.bytes += bytes;
  };
  constexpr size_t kLarge = 64 << 20;
  EXPECT_EQ(decompress(members, ContentEncoding::kGzip, kLarge, reserve), "");
  EXPECT_EQ(reserved.calls, 1u);
  reserved = {};
  EXPECT_THROW(decompress(members + lie, ContentEncoding::kGzip, kLarge, reserve), Error);
  EXPECT_EQ(reserved.calls, 1u);
  EXPECT_LE(reserved.bytes, 64 * members.size() + 10'000);
  // A size that a small body claims is no reason to take much.
  reserved = {};
  EXPECT_THROW(decompress(lie, ContentEncoding::kGzip, kLarge, reserve), Error);
  EXPECT_LE(reserved.bytes, 64 * lie.size());
  // Members that hold something grow the output in few steps, for each of which a member is begun again.
  members.clear();
  std::string text, member = compress("some text\n", Kind::kGzip);
  for (int i = 0; i < 10'000; ++i) {
    members += member;
    text += "some text\n";
  }
  reserved = {};
  EXPECT_EQ(decompress(members, ContentEncoding::kGzip, kLarge, reserve), text);
  EXPECT_EQ(reserved.calls, 2u);
  EXPECT_LE(reserved.bytes, 5 * members.size());
  std::string bomb = compress(std::string(kLarge, 'x'), Kind::kGzip);
  std::fill(bomb.end() - 4, bomb.end(), '\0');
  reserved = {};
  EXPECT_THROW(decompress(bomb, ContentEncoding::kGzip, kLarge, reserve), Error);
  EXPECT_LE(reserved.calls, 7u);
}

TEST(Compression, RefusesZip) {
  EXPECT_EQ(outcome("PK\x03\x04 and so on", ContentEncoding::kGzip), "damaged");
}

TEST(Compression, DamageIsAnError) {
  std::string body = compress(sample(), Kind::kGzip);
  std::mt19937 random(1);
  for (size_t size = 2; size < body.size(); size += 1 + random() % 200) {
    EXPECT_NE(outcome(body.substr(0, size), ContentEncoding::kGzip), "none") << size;
  }
  for (int i = 0; i < 500; ++i) {
    std::string damaged = body;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 + random() % 255);
    outcome(damaged, ContentEncoding::kGzip);
    outcome(damaged, ContentEncoding::kDeflate);
  }
}

}  // namespace
}  // namespace rivulet::ingest
