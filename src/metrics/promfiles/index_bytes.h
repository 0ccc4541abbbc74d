// The alphabet of Prometheus' block files: big-endian fixed integers and Go's varints. The reader never looks
// past its bytes: after a short or malformed read it yields zeros and ok() is false for good.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sextant::promfiles {

inline uint32_t LoadBig32(const char* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return __builtin_bswap32(value);
}
inline uint64_t LoadBig64(const char* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, sizeof value);
  return __builtin_bswap64(value);
}

inline void PutBig32(std::string& out, uint32_t value) {
  value = __builtin_bswap32(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
inline void PutBig64(std::string& out, uint64_t value) {
  value = __builtin_bswap64(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
inline void PutUvarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
inline void PutVarint(std::string& out, int64_t value) {
  PutUvarint(out, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}
inline void PutText(std::string& out, std::string_view text) {
  PutUvarint(out, text.size());
  out.append(text);
}
inline size_t UvarintBytes(uint64_t value) {
  size_t bytes = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++bytes;
  }
  return bytes;
}

class IndexByteReader {
 public:
  explicit IndexByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return !failed_; }
  bool at_end() const { return at_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  const char* position() const { return at_; }

  uint8_t Byte() {
    if (at_ == end_) return Fail();
    return static_cast<uint8_t>(*at_++);
  }
  uint32_t Big32() {
    if (remaining() < sizeof(uint32_t)) return Fail();
    at_ += sizeof(uint32_t);
    return LoadBig32(at_ - sizeof(uint32_t));
  }
  uint64_t Big64() {
    if (remaining() < sizeof(uint64_t)) return Fail();
    at_ += sizeof(uint64_t);
    return LoadBig64(at_ - sizeof(uint64_t));
  }

  uint64_t Uvarint() {
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
  int64_t Varint() {
    uint64_t value = Uvarint();
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }

  // A count of things that each take at least `bytes_each` bytes from here on, so that a hostile count cannot
  // make the reader allocate more than its input justifies.
  uint64_t Count(size_t bytes_each) {
    uint64_t count = Uvarint();
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
  std::string_view Text() { return Bytes(Uvarint()); }

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

}  // namespace sextant::promfiles
