#include "metrics/tsdb/histogram_chunk.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "metrics/tsdb/journal_batch.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;
using model::BucketSpan;
using model::CounterResetHint;
using model::FloatHistogram;

constexpr uint8_t kHintMask = 0x03;
constexpr uint8_t kTimeChanges = 0x04;
constexpr uint8_t kStartChanges = 0x08;
constexpr uint8_t kLayoutChanges = 0x10;
constexpr uint8_t kStale = 0x20;
constexpr uint8_t kSameValues = 0x40;
constexpr uint8_t kInteger = 0x80;

// A chunk is full at this size, but not before it has some samples, unless these are very large.
constexpr size_t kChunkTargetBytes = 4 << 10;
constexpr uint32_t kMinFullSamples = 16;
constexpr size_t kMaxOpenBytes = 512 << 10;

bool SameSpans(const std::vector<BucketSpan>& a, const std::vector<BucketSpan>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const BucketSpan& x, const BucketSpan& y) {
    return x.offset == y.offset && x.length == y.length;
  });
}

bool SameScale(const FloatHistogram& a, const FloatHistogram& b) {
  return a.schema == b.schema &&
         std::bit_cast<uint64_t>(a.zero_threshold) == std::bit_cast<uint64_t>(b.zero_threshold) &&
         std::equal(
             a.custom_bounds.begin(), a.custom_bounds.end(), b.custom_bounds.begin(), b.custom_bounds.end(),
             [](double x, double y) { return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y); });
}

bool SameLayout(const FloatHistogram& a, const FloatHistogram& b) {
  return SameScale(a, b) && SameSpans(a.positive_spans, b.positive_spans) &&
         SameSpans(a.negative_spans, b.negative_spans);
}

// The counts that the buckets of `spans` had in the former layout; 0 for new ones.
std::vector<double> Rearranged(std::span<const BucketSpan> former_spans, std::span<const double> former,
                               std::span<const BucketSpan> spans) {
  std::vector<double> counts(CountBuckets(spans), 0);
  std::vector<int64_t> indices(counts.size());
  VisitBuckets(spans, [&](int64_t index, size_t place) { indices[place] = index; });
  size_t next = 0;
  VisitBuckets(former_spans, [&](int64_t index, size_t place) {
    while (next < indices.size() && indices[next] < index) ++next;
    if (next < indices.size() && indices[next] == index) counts[next] = former[place];
  });
  return counts;
}

// Gives the last histogram the layout of the next one, with the counts that go on.
void ChangeLayout(HistogramContext& context, const FloatHistogram& layout) {
  FloatHistogram& last = context.last;
  if (SameScale(last, layout)) {
    last.positive_buckets = Rearranged(last.positive_spans, last.positive_buckets, layout.positive_spans);
    last.negative_buckets = Rearranged(last.negative_spans, last.negative_buckets, layout.negative_spans);
  } else {
    last.positive_buckets.assign(CountBuckets(layout.positive_spans), 0);
    last.negative_buckets.assign(CountBuckets(layout.negative_spans), 0);
    last.zero_count = 0;
    last.count = 0;
  }
  last.schema = layout.schema;
  last.zero_threshold = layout.zero_threshold;
  last.positive_spans = layout.positive_spans;
  last.negative_spans = layout.negative_spans;
  last.custom_bounds = layout.custom_bounds;
}

// Zero count and buckets side by side.
void CollectBits(const FloatHistogram& histogram, std::vector<uint64_t>& bits) {
  bits.clear();
  bits.reserve(1 + histogram.positive_buckets.size() + histogram.negative_buckets.size());
  bits.push_back(std::bit_cast<uint64_t>(histogram.zero_count));
  for (double count : histogram.positive_buckets) bits.push_back(std::bit_cast<uint64_t>(count));
  for (double count : histogram.negative_buckets) bits.push_back(std::bit_cast<uint64_t>(count));
}

