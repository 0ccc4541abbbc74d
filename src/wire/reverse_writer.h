// Writing protobuf messages from their end to their beginning: a submessage's length is known when its
// content has been written, so that nothing is measured before and nothing is moved. Fields and repeated
// items are put in the reverse of the order in which they are to stand. Fields with their default value are
// left out, as proto3 has it, except where a function says otherwise. For wire and otlp.
//
//   ReverseWriter out(1024);
//   size_t end = out.Mark();
//   out.PutBytesField(2, value);
//   out.PutBytesField(1, key);
//   out.EndSubmessage(9, end);     // field 9: {1: key, 2: value}
//   std::string message = std::move(out).Finish();
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace sextant::wire {

class ReverseWriter {
 public:
  explicit ReverseWriter(size_t expected_bytes)
      : capacity_(std::max<size_t>(expected_bytes, 64)),
        buffer_(std::make_unique_for_overwrite<char[]>(capacity_)),
        at_(capacity_) {}

  // Bytes written so far.
  size_t size() const { return capacity_ - at_; }
  std::string_view view() const { return {buffer_.get() + at_, size()}; }
  std::string Finish() && { return std::string(view()); }

  // Before the fields of a submessage are put.
  size_t Mark() const { return size(); }
  // After they were: also of an empty one.
  void EndSubmessage(uint32_t field, size_t mark) {
    PutVarint(size() - mark);
    PutVarint(field << 3 | 2);
  }

  void PutUintField(uint32_t field, uint64_t value) {
    if (value != 0) PutUintItem(field, value);
  }
  // Also when it is 0.
  void PutUintItem(uint32_t field, uint64_t value) {
    PutVarint(value);
    PutVarint(field << 3);
  }
  void PutSintField(uint32_t field, int64_t value) {
    PutUintField(field, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void PutFixed64Field(uint32_t field, uint64_t value) {
    if (value != 0) PutFixed64Item(field, value);
  }
  void PutFixed64Item(uint32_t field, uint64_t value) {
    PutRaw64(value);
    PutVarint(field << 3 | 1);
  }
  void PutFixed32Field(uint32_t field, uint32_t value) {
    if (value == 0) return;
    std::memcpy(Room(4), &value, 4);
    PutVarint(field << 3 | 5);
  }
  void PutDoubleItem(uint32_t field, double value) { PutFixed64Item(field, std::bit_cast<uint64_t>(value)); }
  // Negative zero is not the default.
  void PutDoubleField(uint32_t field, double value) {
    PutFixed64Field(field, std::bit_cast<uint64_t>(value));
  }
  void PutBytesField(uint32_t field, std::string_view bytes) {
    if (!bytes.empty()) PutBytesItem(field, bytes);
  }
  void PutBytesItem(uint32_t field, std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(Room(bytes.size()), bytes.data(), bytes.size());
    PutVarint(bytes.size());
    PutVarint(field << 3 | 2);
  }
  // For packed fields, between Mark and EndSubmessage.
  void PutRaw64(uint64_t value) { std::memcpy(Room(8), &value, 8); }
  void PutVarint(uint64_t value) {
    if (value < 0x80) {
      *Room(1) = static_cast<char>(value);
      return;
    }
    char bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7) bytes[count++] = static_cast<char>(value | 0x80);
    bytes[count++] = static_cast<char>(value);
    std::memcpy(Room(count), bytes, count);
  }

 private:
  static_assert(std::endian::native == std::endian::little);

  char* Room(size_t bytes) {
    if (bytes > at_) Grow(bytes);
    at_ -= bytes;
    return buffer_.get() + at_;
  }
  void Grow(size_t bytes) {
    size_t capacity = std::max(capacity_ * 2, size() + bytes);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    std::memcpy(larger.get() + capacity - size(), buffer_.get() + at_, size());
    at_ = capacity - size();
    capacity_ = capacity;
    buffer_ = std::move(larger);
  }

  size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  size_t at_;  // where what was written begins
};

}  // namespace sextant::wire
