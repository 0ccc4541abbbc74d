// Adaptive entropy coding of single decisions: a range coder whose models learn the odds of each decision
// from those before, and a stream of plain bits for what has no pattern. docs/formats/block.md describes the
// bytes. Values owned by one thread; the decoder reads zeros beyond its bytes, so that hostile ones are
// harmless.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {

// The odds of a decision to be 0, of 65536. Learns fast at first, then by 1/32 a time.
class BitModel {
 public:
  uint32_t odds() const { return odds_; }

  void Learn(bool bit) {
    if (bit) {
      odds_ = static_cast<uint16_t>(odds_ - Fall());
    } else {
      odds_ = static_cast<uint16_t>(odds_ + Rise());
    }
    CountUp();
  }
  // The same without a branch; `mask` is all ones for 1, and 0.
  void LearnMasked(uint32_t mask) {
    uint32_t rise = Rise();
    odds_ = static_cast<uint16_t>(odds_ + (rise ^ ((rise ^ (0 - Fall())) & mask)));
    CountUp();
  }

 private:
  // 65536 / (n + 1.5), in whole numbers so that all machines agree.
  static constexpr std::array<uint16_t, 31> kRates = [] {
    std::array<uint16_t, 31> rates{};
    for (uint32_t n = 0; n < rates.size(); ++n) rates[n] = static_cast<uint16_t>(131072 / (2 * n + 3));
    return rates;
  }();

  uint32_t Fall() const { return uint32_t{odds_} * kRates[seen_] >> 16; }
  uint32_t Rise() const { return (65535u - odds_) * kRates[seen_] >> 16; }
  void CountUp() { seen_ = static_cast<uint16_t>(seen_ + (seen_ < kRates.size() - 1)); }

  uint16_t odds_ = 32768;
  uint16_t seen_ = 0;
};

inline constexpr uint32_t kRangeTop = uint32_t{1} << 24;

class RangeEncoder {
 public:
  explicit RangeEncoder(std::string& out) : out_(out), begin_(out.size()) {}

  void Put(BitModel& model, bool bit) {
    uint32_t bound = (range_ >> 16) * model.odds();
    if (bit) {
      low_ += bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    model.Learn(bit);
    while (range_ < kRangeTop) Shift();
  }

  // Ends the stream; zero bytes at its end are left away.
  void Finish() {
    low_ = (low_ + kRangeTop - 1) & ~uint64_t{kRangeTop - 1};
    Shift();
    while (out_.size() > begin_ && out_.back() == '\0') out_.pop_back();
  }

 private:
  void Shift() {
    if (low_ >> 32 != 0) {
      // The carry; there is a byte to take it, since the stream as a number is below 1.
      size_t at = out_.size();
      while (static_cast<uint8_t>(++out_[--at]) == 0) {
      }
      low_ &= 0xffffffff;
    }
    out_.push_back(static_cast<char>(low_ >> 24));
    low_ = (low_ << 8) & 0xffffffff;
    range_ <<= 8;
  }

  std::string& out_;
  const size_t begin_;
  uint64_t low_ = 0;
  uint32_t range_ = 0xffffffff;
};

class RangeDecoder {
 public:
  explicit RangeDecoder(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | NextByte();
  }

  // For decisions that mostly go one way.
  bool Get(BitModel& model) {
    uint32_t bound = (range_ >> 16) * model.odds();
    bool bit = code_ >= bound;
    if (bit) {
      code_ -= bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    model.Learn(bit);
    Refill();
    return bit;
  }

  // The same, 0 or 1, for decisions that a processor cannot guess.
  uint32_t GetEven(BitModel& model) {
    uint32_t bound = (range_ >> 16) * model.odds();
    uint32_t mask = code_ >= bound ? ~uint32_t{0} : 0;
    code_ -= bound & mask;
    range_ = bound ^ ((bound ^ (range_ - bound)) & mask);
    model.LearnMasked(mask);
    Refill();
    return mask & 1;
  }

 private:
  void Refill() {
    while (range_ < kRangeTop) {
      code_ = code_ << 8 | NextByte();
      range_ <<= 8;
    }
  }
  uint8_t NextByte() { return at_ == end_ ? uint8_t{0} : static_cast<uint8_t>(*at_++); }

  const char* at_;
  const char* end_;
  uint32_t code_ = 0;
  uint32_t range_ = 0xffffffff;
};

// Plain bits, the lowest of each byte first.
class BitPacker {
 public:
  explicit BitPacker(std::string& out) : out_(out) {}

  // `value` has no bits beyond `width` (0-64).
  void Put(uint64_t value, unsigned width) {
    if (width == 0) return;
    pending_ |= value << used_;
    if (used_ + width < 64) {
      used_ += width;
      return;
    }
    PutFixed(out_, pending_);
    unsigned written = 64 - used_;
    pending_ = written == 64 ? 0 : value >> written;
    used_ = width - written;
  }
  void Finish() {
    for (; used_ > 0; used_ -= used_ < 8 ? used_ : 8) {
      out_.push_back(static_cast<char>(pending_));
      pending_ >>= 8;
    }
  }

 private:
  std::string& out_;
  uint64_t pending_ = 0;
  unsigned used_ = 0;
};

class BitUnpacker {
 public:
  explicit BitUnpacker(std::string_view bytes) : bytes_(bytes) {}

  // `width` is 0-64. Zeros beyond the end.
  uint64_t Get(unsigned width) {
    if (width == 0) return 0;
    size_t byte = at_bit_ / 8;
    unsigned skip = at_bit_ % 8;
    at_bit_ += width;
    uint64_t value = 0;
    uint64_t more = 0;
    if (byte + 9 <= bytes_.size()) {
      value = LoadFixed<uint64_t>(bytes_.data() + byte);
      more = static_cast<uint8_t>(bytes_[byte + 8]);
    } else if (byte < bytes_.size()) {
      std::memcpy(&value, bytes_.data() + byte, bytes_.size() - byte < 8 ? bytes_.size() - byte : 8);
    }
    value >>= skip;
    if (skip > 0) value |= more << (64 - skip);
    return width == 64 ? value : value & ((uint64_t{1} << width) - 1);
  }

 private:
  std::string_view bytes_;
  uint64_t at_bit_ = 0;
};

}  // namespace sextant::tsdb
