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
//   Send(out.view());
//
// A writer that is kept and cleared costs neither allocations nor fresh pages for the next message.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace sextant::wire {

// Copies a text that is most often shorter than 32 bytes, without a call for those.
inline void CopyShort(char* to, const char* from, size_t size) {
  if (size > 32) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    std::memcpy(to, from, 16);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

class ReverseWriter {
 public:
  // Numbers of fields and lengths below these take one byte.
  static constexpr uint32_t kShortFields = 16;
  static constexpr size_t kShortLengths = 0x80;

  explicit ReverseWriter(size_t expected_bytes)
      : capacity_(std::max<size_t>(expected_bytes, 64)),
        buffer_(std::make_unique_for_overwrite<char[]>(capacity_)),
        at_(capacity_) {}

  // Bytes written so far.
  size_t size() const { return capacity_ - at_; }
  size_t capacity() const { return capacity_; }
  // Valid until more is put.
  std::string_view view() const { return {buffer_.get() + at_, size()}; }
  std::string Finish() && { return std::string(view()); }
  // Forgets what was written and keeps the room for it, which becomes at least `expected_bytes`.
  void Clear(size_t expected_bytes = 0) {
    at_ = capacity_;
    if (expected_bytes > capacity_) *this = ReverseWriter(expected_bytes);
  }

  // Before the fields of a submessage are put.
  size_t Mark() const { return size(); }
  // After they were: also of an empty one.
  void EndSubmessage(uint32_t field, size_t mark) { PutTagAndLength(field, size() - mark); }

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
    if (field >= kShortFields) {
      PutRaw64(value);
      return PutVarint(field << 3 | 1);
    }
    char* place = Room(9);
    place[0] = static_cast<char>(field << 3 | 1);
    std::memcpy(place + 1, &value, 8);
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
    if (field < kShortFields && bytes.size() < kShortLengths) [[likely]] {
      char* place = Room(bytes.size() + 2);
      place[0] = static_cast<char>(field << 3 | 2);
      place[1] = static_cast<char>(bytes.size());
      CopyShort(place + 2, bytes.data(), bytes.size());
      return;
    }
    if (!bytes.empty()) std::memcpy(Room(bytes.size()), bytes.data(), bytes.size());
    PutTagAndLength(field, bytes.size());
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

  // A place for so many bytes before what was written, to be filled before anything else is put.
  char* Room(size_t bytes) {
    if (bytes > at_) [[unlikely]]
      Grow(bytes);
    at_ -= bytes;
    return buffer_.get() + at_;
  }

 private:
  static_assert(std::endian::native == std::endian::little);

  void PutTagAndLength(uint32_t field, size_t length) {
    if (field < kShortFields && length < kShortLengths) [[likely]] {
      char* place = Room(2);
      place[0] = static_cast<char>(field << 3 | 2);
      place[1] = static_cast<char>(length);
      return;
    }
    PutVarint(length);
    PutVarint(field << 3 | 2);
  }
  [[gnu::noinline]] void Grow(size_t bytes) {
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