// What the count will be if it grows as the buckets did.
uint64_t ExpectedCount(const FloatHistogram& last, std::span<const uint64_t> former,
                       std::span<const uint64_t> bits) {
  double expected = last.count;
  for (size_t i = 0; i < bits.size(); ++i) {
    if (former[i] != bits[i]) expected += std::bit_cast<double>(bits[i]) - std::bit_cast<double>(former[i]);
  }
  return std::bit_cast<uint64_t>(std::isfinite(expected) ? expected : last.count);
}

void PutSpans(const std::vector<BucketSpan>& spans, std::string& out) {
  PutVarint(out, spans.size());
  for (const BucketSpan& span : spans) {
    PutSignedVarint(out, span.offset);
    PutVarint(out, span.length);
  }
}

bool ReadSpans(ByteReader& reader, std::vector<BucketSpan>& spans) {
  uint64_t count = reader.Count(2);
  if (!reader.ok() || count > kMaxHistogramParts) return false;
  spans.resize(count);
  for (BucketSpan& span : spans) {
    int64_t offset = reader.SignedVarint();
    uint64_t length = reader.Varint();
    if (!reader.ok() || offset < INT32_MIN || offset > INT32_MAX || length > kMaxHistogramParts) return false;
    span = {static_cast<int32_t>(offset), static_cast<uint32_t>(length)};
  }
  return true;
}

void PutLayout(const FloatHistogram& histogram, std::string& out) {
  PutSignedVarint(out, histogram.schema);
  PutFixed(out, histogram.zero_threshold);
  PutSpans(histogram.positive_spans, out);
  PutSpans(histogram.negative_spans, out);
  PutVarint(out, histogram.custom_bounds.size());
  for (double bound : histogram.custom_bounds) PutFixed(out, bound);
}

}  // namespace

void EncodeHistogram(HistogramContext& context, TimestampMs time_ms, TimestampMs start_ms,
                     const FloatHistogram& histogram, std::string& out) {
  FloatHistogram& last = context.last;
  size_t flags_at = out.size();
  uint8_t flags = static_cast<uint8_t>(histogram.counter_reset_hint) | (histogram.is_integer ? kInteger : 0);
  out.push_back(0);
  int64_t change_ms = WrappingSub(WrappingSub(time_ms, context.time_ms), context.delta_ms);
  if (change_ms != 0) {
    flags |= kTimeChanges;
    PutSignedVarint(out, change_ms);
    context.delta_ms = WrappingAdd(context.delta_ms, change_ms);
  }
  context.time_ms = time_ms;
  if (start_ms != context.start_ms) {
    flags |= kStartChanges;
    PutSignedVarint(out, WrappingSub(start_ms, time_ms));
    context.start_ms = start_ms;
  }
  context.is_integer = histogram.is_integer;
  context.is_stale = IsStaleMarker(histogram);
  if (context.is_stale) {
    out[flags_at] = static_cast<char>((flags & ~kHintMask) | kStale);
    return;
  }
  if (!SameLayout(last, histogram)) {
    flags |= kLayoutChanges;
    PutLayout(histogram, out);
    ChangeLayout(context, histogram);
  }
  std::vector<uint64_t> former;
  std::vector<uint64_t> bits;
  CollectBits(last, former);
  CollectBits(histogram, bits);
  const uint64_t totals[] = {std::bit_cast<uint64_t>(histogram.count),
                             std::bit_cast<uint64_t>(histogram.sum)};
  std::vector<uint64_t> former_totals = {std::bit_cast<uint64_t>(last.count),
                                         std::bit_cast<uint64_t>(last.sum)};
  if (bits == former && std::equal(former_totals.begin(), former_totals.end(), totals)) {
    flags |= kSameValues;
  } else {
    former_totals[0] = ExpectedCount(last, former, bits);
    PutValues(bits, former, out);
    PutValues(totals, former_totals, out);
  }
  out[flags_at] = static_cast<char>(flags);
  last = histogram;
}

