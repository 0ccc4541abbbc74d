#include "metrics/promfiles/xor_chunk.h"

#include <bit>
#include <cstring>

#include "metrics/promfiles/bits.h"
#include "metrics/promfiles/chunk_start_times.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;
using core::TimestampMs;

constexpr size_t kCountBytes = 2;
constexpr uint64_t kStaleNanBits = 0x7ff0000000000002;

// The widths of encoding 1's differences of time differences, by prefix 10, 110, 1110; 64 bits after 1111.
constexpr unsigned kXorTimeBits[] = {14, 17, 20};
// The same of encoding 4 (110, 1110; 64 bits after 11110), whose ranges are those of two's complement.
constexpr unsigned kXor2TimeBits[] = {13, 20};

uint64_t BitsOf(double value) { return std::bit_cast<uint64_t>(value); }

unsigned CountOf(std::string_view bytes) {
  return static_cast<unsigned>(static_cast<uint8_t>(bytes[0])) << 8 | static_cast<uint8_t>(bytes[1]);
}

void PutCount(std::string& out, size_t count) {
  out.push_back(static_cast<char>(count >> 8));
  out.push_back(static_cast<char>(count));
}

tl::unexpected<core::Error> Corrupt(unsigned index, unsigned count) {
  return Fail(Code::kCorruption, "float chunk: sample {} of {} cannot be read", index, count);
}

void WriteXorTime(BitWriter& writer, int64_t change) {
  if (change == 0) return writer.Bit(false);
  for (unsigned i = 0; i < std::size(kXorTimeBits); ++i) {
    if (!FitsBits(change, kXorTimeBits[i])) continue;
    writer.Write((uint64_t{1} << (i + 2)) - 2, i + 2);
    writer.Write(static_cast<uint64_t>(change), kXorTimeBits[i]);
    return;
  }
  writer.Write(0b1111, 4);
  writer.Write(static_cast<uint64_t>(change), 64);
}

int64_t ReadXorTime(BitReader& reader) {
  unsigned ones = reader.Ones(4);
  if (ones == 0) return 0;
  if (ones == 4) return static_cast<int64_t>(reader.Read(64));
  unsigned bits = kXorTimeBits[ones - 1];
  return WidenBits(reader.Read(bits), bits);
}

// Encoding 4's values: relative to the last one that is not a stale marker.
class Xor2Values {
 public:
  void First(BitWriter& writer, uint64_t bits) {
    writer.Write(bits, 64);
    Remember(bits);
  }

  // The code after a time that differs.
  void Write(BitWriter& writer, uint64_t bits) {
    uint64_t delta = bits ^ last_;
    if (bits == kStaleNanBits) return writer.Write(0b111, 3);
    if (delta == 0) return writer.Bit(false);
    if (window_.HoldsOrMoves(delta)) {
      writer.Write(0b10, 2);
    } else {
      writer.Write(0b110, 3);
      window_.WriteBounds(writer);
    }
    window_.WriteInside(writer, delta);
    last_ = bits;
  }

  // The joint code of an unchanged time difference and a value.
  void WriteRegular(BitWriter& writer, uint64_t bits) {
    uint64_t delta = bits ^ last_;
    if (bits == kStaleNanBits) return writer.Write(0b11111, 5);
    if (delta == 0) return writer.Bit(false);
    writer.Write(0b10, 2);
    bool in_window = window_.HoldsOrMoves(delta);
    writer.Bit(!in_window);
    if (!in_window) window_.WriteBounds(writer);
    window_.WriteInside(writer, delta);
    last_ = bits;
  }

  uint64_t ReadFirst(BitReader& reader) {
    uint64_t bits = reader.Read(64);
    Remember(bits);
    return bits;
  }
  // Yields the value; false when the bytes are none.
  bool Read(BitReader& reader, uint64_t& bits) {
    unsigned ones = reader.Ones(3);
    if (ones == 3) {
      bits = kStaleNanBits;
      return true;
    }
    if (ones == 2 && !window_.ReadBounds(reader)) return false;
    if (ones != 0) last_ ^= window_.ReadInside(reader);
    bits = last_;
    return true;
  }
  bool ReadChanged(BitReader& reader, uint64_t& bits) {
    if (reader.Bit() && !window_.ReadBounds(reader)) return false;
    bits = last_ ^= window_.ReadInside(reader);
    return true;
  }
  uint64_t last() const { return last_; }

 private:
  void Remember(uint64_t bits) {
    if (bits != kStaleNanBits) last_ = bits;
  }

  uint64_t last_ = 0;
  XorWindow window_;
};

