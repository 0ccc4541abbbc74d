// The alphabet of the store's files: little-endian fixed integers, varints, length-prefixed texts. Readers
// never look past their bytes: after a short or malformed read they yield zeros and ok() is false for good.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sextant::tsdb {

static_assert(std::endian::native == std::endian::little, "files are little-endian and read in place");

inline constexpr size_t kMaxVarintBytes = 10;

inline uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// Differences that wrap instead of overflowing, so that any two 64-bit times have one and hostile bytes are
// harmless.
inline int64_t WrappingSub(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
inline int64_t WrappingAdd(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

template <typename T>
T LoadFixed(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T>
void StoreFixed(char* bytes, T value) {
  std::memcpy(bytes, &value, sizeof value);
}

// Writes a varint at `out` (room for kMaxVarintBytes) and returns its end.
inline char* StoreVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

template <typename T>
void PutFixed(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline void PutVarint(std::string& out, uint64_t value) {
  char buffer[kMaxVarintBytes];
  out.append(buffer, static_cast<size_t>(StoreVarint(buffer, value) - buffer));
}

inline void PutSignedVarint(std::string& out, int64_t value) { PutVarint(out, ZigZag(value)); }

inline void PutText(std::string& out, std::string_view text) {
  PutVarint(out, text.size());
  out.append(text);
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return !failed_; }
  bool at_end() const { return at_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  const char* position() const { return at_; }

  uint8_t Byte() {
    if (at_ == end_) return Fail();
    return static_cast<uint8_t>(*at_++);
  }

  template <typename T>
  T Fixed() {
    if (remaining() < sizeof(T)) return Fail();
    T value = LoadFixed<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return Fail();
      uint8_t byte = static_cast<uint8_t>(*at_++);
      if (shift == 63 && byte > 1) return Fail();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }

  int64_t SignedVarint() { return UnZigZag(Varint()); }

  // An integer of 1 to 8 bytes.
  uint64_t Low(unsigned bytes) {
    if (remaining() >= sizeof(uint64_t)) {
      uint64_t value = LoadFixed<uint64_t>(at_);
      at_ += bytes;
      return bytes >= sizeof value ? value : value & ((uint64_t{1} << (8 * bytes)) - 1);
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= static_cast<uint64_t>(Byte()) << (8 * i);
    return value;
  }

  // A count of things that each take at least `bytes_each` bytes from here on, so that a hostile count cannot
  // make the reader allocate more than its input justifies.
  uint64_t Count(size_t bytes_each) {
    uint64_t count = Varint();
    if (count > remaining() / bytes_each) return Fail();
    return count;
  }

  std::string_view Bytes(uint64_t size) {
    if (size > remaining()) {
      Fail();
      return {};
    }
    std::string_view bytes(at_, static_cast<size_t>(size));
    at_ += size;
    return bytes;
  }

  std::string_view Text() { return Bytes(Varint()); }

 private:
  uint8_t Fail() {
    failed_ = true;
    at_ = end_;
    return 0;
  }

  const char* at_;
  const char* end_;
  bool failed_ = false;
};

}  // namespace sextant::tsdb
