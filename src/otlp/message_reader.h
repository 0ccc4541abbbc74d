// Reading protobuf messages where nanoseconds count: like protozero's reader, with all that is common inlined
// (tags, lengths and numbers of one byte) and errors thrown, so that nothing is returned and looked at for
// each field. Private to this module; Decoded ends what is thrown.
//
//   MessageReader reader(bytes);
//   while (uint32_t tag = reader.Next()) {
//     switch (tag) {
//       case Bytes(1): name = reader.View(); break;
//       default: reader.Skip();
//     }
//   }
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "otlp/decode_budget.h"
#include "wire/decode.h"

namespace sextant::otlp {

// What ends decoding of a message that is well-formed.
struct DecodeFailed {
  core::Error error;
};

// Runs a decoder and returns what it threw as an error.
template <typename Decode>
core::Status Decoded(std::string_view message, Decode&& decode) {
  try {
    return wire::Guarded(message, std::forward<Decode>(decode));
  } catch (DecodeFailed& failed) {
    return tl::unexpected(std::move(failed.error));
  }
}

[[noreturn]] void ThrowEndOfMessage();
[[noreturn]] void ThrowNumberTooLong();
[[noreturn]] void ThrowBadTag();
[[noreturn]] void ThrowOutOfBudget();

inline void TakeFrom(DecodeBudget& budget, size_t bytes) {
  if (!budget.TryTake(bytes)) [[unlikely]]
    ThrowOutOfBudget();
}

// A new element at the end of `items`.
template <typename T>
T& AddTo(DecodeBudget& budget, std::vector<T>& items) {
  TakeFrom(budget, sizeof(T));
  return items.emplace_back();
}

// Room for so many elements, which may then be added without asking.
template <typename T>
void Reserve(DecodeBudget& budget, size_t count, std::vector<T>& items) {
  TakeFrom(budget, count * sizeof(T));
  items.reserve(count);
}

class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  // The tag of the next field, as wire::Varint and its like give it; 0 at the end. Its value must be read or
  // skipped before the next one.
  uint32_t Next() {
    if (at_ == end_) return 0;
    uint64_t tag = Varint();
    if (tag < 8 || tag > UINT32_MAX) [[unlikely]]
      ThrowBadTag();
    return tag_ = static_cast<uint32_t>(tag);
  }
  void Skip();

  uint64_t Varint() {
    if (at_ != end_ && *at_ < 0x80) [[likely]]
      return *at_++;
    return LongVarint();
  }
  uint32_t Varint32() { return static_cast<uint32_t>(Varint()); }
  int32_t Enum() { return static_cast<int32_t>(Varint()); }
  int64_t SignedVarint() {
    uint64_t value = Varint();
    return static_cast<int64_t>((value >> 1) ^ (0 - (value & 1)));
  }
  uint64_t Fixed64() { return Fixed<uint64_t>(); }
  uint32_t Fixed32() { return Fixed<uint32_t>(); }
  double Double() { return std::bit_cast<double>(Fixed<uint64_t>()); }
  std::string_view View() {
    uint64_t size = Varint();
    if (size > Left()) [[unlikely]]
      ThrowEndOfMessage();
    const uint8_t* begin = at_;
    at_ += size;
    return {reinterpret_cast<const char*>(begin), size};
  }
  bool AtEnd() const { return at_ == end_; }

 private:
  static_assert(std::endian::native == std::endian::little);

  size_t Left() const { return static_cast<size_t>(end_ - at_); }
  template <typename T>
  T Fixed() {
    if (Left() < sizeof(T)) [[unlikely]]
      ThrowEndOfMessage();
    T value;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  uint64_t LongVarint();

  const uint8_t* at_;
  const uint8_t* end_;
  uint32_t tag_ = 0;
};

// How many fields of one tag there are.
size_t CountFields(std::string_view bytes, uint32_t tag);

}  // namespace sextant::otlp
