#include "metrics/tsdb/out_of_order_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "metrics/tsdb/histogram_check.h"
#include "metrics/tsdb/sample_merge.h"
#include "metrics/tsdb/value_codec.h"

namespace sextant::tsdb {
namespace {

using model::BucketSpan;
using model::FloatHistogram;

// Bits of a sample's first byte.
constexpr uint8_t kHasHistogram = 1;
constexpr uint8_t kHasStart = 2;
constexpr uint8_t kKnownSampleBits = kHasHistogram | kHasStart;

// Bits of a histogram's first byte; the counter reset hint stands above them.
constexpr uint8_t kIsInteger = 1;
constexpr unsigned kHintShift = 1;
constexpr uint8_t kMaxHint = static_cast<uint8_t>(model::CounterResetHint::kGauge);

// Counts of an integer histogram are whole and small more often than not.
bool IsWhole(double value) {
  return value >= 0 && value <= 9007199254740992.0 &&
         static_cast<double>(static_cast<uint64_t>(value)) == value && !std::signbit(value);
}

// A double as a varint of twice its whole value, or 1 and its 8 bytes.
void PutCount(std::string& out, double value) {
  if (IsWhole(value)) return PutVarint(out, static_cast<uint64_t>(value) << 1);
  PutVarint(out, 1);
  PutFixed(out, std::bit_cast<uint64_t>(value));
}

double ReadCount(ByteReader& reader) {
  uint64_t head = reader.Varint();
  if ((head & 1) == 0) return static_cast<double>(head >> 1);
  return std::bit_cast<double>(reader.Fixed<uint64_t>());
}

void PutSpans(std::string& out, const std::vector<BucketSpan>& spans) {
  PutVarint(out, spans.size());
  for (const BucketSpan& span : spans) {
    PutSignedVarint(out, span.offset);
    PutVarint(out, span.length);
  }
}

// Reads spans that cover `buckets` buckets, which follow them.
bool ReadBuckets(ByteReader& reader, std::vector<BucketSpan>& spans, std::vector<double>& buckets) {
  uint64_t count = reader.Count(2);
  uint64_t covered = 0;
  spans.reserve(count);
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    int64_t offset = reader.SignedVarint();
    uint64_t length = reader.Varint();
    if (offset < INT32_MIN || offset > INT32_MAX || length > reader.remaining()) return false;
    covered += length;
    spans.push_back({static_cast<int32_t>(offset), static_cast<uint32_t>(length)});
  }
  if (!reader.ok() || covered > reader.remaining()) return false;
  buckets.resize(covered);
  for (double& bucket : buckets) bucket = ReadCount(reader);
  return reader.ok();
}

void PutHistogram(std::string& out, const FloatHistogram& histogram) {
  out.push_back(static_cast<char>((histogram.is_integer ? kIsInteger : 0) |
                                  static_cast<uint8_t>(histogram.counter_reset_hint) << kHintShift));
  PutSignedVarint(out, histogram.schema);
  PutFixed(out, histogram.zero_threshold);
  PutCount(out, histogram.zero_count);
  PutCount(out, histogram.count);
  PutFixed(out, histogram.sum);
  PutSpans(out, histogram.positive_spans);
  for (double bucket : histogram.positive_buckets) PutCount(out, bucket);
  PutSpans(out, histogram.negative_spans);
  for (double bucket : histogram.negative_buckets) PutCount(out, bucket);
  PutVarint(out, histogram.custom_bounds.size());
  for (double bound : histogram.custom_bounds) PutFixed(out, bound);
}

std::shared_ptr<const FloatHistogram> ReadHistogram(ByteReader& reader) {
  auto histogram = std::make_shared<FloatHistogram>();
  uint8_t head = reader.Byte();
  if (head >> kHintShift > kMaxHint) return nullptr;
  histogram->is_integer = (head & kIsInteger) != 0;
  histogram->counter_reset_hint = static_cast<model::CounterResetHint>(head >> kHintShift);
  int64_t schema = reader.SignedVarint();
  if (schema < INT32_MIN || schema > INT32_MAX) return nullptr;
  histogram->schema = static_cast<int32_t>(schema);
  histogram->zero_threshold = reader.Fixed<double>();
  histogram->zero_count = ReadCount(reader);
  histogram->count = ReadCount(reader);
  histogram->sum = reader.Fixed<double>();
  if (!ReadBuckets(reader, histogram->positive_spans, histogram->positive_buckets) ||
      !ReadBuckets(reader, histogram->negative_spans, histogram->negative_buckets)) {
    return nullptr;
  }
  histogram->custom_bounds.resize(reader.Count(sizeof(double)));
  for (double& bound : histogram->custom_bounds) bound = reader.Fixed<double>();
  if (!reader.ok() || !(IsStaleMarker(*histogram) || HistogramFault(*histogram).empty())) return nullptr;
  return histogram;
}

void AddTo(model::SampleColumns& columns, const OutOfOrderSample& sample) {
  if (sample.histogram != nullptr) {
    columns.AddHistogram(sample.time_ms, sample.histogram, sample.start_ms);
  } else {
    columns.Add(sample.time_ms, std::bit_cast<double>(sample.bits), sample.start_ms);
  }
}

}  // namespace

