// The alphabet of Prometheus' files: big-endian fixed integers, Go's varints,
// length-prefixed texts. The reader never looks past its bytes: after a short or malformed read it yields
// zeros and ok() is false for good.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace sextant::promfiles {

template <typename T>
T SwapBytes(T value) {
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  return value;
}

template <typename T>
T LoadBigEndian(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return SwapBytes(value);
}

template <typename T>
void PutBigEndian(std::string& out, T value) {
  static_assert(std::is_integral_v<T>);
  value = SwapBytes(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
inline void PutDouble(std::string& out, double value) { PutBigEndian(out, std::bit_cast<uint64_t>(value)); }

inline void PutUvarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
// How long that is.
inline size_t UvarintBytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}
inline void PutVarint(std::string& out, int64_t value) {
  PutUvarint(out, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}
inline void PutPrefixed(std::string& out, std::string_view text) {
  PutUvarint(out, text.size());
  out.append(text);
}

class BigEndianReader {
 public:
  explicit BigEndianReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return !failed_; }
  bool at_end() const { return at_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  const char* position() const { return at_; }

  template <typename T>
  T Fixed() {
    if (remaining() < sizeof(T)) return static_cast<T>(Fail());
    T value = LoadBigEndian<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  uint8_t Byte() { return Fixed<uint8_t>(); }
  double Double() { return std::bit_cast<double>(Fixed<uint64_t>()); }

  uint64_t Uvarint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      uint64_t byte = Byte();
      if (shift == 63 && byte > 1) return Fail();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  int64_t Varint() {
    uint64_t value = Uvarint();
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }

  // A count of things that each take at least `bytes_each` bytes from here on, so that a hostile count cannot
  // make the reader allocate more than its input justifies.
  uint64_t Count(size_t bytes_each) {
    uint64_t count = Uvarint();
    return count > remaining() / bytes_each ? Fail() : count;
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
  std::string_view Prefixed() { return Bytes(Uvarint()); }

 private:
  uint64_t Fail() {
    failed_ = true;
    at_ = end_;
    return 0;
  }

  const char* at_;
  const char* end_;
  bool failed_ = false;
};

}  // namespace sextant::promfiles
