// Writing protobuf messages at the end of a string. A submessage is written in place behind room for its
// length, which is closed up when the length is known. Fields with their default value are left out, as
// proto3 has it, except where a function says otherwise. Internal to wire and its tests.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sextant::wire {

inline void PutVarint(std::string& out, uint64_t value) {
  char bytes[10];
  size_t size = 0;
  while (value >= 0x80) {
    bytes[size++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  bytes[size++] = static_cast<char>(value);
  out.append(bytes, size);
}

constexpr uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

inline void PutFixed64(std::string& out, uint64_t bits) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(bits >> (8 * i));
  out.append(bytes, sizeof bytes);
}

inline void PutUintField(std::string& out, uint32_t field, uint64_t value) {
  if (value == 0) return;
  PutVarint(out, field << 3);
  PutVarint(out, value);
}
inline void PutIntField(std::string& out, uint32_t field, int64_t value) {
  PutUintField(out, field, static_cast<uint64_t>(value));
}
inline void PutSintField(std::string& out, uint32_t field, int64_t value) {
  PutUintField(out, field, ZigZag(value));
}
// Negative zero is not the default.
inline void PutDoubleField(std::string& out, uint32_t field, double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  if (bits == 0) return;
  PutVarint(out, field << 3 | 1);
  PutFixed64(out, bits);
}
// Also when it is empty: for repeated fields.
inline void PutBytesItem(std::string& out, uint32_t field, std::string_view bytes) {
  PutVarint(out, field << 3 | 2);
  PutVarint(out, bytes.size());
  out.append(bytes);
}
inline void PutBytesField(std::string& out, uint32_t field, std::string_view bytes) {
  if (!bytes.empty()) PutBytesItem(out, field, bytes);
}

// A submessage, from its construction until its end.
class Submessage {
 public:
  Submessage(std::string& out, uint32_t field) : out_(out) {
    PutVarint(out_, field << 3 | 2);
    out_.push_back('\0');
    begin_ = out_.size();
  }
  ~Submessage() {
    size_t size = out_.size() - begin_;
    if (size < 0x80) {
      out_[begin_ - 1] = static_cast<char>(size);
      return;
    }
    std::string length;
    PutVarint(length, size);
    out_.replace(begin_ - 1, 1, length);
  }
  Submessage(const Submessage&) = delete;
  Submessage& operator=(const Submessage&) = delete;

 private:
  std::string& out_;
  size_t begin_ = 0;
};

}  // namespace sextant::wire
