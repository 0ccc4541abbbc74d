#include <bit>
#include <memory>

#include "metrics/promfiles/bits.h"
#include "metrics/promfiles/chunk_start_times.h"
#include "metrics/promfiles/histogram_chunk.h"
#include "metrics/promfiles/histogram_chunk_bits.h"
#include "metrics/promfiles/histogram_layout.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;
using model::CounterResetHint;
using model::FloatHistogram;

constexpr uint8_t kHeaderMask = 0xc0;
constexpr uint8_t kGaugeHeader = 0xc0;

// Each decoded sample repeats the chunk's layout. A chunk that would become more than this is not one that a
// Prometheus wrote.
constexpr uint64_t kDecodedAllowanceBytes = 16 << 20;
constexpr uint64_t kDecodedBytesPerByte = 512;

// A whole number that changes by changing differences.
struct Delta {
  int64_t value = 0;
  int64_t step = 0;

  void Read(BitReader& reader) {
    step = WrapAdd(step, reader.VarbitInt());
    value = WrapAdd(value, step);
  }
};

struct XorFloat {
  uint64_t bits = 0;
  XorWindow window;

  bool Read(BitReader& reader) { return ReadXor(reader, bits, window); }
  double value() const { return std::bit_cast<double>(bits); }
};

// Whole-number counts: buckets are differences to the bucket before.
class IntegerSamples {
 public:
  bool ReadFirst(BitReader& reader, size_t positive, size_t negative) {
    count_.value = static_cast<int64_t>(reader.VarbitUint());
    zero_count_.value = static_cast<int64_t>(reader.VarbitUint());
    sum_.bits = reader.Read(64);
    positive_.resize(positive);
    negative_.resize(negative);
    for (Delta& bucket : positive_) bucket.value = reader.VarbitInt();
    for (Delta& bucket : negative_) bucket.value = reader.VarbitInt();
    return reader.ok();
  }

  bool ReadNext(BitReader& reader) {
    count_.Read(reader);
    zero_count_.Read(reader);
    if (!sum_.Read(reader)) return false;
    if (stale()) return reader.ok();
    for (Delta& bucket : positive_) bucket.Read(reader);
    for (Delta& bucket : negative_) bucket.Read(reader);
    return reader.ok();
  }

  bool stale() const { return IsStaleSum(sum_.value()); }
  double sum() const { return sum_.value(); }

  void Fill(FloatHistogram& histogram) const {
    histogram.count = static_cast<double>(static_cast<uint64_t>(count_.value));
    histogram.zero_count = static_cast<double>(static_cast<uint64_t>(zero_count_.value));
    histogram.positive_buckets = Absolute(positive_);
    histogram.negative_buckets = Absolute(negative_);
  }

 private:
  static std::vector<double> Absolute(const std::vector<Delta>& deltas) {
    std::vector<double> counts;
    counts.reserve(deltas.size());
    int64_t count = 0;
    for (const Delta& delta : deltas) {
      count = WrapAdd(count, delta.value);
      counts.push_back(static_cast<double>(count));
    }
    return counts;
  }

  Delta count_;
  Delta zero_count_;
  XorFloat sum_;
  std::vector<Delta> positive_;
  std::vector<Delta> negative_;
};

class FloatSamples {
 public:
  bool ReadFirst(BitReader& reader, size_t positive, size_t negative) {
    if (positive + negative > reader.remaining() / 64) return false;
    count_.bits = reader.Read(64);
    zero_count_.bits = reader.Read(64);
    sum_.bits = reader.Read(64);
    positive_.resize(positive);
    negative_.resize(negative);
    for (XorFloat& bucket : positive_) bucket.bits = reader.Read(64);
    for (XorFloat& bucket : negative_) bucket.bits = reader.Read(64);
    return reader.ok();
  }

  bool ReadNext(BitReader& reader) {
    if (!count_.Read(reader) || !zero_count_.Read(reader) || !sum_.Read(reader)) return false;
    if (stale()) return true;
    for (XorFloat& bucket : positive_) {
      if (!bucket.Read(reader)) return false;
    }
    for (XorFloat& bucket : negative_) {
      if (!bucket.Read(reader)) return false;
    }
    return true;
  }

  bool stale() const { return IsStaleSum(sum_.value()); }
  double sum() const { return sum_.value(); }

  void Fill(FloatHistogram& histogram) const {
    histogram.count = count_.value();
    histogram.zero_count = zero_count_.value();
    histogram.positive_buckets = Values(positive_);
    histogram.negative_buckets = Values(negative_);
  }

 private:
  static std::vector<double> Values(const std::vector<XorFloat>& floats) {
    std::vector<double> values;
    values.reserve(floats.size());
    for (const XorFloat& one : floats) values.push_back(one.value());
    return values;
  }

  XorFloat count_;
  XorFloat zero_count_;
  XorFloat sum_;
  std::vector<XorFloat> positive_;
  std::vector<XorFloat> negative_;
};