void WriteXor2Sample(BitWriter& writer, Xor2Values& values, int64_t time_change, uint64_t bits) {
  if (time_change == 0) return values.WriteRegular(writer, bits);
  for (unsigned i = 0; i < std::size(kXor2TimeBits); ++i) {
    int64_t limit = int64_t{1} << (kXor2TimeBits[i] - 1);
    if (time_change < -limit || time_change >= limit) continue;
    writer.Write((uint64_t{1} << (i + 3)) - 2, i + 3);
    writer.Write(static_cast<uint64_t>(time_change), kXor2TimeBits[i]);
    return values.Write(writer, bits);
  }
  writer.Write(0b11110, 5);
  writer.Write(static_cast<uint64_t>(time_change), 64);
  values.Write(writer, bits);
}

// One sample after the first two; false when the bytes are none.
bool ReadXor2Sample(BitReader& reader, Xor2Values& values, int64_t& time_change, uint64_t& bits) {
  unsigned ones = reader.Ones(5);
  time_change = 0;
  switch (ones) {
    case 0:
      bits = values.last();
      return true;
    case 1:
      return values.ReadChanged(reader, bits);
    case 5:
      bits = kStaleNanBits;
      return true;
    case 4:
      time_change = static_cast<int64_t>(reader.Read(64));
      return values.Read(reader, bits);
    default: {
      unsigned width = kXor2TimeBits[ones - 2];
      time_change = static_cast<int64_t>(reader.Read(width) << (64 - width)) >> (64 - width);
      return values.Read(reader, bits);
    }
  }
}

}  // namespace

void XorAppender::Append(std::string& chunk, TimestampMs time_ms, double value) {
  if (count_ == 0) chunk.assign(kCountBytes, '\0');
  BitWriter writer(chunk, used_bits_);
  uint64_t bits = BitsOf(value);
  if (count_ == 0) {
    writer.SignedVarint(time_ms);
    writer.Write(bits, 64);
  } else {
    int64_t step = WrapSub(time_ms, time_ms_);
    if (count_ == 1) {
      writer.Varint(static_cast<uint64_t>(step));
    } else {
      WriteXorTime(writer, WrapSub(step, step_));
    }
    WriteXor(writer, bits, bits_, window_);
    step_ = step;
  }
  used_bits_ = static_cast<uint8_t>(writer.Finish());
  time_ms_ = time_ms;
  bits_ = bits;
  ++count_;
  chunk[0] = static_cast<char>(count_ >> 8);
  chunk[1] = static_cast<char>(count_);
}

std::string EncodeXorChunk(const model::SampleColumns& samples, size_t begin, size_t end) {
  std::string out;
  XorAppender appender;
  for (size_t i = begin; i < end; ++i) appender.Append(out, samples.times_ms[i], samples.values[i]);
  return out;
}

std::string EncodeXor2Chunk(const model::SampleColumns& samples, size_t begin, size_t end) {
  std::string out;
  PutCount(out, end - begin);
  out.push_back(0);
  BitWriter writer(out);
  Xor2Values values;
  StartTimeEncoder start_times;
  int64_t step = 0;
  for (size_t i = begin; i < end; ++i) {
    TimestampMs time_ms = samples.times_ms[i];
    TimestampMs previous_ms = i == begin ? 0 : samples.times_ms[i - 1];
    uint64_t bits = BitsOf(samples.values[i]);
    int64_t new_step = i == begin ? 0 : WrapSub(time_ms, previous_ms);
    if (i == begin) {
      writer.SignedVarint(time_ms);
      values.First(writer, bits);
    } else if (i == begin + 1) {
      writer.Varint(static_cast<uint64_t>(new_step));
      values.Write(writer, bits);
    } else {
      WriteXor2Sample(writer, values, WrapSub(new_step, step), bits);
    }
    step = new_step;
    start_times.Write(writer, static_cast<unsigned>(i - begin), time_ms, previous_ms,
                      samples.start_times_ms.empty() ? 0 : samples.start_times_ms[i]);
  }
  writer.Finish();
  out[kCountBytes] = static_cast<char>(start_times.header());
  return out;
}

