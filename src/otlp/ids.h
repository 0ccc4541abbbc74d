// The ids of traces and spans. All zeros means none.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sextant::otlp {

template <size_t N>
struct Id {
  std::array<uint8_t, N> bytes{};

  // Of bytes that are as many as an id has, or none; false for any other number.
  bool Assign(std::string_view raw) {
    if (raw.size() == N) {
      std::memcpy(bytes.data(), raw.data(), N);
      return true;
    }
    bytes.fill(0);
    return raw.empty();
  }
  bool IsEmpty() const { return bytes == std::array<uint8_t, N>{}; }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), N}; }
  // Small letters; "" for none.
  std::string Hex() const {
    if (IsEmpty()) return "";
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (uint8_t byte : bytes) {
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
    return text;
  }

  friend bool operator==(const Id&, const Id&) = default;
  friend auto operator<=>(const Id&, const Id&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const Id& id) {
    return H::combine(std::move(hash), id.bytes);
  }
};

using TraceId = Id<16>;
using SpanId = Id<8>;

}  // namespace sextant::otlp