bool HistogramDecoder::ReadLayout(ByteReader& reader) {
  FloatHistogram layout;
  int64_t schema = reader.SignedVarint();
  layout.zero_threshold = reader.Fixed<double>();
  if (!reader.ok() || schema < INT32_MIN || schema > INT32_MAX) return false;
  layout.schema = static_cast<int32_t>(schema);
  if (!ReadSpans(reader, layout.positive_spans) || !ReadSpans(reader, layout.negative_spans)) return false;
  uint64_t bounds = reader.Count(sizeof(double));
  if (!reader.ok() || bounds > kMaxHistogramParts) return false;
  layout.custom_bounds.resize(bounds);
  for (double& bound : layout.custom_bounds) bound = reader.Fixed<double>();
  if (!reader.ok() || !LayoutFault(layout).empty()) return false;
  ChangeLayout(context_, layout);
  return true;
}

bool HistogramDecoder::ReadValues(ByteReader& reader) {
  FloatHistogram& last = context_.last;
  CollectBits(last, bits_);
  std::vector<uint64_t> former = bits_;
  if (!tsdb::ReadValues(reader, bits_)) return false;
  std::vector<uint64_t> totals = {ExpectedCount(last, former, bits_), std::bit_cast<uint64_t>(last.sum)};
  if (!tsdb::ReadValues(reader, totals)) return false;
  size_t i = 0;
  last.zero_count = std::bit_cast<double>(bits_[i++]);
  for (double& count : last.positive_buckets) count = std::bit_cast<double>(bits_[i++]);
  for (double& count : last.negative_buckets) count = std::bit_cast<double>(bits_[i++]);
  last.count = std::bit_cast<double>(totals[0]);
  last.sum = std::bit_cast<double>(totals[1]);
  return !IsStaleMarker(last);
}

bool HistogramDecoder::Next(ByteReader& reader) {
  uint8_t flags = reader.Byte();
  if ((flags & kTimeChanges) != 0) context_.delta_ms = WrappingAdd(context_.delta_ms, reader.SignedVarint());
  context_.time_ms = WrappingAdd(context_.time_ms, context_.delta_ms);
  if ((flags & kStartChanges) != 0) {
    context_.start_ms = WrappingAdd(context_.time_ms, reader.SignedVarint());
  }
  if (!reader.ok()) return false;
  bool is_integer = (flags & kInteger) != 0;
  auto hint = static_cast<CounterResetHint>(flags & kHintMask);
  bool is_stale = (flags & kStale) != 0;
  bool is_same = is_integer == context_.is_integer && is_stale == context_.is_stale;
  context_.is_integer = is_integer;
  context_.is_stale = is_stale;
  if (is_stale) {
    if (!is_same) shared_.reset();
    return (flags & (kHintMask | kLayoutChanges | kSameValues)) == 0;
  }
  if ((flags & kLayoutChanges) != 0 && !ReadLayout(reader)) return false;
  if ((flags & kSameValues) == 0 && !ReadValues(reader)) return false;
  if (!is_same || (flags & kLayoutChanges) != 0 || (flags & kSameValues) == 0 ||
      hint != context_.last.counter_reset_hint) {
    shared_.reset();
  }
  context_.last.counter_reset_hint = hint;
  context_.last.is_integer = is_integer;
  return true;
}

std::shared_ptr<const FloatHistogram> HistogramDecoder::histogram() {
  if (shared_ == nullptr) {
    if (context_.is_stale) {
      auto marker = std::make_shared<FloatHistogram>();
      marker->is_integer = context_.is_integer;
      marker->sum = model::StaleNan();
      shared_ = std::move(marker);
    } else {
      shared_ = std::make_shared<const FloatHistogram>(context_.last);
    }
  }
  return shared_;
}

HistogramChunk::HistogramChunk(TimestampMs first_ms) {
  PutFixed(bytes_, first_ms);
  context_.time_ms = first_ms;
}

