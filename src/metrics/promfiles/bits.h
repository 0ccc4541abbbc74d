// Bits as Prometheus' chunks have them: most significant first, with variable-length numbers on top. The
// reader never looks past its bytes: after a short read it yields zeros and ok() is false for good.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sextant::promfiles {

// Whether `value` fits the asymmetric ranges of the chunk formats: n bits hold -(2^(n-1) - 1) to 2^(n-1).
inline bool FitsBits(int64_t value, unsigned bits) {
  return -((int64_t{1} << (bits - 1)) - 1) <= value && value <= int64_t{1} << (bits - 1);
}

// Undoes the cut to `bits` of a value in that range.
inline int64_t WidenBits(uint64_t value, unsigned bits) {
  if (value > uint64_t{1} << (bits - 1)) value -= uint64_t{1} << bits;
  return static_cast<int64_t>(value);
}

// Differences that wrap instead of overflowing, as Go's do.
inline int64_t WrapSub(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
inline int64_t WrapAdd(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

// The numbers of payload bits that the prefixes 10, 110, 1110, ... announce; 64 bits follow the last.
inline constexpr unsigned kVarbitSizes[] = {3, 6, 9, 12, 18, 25, 56};
inline constexpr unsigned kVarbitPrefixes = 8;

class BitWriter {
 public:
  // Appends to `out`, which must outlive this and is complete after Finish.
  explicit BitWriter(std::string& out) : out_(out) {}
  // Goes on after a writer whose Finish returned `used`.
  BitWriter(std::string& out, unsigned used) : out_(out), used_(used) {
    if (used == 0) return;
    buffer_ = static_cast<uint64_t>(static_cast<uint8_t>(out.back())) << 56;
    out.pop_back();
  }

  // The lowest `bits` (1 to 64) of `value`.
  void Write(uint64_t value, unsigned bits) {
    if (bits < 64) value &= (uint64_t{1} << bits) - 1;
    unsigned room = 64 - used_;
    if (bits <= room) {
      buffer_ |= value << (room - bits);
      used_ += bits;
      if (used_ == 64) Flush(8);
      return;
    }
    unsigned rest = bits - room;
    buffer_ |= value >> rest;
    Flush(8);
    buffer_ = value << (64 - rest);
    used_ = rest;
  }
  void Bit(bool bit) { Write(bit ? 1 : 0, 1); }

  // The byte-wise varints of encoding/binary, at any bit position.
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Write(value | 0x80, 8);
    Write(value, 8);
  }
  void SignedVarint(int64_t value) {
    Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }

  void VarbitInt(int64_t value) {
    if (value == 0) return Bit(false);
    unsigned prefix = 0;
    while (prefix < std::size(kVarbitSizes) && !FitsBits(value, kVarbitSizes[prefix])) ++prefix;
    Varbit(prefix, static_cast<uint64_t>(value));
  }
  void VarbitUint(uint64_t value) {
    if (value == 0) return Bit(false);
    unsigned prefix = 0;
    while (prefix < std::size(kVarbitSizes) && value >> kVarbitSizes[prefix] != 0) ++prefix;
    Varbit(prefix, value);
  }

  // Returns how many bits of the last byte are used; 0 is all of them.
  unsigned Finish() {
    unsigned used = used_ % 8;
    Flush((used_ + 7) / 8);
    used_ = 0;
    return used;
  }

 private:
  void Varbit(unsigned prefix, uint64_t value) {
    if (prefix == std::size(kVarbitSizes)) {
      Write(0xff, 8);
      Write(value, 64);
      return;
    }
    Write((uint64_t{1} << (prefix + 2)) - 2, prefix + 2);
    Write(value, kVarbitSizes[prefix]);
  }

  void Flush(unsigned bytes) {
    uint64_t big_endian = __builtin_bswap64(buffer_);
    out_.append(reinterpret_cast<const char*>(&big_endian), bytes);
    buffer_ = 0;
    used_ = 0;
  }

  std::string& out_;
  uint64_t buffer_ = 0;  // filled from the top
  unsigned used_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return !failed_; }
  // Bits not yet read.
  uint64_t remaining() const { return static_cast<uint64_t>(end_ - at_) * 8 + valid_; }

  // `bits` from 1 to 64.
  uint64_t Read(unsigned bits) {
    if (bits > kAssuredBits) {
      uint64_t high = Read(bits - 32);
      return high << 32 | Read(32);
    }
    if (valid_ < bits) {
      Refill();
      if (valid_ < bits) return Fail();
    }
    uint64_t value = buffer_ >> (64 - bits);
    Skip(bits);
    return value;
  }
  bool Bit() { return Read(1) != 0; }

  // For loops over short codes: the next bits at the top, of which available() are there; at least 56 unless
  // the bytes end. Advance skips at most that many.
  uint64_t Peek() {
    Refill();
    return buffer_;
  }
  unsigned available() const { return valid_; }
  void Advance(unsigned bits) { Skip(bits); }

  // Counts ones up to the zero that ends them, or up to `limit`.
  unsigned Ones(unsigned limit) {
    if (valid_ < limit) Refill();
    unsigned ones = std::min<unsigned>(limit, static_cast<unsigned>(std::countl_one(buffer_)));
    unsigned bits = std::min(ones + 1, limit);
    if (bits > valid_) return static_cast<unsigned>(Fail());
    Skip(bits);
    return ones;
  }

  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      uint64_t byte = Read(8);
      if (shift == 63 && byte > 1) return Fail();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  int64_t SignedVarint() {
    uint64_t value = Varint();
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }

  int64_t VarbitInt() {
    unsigned ones = Ones(kVarbitPrefixes);
    if (ones == 0) return 0;
    if (ones == kVarbitPrefixes) return static_cast<int64_t>(Read(64));
    unsigned bits = kVarbitSizes[ones - 1];
    return WidenBits(Read(bits), bits);
  }
  uint64_t VarbitUint() {
    unsigned ones = Ones(kVarbitPrefixes);
    if (ones == 0) return 0;
    return Read(ones == kVarbitPrefixes ? 64 : kVarbitSizes[ones - 1]);
  }

 private:
  static constexpr unsigned kAssuredBits = 56;  // what Refill gives while there are bytes

  void Skip(unsigned bits) {
    buffer_ <<= bits;
    valid_ -= bits;
  }

  // Bits below `valid_` may be filled already; they are what the next refill puts there again.
  void Refill() {
    if (end_ - at_ >= 8) {
      uint64_t word;
      std::memcpy(&word, at_, sizeof word);
      buffer_ |= __builtin_bswap64(word) >> valid_;
      at_ += (63 - valid_) >> 3;
      valid_ |= 56;
      return;
    }
    while (valid_ <= 56 && at_ != end_) {
      buffer_ |= static_cast<uint64_t>(static_cast<uint8_t>(*at_++)) << (56 - valid_);
      valid_ += 8;
    }
  }

  uint64_t Fail() {
    failed_ = true;
    at_ = end_;
    buffer_ = 0;
    valid_ = 0;
    return 0;
  }

  const char* at_;
  const char* end_;
  uint64_t buffer_ = 0;  // the next bits at the top
  unsigned valid_ = 0;
  bool failed_ = false;
};

