#include "metrics/tsdb/value_codec.h"

#include <bit>
#include <cmath>

#include "model/value.h"

namespace sextant::tsdb {
namespace {

constexpr uint8_t kSmallDelta = 0x80;
constexpr uint8_t kDelta = 0xc0;  // + 8 * scale + bytes - 1
constexpr uint8_t kXor = 0xd8;    // + bytes - 1
constexpr int kScaleCount = 3;
constexpr double kScales[kScaleCount] = {1, 1e3, 1e6};
// Up to here the quotients of neighbouring whole numbers are different doubles, so that the whole number is
// unique.
constexpr double kMaxWhole = 2251799813685248.0;  // 2^51

// The same at scale 1, which is what most values are: without the division.
bool ToWhole(double value, int64_t& whole) {
  if (!(value >= -kMaxWhole && value <= kMaxWhole)) return false;
  whole = static_cast<int64_t>(value);
  return std::bit_cast<uint64_t>(static_cast<double>(whole)) == std::bit_cast<uint64_t>(value);
}

// The whole number that stands for a value at a scale, if dividing it gives back the same bits.
bool ToWhole(double value, double scale, int64_t& whole) {
  double scaled = value * scale;
  if (!(scaled >= -kMaxWhole && scaled <= kMaxWhole)) return false;  // also NaN
  // Rounds half away from zero, without the call that llround costs.
  whole = static_cast<int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  double back = static_cast<double>(whole) / scale;
  return std::bit_cast<uint64_t>(back) == std::bit_cast<uint64_t>(value);
}

unsigned BytesOf(uint64_t value) { return (static_cast<unsigned>(std::bit_width(value)) + 7) / 8; }

// Writes the lowest `bytes` bytes.
char* PutLow(char* out, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) *out++ = static_cast<char>(value >> (8 * i));
  return out;
}

}  // namespace

char* EncodeValue(uint64_t previous_bits, uint64_t bits, char* out) {
  if (bits == model::kStaleNanBits) {
    *out++ = static_cast<char>(kStaleToken);
    return out;
  }
  double previous = std::bit_cast<double>(previous_bits);
  double value = std::bit_cast<double>(bits);
  for (int i = 0; i < kScaleCount; ++i) {
    int64_t from;
    int64_t to;
    bool is_whole = i == 0 ? ToWhole(value, to) && ToWhole(previous, from)
                           : ToWhole(value, kScales[i], to) && ToWhole(previous, kScales[i], from);
    if (!is_whole) continue;
    int64_t delta = to - from;
    if (i == 0 && delta >= -32 && delta <= 32 && delta != 0) {
      *out++ = static_cast<char>(kSmallDelta + ZigZag(delta) - 1);
      return out;
    }
    uint64_t zigzag = ZigZag(delta);
    unsigned bytes = zigzag == 0 ? 1 : BytesOf(zigzag);
    if (bytes > 6) break;  // the exclusive or is no longer
    *out++ = static_cast<char>(kDelta + 8 * i + static_cast<int>(bytes) - 1);
    return PutLow(out, zigzag, bytes);
  }
  uint64_t difference = previous_bits ^ bits;
  unsigned cut = difference == 0 ? 0 : static_cast<unsigned>(std::countr_zero(difference)) / 8;
  difference >>= 8 * cut;
  unsigned bytes = difference == 0 ? 1 : BytesOf(difference);
  *out++ = static_cast<char>(kXor + bytes - 1);
  *out++ = static_cast<char>(cut);
  return PutLow(out, difference, bytes);
}

bool DecodeValue(uint8_t token, uint64_t previous_bits, ByteReader& reader, uint64_t& bits) {
  double previous = std::bit_cast<double>(previous_bits);
  if (token == kStaleToken) {
    bits = model::kStaleNanBits;
    return true;
  }
  if (token >= kSmallDelta && token < kXor) {
    int64_t delta;
    int scale = 0;
    if (token < kDelta) {
      delta = UnZigZag(static_cast<uint64_t>(token - kSmallDelta) + 1);
    } else {
      scale = (token - kDelta) / 8;
      delta = UnZigZag(reader.Low(static_cast<unsigned>((token - kDelta) % 8) + 1));
    }
    int64_t from;
    if (!reader.ok()) return false;
    if (scale == 0) {
      if (!ToWhole(previous, from)) return false;
      bits = std::bit_cast<uint64_t>(static_cast<double>(WrappingAdd(from, delta)));
      return true;
    }
    if (!ToWhole(previous, kScales[scale], from)) return false;
    bits = std::bit_cast<uint64_t>(static_cast<double>(WrappingAdd(from, delta)) / kScales[scale]);
    return true;
  }
  if (token >= kXor && token < kStaleToken) {
    unsigned cut = reader.Byte();
    uint64_t difference = reader.Low(static_cast<unsigned>(token - kXor) + 1);
    if (!reader.ok() || cut > 7) return false;
    bits = previous_bits ^ (difference << (8 * cut));
    return true;
  }
  return false;
}

}  // namespace sextant::tsdb
