#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

// Numbers and strings as bytes, for every format on disk: little-endian, and varints of 7-bit groups.
namespace rivulet {

static_assert(std::endian::native == std::endian::little);

// Appends to a string that the caller owns.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  template <typename T>
  void fixed(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes(&value, sizeof(value));
  }
  void varint(uint64_t value) {
    char buffer[10];
    size_t size = 0;
    while (value >= 0x80) {
      buffer[size++] = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    buffer[size++] = static_cast<char>(value);
    out_.append(buffer, size);
  }
  // Length as varint, then the text.
  void string(std::string_view text) {
    varint(text.size());
    out_.append(text);
  }
  void bytes(const void* data, size_t size) { out_.append(static_cast<const char*>(data), size); }
  // `size` bytes for the caller to fill; valid until the next call.
  char* reserve(size_t size) {
    out_.resize(out_.size() + size);
    return out_.data() + out_.size() - size;
  }

 private:
  std::string& out_;
};

// Reads what ByteWriter wrote; throws std::runtime_error when the bytes end too early.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : next_(bytes.data()), end_(next_ + bytes.size()) {}

  bool at_end() const { return next_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - next_); }
  uint8_t byte() { return static_cast<uint8_t>(*take(1)); }
  template <typename T>
  T fixed() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      uint8_t group = byte();
      value |= static_cast<uint64_t>(group & 0x7f) << shift;
      if (group < 0x80) return value;
    }
    throw std::runtime_error("a varint has more than ten bytes");
  }
  std::string_view string() { return bytes(varint()); }
  std::string_view bytes(uint64_t size) { return {take(size), static_cast<size_t>(size)}; }

 private:
  const char* take(uint64_t size) {
    if (size > remaining()) throw std::runtime_error("the bytes end too early");
    const char* taken = next_;
    next_ += size;
    return taken;
  }

  const char* next_;
  const char* end_;
};

}  // namespace rivulet