namespace {

// The window of bits in which values differ, in the form that reading needs.
struct ReadWindow {
  unsigned leading = 0;
  unsigned width = 64;
};

// Reads a sample after the first two: how much longer its step is, and its value. Almost all steps are of the
// same length or nearly so; whether a value stays in the window of the one before is a coin toss, for which
// there is no branch. False when the bytes are no sample.
inline bool ReadXorSample(BitReader& reader, int64_t& time_change, uint64_t& bits, ReadWindow& window) {
  constexpr unsigned kShortBits = 2 + kXorTimeBits[0];
  constexpr unsigned kBoundsBits = 5 + 6;
  uint64_t word = reader.Peek();
  unsigned used = 1;
  time_change = 0;
  if ((word >> 62) == 0b10) {
    time_change = WidenBits((word >> (64 - kShortBits)) & ((1u << kXorTimeBits[0]) - 1), kXorTimeBits[0]);
    used = kShortBits;
  } else if ((word >> 63) != 0) {
    time_change = ReadXorTime(reader);
    word = reader.Peek();
    used = 0;
  }
  word <<= used;
  if ((word >> 63) == 0) {
    if (++used > reader.available()) return false;
    reader.Advance(used);
    return true;
  }
  const bool is_new = ((word >> 62) & 1) != 0;
  const auto new_leading = static_cast<unsigned>((word >> 57) & 31);
  const auto new_width = static_cast<unsigned>((word >> 51) & 63);
  used += is_new ? 2 + kBoundsBits : 2;
  window.leading = is_new ? new_leading : window.leading;
  window.width = is_new ? (new_width == 0 ? 64 : new_width) : window.width;
  if (used > reader.available() || window.leading + window.width > 64) return false;
  reader.Advance(used);
  const unsigned trailing = 64 - window.leading - window.width;
  word = reader.Peek();
  if (window.width <= reader.available()) {
    bits ^= word >> (64 - window.width) << trailing;
    reader.Advance(window.width);
    return true;
  }
  bits ^= reader.Read(window.width) << trailing;
  return reader.ok();
}

uint64_t LoadBigEndian(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return __builtin_bswap64(word);
}

// The same as ReadXorSample for the middle of a chunk, where so many bytes follow that nothing need be
// checked: each sample comes from two words that are loaded at once, and only its length is waited for before
// the next one's.
class XorRun {
 public:
  // Begins `bit` bits into the bytes.
  XorRun(std::string_view bytes, uint64_t bit)
      : bytes_(bytes.data()),
        bit_(bit),
        last_byte_(bytes.size() < kBytesAhead ? 0 : bytes.size() - kBytesAhead) {}

  uint64_t bit() const { return bit_; }

  // False when the sample is one for ReadXorSample: near the end, with a very long step, or damaged. Nothing
  // is read then.
  bool Next(int64_t& time_change, uint64_t& bits, ReadWindow& window) {
    const uint64_t byte = bit_ >> 3;
    if (byte >= last_byte_) return false;
    const auto shift = static_cast<unsigned>(bit_ & 7);
    const uint64_t second = LoadBigEndian(bytes_ + byte + 8);
    const uint64_t high = LoadBigEndian(bytes_ + byte) << shift | second >> 1 >> (63 - shift);
    const uint64_t low = second << shift;
    // Whether a step is of the length of the one before or nearly so is a coin toss as well.
    constexpr unsigned kShortBits = 2 + kXorTimeBits[0];
    const bool is_short = (high >> 62) == 0b10;
    unsigned used = is_short ? kShortBits : 1;
    const int64_t short_change =
        WidenBits((high >> (64 - kShortBits)) & ((1u << kXorTimeBits[0]) - 1), kXorTimeBits[0]);
    time_change = is_short ? short_change : 0;
    if ((high >> 62) == 0b11) {
      const auto ones = static_cast<unsigned>(std::countl_one(high));
      if (ones > std::size(kXorTimeBits)) return false;
      const unsigned width = kXorTimeBits[ones - 1];
      used = ones + 1 + width;
      time_change = WidenBits((high >> (64 - used)) & ((uint64_t{1} << width) - 1), width);
    }
    const uint64_t control = high << used;
    if ((control >> 63) == 0) {
      bit_ += used + 1;
      return true;
    }
    const bool is_new = ((control >> 62) & 1) != 0;
    const auto new_leading = static_cast<unsigned>((control >> 57) & 31);
    const auto new_width = static_cast<unsigned>(((control >> 51) - 1) & 63) + 1;  // 64 is 0
    const unsigned leading = is_new ? new_leading : window.leading;
    const unsigned width = is_new ? new_width : window.width;
    if (leading + width > 64) return false;
    used += is_new ? 2 + 5 + 6 : 2;
    const uint64_t payload = high << used | low >> (64 - used);
    bits ^= payload >> (64 - width) << (64 - leading - width);
    window = {leading, width};
    bit_ += used + width;
    return true;
  }

 private:
  // Both words, and what a shift may leave of them unused.
  static constexpr size_t kBytesAhead = 24;

  const char* const bytes_;
  uint64_t bit_;
  const size_t last_byte_;
};

}  // namespace