void PutOutOfOrderSamples(std::span<const OutOfOrderSample> samples, std::string& out) {
  PutVarint(out, samples.size());
  TimestampMs former_ms = 0;
  uint64_t former_bits = 0;
  for (const OutOfOrderSample& sample : samples) {
    out.push_back(static_cast<char>((sample.histogram != nullptr ? kHasHistogram : 0) |
                                    (sample.start_ms != 0 ? kHasStart : 0)));
    PutSignedVarint(out, WrappingSub(sample.time_ms, former_ms));
    former_ms = sample.time_ms;
    if (sample.start_ms != 0) PutSignedVarint(out, WrappingSub(sample.time_ms, sample.start_ms));
    if (sample.histogram != nullptr) {
      PutHistogram(out, *sample.histogram);
    } else if (sample.bits == former_bits) {
      out.push_back(0);
    } else {
      char token[kMaxValueBytes];
      out.append(token, static_cast<size_t>(EncodeValue(former_bits, sample.bits, token) - token));
      former_bits = sample.bits;
    }
  }
}

bool ReadOutOfOrderSamples(ByteReader& reader, std::vector<OutOfOrderSample>& out) {
  uint64_t count = reader.Count(3);
  TimestampMs former_ms = 0;
  uint64_t former_bits = 0;
  for (uint64_t i = 0; i < count; ++i) {
    OutOfOrderSample& sample = out.emplace_back();
    uint8_t head = reader.Byte();
    if (!reader.ok() || (head & ~kKnownSampleBits) != 0) return false;
    sample.time_ms = WrappingAdd(former_ms, reader.SignedVarint());
    former_ms = sample.time_ms;
    if ((head & kHasStart) != 0) sample.start_ms = WrappingSub(sample.time_ms, reader.SignedVarint());
    if ((head & kHasHistogram) != 0) {
      sample.histogram = ReadHistogram(reader);
      if (sample.histogram == nullptr) return false;
      continue;
    }
    uint8_t token = reader.Byte();
    if (token != 0 && (token <= kMaxRunToken || !DecodeValue(token, former_bits, reader, former_bits))) {
      return false;
    }
    sample.bits = former_bits;
  }
  return reader.ok();
}

uint64_t HistogramBytes(const FloatHistogram& histogram) {
  return sizeof(FloatHistogram) +
         (histogram.positive_spans.size() + histogram.negative_spans.size()) * sizeof(BucketSpan) +
         (histogram.positive_buckets.size() + histogram.negative_buckets.size() +
          histogram.custom_bounds.size()) *
             sizeof(double);
}

void MergeOutOfOrder(const std::vector<OutOfOrderSample>& samples, size_t begin,
                     model::SampleColumns& columns) {
  if (samples.empty()) return;
  // What is before the first of them stays in its place.
  auto first = std::lower_bound(columns.times_ms.begin() + static_cast<ptrdiff_t>(begin),
                                columns.times_ms.end(), samples.front().time_ms);
  begin = static_cast<size_t>(first - columns.times_ms.begin());
  std::vector<OutOfOrderSample> former(columns.size() - begin);
  for (size_t i = 0; i < former.size(); ++i) {
    former[i] = {.time_ms = columns.times_ms[begin + i],
                 .bits = std::bit_cast<uint64_t>(columns.values[begin + i]),
                 .start_ms = columns.start_times_ms.empty() ? 0 : columns.start_times_ms[begin + i],
                 .histogram = columns.histograms.empty() ? nullptr : columns.histograms[begin + i]};
  }
  columns.Resize(begin);
  bool was_late = false;
  auto add = [&](OutOfOrderSample sample, bool is_late) {
    // Samples out of order know nothing of those before them, and others had another one before.
    if (is_late || was_late) ForgetReset(sample.histogram);
    was_late = is_late;
    AddTo(columns, sample);
  };
  auto late = samples.begin();
  for (const OutOfOrderSample& sample : former) {
    for (; late != samples.end() && late->time_ms < sample.time_ms; ++late) add(*late, true);
    if (late != samples.end() && late->time_ms == sample.time_ms) ++late;
    add(sample, false);
  }
  for (; late != samples.end(); ++late) add(*late, true);
}

}  // namespace sextant::tsdb