// The window of bits in which successive floats differ, and the code of a difference in it.
struct XorWindow {
  static constexpr uint8_t kNone = 0xff;
  uint8_t leading = kNone;
  uint8_t trailing = 0;

  // Whether `delta` (not 0) lies in the window; otherwise moves the window to it.
  bool HoldsOrMoves(uint64_t delta) {
    auto new_leading = static_cast<uint8_t>(std::min(std::countl_zero(delta), 31));
    auto new_trailing = static_cast<uint8_t>(std::countr_zero(delta));
    if (leading != kNone && new_leading >= leading && new_trailing >= trailing) return true;
    leading = new_leading;
    trailing = new_trailing;
    return false;
  }
  unsigned bits() const { return leading == kNone ? 64 : 64u - leading - trailing; }

  void WriteBounds(BitWriter& writer) const {
    writer.Write(leading, 5);
    writer.Write(bits(), 6);  // 64 is 0
  }
  void WriteInside(BitWriter& writer, uint64_t delta) const { writer.Write(delta >> trailing, bits()); }

  // False when the bounds contradict each other.
  bool ReadBounds(BitReader& reader) {
    auto new_leading = static_cast<unsigned>(reader.Read(5));
    auto significant = static_cast<unsigned>(reader.Read(6));
    if (significant == 0) significant = 64;
    if (new_leading + significant > 64) return false;
    leading = static_cast<uint8_t>(new_leading);
    trailing = static_cast<uint8_t>(64 - new_leading - significant);
    return true;
  }
  uint64_t ReadInside(BitReader& reader) const { return reader.Read(bits()) << trailing; }
};

// A float as its difference to the one before (Gorilla): 0 equal, 10 in the window, 11 a new window.
inline void WriteXor(BitWriter& writer, uint64_t bits, uint64_t before, XorWindow& window) {
  uint64_t delta = bits ^ before;
  if (delta == 0) return writer.Bit(false);
  if (window.HoldsOrMoves(delta)) {
    writer.Write(0b10, 2);
  } else {
    writer.Write(0b11, 2);
    window.WriteBounds(writer);
  }
  window.WriteInside(writer, delta);
}

// Turns `bits` from the value before into this one. False when the bytes are no such difference.
inline bool ReadXor(BitReader& reader, uint64_t& bits, XorWindow& window) {
  unsigned ones = reader.Ones(2);
  if (ones == 0) return reader.ok();
  if (ones == 2 && !window.ReadBounds(reader)) return false;
  bits ^= window.ReadInside(reader);
  return reader.ok();
}

}  // namespace sextant::promfiles