core::Status DecodeXorChunk(std::string_view bytes, TimestampMs start_ms, TimestampMs end_ms,
                            model::SampleColumns& out) {
  if (bytes.size() < kCountBytes) return Fail(Code::kCorruption, "float chunk: {} bytes", bytes.size());
  unsigned count = CountOf(bytes);
  // Each sample after the first takes two bits at least.
  if (count / 4 > bytes.size()) return Fail(Code::kCorruption, "float chunk: {} samples", count);
  BitReader reader(bytes.substr(kCountBytes));
  ReadWindow window;
  TimestampMs time_ms = 0;
  int64_t step = 0;
  uint64_t bits = 0;
  const size_t before = out.times_ms.size();
  out.times_ms.resize(before + count);
  out.values.resize(before + count);
  TimestampMs* times = out.times_ms.data() + before;
  double* values = out.values.data() + before;
  size_t taken = 0;
  // Times that do not ascend are damage, which is left to the slower way to name.
  auto read_run = [&](unsigned& i) {
    const uint64_t all_bits = 8 * (bytes.size() - kCountBytes);
    XorRun run(bytes.substr(kCountBytes), all_bits - reader.remaining());
    int64_t change;
    ReadWindow next_window = window;
    uint64_t next_bits = bits;
    uint64_t end_bit = run.bit();
    for (; i < count && time_ms <= end_ms && run.Next(change, next_bits, next_window); ++i) {
      const int64_t next_step = WrapAdd(step, change);
      const TimestampMs next_ms = WrapAdd(time_ms, next_step);
      if (next_ms <= time_ms) break;
      step = next_step;
      time_ms = next_ms;
      bits = next_bits;
      window = next_window;
      end_bit = run.bit();
      times[taken] = time_ms;
      values[taken] = std::bit_cast<double>(bits);
      taken += time_ms >= start_ms && time_ms <= end_ms ? 1 : 0;
    }
    reader = BitReader(bytes.substr(kCountBytes + end_bit / 8));
    if (end_bit % 8 != 0) reader.Read(end_bit % 8);
  };
  for (unsigned i = 0; i < count && time_ms <= end_ms; ++i) {
    if (i == 2) {
      read_run(i);
      if (i == count || time_ms > end_ms) break;
    }
    TimestampMs previous_ms = time_ms;
    bool good = true;
    if (i == 0) {
      time_ms = reader.SignedVarint();
      bits = reader.Read(64);
      good = reader.ok();
    } else if (i == 1) {
      step = static_cast<int64_t>(reader.Varint());
      time_ms = WrapAdd(time_ms, step);
      XorWindow first;
      good = ReadXor(reader, bits, first) && time_ms > previous_ms;
      if (first.leading != XorWindow::kNone) window = {first.leading, first.bits()};
    } else {
      int64_t change;
      good = ReadXorSample(reader, change, bits, window);
      step = WrapAdd(step, change);
      time_ms = WrapAdd(time_ms, step);
      good = good && time_ms > previous_ms;
    }
    if (!good) return Corrupt(i, count);
    if (time_ms > end_ms) break;
    times[taken] = time_ms;
    values[taken] = std::bit_cast<double>(bits);
    taken += time_ms >= start_ms ? 1 : 0;
  }
  out.Resize(before + taken);
  return {};
}

core::Status DecodeXor2Chunk(std::string_view bytes, TimestampMs start_ms, TimestampMs end_ms,
                             model::SampleColumns& out) {
  if (bytes.size() < kCountBytes + 1) return Fail(Code::kCorruption, "float chunk: {} bytes", bytes.size());
  unsigned count = CountOf(bytes);
  StartTimeDecoder start_times(static_cast<uint8_t>(bytes[kCountBytes]));
  BitReader reader(bytes.substr(kCountBytes + 1));
  Xor2Values values;
  TimestampMs time_ms = 0;
  int64_t step = 0;
  for (unsigned i = 0; i < count; ++i) {
    TimestampMs previous_ms = time_ms;
    uint64_t bits = 0;
    bool good = true;
    if (i == 0) {
      time_ms = reader.SignedVarint();
      bits = values.ReadFirst(reader);
    } else if (i == 1) {
      step = static_cast<int64_t>(reader.Varint());
      time_ms = WrapAdd(time_ms, step);
      good = values.Read(reader, bits);
    } else {
      int64_t change;
      good = ReadXor2Sample(reader, values, change, bits);
      step = WrapAdd(step, change);
      time_ms = WrapAdd(time_ms, step);
    }
    TimestampMs since_ms = start_times.Read(reader, i, time_ms, previous_ms);
    if (!good || !reader.ok() || (i > 0 && time_ms <= previous_ms)) return Corrupt(i, count);
    if (time_ms > end_ms) break;
    if (time_ms >= start_ms) out.Add(time_ms, std::bit_cast<double>(bits), since_ms);
  }
  return {};
}

}  // namespace sextant::promfiles