core::Result<std::unique_ptr<HistogramChunk>> HistogramChunk::Restore(std::string_view bytes,
                                                                      uint32_t samples) {
  auto malformed = [&] {
    return core::Fail(Code::kCorruption, "{} bytes are not a chunk of {} histograms", bytes.size(), samples);
  };
  ByteReader reader(bytes);
  HistogramDecoder decoder(reader.Fixed<TimestampMs>());
  if (!reader.ok() || samples == 0 || samples > kMaxHistogramChunkSamples) return malformed();
  for (uint32_t i = 0; i < samples; ++i) {
    TimestampMs former_ms = decoder.time_ms();
    if (!decoder.Next(reader) || (i > 0 ? decoder.time_ms() <= former_ms : decoder.time_ms() != former_ms)) {
      return malformed();
    }
  }
  if (!reader.at_end()) return malformed();
  std::unique_ptr<HistogramChunk> chunk(new HistogramChunk());
  chunk->bytes_ = bytes;
  chunk->samples_ = samples;
  chunk->context_ = decoder.context();
  return chunk;
}

bool HistogramChunk::IsFull() const {
  return samples_ >= kMaxHistogramChunkSamples || bytes_.size() >= kMaxOpenBytes ||
         (bytes_.size() >= kChunkTargetBytes && samples_ >= kMinFullSamples);
}

CounterResetHint HistogramChunk::HintOf(const FloatHistogram& histogram) const {
  if (histogram.counter_reset_hint == CounterResetHint::kGauge ||
      histogram.counter_reset_hint == CounterResetHint::kReset) {
    return histogram.counter_reset_hint;
  }
  bool has_counter_before =
      samples_ > 0 && !context_.is_stale && context_.last.counter_reset_hint != CounterResetHint::kGauge;
  return has_counter_before && ContinuesCounter(context_.last, histogram) ? CounterResetHint::kNotReset
                                                                          : CounterResetHint::kUnknown;
}

void HistogramChunk::Append(TimestampMs time_ms, TimestampMs start_ms, const FloatHistogram& histogram) {
  CounterResetHint hint = HintOf(histogram);
  if (hint == histogram.counter_reset_hint || IsStaleMarker(histogram)) {
    EncodeHistogram(context_, time_ms, start_ms, histogram, bytes_);
  } else {
    FloatHistogram hinted = histogram;
    hinted.counter_reset_hint = hint;
    EncodeHistogram(context_, time_ms, start_ms, hinted, bytes_);
  }
  ++samples_;
}

uint64_t HistogramChunk::last_bits() const {
  return context_.is_stale ? model::kStaleNanBits : HistogramBits(context_.last);
}

uint64_t HistogramChunk::size_bytes() const {
  const FloatHistogram& last = context_.last;
  return sizeof *this + bytes_.capacity() +
         (last.positive_spans.capacity() + last.negative_spans.capacity()) * sizeof(BucketSpan) +
         (last.positive_buckets.capacity() + last.negative_buckets.capacity() +
          last.custom_bounds.capacity()) *
             sizeof(double);
}

Status DecodeHistogramChunk(std::string_view bytes, uint32_t samples, TimestampMs start_ms,
                            TimestampMs end_ms, model::SampleColumns& out) {
  auto malformed = [&] {
    return core::Fail(Code::kCorruption, "a histogram chunk of {} bytes is malformed", bytes.size());
  };
  ByteReader reader(bytes);
  HistogramDecoder decoder(reader.Fixed<TimestampMs>());
  if (!reader.ok() || samples > kMaxHistogramChunkSamples) return malformed();
  for (uint32_t i = 0; i < samples; ++i) {
    TimestampMs former_ms = decoder.time_ms();
    if (!decoder.Next(reader) || (i > 0 ? decoder.time_ms() <= former_ms : decoder.time_ms() != former_ms)) {
      return malformed();
    }
    if (decoder.time_ms() > end_ms) return {};
    if (decoder.time_ms() < start_ms) continue;
    out.AddHistogram(decoder.time_ms(), decoder.histogram(), decoder.start_ms());
  }
  return {};
}

}  // namespace sextant::tsdb