// A chunk's header says whether it began with a reset, but relative to a chunk that may be gone, or no longer
// be the one before; so its first sample is always unknown, as it is to Prometheus.
CounterResetHint HintOf(uint8_t header, unsigned index) {
  if (header == kGaugeHeader) return CounterResetHint::kGauge;
  return index > 0 ? CounterResetHint::kNotReset : CounterResetHint::kUnknown;
}

uint64_t DecodedBytes(const FloatHistogram& layout) {
  uint64_t positive;
  uint64_t negative;
  CountBuckets(layout.positive_spans, positive);
  CountBuckets(layout.negative_spans, negative);
  size_t spans = layout.positive_spans.size() + layout.negative_spans.size();
  return sizeof(FloatHistogram) + spans * sizeof(model::BucketSpan) +
         (positive + negative + layout.custom_bounds.size()) * sizeof(double);
}

struct ChunkHeader {
  unsigned count;
  uint8_t reset;
  uint8_t start_times;
};

ChunkHeader ReadHeader(std::string_view bytes, bool with_start_times) {
  auto byte = [&](size_t at) { return static_cast<uint8_t>(bytes[at]); };
  unsigned count = static_cast<unsigned>(byte(0)) << 8 | byte(1);
  if (!with_start_times) {
    return {.count = count, .reset = static_cast<uint8_t>(byte(2) & kHeaderMask), .start_times = 0};
  }
  return {
      .count = count & 0x3fff, .reset = static_cast<uint8_t>(byte(0) & kHeaderMask), .start_times = byte(2)};
}

tl::unexpected<core::Error> Corrupt(unsigned index, unsigned count) {
  return Fail(Code::kCorruption, "histogram chunk: sample {} of {} cannot be read", index, count);
}

template <typename Samples>
core::Status Decode(std::string_view bytes, const ChunkHeader& header, bool with_start_times,
                    FloatHistogram layout, TimestampMs start_ms, TimestampMs end_ms,
                    model::SampleColumns& out) {
  BitReader reader(bytes.substr(kHistogramHeaderBytes));
  SEXTANT_TRY(ReadLayout(reader, layout).map_error(core::AddContext("histogram chunk")));
  if (header.count > (kDecodedAllowanceBytes + bytes.size() * kDecodedBytesPerByte) / DecodedBytes(layout)) {
    return Fail(Code::kCorruption, "histogram chunk: {} bytes that claim {} samples", bytes.size(),
                header.count);
  }
  uint64_t positive;
  uint64_t negative;
  CountBuckets(layout.positive_spans, positive);
  CountBuckets(layout.negative_spans, negative);

  StartTimeDecoder start_times(header.start_times);
  Samples samples;
  Delta time;
  for (unsigned i = 0; i < header.count; ++i) {
    TimestampMs previous_ms = time.value;
    bool good;
    if (i == 0) {
      time.value = reader.VarbitInt();
      good = samples.ReadFirst(reader, positive, negative);
    } else {
      time.Read(reader);
      good = samples.ReadNext(reader) && time.value > previous_ms;
    }
    TimestampMs since_ms = with_start_times ? start_times.Read(reader, i, time.value, previous_ms) : 0;
    if (!good || !reader.ok()) return Corrupt(i, header.count);
    if (time.value > end_ms) break;
    if (time.value < start_ms) continue;
    auto histogram = std::make_shared<FloatHistogram>();
    if (samples.stale()) {
      histogram->is_integer = layout.is_integer;
      histogram->sum = samples.sum();
    } else {
      *histogram = layout;
      histogram->counter_reset_hint = HintOf(header.reset, i);
      histogram->sum = samples.sum();
      samples.Fill(*histogram);
      WidenToKnownSchema(*histogram);
    }
    out.AddHistogram(time.value, std::move(histogram), since_ms);
  }
  return {};
}

}  // namespace

core::Status DecodeHistogramChunk(Encoding encoding, std::string_view bytes, TimestampMs start_ms,
                                  TimestampMs end_ms, model::SampleColumns& out) {
  bool is_integer = encoding == Encoding::kHistogram || encoding == Encoding::kHistogramWithStart;
  bool with_start_times =
      encoding == Encoding::kHistogramWithStart || encoding == Encoding::kFloatHistogramWithStart;
  if (bytes.size() < kHistogramHeaderBytes) {
    return Fail(Code::kCorruption, "histogram chunk: {} bytes", bytes.size());
  }
  ChunkHeader header = ReadHeader(bytes, with_start_times);
  if (header.count == 0) return {};
  FloatHistogram layout;
  layout.is_integer = is_integer;
  auto decode = is_integer ? Decode<IntegerSamples> : Decode<FloatSamples>;
  return decode(bytes, header, with_start_times, std::move(layout), start_ms, end_ms, out);
}

}  // namespace sextant::promfiles
